"""Scores of N documents for K labels → the best m of each, in memory that grows with m instead of K."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.data.label_sets import LabelSets

NO_LABEL = -1  # where a document has fewer labels than there is room for; its score is -inf
MOST_SCORES = 1 << 21  # of documents times labels in memory at a time, where they are worked out in chunks


@dataclass(frozen=True, eq=False)
class TopScores:
    """The best m labels of each of N documents and their scores, the best first; of equals the first label first.

    `labels` is int32 (N, m), -1 behind the last where there are fewer; `scores`, float32 or float64 (N, m), descending,
    is -inf there.

    >>> import numpy as np
    >>> from bywords.evaluation.top_scores import TopScores
    >>> top = TopScores.of_table(np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0]]), 2)
    >>> top.labels.tolist(), top.scores.tolist()
    ([[1, 2], [0, 1]], [[0.7, 0.2], [0.5, 0.5]])
    """

    labels: npt.NDArray[np.int32]
    scores: npt.NDArray[np.floating[Any]]

    @classmethod
    def of_table(cls, scores: npt.NDArray[np.floating[Any]], m: int) -> TopScores:
        """The best `m`, or all where there are fewer, of scores (N, K)."""
        n_documents, n_labels = scores.shape
        m = min(m, n_labels)
        if m == n_labels or not n_documents:
            labels = np.argsort(-scores, axis=1, kind="stable")[:, :m]
            return cls(labels.astype(np.int32), np.take_along_axis(scores, labels, axis=1))
        labels = np.argpartition(scores, n_labels - m, axis=1)[:, n_labels - m :]
        chosen = np.take_along_axis(scores, labels, axis=1)
        least = chosen.min(axis=1, keepdims=True)
        is_tied = (scores == least).sum(axis=1) > (chosen == least).sum(axis=1)
        if is_tied.any():  # of equals, which ones are among the best was left to chance
            labels[is_tied] = np.argsort(-scores[is_tied], axis=1, kind="stable")[:, :m]
        return cls(labels.astype(np.int32), np.take_along_axis(scores, labels, axis=1)).ordered()

    @classmethod
    def joined(cls, parts: Sequence[TopScores]) -> TopScores:
        """The documents of all parts, one at least, of as many labels each."""
        return cls(np.concatenate([part.labels for part in parts]), np.concatenate([part.scores for part in parts]))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Any) -> TopScores:
        """Some of the documents: a slice, int (M,) or bool (N,)."""
        return TopScores(self.labels[rows], self.scores[rows])

    @property
    def is_there(self) -> npt.NDArray[np.bool_]:
        """Where there is a label, bool (N, m)."""
        return self.labels != NO_LABEL

    def ordered(self) -> TopScores:
        """The same, the best first again, after scores have changed."""
        order = np.lexsort((self.labels, -self.scores), axis=1)
        return TopScores(np.take_along_axis(self.labels, order, axis=1), np.take_along_axis(self.scores, order, axis=1))

    def best(self, m: int) -> TopScores:
        """The first `m` of each."""
        return TopScores(self.labels[:, :m], self.scores[:, :m])

    def sets(self, is_given: npt.NDArray[np.bool_], n_labels: int) -> LabelSets:
        """The labels where `is_given`, bool (N, m), is true, of K that there are."""
        rows, columns = np.nonzero(is_given & self.is_there)
        return LabelSets.of_pairs(rows, self.labels[rows, columns], len(self), n_labels)

    def hits(self, sets: LabelSets) -> npt.NDArray[np.bool_]:
        """Which of the labels the same documents have, bool (N, m)."""
        keys = np.arange(len(self), dtype=np.int64)[:, np.newaxis] * sets.n_labels + self.labels
        of_sets = sets.keys
        if not len(of_sets):
            return np.zeros(self.labels.shape, dtype=np.bool_)
        found = np.minimum(np.searchsorted(of_sets, keys), len(of_sets) - 1)
        return np.asarray((of_sets[found] == keys) & self.is_there)
