"""Documents of ids → each id once, with its count or its weight; and the rows of a matrix added up by these weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bywords.kernels import _native

Ids = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

UNIFORM, IDF, TFIDF, LOG_TFIDF = range(4)  # weightings; `bywords.text.bags` says what they are


def count(ids: Ids, offsets: Offsets, n_rows: int, unknown: int) -> tuple[Ids, Offsets, npt.NDArray[np.float32]]:
    """How often each id below `n_rows` occurs in each document: each id once, in the order of first occurrence.

    A document without any becomes one `unknown`.
    Returns: ids int32 (T',), offsets int64 (N + 1,), counts float32 (T',).
    """
    n_most = len(ids) + len(offsets)
    distinct, counts = np.empty(n_most, dtype=np.int32), np.empty(n_most, dtype=np.float32)
    new_offsets = np.empty(len(offsets), dtype=np.int64)
    n = _native.count(ids, offsets, n_rows, unknown, distinct, new_offsets, counts)
    for array in (distinct, counts):
        array.resize(n, refcheck=False)  # where it is
    return distinct, new_offsets, counts


def weigh(
    ids: Ids, offsets: Offsets, idf: Floats, block_starts: Sequence[int], weighting: int, weights: Floats
) -> None:
    """Counts of ids, float32 (T,), which become weights. `idf` is float32 (V,); all ids are below V.

    `block_starts` are ascending; with some from 1 to V - 1, the ids below the first, from there to the second, … are
    each scaled to length 1 before the whole is, with the last two weightings.
    """
    _native.weigh(ids, offsets, idf, np.array(block_starts, dtype=np.int64), weighting, weights)


def weighed_sums(
    ids: Ids, offsets: Offsets, idf: Floats, block_starts: Sequence[int], weighting: int, matrix: Floats
) -> Floats:
    """Σ weight · matrix[id] over the ids of each document below V, counted and weighed: (V, D) → float32 (N, D)."""
    sums = np.empty((len(offsets) - 1, matrix.shape[1]), dtype=np.float32)
    _native.weighed_sums(ids, offsets, idf, np.array(block_starts, dtype=np.int64), weighting, matrix, sums)
    return sums


def pooled_sums(
    ids: Ids,
    offsets: Offsets,
    table: Ids,
    starts: Offsets,
    groups: Offsets,
    n_columns: int,
    weighting: int,
    units: npt.NDArray[np.float64],
    n_classes: int,
) -> Floats:
    """The sum of what `weighed_sums` gives for M matrices of K columns that share idf and weighting: float32 (N, K).

    The arguments between are a `bywords.kernels.ids.Pool`. `starts` are int64 (S + 1,), ascending from 0 to V, where
    segments of ids begin; `groups` int64 (M, S) the group of ids, scaled to length 1 before the whole is, that a
    segment is in for each matrix, below S; -1 where it has not the ids of the segment. `table`, int32, has the rows of
    all ids one behind the other: of each the square of its idf, which for the unknown word is 0, and its idf times the
    columns of the matrices that have its segment side by side, filled up to 2, 4, or a multiple of 8 numbers. They are
    whole numbers of `units`, float64, those of a row of each segment one behind the other. So sums are exact, and the
    same in any order of the ids. Of each matrix there are `n_columns` of K; or 1 of 2, where the second is the first
    with the other sign. `weighting` is one of the last two.
    """
    sums = np.empty((len(offsets) - 1, n_classes), dtype=np.float32)
    _native.pooled_sums(ids, offsets, table, starts, groups, n_columns, weighting, units, sums)
    return sums
