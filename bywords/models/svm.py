"""Bags and targets → linear support vector machines, one a class, by dual coordinate descent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.data.targets import Rows, Targets
from bywords.text.bags import Bags, Floats

TOLERANCE = 0.1  # of the optimality conditions: closer changes no accuracy
FEW_DOCUMENTS, PASSES_OF_FEW, PASSES = 1_000, 10, 4  # passes over them: of more documents, fewer are enough
MORE_PASSES = 2  # for an SVM that goes on from dual variables
LANES, MOST_LANES = 8, 32  # classes that the kernel does at a time, and at most


def support_vectors(
    bags: Bags,
    targets: Targets,
    *,
    C: float,
    scales: Floats | None,
    duals: Floats | None,
    seed: int,
    rows: Rows | None = None,
) -> tuple[Floats, Floats, Floats]:
    """One linear SVM a class, against all others: weights float32 (V, K), bias (K,) and dual variables (N, K).

    The targets are those of `rows` of the bags, of all where they are not given. `scales`, float32 (V, K) or (V, 1) for
    two classes, multiplies the features, for each class by its own column. For two classes one classifier is trained,
    with one column of dual variables, and its score z becomes -z/2 and z/2: a softmax gives the sigmoid of z. It goes
    on from `duals`, where they are given.
    """
    from bywords.kernels.svm import classifiers_of, dual_pass, fit_bias

    rows = np.arange(len(bags)) if rows is None else rows
    n = 1 if targets.is_binary else targets.n_classes
    width = _padded(n)
    signs = np.zeros((len(rows), width), dtype=np.float32)
    signs[:, :n] = np.where(targets.one_hot()[:, -n:], 1, -1)
    table = _aligned_zeros(bags.n_rows, width if scales is None else 2 * width)
    if scales is not None:
        np.square(scales, out=table[:, width : width + n])
    bias, norms, all_duals = np.zeros(width, dtype=np.float32), np.zeros_like(signs), np.zeros_like(signs)
    n_passes = PASSES_OF_FEW if len(rows) < FEW_DOCUMENTS else PASSES
    if duals is not None:
        all_duals[:, :n], n_passes = duals, MORE_PASSES
        classifiers_of(bags.ids, bags.offsets, rows, bags.weights, signs, all_duals, table, bias)
    slacks = (np.float32(0.5 / C) / np.maximum(targets.weights, np.finfo(np.float32).tiny)).astype(np.float32)
    counting = np.flatnonzero(targets.weights > 0)
    generator = np.random.default_rng(seed)
    for _ in range(n_passes):
        order = counting[generator.permutation(len(counting))]
        worst = dual_pass(
            bags.ids, bags.offsets, rows, bags.weights, signs, order, slacks, norms, table, bias, all_duals
        )
        if worst < TOLERANCE:
            break
    fit_bias(bags.ids, bags.offsets, rows, bags.weights, signs, slacks, norms, table, bias)
    classifiers, bias = table[:, :n], bias[:n]
    if targets.is_binary:
        classifiers, bias = np.concatenate([-classifiers, classifiers], axis=1), np.concatenate([-bias, bias])
        classifiers, bias = classifiers / np.float32(2), bias / np.float32(2)
    return np.ascontiguousarray(classifiers), bias, np.ascontiguousarray(all_duals[:, :n])


def _padded(n_classifiers: int) -> int:
    """So many, or more, that they fill the lanes of the kernel; a single one is done alone."""
    lanes = LANES if n_classifiers <= MOST_LANES else MOST_LANES
    return n_classifiers if n_classifiers == 1 else -(-n_classifiers // lanes) * lanes


def _aligned_zeros(n_rows: int, width: int) -> npt.NDArray[np.float32]:
    """Float32 (n_rows, width), all 0, that starts with a line of the processor's cache, so that rows cross none."""
    line = 64
    raw = np.zeros(n_rows * width * 4 + line, dtype=np.uint8)
    start = -raw.ctypes.data % line
    return raw[start : start + n_rows * width * 4].view(np.float32).reshape(n_rows, width)
