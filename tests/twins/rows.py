"""Ids and a large matrix → sums of its rows, their gradients and steps on them; other rows cost nothing."""

from __future__ import annotations

import numpy as np


def add_rows(matrix, ids, offsets, weights, sums):
    """Σ weight · matrix[id] over the ids of each document: (V, D), (T,), (N + 1,), (T,) → `sums` float32 (N, D)."""
    for document in range(len(offsets) - 1):
        total = sums[document]
        total[:] = 0
        for index in range(offsets[document], offsets[document + 1]):
            row, weight = matrix[ids[index]], weights[index]
            for d in range(len(total)):
                total[d] += weight * row[d]


def gradients_of_rows(ids, offsets, weights, gradient, index_of):
    """The gradient of the loss by the rows that `add_rows` read, from that by its sums, float32 (N, D).

    `index_of` is int32 (V,), all -1 before and after.
    Returns: the rows int64 (R,), each once, in the order of first occurrence, and their gradients float32 (R, D).
    """
    rows = np.empty(len(ids), dtype=np.int64)
    n_rows = 0
    for row in ids:
        if index_of[row] < 0:
            index_of[row] = n_rows
            rows[n_rows] = row
            n_rows += 1
    gradients = np.zeros((n_rows, gradient.shape[1]), dtype=np.float32)
    for document in range(len(offsets) - 1):
        of_document = gradient[document]
        for index in range(offsets[document], offsets[document + 1]):
            total, weight = gradients[index_of[ids[index]]], weights[index]
            for d in range(len(total)):
                total[d] += weight * of_document[d]
    for row in rows[:n_rows]:
        index_of[row] = -1
    return rows[:n_rows].copy(), gradients


def adagrad(matrix, squares, rows, gradients, rate, epsilon):
    """A step of Adagrad on `rows` alone, in place; a row has one accumulator, of the mean of its squared gradient.

    `matrix` is float32 (V, D), `squares` float32 (V,), `rows` int64 (R,), each once, `gradients` float32 (R, D).
    """
    for index in range(len(rows)):
        gradient = gradients[index]
        square = np.float32(0)
        for d in range(len(gradient)):
            square += gradient[d] * gradient[d]
        squares[rows[index]] += square / np.float32(len(gradient))
        step = np.float32(rate / (np.sqrt(squares[rows[index]]) + epsilon))
        row = matrix[rows[index]]
        for d in range(len(gradient)):
            row[d] -= step * gradient[d]
