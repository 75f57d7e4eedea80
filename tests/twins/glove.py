"""Counted pairs of words and two sets of vectors → steps of AdaGrad on the vectors, in place."""

from __future__ import annotations

import numpy as np


def train_block(block, words, contexts, learning_rate):
    """One step for each pair of the block, in order; also for arrays of float64.

    `words` and `contexts` are vectors (V, D), their squares, biases (V,) and their squares.
    """
    total = 0.0
    for i, j, log, weight in zip(*block, strict=True):
        w, c = words[0][i].copy(), contexts[0][j].copy()
        error = w @ c + words[2][i] + contexts[2][j] - log
        total += 0.5 * weight * error**2
        slope = weight * error
        for (vectors, squares, biases, bias_squares), row, gradient in (
            (words, i, slope * c),
            (contexts, j, slope * w),
        ):
            vectors[row] -= learning_rate * gradient / np.sqrt(squares[row])
            squares[row] += gradient**2
            biases[row] -= learning_rate * slope / np.sqrt(bias_squares[row])
            bias_squares[row] += slope**2
    return float(total)
