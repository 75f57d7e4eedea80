"""Weighted ids and signs → one pass of a linear SVM's training over all documents, for all classes at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.kernels import _native

Ids = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def classifiers_of(
    ids: Ids, offsets: Offsets, rows: Rows, weights: Floats, signs: Floats, duals: Floats, table: Floats, bias: Floats
) -> None:
    """Dual variables → the classifiers that they stand for, put into `table` and `bias`, which are 0 before."""
    _native.classifiers_of(ids, offsets, rows, weights, signs, duals, table, bias)


def dual_pass(
    ids: Ids,
    offsets: Offsets,
    rows: Rows,
    weights: Floats,
    signs: Floats,
    order: Rows,
    slacks: Floats,
    norms: Floats,
    table: Floats,
    bias: Floats,
    duals: Floats,
) -> float:
    """Improve the dual variables of the N documents `rows` once each, in the order of `order`, indices of `rows`.

    Minimises ½‖w‖² + ½b² + C Σ max(0, 1 - y (w · x + b))² for K classifiers at once. `table` is float32 (V, K),
    their weights, or (V, 2 K): then the second half is the scale of each squared feature for each classifier, beside
    the weights in memory, and the weights are w times the roots of the scales, to be used on x as it is. `bias` is
    (K,). `signs` is float32 (N, K), 1 or -1, or 0 where there is no such class: a K that is a multiple of 8 is fastest.
    `slacks` (N,) is 1 / (2 C) of each document, and `norms` (N, K) is ‖x‖² + 1, scaled, or 0 before it is known.
    `norms`, `table`, `bias` and `duals` float32 (N, K) are changed in place. Violations of the optimality conditions
    that are not above 1e-3 are not worth a step.

    Returns: the largest violation that was seen.
    Source: Hsieh et al. (2008), "A Dual Coordinate Descent Method for Large-scale Linear SVM", algorithm 1.
    """
    worst = np.zeros(1, dtype=np.float32)
    _native.dual_pass(ids, offsets, rows, weights, signs, order, slacks, norms, table, bias, duals, worst)
    return float(worst[0])


def scores_of(ids: Ids, offsets: Offsets, rows: Rows, weights: Floats, table: Floats, scores: Floats) -> None:
    """Put w · x of the N documents `rows` into `scores`, float32 (N, K), without bias; arguments as for `dual_pass`."""
    _native.scores_of(ids, offsets, rows, weights, table, scores)


def times_curvature(
    ids: Ids, offsets: Offsets, rows: Rows, weights: Floats, costs: Floats, table: Floats, found: Floats
) -> None:
    """Add Σ c (w · x) x of the N documents `rows` to `found`: w times the second derivatives of what they cost.

    `table` and `found` are float32 (V, K), and `costs`, c, is float32 (N, K); other arguments as for `dual_pass`.
    """
    _native.times_curvature(ids, offsets, rows, weights, costs, table, found)


def bias_slopes(
    scores: Floats, signs: Floats, slacks: Floats, bias: Doubles, gradients: Doubles, curvatures: Doubles
) -> None:
    """Add what the losses of N documents have for slopes in the bias of each of K classifiers.

    Of C Σ max(0, 1 - y (score + b))², halved as in `dual_pass`, the first and second derivatives are added to
    `gradients` and `curvatures`, float64 (K,). `scores` and `signs` are float32 (N, K), `slacks` (N,), `bias` float64.
    """
    _native.bias_slopes(scores, signs, slacks, bias, gradients, curvatures)
