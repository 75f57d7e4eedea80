"""Tokens → ids: which words have a row, how often they occur, and what share of other texts they cover."""

from __future__ import annotations

import itertools
import math
import re
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_fields
from bywords.errors import DataError, ModelFolderError, SettingError, check_range, shown
from bywords.extras import needed
from bywords.forks import cached_property
from bywords.kernels.ids import NOT_THERE, count_pairs, encode, encode_texts, find_pairs, table_of_pairs, with_edges
from bywords.kernels.ids import Vocabulary as Tables
from bywords.kernels.words import ALL, OFTEN, ONCE, cut, rank
from bywords.text.custom_tokens import EXAMPLE, GIVEN
from bywords.text.ragged import PADDING, UNKNOWN, Ragged, offsets_of
from bywords.text.threads import MANY_TOKENS, in_threads, n_threads
from bywords.text.tokenizer import SEPARATOR, Tokenizer, Tokens, side_tokens
from bywords.text.word_table import Words, WordTable
from bywords.validation import check_array, check_ids, check_lengths, check_shapes, check_within

if TYPE_CHECKING:
    import polars as pl

Features = Literal["words", "ngrams", "all"]
PairTable = tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]  # as `table_of_pairs` makes it
LONGEST_NGRAM, LONGEST_CHAR_NGRAM = 20, 32  # words; characters: each length takes memory for every token of a text
MOST_COUNTED = 2**31 - 1  # tokens, words: what the compiled loops count to
MOST_TOKENS = 2**62  # that a vocabulary may be of
MARKERS = ("<pad>", "<unk>")  # names of rows 0 and 1; never looked up, so a real word may be spelt the same
MANY_WORDS = 100_000  # that two threads rank: most of so many occur once
PAIRS_TOGETHER = 16_000_000  # tokens: n-grams that a thread counts take 8 bytes for each
COUNTED_TOGETHER = 10_000_000  # character n-grams: of a word of many megabytes all would take many times as much


@dataclass(frozen=True, kw_only=True)
class VocabularyConfig:
    """Which words and n-grams get a row, and how a document's other words are treated.

    >>> from bywords import Tokenizer, Vocabulary, VocabularyConfig
    >>> tokens = Tokenizer()(["fire fire printer"])
    >>> Vocabulary.of(tokens, VocabularyConfig(min_count=2)).encode(tokens).ids.tolist()
    [2, 2]
    """

    max_size: int | None = None  # words, the most frequent first; None keeps all
    min_count: int = 1  # tokens of the training texts
    min_df: int | float = 1  # documents that have a word, as a number or a share: rarer ones have no row
    max_df: int | float = 1.0  # the same of words that are in too many
    words: tuple[str, ...] | None = None  # a fixed vocabulary, a row for each of these; overrides the four above
    max_length: int | None = None  # tokens of a document; later ones are cut off
    keep_unknown: bool = False  # False leaves unknown words out, True replaces each by the unknown word
    ngrams: int = 1  # words of the longest n-gram that gets a row, for models that do not see the order
    ngram_min_count: int = 2
    char_ngrams: tuple[int, int] | None = None  # fewest and most characters of those that get a row
    char_ngram_min_count: int = 2

    def __post_init__(self) -> None:
        check_fields(self)
        for name, limit in (("min_df", self.min_df), ("max_df", self.max_df)):
            is_number = isinstance(limit, int)
            check_range(name, limit, least=1 if is_number else 0, most=MOST_COUNTED if is_number else 1)
        if self.words is not None:
            _check_fixed(self.words)
        for name in ("max_size", "min_count", "max_length", "ngram_min_count", "char_ngram_min_count"):
            check_range(name, getattr(self, name), least=1, most=MOST_COUNTED)
        check_range("ngrams", self.ngrams, least=1, most=LONGEST_NGRAM)
        if self.char_ngrams is not None and not 1 <= self.char_ngrams[0] <= self.char_ngrams[1] <= LONGEST_CHAR_NGRAM:
            raise SettingError(
                f"char_ngrams is {self.char_ngrams}, expected a shortest length of 1 or more and a longest of at most "
                f"{LONGEST_CHAR_NGRAM}."
            )

    @property
    def has_df(self) -> bool:
        """Whether words have to be in so many documents, and not in too many."""
        is_all = (
            isinstance(self.min_df, int) and self.min_df == 1 and isinstance(self.max_df, float) and self.max_df == 1
        )
        return self.words is None and not is_all

    def fits_df(self, frequency: npt.NDArray[np.int64], n_documents: int) -> npt.NDArray[np.bool_]:
        """Which words are in as many of N documents as `min_df` and `max_df` say, by theirs, int64 (U,)."""
        least, most = (df if isinstance(df, int) else df * n_documents for df in (self.min_df, self.max_df))
        if most < least:
            raise SettingError(
                f"max_df is {self.max_df} and min_df is {self.min_df}: of {n_documents:,} documents that is at most "
                f"{most:g} and at least {least:g}. Give a larger max_df, or a smaller min_df."
            )
        return np.asarray((frequency >= least) & (frequency <= most))


