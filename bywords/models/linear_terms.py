"""Encoded documents and their bags → the terms of a linear model's logits: weight times row of a table, id by id.

What a row adds to a document is shared equally among the occurrences of its id. Nothing is left over.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.text.bags import Bags
from bywords.text.ragged import UNKNOWN, Ragged

NO_ID = -1  # the position of a term that no id of the document accounts for
Indices = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
RowsOf = Callable[[Indices], npt.NDArray[np.floating[Any]]]


@dataclass(frozen=True, eq=False)
class LinearTerms:
    """The logits of N documents taken apart: bias + Σ weight · row, each term at one of their T' ids.

    `positions` int64 (M,), indices of `documents.ids` or NO_ID; `rows` int64 (M,), below `n_rows`; `weights` float64
    (M,); `table` gives the rows that it is asked for, (R,) → (R, K); `bias` float64 (K,).
    """

    positions: Indices
    rows: Indices
    weights: Numbers
    n_rows: int
    table: RowsOf
    bias: Numbers

    def added_up(self, indices: npt.NDArray[np.integer], n_indices: int) -> Numbers:
        """The terms added up by their indices, int (M,): float64 (n_indices, K)."""
        is_asked = np.zeros(self.n_rows, dtype=bool)
        is_asked[self.rows] = True
        columns = np.cumsum(is_asked)[self.rows] - 1
        table = self.table(np.flatnonzero(is_asked)).astype(np.float64)
        sums = np.zeros((n_indices, table.shape[1]))
        for k in range(table.shape[1]):  # a column at a time: the terms of all classes at once would not fit
            sums[:, k] = np.bincount(indices, self.weights * table[columns, k], minlength=n_indices)
        return sums


def terms_of_bags(documents: Ragged, bags: Bags, table: RowsOf, bias: npt.NDArray[Any]) -> LinearTerms:
    """The terms of a weighted sum of rows: each bag's weights, shared among the occurrences of an id."""
    shares = _shares(documents, bags)
    positions = np.flatnonzero(shares)
    stand_ins = _stand_ins(documents, bags)
    return LinearTerms(
        np.concatenate([positions, np.full(len(stand_ins), NO_ID)]),
        np.concatenate([documents.ids[positions].astype(np.int64), np.full(len(stand_ins), UNKNOWN)]),
        np.concatenate([shares[positions], bags.weights[stand_ins].astype(np.float64)]),
        bags.n_rows,
        table,
        bias.astype(np.float64),
    )


def _shares(documents: Ragged, bags: Bags) -> Numbers:
    """The weights of ids, once in each bag, shared among their occurrences: float64 (T',)."""
    each = bags.weights.astype(np.float64) / Bags.of(documents, bags.n_rows).weights
    scratch = np.zeros(max(bags.n_rows, int(documents.ids.max(initial=0)) + 1))  # by id; others than the bag's stay 0
    shares = np.empty(len(documents.ids))
    bounds = itertools.pairwise(documents.offsets.tolist()), itertools.pairwise(bags.offsets.tolist())
    for (start, stop), (first, end) in zip(*bounds, strict=True):
        scratch[bags.ids[first:end]] = each[first:end]
        shares[start:stop] = scratch[documents.ids[start:stop]]
        scratch[bags.ids[first:end]] = 0
    return shares


def _stand_ins(documents: Ragged, bags: Bags) -> Indices:
    """Where the unknown word of a bag stands in for a document that has other ids, but none that the model sees."""
    has_unknown = np.logical_or.reduceat(documents.ids == UNKNOWN, documents.offsets[:-1])
    starts = bags.offsets[:-1]
    return starts[(bags.lengths == 1) & (bags.ids[starts] == UNKNOWN) & ~has_unknown]
