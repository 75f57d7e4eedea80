"""Bags and targets → linear support vector machines, one a class, by dual coordinate descent."""

from __future__ import annotations

import numpy as np

from bywords.data.targets import Targets
from bywords.text.bags import Bags, Floats

TOLERANCE = 0.1  # of the optimality conditions: closer changes no accuracy
FEW_DOCUMENTS, PASSES_OF_FEW, PASSES = 6_000, 10, 5  # passes over them: of more documents, fewer are enough
MORE_PASSES = 2  # for an SVM that goes on from dual variables


def support_vectors(
    bags: Bags,
    targets: Targets,
    *,
    C: float,
    scales: Floats | None,
    duals: Floats | None,
    seed: int,
) -> tuple[Floats, Floats, Floats]:
    """One linear SVM a class, against all others: weights float32 (V, K), bias (K,) and dual variables (N, K).

    `scales`, float32 (V, K) or (V, 1) for two classes, multiplies the features, for each class by its own column. For
    two classes one classifier is trained, with one column of dual variables, and its score z becomes -z/2 and z/2: a
    softmax gives the sigmoid of z. It goes on from `duals`, where they are given.
    """
    from bywords.kernels.svm import classifiers_of, dual_pass

    n_classes = targets.n_classes
    n_classifiers = 1 if targets.is_binary else n_classes
    signs = np.where(targets.one_hot()[:, -n_classifiers:], 1, -1).astype(np.float32)
    squares = Bags(bags.ids, bags.offsets, bags.weights**2, bags.n_rows)
    table = np.zeros((bags.n_rows, n_classifiers), dtype=np.float32)
    if scales is None:
        norms = np.repeat(squares.times(np.ones((bags.n_rows, 1), dtype=np.float32)), n_classifiers, axis=1) + 1
    else:
        norms = squares.times(scales**2) + 1
        table = np.concatenate([table, scales**2], axis=1)
    bias = np.zeros(n_classifiers, dtype=np.float32)
    n_passes = PASSES_OF_FEW if len(bags) < FEW_DOCUMENTS else PASSES
    if duals is None:
        duals = np.zeros_like(signs)
    else:
        duals, n_passes = duals.copy(), MORE_PASSES
        classifiers_of(bags.ids, bags.offsets, bags.weights, signs, duals, table, bias)
    slacks = (np.float32(0.5 / C) / np.maximum(targets.weights, np.finfo(np.float32).tiny)).astype(np.float32)
    counting = np.flatnonzero(targets.weights > 0)
    generator = np.random.default_rng(seed)
    for _ in range(n_passes):
        order = counting[generator.permutation(len(counting))]
        worst = dual_pass(bags.ids, bags.offsets, bags.weights, signs, order, slacks, norms, table, bias, duals)
        if worst < TOLERANCE:
            break
    classifiers = table[:, :n_classifiers]
    if n_classifiers < n_classes:
        classifiers, bias = np.concatenate([-classifiers, classifiers], axis=1), np.concatenate([-bias, bias])
        classifiers, bias = classifiers / np.float32(2), bias / np.float32(2)
    return np.ascontiguousarray(classifiers), bias, duals
