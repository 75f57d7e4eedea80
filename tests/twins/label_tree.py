"""Weighted ids and a tree of labels → the classifiers of each of its nodes, and the best labels by a beam search."""

from __future__ import annotations

import numpy as np

SMALL = np.float32(1e-3)  # violations below it are not worth a step


def _next(state):
    for shift in (13, -7, 17):
        state ^= (state << shift if shift > 0 else state >> -shift) & (2**64 - 1)
    return state


def train_node(
    ids, offsets, weights, rows, children, child_offsets, slacks,
    *, n_rows, n_children, n_passes, tolerance, threshold, seed,
):  # fmt: skip
    """The classifiers of the children of a node, by dual coordinate descent, document by document, child by child."""
    table = np.zeros((n_rows, n_children), dtype=np.float32)
    bias, duals = np.zeros(n_children, dtype=np.float32), np.zeros((len(rows), n_children), dtype=np.float32)
    order, state = np.arange(len(rows)), (seed * 0x9E3779B97F4A7C15 & (2**64 - 1)) | 1
    for _ in range(n_passes):
        worst = np.float32(0)
        for left in range(len(rows), 0, -1):
            state = _next(state)
            drawn = state % left
            order[[drawn, left - 1]] = order[[left - 1, drawn]]
            row, slack = order[left - 1], slacks[order[left - 1]]
            own = slice(offsets[rows[row]], offsets[rows[row] + 1])
            words, counts = ids[own], weights[own]
            inverse = np.float32(1 / (1 + (counts.astype(np.float64) ** 2).sum() + np.float64(slack)))
            scores = bias.copy()
            for word, count in zip(words, counts, strict=True):
                scores += count * table[word]
            signs = np.full(n_children, -1, dtype=np.float32)
            signs[children[child_offsets[row] : child_offsets[row + 1]]] = 1
            for k in range(n_children):
                gradient = signs[k] * scores[k] - np.float32(1) + slack * duals[row, k]
                new = max(duals[row, k] - gradient * inverse, np.float32(0))
                if abs(gradient) > SMALL and new != duals[row, k]:
                    step = (new - duals[row, k]) * signs[k]
                    duals[row, k], worst = new, max(worst, abs(gradient))
                    table[words, k] += counts * step
                    bias[k] += step
        if worst < tolerance:
            break
    is_large = np.abs(table) > threshold
    features = np.flatnonzero(is_large.any(axis=1))
    kept, columns = np.nonzero(is_large)
    return features, is_large[features].sum(axis=1), columns, table[kept, columns], bias


def search_tree(ids, offsets, weights, tree, *, n_rows, n_labels, beam, scale, decay, most):
    """The best labels of N bags by a beam search, document by document."""
    child_offsets, children, bias, feature_offsets, features, entry_offsets, columns, values = tree
    labels = np.full((len(offsets) - 1, most), -1, dtype=np.int32)
    found_scores = np.full((len(offsets) - 1, most), -np.inf, dtype=np.float32)
    for document in range(len(offsets) - 1):
        own = slice(offsets[document], offsets[document + 1])
        found, level = [], [(0.0, 0)]
        while level:
            below = []
            for above, node in level:
                first = child_offsets[node]
                scores = bias[first : child_offsets[node + 1]].copy()
                for word, weight in zip(ids[own], weights[own], strict=True):
                    for place in range(feature_offsets[node], feature_offsets[node + 1]):
                        if features[place] == word:
                            entries = slice(entry_offsets[place], entry_offsets[place + 1])
                            scores[columns[entries]] += weight * values[entries]
                scores = -np.logaddexp(0, -scale * scores.astype(np.float64)) + decay * above
                for child, score in zip(children[first:], scores, strict=False):
                    (found if child < n_labels else below).append((score, child - n_labels * (child >= n_labels)))
            level = sorted(below, key=lambda one: (-one[0], one[1]))[:beam]
        for at, (score, label) in enumerate(sorted(found, key=lambda one: (-one[0], one[1]))[:most]):
            labels[document, at], found_scores[document, at] = label, score
    return labels, found_scores
