"""Ids and a large matrix → sums of its rows, their gradients and steps on them; other rows cost nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.kernels import _native

Floats = npt.NDArray[np.float32]


def add_rows(
    matrix: Floats, ids: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64], weights: Floats, sums: Floats
) -> None:
    """Σ weight · matrix[id] over the ids of each document: (V, D), (T,), (N + 1,), (T,) → `sums` float32 (N, D)."""
    _native.add_rows(matrix, ids, offsets, weights, sums)


def gradients_of_rows(
    ids: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int64],
    weights: Floats,
    gradient: Floats,
    index_of: npt.NDArray[np.int32],
) -> tuple[npt.NDArray[np.int64], Floats]:
    """The gradient of the loss by the rows that `add_rows` read, from that by its sums, float32 (N, D).

    `index_of` is int32 (V,), all -1 before and after.
    Returns: the rows int64 (R,), each once, in the order of first occurrence, and their gradients float32 (R, D).
    """
    rows = np.empty(len(ids), dtype=np.int64)
    gradients = np.empty((len(ids), gradient.shape[1]), dtype=np.float32)
    n_rows = _native.gradients_of_rows(ids, offsets, weights, gradient, index_of, rows, gradients)
    return rows[:n_rows], gradients[:n_rows]


def adagrad(
    matrix: Floats, squares: Floats, rows: npt.NDArray[np.int64], gradients: Floats, rate: float, epsilon: float
) -> None:
    """A step of Adagrad on `rows` alone, in place; a row has one accumulator, of the mean of its squared gradient.

    `matrix` is float32 (V, D), `squares` float32 (V,), `rows` int64 (R,), each once, `gradients` float32 (R, D).
    """
    _native.adagrad(matrix, squares, rows, gradients, rate, epsilon)
