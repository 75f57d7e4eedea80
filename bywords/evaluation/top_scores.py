"""The best labels of each document with their scores, where there are too many labels for a score of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class TopScores:
    """Of each of N documents its best m labels, the best first.

    `labels` is int32 (N, m), -1 where there are fewer; `scores` float32 (N, m), descending, -inf where there are fewer.
    """

    labels: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]

    @classmethod
    def of_table(cls, scores: npt.NDArray[np.float32], m: int) -> TopScores:
        """From a score of each of K labels, (N, K); of equal ones the first label comes first."""
        best = np.argsort(-scores, axis=1, kind="stable")[:, :m]
        missing = max(m - scores.shape[1], 0)
        return cls(
            np.pad(best.astype(np.int32), ((0, 0), (0, missing)), constant_values=-1),
            np.pad(np.take_along_axis(scores, best, axis=1), ((0, 0), (0, missing)), constant_values=-np.inf),
        )

    @classmethod
    def joined(cls, parts: Sequence[TopScores]) -> TopScores:
        """The documents of all parts, one after the other; one part at least."""
        return cls(np.concatenate([one.labels for one in parts]), np.concatenate([one.scores for one in parts]))

    def __len__(self) -> int:
        return len(self.labels)
