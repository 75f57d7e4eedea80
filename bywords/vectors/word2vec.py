"""Documents and a vocabulary → word2vec or fastText vectors trained on them with negative sampling, by gensim."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_arguments, check_fields
from bywords.errors import DataError, SettingError, check_range
from bywords.extras import needed
from bywords.memory import check_memory
from bywords.text.memory_mapped import MappedDocuments
from bywords.text.ragged import UNKNOWN, offsets_of
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import Vocabulary
from bywords.vectors.subwords import LONGEST_NGRAM, Subwords
from bywords.vectors.word_vectors import OnEpoch, OnPart, TrainingOptions, VectorsConfig, WordVectors, word_ids

MAX_SENTENCE = 10_000  # words; gensim silently drops what a longer sentence has beyond


@dataclass(frozen=True, kw_only=True)
class Word2VecConfig(VectorsConfig):
    """What `train_word2vec` reads. The defaults suit a few million words, and vectors averaged over documents.

    >>> from bywords import Word2VecConfig
    >>> Word2VecConfig(cbow=True).dimension
    100
    """

    library = "gensim"
    reads_files = True

    cbow: bool = False  # a word from the mean of those around it; else skip-gram, those around it from the word
    subwords: tuple[int, int] | None = None  # the shortest and longest character n-grams that have vectors too
    n_buckets: int = 200_000  # rows that all character n-grams share by their hash
    dimension: int = 100
    window: int = 10  # words to each side; the width of each step is drawn from 1 to this
    negative: int = 5  # noise words for each real pair
    noise_exponent: float = 0.75  # noise words are drawn by count ** this
    sample: float = 1e-5  # words more frequent than this share are thinned out at random; 0 keeps all
    n_epochs: int = 10
    learning_rate: float = 0.05  # twice gensim's: few epochs on a small corpus
    min_learning_rate: float = 1e-4  # reached, in a straight line, at the end
    n_threads: int = 1  # with more, the threads race and the same seed gives other vectors

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("dimension", "window", "n_epochs"):
            check_range(name, getattr(self, name), least=1, most=10_000)
        check_range("n_buckets", self.n_buckets, least=1, most=1 << 31)
        if self.subwords is not None:
            check_range("the shortest n-gram of subwords", self.subwords[0], least=1, most=self.subwords[1])
            check_range("the longest n-gram of subwords", self.subwords[1], least=1, most=LONGEST_NGRAM)
        for name in ("negative", "n_threads"):
            check_range(name, getattr(self, name), least=1, most=200)
        check_range("noise_exponent", self.noise_exponent, least=-10, most=10)
        check_range("sample", self.sample, least=0, most=1)
        for name in ("learning_rate", "min_learning_rate"):
            check_range(name, getattr(self, name), least=0, below=float("inf"))

    def vectors_for(
        self, tokens: Tokens | MappedDocuments, vocabulary: Vocabulary, **how: Unpack[TrainingOptions]
    ) -> WordVectors:
        taken: dict[str, Any] = {name: value for name, value in how.items() if name != "checkpoint"}  # gensim has none
        return train_word2vec(tokens, vocabulary, self, **taken)


@check_arguments
def train_word2vec(
    tokens: Tokens | MappedDocuments,
    vocabulary: Vocabulary,
    config: Word2VecConfig | None = None,
    *,
    seed: int = 0,
    on_epoch: OnEpoch | None = None,
    on_part: OnPart = lambda n_done, n_parts, what: None,
    on_interrupt: Callable[[WordVectors], None] | None = None,
) -> WordVectors:
    """Train skip-gram or CBOW with negative sampling on the words of `tokens` that the vocabulary has. They may be in
    files, which are read in each epoch, some documents at a time; `on_part` hears of each of these.

    With `subwords`, a word's vector is the mean of one of its own and those of its character n-grams, as in fastText,
    and words that were never seen have one too.

    Other words are taken out before, so the window reaches over them. Windows do not reach from one document into
    another. With one thread, the same seed gives the same bits. `on_epoch(epoch, n_epochs, None)` is called after each
    epoch: gensim sums its loss in float32, which loses digits long before an epoch ends, so no loss is given.
    `on_interrupt` gets the vectors that there are when Ctrl-C comes behind the first epoch, before that goes on.

    Returns: WordVectors of the vocabulary's real words in its order, float32 (V - 2, D); a word of the vocabulary that
    `tokens` does not have keeps its random start.
    Raises: DataError when no document has a word of the vocabulary.
    Sources: Mikolov, Chen, Corrado, Dean (2013), "Efficient Estimation of Word Representations in Vector Space"; with
    negative sampling, Mikolov, Sutskever and others (2013), "Distributed Representations of Words and Phrases and
    their Compositionality"; n-grams, Bojanowski and others (2017), "Enriching Word Vectors with Subword Information".

    >>> from bywords import Tokenizer, Vocabulary, Word2VecConfig, train_word2vec
    >>> tokens = Tokenizer()(texts)
    >>> train_word2vec(tokens, Vocabulary.of(tokens), Word2VecConfig(dimension=8, n_epochs=1)).dimension
    8
    """
    config = config or Word2VecConfig()
    sentences = _Sentences(tokens, vocabulary, on_part, config.n_epochs)
    if not sentences.n_sentences:
        raise DataError("word2vec: no document has a word of the vocabulary. Give the documents it was counted from.")
    models = needed("gensim.models", what="to train word2vec vectors")
    words, kind, more = vocabulary.words.to_list(), models.Word2Vec, dict[str, int]()
    if config.subwords is not None:
        check_memory(
            4.0 * config.dimension * (config.n_buckets + len(words)), f"{config.n_buckets:,} n-grams",
            "Lower n_buckets or dimension.", error=SettingError,
        )  # fmt: skip
        shortest, longest = config.subwords
        kind, more = models.FastText, {"min_n": shortest, "max_n": longest, "bucket": config.n_buckets}
    model = kind(
        **more,
        vector_size=config.dimension,
        window=config.window,
        negative=config.negative,
        ns_exponent=config.noise_exponent,
        sample=config.sample,
        sg=int(not config.cbow),
        hs=0,  # no hierarchical softmax
        min_count=0,  # the vocabulary has decided
        workers=config.n_threads,
        seed=seed,
    )
    # A word of the vocabulary that was never counted is given one count: gensim divides by it.
    counts = np.maximum(vocabulary.counts[UNKNOWN + 1 :], 1).tolist()
    model.build_vocab_from_freq(dict(zip(words, counts, strict=True)))
    epochs = _progress(models, on_epoch, config.n_epochs)

    def found() -> WordVectors:
        rows = [model.wv.key_to_index[word] for word in words]  # gensim sorts by count, in its own order
        subwords = None if config.subwords is None else Subwords(*config.subwords, model.wv.vectors_ngrams)
        matrix = model.wv.vectors[rows].astype(np.float32, copy=False)
        return WordVectors(vocabulary.words, matrix, "word2vec" if subwords is None else "fastText", subwords)

    try:
        model.train(
            sentences,
            total_examples=sentences.n_sentences,
            epochs=config.n_epochs,
            start_alpha=config.learning_rate,
            end_alpha=config.min_learning_rate,
            callbacks=[epochs],
        )
    except KeyboardInterrupt:
        if on_interrupt is not None and epochs.n_done:
            on_interrupt(found())
        raise
    if sentences.problem is not None:
        raise sentences.problem
    return found()


def _progress(models: Any, on_epoch: OnEpoch | None, n_epochs: int) -> Any:
    """A callback of gensim's that counts epochs in `n_done`, and calls `on_epoch` at the end of each."""

    class Progress(models.callbacks.CallbackAny2Vec):  # type: ignore[misc] # gensim has no types
        n_done = 0

        def on_epoch_end(self, model: Any) -> None:
            self.n_done += 1
            if on_epoch is not None:
                on_epoch(self.n_done, n_epochs, None)

    return Progress()


