"""Tokens of a training and of a test part → their statistics: sizes, Zipf, coverage, lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import Vocabulary

COVERAGE_SIZES = (1_000, 5_000, 10_000, 20_000, 50_000, 100_000)  # words
CUT_LENGTHS = (50, 100, 200, 400, 800)  # tokens
N_ZIPF_POINTS = 200
N_LENGTH_BINS = 40


def text_statistics(train: Tokens, test: Tokens, *, cut_lengths: Sequence[int] = CUT_LENGTHS) -> dict[str, Any]:
    """The statistics of two parts, ready for JSON. All words of `train` are counted.

    Returns: `n_tokens` of each part, `n_types`; `zipf`: rank and count, thinned evenly in the logarithm of the rank;
    `coverage`: for each size, the share of the tokens of each part that as many of the most frequent words of `train`
    cover; `lengths` in tokens: of each part, a histogram, and the share of documents longer than each cut.
    """
    vocabulary = Vocabulary.of(train)
    counts = vocabulary.counts[2:]
    sizes = [size for size in COVERAGE_SIZES if size < len(counts)] + [len(counts)]
    parts = {"train": train, "test": test}
    covered = {name: vocabulary.coverage(sizes, tokens) for name, tokens in parts.items()}
    ranks = np.unique(np.geomspace(1, max(len(counts), 1), N_ZIPF_POINTS).round().astype(np.int64))[: len(counts)]
    return {
        "n_tokens": {name: len(tokens.codes) for name, tokens in parts.items()},
        "n_types": len(counts),
        "zipf": {"rank": ranks.tolist(), "count": counts[ranks - 1].tolist()},
        "coverage": [
            {"size": size, **{name: _number(covered[name][index]) for name in parts}}
            for index, size in enumerate(sizes)
        ],
        "lengths": {
            **{name: _length_summary(tokens.lengths) for name, tokens in parts.items()},
            "histogram": _histogram({name: tokens.lengths for name, tokens in parts.items()}),
            "cut": [
                {"length": length, **{name: _share_over(tokens.lengths, length) for name, tokens in parts.items()}}
                for length in cut_lengths
            ],
        },
    }


def _length_summary(lengths: npt.NDArray[np.int64]) -> dict[str, float] | None:
    if not len(lengths):
        return None
    median, p90, p99 = np.percentile(lengths, [50, 90, 99])
    return {
        "min": int(lengths.min()),
        "median": float(median),
        "mean": float(lengths.mean()),
        "p90": float(p90),
        "p99": float(p99),
        "max": int(lengths.max()),
    }


def _histogram(lengths: dict[str, npt.NDArray[np.int64]]) -> dict[str, list[float]]:
    """Documents by length, in bins that grow by a constant factor."""
    longest = max((int(part.max(initial=1)) for part in lengths.values()), default=1)
    edges = np.unique(np.geomspace(1, longest + 1, N_LENGTH_BINS + 1).round().astype(np.int64))
    histogram: dict[str, list[float]] = {"edges": edges.tolist()}
    for name, part in lengths.items():
        histogram[name] = np.histogram(part, bins=edges)[0].tolist()
    return histogram


def _share_over(lengths: npt.NDArray[np.int64], length: int) -> float | None:
    return float((lengths > length).mean()) if len(lengths) else None


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return None if np.isnan(value) else value
