"""Documents of word ids → counts of n-grams, and ids of n-grams; tokens, or texts → the ids that a model sees."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from bywords.kernels import _native

Ids = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float32]
Keys = npt.NDArray[np.uint64]

NOT_THERE = -1
FREE = np.uint64(0xFFFFFFFFFFFFFFFF)


def with_edges(ids: Ids, offsets: Offsets, edge: int) -> tuple[Ids, Offsets]:
    """The same documents with `edge` before and after each: ids int32 (T + 2 N,), offsets int64 (N + 1,).

    An empty document has NOT_THERE in their place.
    """
    edged, edged_offsets = np.empty(len(ids) + 2 * len(offsets) - 2, dtype=np.int32), np.empty_like(offsets)
    _native.with_edges(ids, offsets, edge, edged, edged_offsets)
    return edged, edged_offsets


def count_pairs(
    lefts: Ids, rights: Ids, offsets: Offsets, gap: int, min_count: int, share: int = 0, n_shares: int = 1
) -> tuple[Keys, Offsets]:
    """Count the pairs (lefts[i], rights[i + gap]) within each document; those with a NOT_THERE are skipped.

    `lefts` and `rights` are int32 (T,). Each pair belongs to one of `n_shares`; only those of `share` are counted, and
    8 bytes are taken for each of their occurrences.

    Returns: the pairs that occur `min_count` times or more, uint64 (P,), left << 32 | right, in arbitrary order; and
    their counts int64 (P,).
    """
    _, pairs, counts = _native.count_pairs(lefts, rights, offsets, gap, min_count, share, n_shares)
    return np.frombuffer(pairs, dtype=np.uint64), np.frombuffer(counts, dtype=np.int64)


def keys_of_documents(codes: Ids, offsets: Offsets, hashes: Keys, is_sign: npt.NDArray[np.bool_]) -> Keys:
    """A hash of the words of each document, in their order, uint64 (N,).

    `codes` int32 (T,) are indices in the distinct words, of which `hashes` are uint64 (U,). Those that are true in
    `is_sign` (U,) do not count, but in a document that has nothing else; of one that has nothing it is 0.
    """
    keys = np.empty(len(offsets) - 1, dtype=np.uint64)
    _native.keys_of_documents(codes, offsets, hashes, is_sign.astype(np.uint8), keys)
    return keys


def add_counts(keys: Keys, counts: Offsets, others: Keys, other_counts: Offsets) -> tuple[Keys, Offsets]:
    """The keys of both, uint64 ascending, each once, and their counts, int64; of a key that both have, their sum.

    `keys` and `others` ascend.
    """
    n_most = len(keys) + len(others)
    merged, sums = np.empty(n_most, dtype=np.uint64), np.empty(n_most, dtype=np.int64)
    n = _native.add_counts(keys, counts, others, other_counts, merged, sums)
    return merged[:n], sums[:n]


def table_of_pairs(pairs: Ids, pair_ids: Ids) -> tuple[Keys, Ids]:
    """A table in which `find_pairs` finds the pairs int32 (P, 2), whose ids are int32 (P,)."""
    size = 16
    while 2 * size < 3 * len(pairs):
        size *= 2
    keys, ids = np.full(size, FREE, dtype=np.uint64), np.full(size, NOT_THERE, dtype=np.int32)
    _native.table_of_pairs(pairs, pair_ids, keys, ids)
    return keys, ids


def find_pairs(lefts: Ids, rights: Ids, offsets: Offsets, gap: int, keys: Keys, ids: Ids) -> Ids:
    """The id of the pair (lefts[i], rights[i + gap]) at each index i, int32 (T,); NOT_THERE where it has none."""
    found = np.full(len(lefts), NOT_THERE, dtype=np.int32)
    _native.find_pairs(lefts, rights, offsets, gap, keys, ids, found)
    return found


class Vocabulary(NamedTuple):
    """What gives documents their ids: tables of words, as in `bywords.kernels.words`, and of pairs of ids.

    The first word has the id 2, the first character n-gram `first_char_ngram`; `ngrams` is the number of words of the
    longest n-gram, and `longest` that of the characters of the longest character n-gram, 0 where there are none.
    """

    data: npt.NDArray[np.uint8]
    starts: Offsets
    slots: Keys
    char_data: npt.NDArray[np.uint8]
    char_starts: Offsets
    char_slots: Keys
    pairs: Keys
    pair_ids: Ids
    ngrams: int
    shortest: int
    longest: int
    first_char_ngram: int
    max_length: int
    keep_unknown: bool


def encode(
    codes: Ids,
    lengths: Offsets,
    data: npt.NDArray[np.uint8],
    starts: Offsets,
    hashes: Keys,
    known: Ids,
    vocabulary: Vocabulary,
    room: Ids | None = None,
) -> tuple[Ids, Offsets, Shares]:
    """All that a model sees of each document: the ids of its words, then of its n-grams, then of character n-grams.

    `codes` int32 (T,) are the distinct words of the tokens, `lengths` int64 (N,) the tokens of each document, and
    `data`, `starts` and `hashes` those words; `known` int32 (U,) their ids, below 2 where there is none, or empty: then
    they are looked up. Of each document only the first `max_length` tokens are read. A word
    without an id is left out or, with `keep_unknown`, becomes 1, the unknown word; a document without any id becomes
    one 1. Before and after each document that has tokens is a 0, which is no word but part of n-grams; not after one
    that is cut off. Words of two bytes and more that start with 0x1F take no part in n-grams, of words or characters.

    Returns: ids int32 (T',), offsets int64 (N + 1,), and the share of the tokens that have an id, float32 (N,). The ids
    are the first of `room`, an array int32 that is written to, where it has room for them.
    """
    offsets, shares = np.empty(len(lengths) + 1, dtype=np.int64), np.empty(len(lengths), dtype=np.float32)
    room = np.empty(0, dtype=np.int32) if room is None else room
    n_ids, buffer = _native.encode(codes, lengths, data, starts, hashes, known, *vocabulary, offsets, shares, room)
    ids = np.frombuffer(buffer, dtype=np.int32)
    return ids if len(ids) else room[:n_ids], offsets, shares


def encode_texts(
    text: npt.NDArray[np.uint8],
    ends: Offsets,
    kinds: npt.NDArray[np.uint8],
    lowercase: bool,
    what: int,
    vocabulary: Vocabulary,
) -> tuple[Ids, Offsets, Shares]:
    """The same of what `bywords.kernels.words.scan` gives of these texts, in one pass over them."""
    offsets, shares = np.empty(len(ends) + 1, dtype=np.int64), np.empty(len(ends), dtype=np.float32)
    _, ids = _native.encode_texts(text, ends, kinds, int(lowercase), what, *vocabulary, offsets, shares)
    return np.frombuffer(ids, dtype=np.int32), offsets, shares


def row_width(n_numbers: int) -> int:
    """How many numbers a row of a pool has that needs so many: 2, 4, or a multiple of 8."""
    return next((width for width in (2, 4) if n_numbers <= width), -(-n_numbers // 8) * 8)


UNIT_BITS = 30  # of the largest number of a column of a pool


class Pool(NamedTuple):
    """Linear models that share their features, as `bywords.kernels.bags.pooled_sums` has them; K classes."""

    table: Ids
    starts: Offsets
    groups: Offsets
    n_columns: int
    weighting: int
    units: npt.NDArray[np.float64]

    @classmethod
    def of(cls, idf: Shares, matrices: Sequence[Shares], starts: Offsets, groups: Offsets, weighting: int) -> Self:
        """Of M matrices float32 (V', n_columns), each of as many of the V ids as it has; all numbers are finite."""
        n_columns, parts, units = matrices[0].shape[1], [], []
        for segment, (start, behind) in enumerate(itertools.pairwise(starts.tolist())):
            columns = [m[start:behind] for m, of in zip(matrices, groups[:, segment], strict=True) if of >= 0]
            idf_of = idf[start:behind, np.newaxis].astype(np.float64)  # in which the products are exact
            numbers = idf_of * np.hstack([idf_of, *columns])
            _, exponents = np.frexp(np.abs(numbers).max(axis=0, initial=0))
            units_of = np.ldexp(1.0, exponents - UNIT_BITS)
            n_numbers, width = numbers.shape[1], row_width(numbers.shape[1])
            rows = np.zeros((behind - start, width), dtype=np.int32)
            rows[:, :n_numbers] = np.rint(numbers / units_of)
            parts.append(rows)
            units.append(np.concatenate([units_of, np.ones(width - n_numbers)]))
        table = np.concatenate(parts, axis=None)
        return cls(table, starts, groups, n_columns, weighting, np.concatenate(units))


def answer_texts(
    text: npt.NDArray[np.uint8],
    ends: Offsets,
    kinds: npt.NDArray[np.uint8],
    lowercase: bool,
    what: int,
    vocabulary: Vocabulary,
    pool: Pool,
    n_classes: int,
) -> tuple[Shares, Shares, npt.NDArray[np.bool_]]:
    """What `pooled_sums` gives for the ids that `encode_texts` gives, to the bit, one text after the other.

    Returns: the sums float32 (N, K), the share of the tokens that have an id, float32 (N,), and which texts have no id
    but one 1, bool (N,).
    """
    sums = np.empty((len(ends), n_classes), dtype=np.float32)
    shares, are_unknown = np.empty(len(ends), dtype=np.float32), np.empty(len(ends), dtype=np.uint8)
    _native.answer_texts(text, ends, kinds, int(lowercase), what, *vocabulary, *pool, sums, shares, are_unknown)
    return sums, shares, are_unknown.view(np.bool_)
