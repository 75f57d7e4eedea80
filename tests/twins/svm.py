"""Weighted ids and signs → one pass of a linear SVM's training over all documents, for all classes at once."""

from __future__ import annotations

import numpy as np

SMALL = 1e-3


def classifiers_of(ids, offsets, rows, weights, signs, duals, table, bias):
    """Dual variables → the classifiers that they stand for, put into `table` and `bias`, which are 0 before."""
    n_classifiers = len(bias)
    is_scaled = table.shape[1] > n_classifiers
    for place, document in enumerate(rows):
        for k in range(n_classifiers):
            dual = signs[place, k] * duals[place, k]
            if dual != 0:
                bias[k] += dual
                for index in range(offsets[document], offsets[document + 1]):
                    row = table[ids[index]]
                    row[k] += weights[index] * dual * (row[n_classifiers + k] if is_scaled else np.float32(1))


def dual_pass(ids, offsets, rows, weights, signs, order, slacks, norms, table, bias, duals):
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
    n_classifiers = len(bias)
    is_scaled = table.shape[1] > n_classifiers
    scores, steps = np.empty(n_classifiers, dtype=np.float32), np.empty(n_classifiers, dtype=np.float32)
    worst = np.float32(0)
    for place in order:
        slack, span = slacks[place], range(offsets[rows[place]], offsets[rows[place] + 1])
        if norms[place, 0] == 0:
            norms[place] = 1
            for index in span:
                scales = table[ids[index], n_classifiers:] if is_scaled else np.float32(1)
                norms[place] += weights[index] * weights[index] * scales
        scores[:] = bias
        for index in span:
            row, weight = table[ids[index]], weights[index]
            for k in range(n_classifiers):
                scores[k] += weight * row[k]
        is_changed = False
        for k in range(n_classifiers):
            dual, sign = duals[place, k], signs[place, k]
            gradient = sign * scores[k] - np.float32(1) + slack * dual
            steps[k] = 0
            if sign != 0 and (dual > 0 or gradient < 0) and abs(gradient) > np.float32(SMALL):
                worst = max(worst, abs(gradient))
                new = max(dual - gradient / (norms[place, k] + slack), np.float32(0))
                steps[k] = (new - dual) * sign
                duals[place, k] = new
                is_changed = True
        if is_changed:
            for index in span:
                row, weight = table[ids[index]], weights[index]
                if is_scaled:
                    for k in range(n_classifiers):
                        row[k] += weight * steps[k] * row[n_classifiers + k]
                else:
                    for k in range(n_classifiers):
                        row[k] += weight * steps[k]
            for k in range(n_classifiers):
                bias[k] += steps[k]
    return worst


def scores_of(ids, offsets, rows, weights, table, scores):
    """Put w · x of the N documents `rows` into `scores`, float32 (N, K), without bias."""
    for place, document in enumerate(rows):
        scores[place] = 0
        for index in range(offsets[document], offsets[document + 1]):
            scores[place] += weights[index] * table[ids[index], : scores.shape[1]]


def times_curvature(ids, offsets, rows, weights, costs, table, found):
    """Add Σ c (w · x) x of the N documents `rows` to `found`: w times the second derivatives of what they cost."""
    for place, document in enumerate(rows):
        span = range(offsets[document], offsets[document + 1])
        scores = np.zeros(table.shape[1], dtype=np.float32)
        for index in span:
            scores += weights[index] * table[ids[index]]
        for index in span:
            found[ids[index]] += weights[index] * (scores * costs[place])


def bias_slopes(scores, signs, slacks, bias, gradients, curvatures):
    """Add what the losses of N documents have for slopes in the bias of each of K classifiers."""
    for sign, score, slack in zip(signs.astype(np.float64), scores, slacks.astype(np.float64), strict=True):
        short_of = 1 - sign * (score + bias)
        counts = np.where((short_of > 0) & (sign != 0), 1 / slack, 0)
        gradients -= counts * sign * short_of
        curvatures += counts
