"""Weighted ids of documents and their labels → the weights of each id summed over the documents of each label."""

from __future__ import annotations

import numpy as np


def class_sums(ids, offsets, rows, labels, counts, weights, shape):
    """Of P pairs of a document, `rows`, with a label, each counting `counts`: float64 `shape`, (V, K)."""
    sums = np.zeros(shape)
    for row, label, count in zip(rows, labels, counts, strict=True):
        for index in range(offsets[row], offsets[row + 1]):
            sums[ids[index], label] += np.float64(weights[index] * count)
    return sums
