"""The offsets of tokens and a value of each → the text cut into segments, with the value of each segment.

Tokens may overlap, as pairs of characters do in scripts without spaces: each spreads its value over its characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Segment:
    """The characters from `start` to `end`; `value` is None between the tokens."""

    start: int
    end: int
    value: float | None


def segments(n_characters: int, offsets: npt.NDArray[np.int64], values: Sequence[float]) -> list[Segment]:
    """Cut a text of so many characters wherever a token, of offsets int64 (T, 2), begins or ends.

    The values of all segments sum to those of the tokens. An empty text has no segments.
    """
    bounds = np.unique(np.concatenate([[0, n_characters], offsets.ravel()])).astype(np.int64)
    lengths = np.diff(bounds)
    total, n_covering = np.zeros(len(lengths)), np.zeros(len(lengths), dtype=np.int64)
    for (begin, end), value in zip(np.searchsorted(bounds, offsets).tolist(), values, strict=True):
        inside = lengths[begin:end]
        total[begin:end] += value * inside / inside.sum()
        n_covering[begin:end] += 1
    return [
        Segment(start, end, value if n else None)
        for start, end, value, n in zip(
            bounds[:-1].tolist(), bounds[1:].tolist(), total.tolist(), n_covering.tolist(), strict=True
        )
    ]


def strengths(found: Sequence[Segment], n_levels: int) -> list[int]:
    """How strongly to show each segment, -n_levels to n_levels: its value by the largest; 0 is not to be shown."""
    largest = max((abs(segment.value) for segment in found if segment.value is not None), default=0.0)
    if not largest:
        return [0] * len(found)
    return [round((segment.value or 0.0) / largest * n_levels) for segment in found]
