"""Documents of word ids → counts of n-grams, ids of n-grams, and the ids and counts that a model sees."""

from __future__ import annotations

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
    lefts: Ids, rights: Ids, offsets: Offsets, gap: int, min_count: int
) -> tuple[Ids, npt.NDArray[np.int64]]:
    """Count the pairs (lefts[i], rights[i + gap]) within each document; those with a NOT_THERE are skipped.

    `lefts` and `rights` are int32 (T,). Returns: the pairs that occur `min_count` times or more, int32 (P, 2), in
    arbitrary order, and their counts int64 (P,).
    """
    _, pairs, counts = _native.count_pairs(lefts, rights, offsets, gap, min_count)
    return np.frombuffer(pairs, dtype=np.int32).reshape(-1, 2), np.frombuffer(counts, dtype=np.int64)


def table_of_pairs(pairs: Ids, pair_ids: Ids) -> tuple[Keys, Ids]:
    """A table in which `find_pairs` finds the pairs int32 (P, 2), whose ids are int32 (P,)."""
    size = 16
    while size < 2 * len(pairs):
        size *= 2
    keys, ids = np.full(size, FREE, dtype=np.uint64), np.full(size, NOT_THERE, dtype=np.int32)
    _native.table_of_pairs(pairs, pair_ids, keys, ids)
    return keys, ids


def find_pairs(lefts: Ids, rights: Ids, offsets: Offsets, gap: int, keys: Keys, ids: Ids) -> Ids:
    """The id of the pair (lefts[i], rights[i + gap]) at each index i, int32 (T,); NOT_THERE where it has none."""
    found = np.full(len(lefts), NOT_THERE, dtype=np.int32)
    _native.find_pairs(lefts, rights, offsets, gap, keys, ids, found)
    return found


def encode(
    ngrams: Ids,
    has_edges: bool,
    offsets: Offsets,
    codes: Ids,
    char_ngrams: Ids,
    char_ngram_offsets: Offsets,
    unknown: int,
    max_length: int,
    keep_unknown: bool,
) -> tuple[Ids, Offsets, Shares]:
    """All that a model sees of each document: the ids of its words, then of its n-grams, then of character n-grams.

    `ngrams` is int32 (n, T): at each token, the id of the word, of the n-gram of 2 words, … that starts there, or
    NOT_THERE; with `has_edges`, each document has one element more at its start and at its end, which are no words but
    parts of n-grams. `codes` int32 (T,) are the distinct words; those of code c have the character n-grams
    char_ngrams[char_ngram_offsets[c]:char_ngram_offsets[c + 1]]. Of each document only the first `max_length` tokens
    are read. A word without an id is left out or, with `keep_unknown`, becomes `unknown`; a document without any id
    becomes one `unknown`.

    Returns: ids int32 (T',), offsets int64 (N + 1,), and the share of the tokens that have an id, float32 (N,).
    """
    n_documents = len(offsets) - 1
    n_most = n_documents + ngrams.size
    if len(char_ngrams):
        n_most += int(np.diff(char_ngram_offsets)[codes].sum())
    encoded, new_offsets = np.empty(n_most, dtype=np.int32), np.empty(n_documents + 1, dtype=np.int64)
    in_vocabulary_share = np.empty(n_documents, dtype=np.float32)
    n_ids = _native.encode(
        ngrams, int(has_edges), offsets, codes, char_ngrams, char_ngram_offsets, unknown, max_length, int(keep_unknown),
        encoded, new_offsets, in_vocabulary_share,
    )  # fmt: skip
    return encoded[:n_ids].copy(), new_offsets, in_vocabulary_share


def count(ids: Ids, offsets: Offsets, n_rows: int, unknown: int) -> tuple[Ids, Offsets, npt.NDArray[np.float32]]:
    """How often each id below `n_rows` occurs in each document: each id once, in the order of first occurrence.

    A document without any becomes one `unknown`.
    Returns: ids int32 (T',), offsets int64 (N + 1,), counts float32 (T',).
    """
    n_most = len(ids) + len(offsets)
    distinct, counts = np.empty(n_most, dtype=np.int32), np.empty(n_most, dtype=np.float32)
    new_offsets = np.empty(len(offsets), dtype=np.int64)
    n = _native.count(ids, offsets, n_rows, unknown, distinct, new_offsets, counts)
    return distinct[:n].copy(), new_offsets, counts[:n].copy()