def _check_fixed(words: Sequence[str]) -> None:
    """Raise SettingError for a fixed vocabulary that is empty, has a word twice, or one that no tokenizer gives."""
    if not words:
        raise SettingError("words is an empty vocabulary: give a word, or leave it out to count those of the texts.")
    among = set[str]()
    for word in words:
        if word in among:
            raise SettingError(f"words has {word!r:.60} twice, expected each word once.")
        if not word or word[0] == SEPARATOR or word.encode("utf-8", "replace").decode() != word:
            raise SettingError(f"words has {word!r:.60}, expected words as a tokenizer gives them.")
        among.add(word)


class Vocabulary:
    """V rows: row 0 is padding, row 1 the unknown word, then real words by (-count, word).

    Tokens of columns beside the text come first among the words, and take part in no n-gram of words or characters.

    After them come n-grams, the shorter first, and character n-grams, where `config` asks for them, each kind by
    (-count, its ids or its spelling).

    >>> from bywords import Tokenizer, Vocabulary
    >>> tokens = Tokenizer()(["fire fire printer"])
    >>> vocabulary = Vocabulary.of(tokens)
    >>> vocabulary.encode(tokens).ids.tolist()
    [2, 2, 3]
    >>> counted = Vocabulary.from_counts({"fire": 3, "printer": 1, "the": 4}, max_size=2)
    >>> counted.words.to_list(), counted.index, counted.coverage([1, 2])
    (['the', 'fire'], {'the': 2, 'fire': 3}, [0.5, 0.875])
    >>> counted.encode(["fire", "the", "fire"]).tolist()
    [3, 2, 3]
    """

    example: ClassVar[str] = "Vocabulary.of(Tokenizer()(texts))"

    def __init__(
        self,
        words: Words,
        counts: npt.NDArray[np.int64],
        *,
        config: VocabularyConfig | None = None,
        ngrams: npt.NDArray[np.int32] | None = None,
        char_ngrams: Words | None = None,
    ):
        """`words` are the W real words, `counts` int64 (W + 2,), counts[1] that of other words.

        `ngrams` is int32 (G, 2): of each n-gram, the id of all but its last word, which may be an n-gram, and that of
        its last.
        """
        self.config = config or VocabularyConfig()
        self.counts = counts
        self.ngrams = np.zeros((0, 2), dtype=np.int32) if ngrams is None else ngrams
        self.char_ngrams = Words.of([]) if char_ngrams is None else char_ngrams
        self._words = words
        self._of: tuple[weakref.ref[Words], npt.NDArray[np.int32]] | None = None  # what it was made of, and their ids

    def __getstate__(self) -> dict[str, Any]:
        """What a copy has: no reference to what the vocabulary was made of."""
        return {**self.__dict__, "_of": None}

    @cached_property
    def words(self) -> pl.Series:
        """The W real words as strings."""
        import polars as pl

        return pl.Series("word", self._words.strings(), dtype=pl.String)

    @cached_property
    def index(self) -> dict[str, int]:
        """The id of each of the W real words; `counts` has its count there. The first id is 2."""
        return {word: index for index, word in enumerate(self._words.strings(), start=len(MARKERS))}

    @classmethod
    def from_tokens(
        cls, documents: Iterable[Sequence[str]] | Tokens, *, max_size: int | None = None, min_count: int = 1
    ) -> Vocabulary:
        """The words of N documents, each a list of tokens: at most `max_size`, each `min_count` times or more.

        Raises: DataError, naming the index, for a document that is no list of strings.
        """
        tokens = documents if isinstance(documents, Tokens) else _tokens_of(documents)
        return cls.of(tokens, VocabularyConfig(max_size=max_size, min_count=min_count))

    @classmethod
    def from_counts(cls, counts: Mapping[str, int], *, max_size: int | None = None, min_count: int = 1) -> Vocabulary:
        """Words with their counts, a dict or a Counter: at most `max_size`, each counted `min_count` times or more.

        What is left out is counted for the unknown word. Raises: DataError for a word or a count that is none.
        """
        example = "words with their counts, as in {'the': 12, 'fire': 3} or a Counter"
        if not isinstance(counts, Mapping):
            raise DataError(f"expected {example}, found {shown(counts)} of type {type(counts).__name__}.")
        for word, count in counts.items():
            is_word = isinstance(word, str) and word and word[0] != SEPARATOR
            is_count = (
                isinstance(count, int | np.integer) and not isinstance(count, bool) and 0 <= count <= MOST_COUNTED
            )
            if not is_word or not is_count:
                raise DataError(f"expected {example}, found {shown(word)}: {shown(count)} in them.")
        numbers = np.fromiter(counts.values(), dtype=np.int64, count=len(counts))
        config = VocabularyConfig(max_size=max_size, min_count=min_count)
        return cls.of_counts(Words.of(list(counts)), numbers, int(numbers.sum()), config)

    @classmethod
    def from_words(cls, words: Sequence[str], *, max_size: int | None = None) -> Vocabulary:
        """These words in this order, the first `max_size` of them, with counts of 0.

        Raises: DataError for what is no list of words; SettingError for a word that is there twice.
        """
        listed = [] if isinstance(words, str) or not isinstance(words, Iterable) else list(words)[:max_size]
        if not listed or not all(isinstance(word, str) for word in listed):
            raise DataError(f"expected {EXAMPLE}, found {shown(words)} of type {type(words).__name__}.")
        config = VocabularyConfig(words=tuple(listed))
        return cls(Words.of(listed), np.zeros(len(listed) + len(MARKERS), dtype=np.int64), config=config)

    @classmethod
    def of(cls, tokens: Tokens, config: VocabularyConfig | None = None) -> Vocabulary:
        """Count the words of `tokens` and keep those that `config` asks for; the documents' order does not matter."""
        word_counts = tokens.counts()
        counted = word_counts
        if config is not None and config.has_df:
            fits = config.fits_df(tokens.document_frequency(), len(tokens)) | side_tokens(tokens.words)[0]
            counted = np.where(fits, word_counts, 0)
        vocabulary = cls.of_counts(tokens.words, counted, len(tokens.codes), config)
        vocabulary._add_ngrams(tokens)
        vocabulary._add_char_ngrams(tokens.words, word_counts)
        return vocabulary

    @classmethod
    def of_counts(
        cls, words: Words, word_counts: npt.NDArray[np.int64], n_tokens: int, config: VocabularyConfig | None = None
    ) -> Vocabulary:
        """The words that `config` asks for, of U distinct ones with their counts, int64 (U,), in `n_tokens` tokens.

        It has no n-grams.
        """
        config = config or VocabularyConfig()
        min_count, max_size = config.min_count, config.max_size
        if config.words is not None:
            words, word_counts = _fixed(words, word_counts, config.words)
            min_count, max_size = 0, None
        counted = words.data, words.starts, word_counts, side_tokens(words)[0], min_count
        parts = (OFTEN, ONCE) if len(words) > MANY_WORDS and min_count < 2 else (ALL,)
        order = np.concatenate(list(in_threads(lambda which: rank(*counted, which), parts)))[:max_size]
        counts = np.zeros(len(order) + 2, dtype=np.int64)
        counts[2:] = word_counts[order]
        counts[UNKNOWN] = n_tokens - counts.sum()
        vocabulary = cls(words.select(order), counts, config=config)
        ids = np.full(len(words), UNKNOWN, dtype=np.int32)
        ids[order] = np.arange(len(MARKERS), len(MARKERS) + len(order), dtype=np.int32)
        ids.flags.writeable = False
        vocabulary._of = weakref.ref(words), ids
        return vocabulary

    @property
    def spellings(self) -> Words:
        """The W real words; no string is made of one."""
        return self._words

    @cached_property
    def n_seen(self) -> int:
        """The rows of the markers and of the real words up to the last that was counted: no text has those behind."""
        return int(np.flatnonzero(self.counts).max(initial=UNKNOWN)) + 1

    @cached_property
    def is_unseen(self) -> npt.NDArray[np.bool_]:
        """Which rows are words that no text had, and that were not asked for by `config.words`: bool (V,)."""
        is_unseen = np.zeros(len(self), dtype=np.bool_)
        if self.config.words is None:
            is_unseen[len(MARKERS) : self.n_words] = self.counts[len(MARKERS) :] == 0
        return is_unseen

    def with_unseen(self, words: Words) -> Vocabulary:
        """The same, and behind its real words those of `words`, distinct ones, that it lacks: they are counted 0."""
        new = words.select(np.flatnonzero(self._table.find(words) < 0))
        data = np.concatenate([self._words.data, new.data])
        joined = Words(data, np.concatenate([self._words.starts, new.starts[1:] + len(self._words.data)]))
        counts = np.concatenate([self.counts, np.zeros(len(new), dtype=np.int64)])
        ngrams = self.ngrams + np.int32(len(new)) * (self.ngrams >= self.n_words)
        return Vocabulary(joined, counts, config=self.config, ngrams=ngrams, char_ngrams=self.char_ngrams)

    def keep(self, is_kept: npt.NDArray[np.bool_]) -> Vocabulary:
        """Only the rows that are true in `is_kept` (V,), and the markers; the others' counts go to the unknown word.

        Raises: SettingError when there are n-grams of words or characters: they may be made of what would go.
        """
        if len(self) != self.n_words:
            raise SettingError("words cannot be left out of a vocabulary that has n-grams of words or characters.")
        return self.keep_rows(is_kept)[0]

    def keep_rows(self, is_kept: npt.NDArray[np.bool_]) -> tuple[Vocabulary, npt.NDArray[np.int64]]:
        """The rows that are true in `is_kept` (V,), and the markers, in their order; n-grams of what goes, go too.

        Returns: the smaller vocabulary of V' rows, and which row of this one each of them was, int64 (V',).
        """
        is_kept = is_kept.copy()
        is_kept[: len(MARKERS)] = True
        first, last = self.n_words, self.n_rows("ngrams")
        while True:  # an n-gram may be made of an n-gram: a pass for each length
            is_whole = is_kept[self.ngrams].all(axis=1)
            if not (is_kept[first:last] & ~is_whole).any():
                break
            is_kept[first:last] &= is_whole
        new_ids = np.cumsum(is_kept, dtype=np.int32) - np.int32(1)
        is_word = is_kept[:first]
        counts = self.counts[is_word]
        counts[UNKNOWN] += self.counts[~is_word].sum()
        smaller = Vocabulary(
            self._words.select(np.flatnonzero(is_word[len(MARKERS) :])),
            counts,
            config=self.config,
            ngrams=new_ids[self.ngrams[is_kept[first:last]]],
            char_ngrams=self.char_ngrams.select(np.flatnonzero(is_kept[last:])),
        )
        return smaller, np.flatnonzero(is_kept)

    def names(self) -> list[str]:
        """What each row from 2 on is: words, n-grams with blanks between their words, character n-grams after "char:".

        In n-grams the edge of a text is |.
        """
        named = ["|", "", *self.words.to_list()]
        for first, last in self.ngrams.tolist():
            named.append(f"{named[first]} {named[last]}")
        return named[UNKNOWN + 1 :] + [f"char:{ngram}" for ngram in self.char_ngrams.strings()]

    def __len__(self) -> int:
        """V, the rows of a matrix for it: the two markers, the real words and the n-grams of both kinds."""
        return self.n_words + len(self.ngrams) + len(self.char_ngrams)

    @property
    def n_words(self) -> int:
        """The rows of the markers and the real words, which come first."""
        return len(self._words) + len(MARKERS)

    def n_rows(self, features: Features) -> int:
        """The rows of the words, of words and n-grams, or of all; what a model does not see comes after them."""
        return {"words": self.n_words, "ngrams": self.n_words + len(self.ngrams), "all": len(self)}[features]

    @property
    def blocks(self) -> tuple[int, ...]:
        """Where rows of another kind start, which are weighed apart: those of texts, and the character n-grams."""
        is_side = side_tokens(self._words)[0]
        n_sides = len(is_side) if is_side.all() else int(is_side.argmin())  # new ones are behind the words
        starts = (len(MARKERS) + n_sides,) if n_sides else ()
        return (*starts, self.n_rows("ngrams")) if len(self.char_ngrams) else starts

    def ids(self, words: Words | Sequence[str]) -> npt.NDArray[np.int32]:
        """The id of each word, int32 (U,); 1 where the vocabulary does not have it."""
        if self._of is not None and self._of[0]() is words:
            return self._of[1]
        indices = self._table.find(words if isinstance(words, Words) else Words.of(words))
        return np.where(indices < 0, np.int32(UNKNOWN), indices + np.int32(len(MARKERS)))

    def token_ids(self, tokens: Tokens) -> npt.NDArray[np.int32]:
        """The id of each token, int32 (T,); 1 where the vocabulary does not have it."""
        return self.ids(tokens.words)[tokens.codes]

    @overload
    def encode(self, tokens: Tokens | Sequence[Sequence[str]]) -> Ragged: ...

    @overload
    def encode(self, tokens: Sequence[str], *, tokenizer: Tokenizer | None = None) -> npt.NDArray[np.int32]: ...

    def encode(self, tokens: Any, *, tokenizer: Tokenizer | None = None) -> Ragged | npt.NDArray[np.int32]:
        """Documents of tokens → documents of ids, cut at `config.max_length`.

        A document in which nothing is known becomes one unknown word with an in-vocabulary share of 0. One document, a
        list of tokens or, with the `tokenizer` that cuts it, a text, gives its ids alone, int32 (T,).
        Raises: DataError for a text without a tokenizer, and for what are no tokens.
        """
        if not isinstance(tokens, Tokens):
            return self._encoded_lists(tokens, tokenizer)
        n_parts = n_threads() if len(tokens.codes) > MANY_TOKENS else 1
        cuts = np.searchsorted(tokens.offsets, np.arange(1, n_parts) * (len(tokens.codes) // n_parts))
        parts = itertools.pairwise([0, *cuts.tolist(), len(tokens)])
        known = self.ids(tokens.words)
        is_alone = n_parts > 1 and self.config.ngrams == 1 and self.config.char_ngrams is None
        n_most = tokens.offsets + offsets_of(tokens.lengths == 0) if is_alone else np.zeros_like(tokens.offsets)
        room = np.empty(n_most[-1], dtype=np.int32)  # where a token is one id at most, threads write into one array
        encoded = list(
            in_threads(lambda part: self._encoded(tokens, known, *part, room[n_most[part[0]] : n_most[part[1]]]), parts)
        )
        is_full = sum(len(part.ids) for part in encoded) == len(room)
        return encoded[0] if len(encoded) == 1 else Ragged.joined(encoded, ids=room if is_full else None)

    def _encoded_lists(self, tokens: Any, tokenizer: Tokenizer | None) -> Ragged | npt.NDArray[np.int32]:
        """One document, a text or a list of tokens; or several lists of them."""
        if isinstance(tokens, str):
            if tokenizer is None:
                raise DataError(
                    f"{tokens!r:.60} is a text: cut it first, as in encode(Tokenizer()([text])), or say what cuts it, "
                    "as in encode(text, tokenizer=Tokenizer())."
                )
            return self.encode(tokenizer([tokens])).ids
        is_one = isinstance(tokens, Sequence | np.ndarray) and all(isinstance(token, str) for token in tokens)
        phrases = [token for token in tokens if len(token.split()) > 1] if is_one else []
        if phrases and not any(phrase in self.index for phrase in phrases):
            raise DataError(
                f"expected the tokens of one document, as in encode(['the', 'printer']), found {phrases[0]!r:.60} "
                "among them. Cut texts first, as in encode(Tokenizer()(texts)); if these are tokens, give [tokens]."
            )
        encoded = self.encode(_tokens_of([tokens] if is_one else tokens))
        return encoded.ids if is_one else encoded

    def _encoded(
        self, tokens: Tokens, known: npt.NDArray[np.int32], start: int, stop: int, room: npt.NDArray[np.int32]
    ) -> Ragged:
        codes = tokens.codes[tokens.offsets[start] : tokens.offsets[stop]]
        tables = self._tables_of(WordTable())  # the ids are known
        return Ragged(*encode(codes, tokens.lengths[start:stop], *tokens.words.arrays(), known, tables, room))

    def encode_texts(self, texts: Sequence[str] | pl.Series, tokenizer: Tokenizer) -> Ragged:
        """The same as `encode(tokenizer(texts))`, by one thread: in one pass where the tokenizer allows."""
        if not tokenizer.reads_bytes:
            return self.encode(tokenizer(texts))
        return Ragged(*encode_texts(*tokenizer.bytes_of(texts), self.tables))

    @cached_property
    def tables(self) -> Tables:
        """What a kernel gives documents their ids by."""
        return self._tables_of(self._table)

    def _tables_of(self, table: WordTable) -> Tables:
        config = self.config
        shortest, longest = config.char_ngrams or (0, 0)
        return Tables(
            *table.arrays(), *self._char_ngram_table.arrays(), *self._pair_table, config.ngrams,
            shortest, longest, self.n_rows("ngrams"), config.max_length or np.iinfo(np.int32).max, config.keep_unknown,
        )  # fmt: skip

    def _indices(self, tokens: Tokens) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """The id of each token, int32 (T,), NOT_THERE where it is unknown, and offsets int64 (N + 1,).

        With n-grams, PADDING is before and after each document, so that its first and last word can be part of some.
        """
        indices = self._table.find(tokens.words)
        indices = np.where(indices < 0, np.int32(NOT_THERE), indices + np.int32(len(MARKERS)))[tokens.codes]
        return (indices, tokens.offsets) if self.config.ngrams == 1 else with_edges(indices, tokens.offsets, PADDING)

    def ngrams_of(self, tokens: Tokens) -> tuple[list[npt.NDArray[np.int32]], npt.NDArray[np.int64]]:
        """At each token, the id of the word, of the n-gram of 2 words, … that starts there, int32 (T,) each.

        Returns: one array for each length, and offsets int64 (N + 1,).
        """
        indices, offsets = self._indices(tokens)
        found, rights = [indices], self._in_ngrams(indices)
        lefts = rights
        for gap in range(1, self.config.ngrams):
            lefts = find_pairs(lefts, rights, offsets, gap, *self._pair_table)
            found.append(lefts)
        return found, offsets

    def _in_ngrams(self, indices: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """The ids of tokens (T,), NOT_THERE where it is one that takes no part in n-grams."""
        if not len(self._apart):
            return indices
        return np.where(np.isin(indices, self._apart), np.int32(NOT_THERE), indices)

    @cached_property
    def _apart(self) -> npt.NDArray[np.int64]:
        """The ids of tokens that take no part in n-grams, int64 (A,)."""
        return np.flatnonzero(np.logical_or(*side_tokens(self._words))) + len(MARKERS)

    @cached_property
    def _pair_table(self) -> PairTable:
        return table_of_pairs(self.ngrams, self._ngram_ids)

    @property
    def _ngram_ids(self) -> npt.NDArray[np.int32]:
        return np.arange(self.n_words, self.n_rows("ngrams"), dtype=np.int32)

    def pairs_in(self, tokens: Tokens) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        """The ids of consecutive words in these documents, left << 32 | right, uint64 (P,) ascending; and their counts,
        int64 (P,).
        """
        indices, offsets = self._indices(tokens)
        indices = self._in_ngrams(indices)
        keys, counts = _counted_keys(indices, indices, offsets, 1, 1)
        order = np.argsort(keys)
        return keys[order], counts[order]

    def _add_ngrams(self, tokens: Tokens) -> None:
        if self.config.ngrams == 1:
            return
        indices, offsets = self._indices(tokens)
        lefts = indices = self._in_ngrams(indices)
        for length in range(1, self.config.ngrams):
            pairs, _ = _counted_pairs(lefts, indices, offsets, length, self.config.ngram_min_count)
            if length + 1 < self.config.ngrams:  # longer ones are made of these
                ids = np.arange(len(self), len(self) + len(pairs), dtype=np.int32)
                lefts = find_pairs(lefts, indices, offsets, length, *table_of_pairs(pairs, ids))
            self.ngrams = np.concatenate([self.ngrams, pairs])

    def _add_char_ngrams(self, words: Words, word_counts: npt.NDArray[np.int64]) -> None:
        import polars as pl

        if self.config.char_ngrams is None:
            return
        word_counts = np.where(np.logical_or(*side_tokens(words)), 0, word_counts)
        codes, offsets, data, starts, hashes = cut(words.data, words.starts, *self.config.char_ngrams)
        char_ngrams = Words(data, starts, hashes)
        counts = np.zeros(len(char_ngrams))
        for start in range(0, len(codes), COUNTED_TOGETHER):
            part = codes[start : start + COUNTED_TOGETHER]
            first, last = np.searchsorted(offsets, [start, start + len(part)], side="right") - 1
            within = np.clip(offsets[first : last + 2], start, start + len(part))
            weights = np.repeat(word_counts[first : first + len(within) - 1], np.diff(within))
            counts += np.bincount(part, weights=weights, minlength=len(char_ngrams))
        frequent = np.flatnonzero(counts >= self.config.char_ngram_min_count)
        counted = pl.DataFrame({"spelling": char_ngrams.strings(frequent), "count": counts[frequent]})
        by_count = counted.sort(["count", "spelling"], descending=[True, False])
        self.char_ngrams = Words.of(by_count["spelling"].to_list())

    def char_ngrams_of(self, words: Words) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """The ids of the character n-grams of each word that have one: int32 (P,), and offsets int64 (U + 1,)."""
        if self.config.char_ngrams is None:
            return np.zeros(0, dtype=np.int32), np.zeros(len(words) + 1, dtype=np.int64)
        codes, offsets, data, starts, hashes = cut(words.data, words.starts, *self.config.char_ngrams)
        indices = self._char_ngram_table.find(Words(data, starts, hashes))[codes]
        is_known = indices >= 0
        if (is_apart := np.logical_or(*side_tokens(words))).any():
            is_known &= ~np.repeat(is_apart, np.diff(offsets))
        before = np.concatenate([[0], np.cumsum(is_known)])
        return indices[is_known] + np.int32(self.n_words + len(self.ngrams)), before[offsets]

    @cached_property
    def _table(self) -> WordTable:
        return WordTable.of(self._words)

    @cached_property
    def _char_ngram_table(self) -> WordTable:
        return WordTable.of(self.char_ngrams)

    def coverage(self, sizes: Sequence[int], tokens: Tokens | Iterable[Sequence[str]] | None = None) -> list[float]:
        """The share of `tokens`, by default of those that were counted, that the first `size` words of this cover.

        One number from 0 to 1 for each size; NaN where there are no tokens. Raises: DataError as `from_tokens`.
        """
        counted = self.counts
        if tokens is not None:
            tokens = tokens if isinstance(tokens, Tokens) else _tokens_of(tokens)
            counted = np.zeros(self.n_words, dtype=np.int64)
            np.add.at(counted, self.ids(tokens.words), tokens.counts())
        total = int(counted.sum())
        counted = counted[len(MARKERS) :]
        covered = np.concatenate([[0], np.cumsum(counted)])
        return [float(covered[min(size, len(counted))] / total) if total else float("nan") for size in sizes]

    def plot_zipf(self, axes: Any = None) -> Any:
        """Draw the count of each word against its rank, both logarithmic; matplotlib's axes."""
        if axes is None:
            axes = needed("matplotlib.pyplot", what="to draw the counts of words").subplots()[1]
        counts = -np.sort(-self.counts[len(MARKERS) :])
        counts = counts[counts > 0]
        axes.loglog(np.arange(1, len(counts) + 1), counts, marker=".", linestyle="none")
        axes.set(xlabel="rank of the word", ylabel="count, tokens")
        return axes

    def text(self) -> bytes:
        """The words as plain text: a line a row, its count, a tab, the word; tabs, line ends, backslashes escaped."""
        words = [*MARKERS, *(word.translate(_ESCAPES) for word in self._words.strings())]
        lines = [f"{count}\t{word}\n" for count, word in zip(self.counts.tolist(), words, strict=True)]
        return "".join(lines).encode()

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The n-grams of both kinds, as plain arrays of the narrowest dtypes that hold them."""
        lengths = np.diff(self.char_ngrams.starts)
        return {
            "ngrams": _narrow(self.ngrams),
            "char_ngrams": self.char_ngrams.data,
            "char_ngram_lengths": _narrow(lengths),
        }

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        config: VocabularyConfig | None = None,
        arrays: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> Vocabulary:
        """Read a file with the result of `text()`; `arrays` is that of `arrays()`.

        Raises: ModelFolderError, naming the line, where the file has another form; SettingError for arrays that have.
        """
        counts, words = _read(path)
        vocabulary = cls(words, counts, config=config)
        if arrays is not None:
            shapes = {"ngrams": ("G", 2), "char_ngrams": ("B",), "char_ngram_lengths": ("P",)}
            check_shapes(arrays, shapes, no_others=True)
            for name in shapes:
                check_array(name, arrays[name], *(NARROW if name != "char_ngrams" else [np.uint8]))
            lengths = arrays["char_ngram_lengths"]
            check_lengths("char_ngram_lengths", lengths, len(arrays["char_ngrams"]), least=1)
            vocabulary.ngrams = arrays["ngrams"].astype(np.int32)
            vocabulary.char_ngrams = Words(arrays["char_ngrams"], offsets_of(lengths))
        return vocabulary

    def validate_words(self) -> None:
        """Raise SettingError for a word that is there twice, one that is not in a fixed vocabulary, and for counts
        beyond any corpus: after reading it.

        The table that this makes is the one that texts are encoded with, and so are those of the next two.
        """
        _check_once("the words", self._table, self._words)
        if self.counts.sum(dtype=np.float64) > MOST_TOKENS:
            raise SettingError(f"the counts of the words are more than {MOST_TOKENS} together")
        if self.config.words is not None:
            is_text = ~side_tokens(self._words)[0]
            if others := sorted(set(self._words.strings(np.flatnonzero(is_text))) - set(self.config.words)):
                raise SettingError(f"the words have {others[0]!r:.60}, which the fixed vocabulary lacks")

    def validate_ngrams(self) -> None:
        """Raise SettingError for n-grams that no texts give with these settings, and where an id is none."""
        lefts, rights = self.ngrams[:, 0], self.ngrams[:, 1]
        check_ids("the last words of the n-grams", rights, self.n_words)
        if (is_wrong := (lefts < 0) | (lefts >= self._ngram_ids)).any():
            index = int(is_wrong.argmax())
            raise SettingError(
                f"the n-gram {index} begins with row {lefts[index]}, expected a word or an earlier n-gram"
            )
        lengths = np.zeros(self.n_rows("ngrams"), dtype=np.int32)
        lengths[: self.n_words] = 1
        for length in range(2, self.config.ngrams + 1):
            is_next = lengths[lefts] == length - 1
            lengths[self.n_words :][is_next] = length
            if not is_next.any():
                break
        if not lengths.all():
            raise SettingError(
                f"there are n-grams of more than {self.config.ngrams} words, the longest of the settings"
            )
        n_distinct = int((self._pair_table[1] != NOT_THERE).sum())
        if n_distinct < len(self.ngrams):
            raise SettingError(f"{len(self.ngrams) - n_distinct} of the n-grams are there twice, expected each once")

    def validate_char_ngrams(self) -> None:
        """Raise SettingError for character n-grams that no texts give with these settings."""
        data, starts = self.char_ngrams.data, self.char_ngrams.starts
        longest = self.config.char_ngrams and self.config.char_ngrams[1]
        if not len(self.char_ngrams):
            return
        if longest is None:
            raise SettingError("there are character n-grams, and the settings ask for none")
        try:
            data.tobytes().decode()
        except UnicodeDecodeError as error:
            raise SettingError(f"the character n-grams are not UTF-8: {error}") from error
        is_first = (data & 0xC0) != 0x80  # the first byte of a character
        if not is_first[starts[:-1]].all():
            raise SettingError("a character n-gram begins within a character")
        n_characters = np.add.reduceat(is_first, starts[:-1], dtype=np.int64)
        check_within("the characters of the character n-grams", n_characters, 1, longest)
        _check_once("the character n-grams", self._char_ngram_table, self.char_ngrams)


def _counted_pairs(
    lefts: npt.NDArray[np.int32],
    rights: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int64],
    gap: int,
    min_count: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The pairs of `count_pairs`, int32 (P, 2), by (-count, pair), and their counts, (P,)."""
    keys, counts = _counted_keys(lefts, rights, offsets, gap, min_count)
    largest = int(counts.max(initial=0))
    width = max(int(lefts.max(initial=0)), int(rights.max(initial=0))).bit_length()
    if largest.bit_length() + 2 * width <= 64:  # one number says all, and numbers alone are sorted fastest
        pair, count_at = np.uint64((1 << width) - 1), np.uint64(2 * width)
        packed = (np.uint64(largest) - counts.astype(np.uint64)) << count_at
        packed |= keys >> np.uint64(32) << np.uint64(width) | keys & pair
        packed.sort()
        counts = largest - (packed >> count_at).astype(np.int64)
        columns = packed >> np.uint64(width) & pair, packed & pair
    else:
        order = np.lexsort((keys, -counts))
        keys, counts = keys[order], counts[order]
        columns = keys >> np.uint64(32), keys & np.uint64(2**32 - 1)
    return np.stack(columns, axis=1).astype(np.int32), counts


def _counted_keys(
    lefts: npt.NDArray[np.int32],
    rights: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int64],
    gap: int,
    min_count: int,
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """As `count_pairs`; threads share the work."""
    n_shares = max(n_threads() if len(lefts) > MANY_TOKENS else 1, math.ceil(len(lefts) / PAIRS_TOGETHER))
    counted = in_threads(
        lambda share: count_pairs(lefts, rights, offsets, gap, min_count, share, n_shares), range(n_shares)
    )
    keys, counts = (np.concatenate(arrays) for arrays in zip(*counted, strict=True))
    return keys, counts


def _check_once(what: str, table: WordTable, words: Words) -> None:
    if (again := table.first_again(words)) is not None:
        raise SettingError(f"{what} have {again!r:.60} twice, expected each once")


def _tokens_of(documents: Any) -> Tokens:
    """Those of documents that are lists of tokens. Raises DataError for anything else."""
    is_list = isinstance(documents, Iterable) and not isinstance(documents, str | Mapping)
    listed = list(documents) if is_list else [""]
    if any(isinstance(document, str) for document in listed):
        raise DataError(
            f"expected documents that are lists of tokens, as in [['the', 'printer'], ['fire']], found "
            f"{shown(documents)}. Cut texts first, as in Tokenizer()(texts)."
        )
    return Tokenizer(GIVEN)(listed)


def _fixed(
    words: Words, word_counts: npt.NDArray[np.int64], fixed: Sequence[str]
) -> tuple[Words, npt.NDArray[np.int64]]:
    """The tokens of columns beside the text, and the words of a fixed vocabulary; and the counts of each."""
    sides = np.flatnonzero(side_tokens(words)[0])
    kept = Words.of([*words.strings(sides), *fixed])
    indices = WordTable.of(words).find(kept)
    return kept, np.where(indices < 0, 0, word_counts[indices] if len(word_counts) else 0)


def _read(path: Path) -> tuple[npt.NDArray[np.int64], Words]:
    """The counts int64 (W + 2,) and the W real words of a file; no string is made of a word without a backslash."""
    raw = path.read_bytes()
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise ModelFolderError(f"{path}: expected UTF-8: {error}.") from error
    data = np.frombuffer(raw, dtype=np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    if not raw.endswith(b"\n"):
        raise ModelFolderError(f"{path}, line {len(ends) + 1}: expected an end of the line. The file may be cut off.")
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    tabs = np.append(np.flatnonzero(data == ord("\t")), len(data))
    tabs = tabs[np.searchsorted(tabs, starts)]  # the first of each line
    counts, is_count = _numbers(data, starts, np.minimum(tabs, ends))
    n_tabs = np.add.reduceat(data == ord("\t"), starts, dtype=np.int64)  # those of words are escaped
    if (is_wrong := ~is_count | (tabs >= ends - 1) | (n_tabs > 1)).any():
        line = int(is_wrong.argmax())
        found = raw[starts[line] : ends[line]].decode()
        raise ModelFolderError(f"{path}, line {line + 1}: expected a count, a tab and a word, found {found!r}.")
    if tuple(raw[tab + 1 : end].decode() for tab, end in zip(tabs[: len(MARKERS)], ends, strict=False)) != MARKERS:
        raise ModelFolderError(
            f"{path}: expected the rows {MARKERS[0]} and {MARKERS[1]} first, found {len(counts)} rows."
        )
    starts, ends = tabs[len(MARKERS) :] + 1, ends[len(MARKERS) :]
    steps = np.zeros(len(data) + 1, dtype=np.int8)
    steps[starts] += 1
    steps[ends] -= 1
    is_spelling = np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_)
    return counts, _unescaped(Words(data[is_spelling], offsets_of(ends - starts)))


def _numbers(
    data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The whole numbers that are written from `starts` to `ends`, int64 (n,), and whether there is one, bool (n,)."""
    lengths = ends - starts
    is_number = (lengths > 0) & (lengths <= 18)  # digits that an int64 has room for
    numbers = np.zeros(len(starts), dtype=np.int64)
    for index in range(min(int(lengths.max(initial=0)), 18)):
        rows = np.flatnonzero(lengths > index)
        digits = data[starts[rows] + index].astype(np.int64) - ord("0")
        is_number[rows] &= (digits >= 0) & (digits <= 9)
        numbers[rows] = 10 * numbers[rows] + digits
    return numbers, is_number


def _unescaped(words: Words) -> Words:
    backslashes = np.flatnonzero(words.data == ord("\\"))
    if not len(backslashes):
        return words
    escaped = np.unique(np.searchsorted(words.starts, backslashes, side="right") - 1)
    parts, lengths, end = [], np.diff(words.starts), 0
    for index, word in zip(escaped.tolist(), words.strings(escaped), strict=True):
        spelling = _ESCAPED.sub(lambda match: _UNESCAPES[match[0]], word).encode()
        parts += [words.data[end : words.starts[index]], np.frombuffer(spelling, dtype=np.uint8)]
        lengths[index], end = len(spelling), words.starts[index + 1]
    return Words(np.concatenate([*parts, words.data[end:]]), offsets_of(lengths))


def _narrow(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same numbers, none negative, in the first dtype of NARROW that holds them."""
    largest = numbers.max(initial=0)
    return numbers.astype(next(dtype for dtype in NARROW if largest <= np.iinfo(dtype).max))


NARROW = (np.uint8, np.uint16, np.int32)
_UNESCAPES = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}
_ESCAPES = str.maketrans({sign: escaped for escaped, sign in _UNESCAPES.items()})
_ESCAPED = re.compile(r"\\[\\tnr]")