class _Sentences:
    """The known words of each document, in parts of at most MAX_SENTENCE; documents without any are left out.

    Lists of words, as often as they are asked for: of tokens made once, of documents in files read each time.
    """

    def __init__(
        self, tokens: Tokens | MappedDocuments, vocabulary: Vocabulary, on_part: OnPart, n_epochs: int
    ) -> None:
        self._tokens, self._vocabulary, self._on_part, self._n_epochs = tokens, vocabulary, on_part, n_epochs
        self._names = np.array([None, None, *vocabulary.words], dtype=object)
        self._n_parts = 1 if isinstance(tokens, Tokens) else len(tokens.chunks()) - 1
        self._kept: list[list[list[str]]] = []
        self._n_read = self.n_sentences = 0
        self.problem: Exception | None = None  # that has ended a reading
        if isinstance(tokens, Tokens):
            self._kept = [self._of(*its) for its in word_ids(tokens, vocabulary)]
            self.n_sentences = len(self._kept[0])
            return
        for ids, offsets in word_ids(tokens, vocabulary):
            self.n_sentences += int((-(-np.diff(self._n_known(ids, offsets)) // MAX_SENTENCE)).sum())

    def __iter__(self) -> Iterator[list[str]]:
        parts = self._kept or (self._of(*its) for its in word_ids(self._tokens, self._vocabulary))
        try:
            for sentences in parts:
                yield from sentences
                self._n_read += 1
                if self._n_parts > 1:
                    epoch, part = divmod(self._n_read - 1, self._n_parts)
                    what = f"word2vec: epoch {epoch + 1} of {self._n_epochs}, part {part + 1} of {self._n_parts}"
                    self._on_part(self._n_read, self._n_epochs * self._n_parts, what)
        except Exception as error:  # gensim reads in a thread, and would wait for ever where that ends with one
            self.problem = error

    def _of(self, ids: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]) -> list[list[str]]:
        known = self._names[ids[ids != UNKNOWN]].tolist()  # each word is one object, however often it occurs
        return [
            known[start : min(start + MAX_SENTENCE, stop)]
            for first, stop in itertools.pairwise(self._n_known(ids, offsets).tolist())
            for start in range(first, stop, MAX_SENTENCE)
        ]

    @staticmethod
    def _n_known(ids: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Known words before each document, and in all, int64 (N + 1,)."""
        found: npt.NDArray[np.int64] = offsets_of(ids != UNKNOWN)[offsets]
        return found
