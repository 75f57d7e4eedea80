"""Documents and a vocabulary → GloVe vectors trained on them: co-occurrence counts, then weighted least squares."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_arguments, check_fields
from bywords.checkpoint import NO_CHECKPOINT, Checkpoint, Entry, can_be_kept, check_like, restore_generator
from bywords.config import typed
from bywords.errors import DataError, SettingError, check_range
from bywords.kernels.glove import train_block
from bywords.memory import check_memory
from bywords.text.memory_mapped import MappedDocuments
from bywords.text.ragged import UNKNOWN
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import Vocabulary
from bywords.validation import check_count, check_within
from bywords.vectors.word_vectors import OnEpoch, OnPart, TrainingOptions, VectorsConfig, WordVectors, word_ids

if TYPE_CHECKING:
    from scipy import sparse

N_PARTS = 16  # the words are dealt into so many parts; changing it changes the order of the steps, so the result
BYTES_OF_PAIR = 64  # that training takes, at its start
PAIRS_AT_ONCE = 1 << 24  # of the counting, 16 bytes each: more go into the sum in several steps


@dataclass(frozen=True, kw_only=True)
class GloveConfig(VectorsConfig):
    """What `train_glove` reads. The defaults suit a corpus of a few million words, not of billions.

    >>> from bywords import GloveConfig
    >>> GloveConfig(dimension=50).window
    50
    """

    reads_files = counts_gaps = True

    dimension: int = 300
    window: int = 50  # words to each side; wide, for vectors that tell topics apart
    x_max: float = 3.0  # pairs counted as often weigh 1; the paper has 100 for billions of words
    alpha: float = 0.75  # below x_max a pair weighs (count / x_max) ** alpha
    n_epochs: int = 10
    learning_rate: float = 0.1  # AdaGrad

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("dimension", "window", "n_epochs"):
            check_range(name, getattr(self, name), least=1, most=10_000)
        for name in ("x_max", "learning_rate"):
            check_range(name, getattr(self, name), above=0)
        check_range("alpha", self.alpha, least=0, most=10)

    def vectors_for(
        self, tokens: Tokens | MappedDocuments, vocabulary: Vocabulary, **how: Unpack[TrainingOptions]
    ) -> WordVectors:
        return train_glove(tokens, vocabulary, self, **how)


def cooccurrences(
    ids: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64], n_words: int, *, window: int
) -> sparse.csr_array:
    """Count how often two words are near each other: each pair d words apart, d ≤ window, adds 1/d both ways.

    `ids` is int32 (T,), document i is `ids[offsets[i]:offsets[i + 1]]`; no pair reaches from one document into another.
    Padding and unknown words keep their position but make no pairs.

    Returns: a symmetric matrix X, float64 (n_words, n_words), X[i, j] ≥ 0; a word beside itself counts both ways too.
    """
    upper = _counted_pairs(ids, offsets, n_words, window)
    return (upper + upper.T).tocsr()


def _counted_pairs(
    ids: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64], n_words: int, window: int
) -> sparse.csr_array:
    """The same, of which only X[i, j] for i ≤ j is there, and half of X[i, i]."""
    from scipy import sparse  # takes a while to import

    documents = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    shape = (n_words, n_words)
    upper = sparse.csr_array(shape, dtype=np.float64)
    distances = range(1, min(window, len(ids) - 1) + 1)
    n_at_once = max(1, PAIRS_AT_ONCE // max(1, len(ids)))
    for step in range(0, len(distances), n_at_once):
        some = _pairs(ids, documents, distances[step : step + n_at_once])
        upper = upper + sparse.coo_array(some, shape=shape).tocsr()
    return upper


def _counts_of(
    tokens: Tokens | MappedDocuments, vocabulary: Vocabulary, window: int, on_part: OnPart
) -> sparse.csr_array:
    """As `cooccurrences`, of documents in files for a stretch at a time, and added up.

    Raises: SettingError where the pairs have no room in memory, which those of many texts take more of than the texts.
    """
    n_parts = 1 if isinstance(tokens, Tokens) else len(tokens.chunks()) - 1
    sums: list[tuple[int, sparse.csr_array]] = []  # each of twice as many stretches as the next, at least
    for n_done, (ids, offsets) in enumerate(word_ids(tokens, vocabulary), start=1):
        n_stretches, some = 1, _counted_pairs(ids, offsets, len(vocabulary), window)
        while sums and (sums[-1][0] <= n_stretches or n_done == n_parts):
            n_before, before = sums.pop()
            n_stretches, some = n_before + n_stretches, before + some
            check_memory(
                2.0 * BYTES_OF_PAIR * some.nnz,
                f"to train GloVe on {2 * some.nnz:,} pairs of words near each other, of {n_done} of {n_parts} parts,",
                "Raise vocabulary.min_count, or lower vectors.window; or take the system 'word2vec-mean'.",
                error=SettingError,
            )
        sums.append((n_stretches, some))
        if n_parts > 1:
            on_part(n_done, n_parts, f"counting pairs of words: part {n_done} of {n_parts}")
    upper = sums.pop()[1]
    return (upper + upper.T).tocsr()


def _pairs(
    ids: npt.NDArray[np.int32], documents: npt.NDArray[np.int64], distances: range
) -> tuple[npt.NDArray[np.float64], tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]]:
    """All pairs of known words of one document at these distances: 1/d, the smaller and the greater id, all (n,)."""
    is_known = ids > UNKNOWN
    lower, upper, near = [], [], []
    for distance in distances:
        is_pair = is_known[:-distance] & is_known[distance:] & (documents[:-distance] == documents[distance:])
        left, right = ids[:-distance][is_pair], ids[distance:][is_pair]
        lower.append(np.minimum(left, right))
        upper.append(np.maximum(left, right))
        near.append(np.full(len(left), 1 / distance))
    return np.concatenate(near), (np.concatenate(lower), np.concatenate(upper))


@check_arguments
def train_glove(
    tokens: Tokens | MappedDocuments,
    vocabulary: Vocabulary,
    config: GloveConfig | None = None,
    *,
    seed: int = 0,
    checkpoint: Checkpoint = NO_CHECKPOINT,
    on_epoch: OnEpoch | None = None,
    on_part: OnPart = lambda n_done, n_parts, what: None,
    on_interrupt: Callable[[WordVectors], None] | None = None,
) -> WordVectors:
    """Train GloVe on the words of `tokens` that the vocabulary has, which may be in files: pairs are counted for some
    documents at a time then, and `on_part` hears of each; all that there are have to fit into memory.

    Minimises J = Σ ½ f(X_ij) (w_i · c_j + b_i + b'_j - log X_ij)² over all pairs that were counted, with
    f(x) = min(1, (x / x_max) ** alpha), one pair at a time with AdaGrad. `on_epoch(epoch, n_epochs, loss)` gets J
    divided by the number of pairs, each pair's part as it was just before its own step.

    The same seed gives the same bits with any number of threads: words are dealt into parts, and the pairs into
    blocks (part of i, part of j); blocks that run at the same time share neither rows nor columns
    (Gemulla, Nijkamp, Haas, Sismanis 2011, "Large-Scale Matrix Factorization with Distributed SGD"). Every epoch is put
    into `checkpoint`, and training resumes from what is there at the start. `on_interrupt` gets the vectors that there
    are when Ctrl-C comes behind the first epoch, before that goes on.

    Returns: WordVectors w + c of the vocabulary's real words in its order, float32 (V - 2, D); a word that
    is near no other keeps its random start.
    Raises: DataError when no two words of the vocabulary are near each other; SettingError where the pairs of documents
    in files have no room.
    Source: Pennington, Socher, Manning (2014), "GloVe: Global Vectors for Word Representation".

    >>> from bywords import GloveConfig, Tokenizer, Vocabulary, train_glove
    >>> tokens = Tokenizer()(texts)
    >>> train_glove(tokens, Vocabulary.of(tokens), GloveConfig(dimension=8, n_epochs=1)).dimension
    8
    """
    config = config or GloveConfig()
    counts = _counts_of(tokens, vocabulary, config.window, on_part)
    if counts.nnz == 0:
        raise DataError(
            "GloVe: no two words of the vocabulary are near each other. Give the documents it was made from."
        )
    generator = np.random.default_rng(seed)
    blocks = _blocks(counts, config, generator)
    words, contexts = (_Side.random(len(vocabulary), config.dimension, generator) for _ in range(2))
    first_epoch = checkpoint.restored("glove", lambda kept: _restore(kept, words, contexts, generator, config)) or 1
    n_threads = min(os.cpu_count() or 1, N_PARTS)
    n_done = first_epoch - 1

    def found() -> WordVectors:
        return WordVectors(vocabulary.words, (words.vectors + contexts.vectors)[UNKNOWN + 1 :], "glove")

    try:
        with ThreadPoolExecutor(n_threads) as pool:
            for epoch in range(first_epoch, config.n_epochs + 1):
                loss = 0.0
                for shift in generator.permutation(N_PARTS):
                    disjoint = [blocks[part][(part + shift) % N_PARTS] for part in range(N_PARTS)]
                    losses = pool.map(lambda block: train_block(block, words, contexts, config.learning_rate), disjoint)
                    loss += sum(losses)
                if can_be_kept(arrays := _arrays_of(words, contexts)):
                    checkpoint.save("glove", arrays, [epoch + 1, generator.bit_generator.state])
                n_done = epoch
                if on_epoch is not None:
                    on_epoch(epoch, config.n_epochs, loss / counts.nnz)
    except KeyboardInterrupt:
        if on_interrupt is not None and n_done:
            on_interrupt(found())
        raise
    return found()


def _restore(entry: Entry, words: _Side, contexts: _Side, generator: np.random.Generator, config: GloveConfig) -> int:
    """Put back what an epoch has come to. Returns: the next one. Raises SettingError for what cannot be of it."""
    own, (next_epoch, state) = _arrays_of(words, contexts), typed(tuple[int, Any], entry.values, where="it")
    check_count("the next epoch", next_epoch, least=2, most=config.n_epochs + 1)
    check_like(entry.arrays, own)
    for name, array in own.items():
        if name.endswith("_squares"):
            check_within(name, entry.arrays[name], 1, np.inf)
        array[...] = entry.arrays[name]
    restore_generator(generator, state)
    return next_epoch


class _Side(NamedTuple):
    """The parameters of one side of the pairs, words or contexts, each with AdaGrad's sum of its squared gradients."""

    vectors: npt.NDArray[np.float32]  # (V, D)
    vectors_squares: npt.NDArray[np.float32]  # (V, D), from 1
    biases: npt.NDArray[np.float32]  # (V,)
    biases_squares: npt.NDArray[np.float32]  # (V,), from 1

    @classmethod
    def random(cls, n_words: int, dimension: int, generator: np.random.Generator) -> _Side:
        """Uniform from -½ to ½ divided by D, as in the authors' program; biases are zeros."""
        vectors = (generator.random((n_words, dimension), dtype=np.float32) - np.float32(0.5)) / np.float32(dimension)
        ones = np.ones_like(vectors)
        return cls(vectors, ones, np.zeros(n_words, dtype=np.float32), np.ones(n_words, dtype=np.float32))


def _arrays_of(words: _Side, contexts: _Side) -> dict[str, npt.NDArray[np.float32]]:
    """All parameters of both sides, by name; not copies."""
    return {
        f"{name}.{field}": array
        for name, side in (("words", words), ("contexts", contexts))
        for field, array in side._asdict().items()
    }


class _Block(NamedTuple):
    """The pairs of one part of the words with one part of the contexts, in shuffled order; all (n,)."""

    rows: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int32]
    logs: npt.NDArray[np.float32]  # log X_ij
    weights: npt.NDArray[np.float32]  # f(X_ij)


def _blocks(counts: sparse.csr_array, config: GloveConfig, generator: np.random.Generator) -> list[list[_Block]]:
    """Shuffle the pairs and deal them into N_PARTS x N_PARTS blocks by the rest of their word ids.

    Ids go by frequency, so each part gets frequent and rare words alike.
    """
    pairs = counts.tocoo()
    order = generator.permutation(pairs.nnz)
    rows, columns = pairs.row[order], pairs.col[order]
    blocks_of = (rows % N_PARTS) * N_PARTS + columns % N_PARTS
    by_block = np.argsort(blocks_of, kind="stable")
    bounds = np.searchsorted(blocks_of[by_block], np.arange(N_PARTS**2 + 1))
    rows, columns = rows[by_block].astype(np.int32), columns[by_block].astype(np.int32)
    values = pairs.data[order][by_block]
    logs = np.log(values).astype(np.float32)
    weights = np.minimum(1.0, (values / config.x_max) ** config.alpha).astype(np.float32)
    cut = [slice(start, stop) for start, stop in pairwise(bounds)]
    flat = [_Block(rows[part], columns[part], logs[part], weights[part]) for part in cut]
    return [flat[start : start + N_PARTS] for start in range(0, N_PARTS**2, N_PARTS)]
