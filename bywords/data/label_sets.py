"""Which labels each document has, any number of them, as two arrays: the labels one after the other, and offsets.

Memory grows with the labels that documents have, not with documents times labels.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.text.ragged import offsets_of, ragged_positions

Rows = npt.NDArray[np.int64]
Table = npt.NDArray[np.bool_]  # (N, K)


@dataclass(frozen=True, eq=False)
class LabelSets:
    """The labels of N documents, of K that there are.

    `labels` is int32 (P,); document i has `labels[offsets[i]:offsets[i + 1]]`, ascending, each once; `offsets` is int64
    (N + 1,); `n_labels` is K.

    >>> from bywords.data.label_sets import LabelSets
    >>> sets = LabelSets.of_pairs([0, 2, 2], [1, 3, 0], n_documents=3, n_labels=4)
    >>> sets.labels.tolist(), sets.offsets.tolist()
    ([1, 0, 3], [0, 1, 1, 3])
    >>> sets[[2]].table().tolist()
    [[True, False, False, True]]
    """

    labels: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    n_labels: int

    @classmethod
    def of_table(cls, table: npt.ArrayLike) -> LabelSets:
        """From what is true of each document and label, bool (N, K)."""
        has = np.asarray(table, dtype=bool)
        labels = np.nonzero(has)[1].astype(np.int32)
        return cls(labels, offsets_of(has.sum(axis=1)), has.shape[1])

    @classmethod
    def of_pairs(cls, rows: npt.ArrayLike, labels: npt.ArrayLike, n_documents: int, n_labels: int) -> LabelSets:
        """From documents (P,) and a label that each has (P,), in any order; a pair may be there more than once."""
        pairs = np.asarray(rows, dtype=np.int64) * n_labels + np.asarray(labels, dtype=np.int64)
        return cls._of_keys(np.unique(pairs), n_documents, n_labels)

    @classmethod
    def _of_keys(cls, keys: Rows, n_documents: int, n_labels: int) -> LabelSets:
        """From `keys`, ascending, each once."""
        rows, labels = np.divmod(keys, max(n_labels, 1))
        return cls(labels.astype(np.int32), offsets_of(np.bincount(rows, minlength=n_documents)), n_labels)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Rows:
        """Labels of each document, int64 (N,)."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> Rows:
        """The document of each of `labels`, int64 (P,)."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    @property
    def keys(self) -> Rows:
        """A number for each document with each of its labels, row · K + label, int64 (P,), ascending."""
        return self.rows * self.n_labels + self.labels

    def pairs(self) -> tuple[Rows, Rows]:
        """Each document with each of its labels: rows int64 (P,) and labels int64 (P,)."""
        return self.rows, self.labels.astype(np.int64)

    def counts(self) -> Rows:
        """Documents of each label, int64 (K,)."""
        return np.bincount(self.labels, minlength=self.n_labels).astype(np.int64, copy=False)

    def table(self) -> Table:
        """Which labels each document has, bool (N, K): for few documents or few labels."""
        has = np.zeros((len(self), self.n_labels), dtype=np.bool_)
        has[self.rows, self.labels] = True
        return has

    def lists(self) -> list[list[int]]:
        """The labels of each document."""
        flat, ends = self.labels.tolist(), self.offsets.tolist()
        return [flat[start:stop] for start, stop in itertools.pairwise(ends)]

    def select(self, rows: npt.ArrayLike) -> LabelSets:
        """Only these documents, int (M,) in any order with repeats allowed, or bool (N,)."""
        chosen = np.asarray(rows)
        indices = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen.astype(np.int64, copy=False)
        positions, offsets = ragged_positions(self.offsets, indices)
        return LabelSets(self.labels[positions], offsets, self.n_labels)

    def __getitem__(self, rows: slice | npt.ArrayLike) -> LabelSets:
        """As `select`; or the documents of a slice, without copying."""
        if not isinstance(rows, slice):
            return self.select(rows)
        start, stop, step = rows.indices(len(self))
        if step != 1:
            return self.select(np.arange(start, stop, step))
        first, last = self.offsets[start], self.offsets[max(start, stop)]
        return LabelSets(self.labels[first:last], self.offsets[start : max(start, stop) + 1] - first, self.n_labels)

    def joined(self, others: LabelSets) -> LabelSets:
        """These documents, then the others."""
        offsets = np.concatenate([self.offsets, others.offsets[1:] + self.offsets[-1]])
        return LabelSets(np.concatenate([self.labels, others.labels]), offsets, max(self.n_labels, others.n_labels))

    def has(self, label: int) -> npt.NDArray[np.bool_]:
        """Which documents have a label, bool (N,)."""
        return self.have_any(np.arange(self.n_labels) == label)

    def have_any(self, is_meant: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which documents have one of the labels where `is_meant`, bool (K,), is true; bool (N,)."""
        found = np.zeros(len(self), dtype=np.bool_)
        found[self.rows[is_meant[self.labels]]] = True
        return found

    def both(self, others: LabelSets) -> LabelSets:
        """Of each document the labels that it has here and there: of as many documents and labels."""
        return self._of_keys(np.intersect1d(self.keys, others.keys, assume_unique=True), len(self), self.n_labels)

    def are_equal(self, others: LabelSets) -> npt.NDArray[np.bool_]:
        """Whether each document has the same labels here and there, bool (N,)."""
        lengths = self.lengths
        return np.asarray((lengths == others.lengths) & (self.both(others).lengths == lengths))

    def renumbered(self, new: npt.NDArray[np.integer[Any]], n_labels: int) -> LabelSets:
        """The same documents with label `new[k]` for k, int (K,): -1 takes a label out, and two may become one."""
        labels = np.asarray(new, dtype=np.int64)[self.labels]
        is_kept = labels >= 0
        return LabelSets.of_pairs(self.rows[is_kept], labels[is_kept], len(self), n_labels)


Codes = npt.NDArray[np.int64] | LabelSets  # of N documents: a class number each, int64 (N,), or any number of labels


def joined_codes(parts: Sequence[Codes]) -> Codes:
    """The documents of all parts, one after the other; all of one form, one part at least."""
    first, *others = parts
    if isinstance(first, LabelSets):
        for part in others:
            first = first.joined(part)  # type: ignore[arg-type]
        return first
    return np.concatenate(parts)  # type: ignore[arg-type]


def arrays_of(codes: Codes) -> tuple[npt.NDArray[Any], ...]:
    """The arrays that say all of it, for a fingerprint."""
    return (codes.labels, codes.offsets, np.array([codes.n_labels])) if isinstance(codes, LabelSets) else (codes,)
