"""Documents of ids → each id once, with its count or its weight; and the rows of a matrix added up by these weights."""

from __future__ import annotations

import math

import numpy as np

from bywords.kernels.bags import IDF, LOG_TFIDF, UNIFORM
from twins.rows import add_rows

ONE, UNKNOWN = np.uint64(1), 1
TINY = float(np.finfo(np.float32).tiny)  # what is divided by is no less


def count(ids, offsets, n_rows, unknown):
    """How often each id below `n_rows` occurs in each document: each id once, in the order of first occurrence.

    A document without any becomes one `unknown`.
    Returns: ids int32 (T',), offsets int64 (N + 1,), counts float32 (T',).
    """
    distinct = np.empty(len(ids) + len(offsets), dtype=np.int32)
    counts = np.empty(len(ids) + len(offsets), dtype=np.float32)
    new_offsets = np.zeros(len(offsets), dtype=np.int64)
    # A small table of the ids of one document, with linear probing: `owner` is the document + 1 that an entry is of.
    longest, size = 1, 16
    for document in range(len(offsets) - 1):
        longest = max(longest, offsets[document + 1] - offsets[document])
    while size < 2 * longest:
        size *= 2
    mask = np.uint64(size - 1)
    owner = np.zeros(size, dtype=np.int64)
    index_of = np.empty(size, dtype=np.int64)
    n_distinct = 0
    for document in range(len(offsets) - 1):
        first = n_distinct
        for position in range(offsets[document], offsets[document + 1]):
            number = ids[position]
            if number >= n_rows:
                continue
            slot = (np.uint64(number) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32) & mask
            while owner[slot] == document + 1 and distinct[index_of[slot]] != number:
                slot = (slot + ONE) & mask
            if owner[slot] != document + 1:
                owner[slot] = document + 1
                index_of[slot] = n_distinct
                distinct[n_distinct] = number
                counts[n_distinct] = 1
                n_distinct += 1
            else:
                counts[index_of[slot]] += 1
        if n_distinct == first:
            distinct[n_distinct] = unknown
            counts[n_distinct] = 1
            n_distinct += 1
        new_offsets[document + 1] = n_distinct
    return distinct[:n_distinct].copy(), new_offsets, counts[:n_distinct].copy()


def _scaled(weights, blocks):
    """Each block of weights divided by its length. Sums are float64."""
    squares = {}
    for weight, block in zip(weights, blocks, strict=True):
        squares[block] = squares.get(block, 0.0) + float(weight) * float(weight)
    lengths = {block: math.sqrt(max(square, TINY)) for block, square in squares.items()}
    return [weight / np.float32(lengths[block]) for weight, block in zip(weights, blocks, strict=True)]


def weigh(ids, offsets, idf, block_starts, weighting, weights):
    """Counts of ids, float32 (T,), which become weights."""
    has_blocks = any(0 < start < len(idf) for start in block_starts)
    for document in range(len(offsets) - 1):
        start, end = offsets[document], offsets[document + 1]
        numbers, values = ids[start:end].tolist(), list(weights[start:end])
        if weighting == LOG_TFIDF:
            values = [np.float32(1) + np.float32(math.log(value)) for value in values]
        if weighting != UNIFORM:
            values = [value * idf[number] for number, value in zip(numbers, values, strict=True)]
        if weighting in (UNIFORM, IDF):
            total = np.float32(max(sum(map(float, values)), TINY))
            weights[start:end] = [value / total for value in values]
            continue
        values = [np.float32(0) if number == UNKNOWN else value for number, value in zip(numbers, values, strict=True)]
        if has_blocks:
            values = _scaled(values, [sum(first <= number for first in block_starts) for number in numbers])
        weights[start:end] = _scaled(values, [0] * len(values))


def weighed_sums(ids, offsets, idf, block_starts, weighting, matrix):
    """Σ weight · matrix[id] over the ids of each document below V, counted and weighed: (V, D) → float32 (N, D)."""
    distinct, new_offsets, weights = count(ids, offsets, len(idf), UNKNOWN)
    weigh(distinct, new_offsets, idf, block_starts, weighting, weights)
    sums = np.empty((len(offsets) - 1, matrix.shape[1]), dtype=np.float32)
    add_rows(matrix, distinct, new_offsets, weights, sums)
    return sums


def pooled_sums(ids, offsets, idf, matrices, starts, groups, weighting):
    """The sum of what some matrices give that share idf and weighting, float32 (N, K)."""
    distinct, new_offsets, counts = count(ids, offsets, len(idf), UNKNOWN)
    answers = np.zeros((len(offsets) - 1, matrices[0].shape[1]), dtype=np.float32)
    for document in range(len(answers)):
        of_document = slice(new_offsets[document], new_offsets[document + 1])
        numbers, values = distinct[of_document], list(counts[of_document])
        if weighting == LOG_TFIDF:
            values = [np.float32(1) + np.float32(math.log(value)) for value in values]
        values = np.array([value * idf[number] for number, value in zip(numbers, values, strict=True)])
        segments = np.searchsorted(starts, numbers, side="right") - 1
        for model, group_of in enumerate(groups):
            is_seen = group_of[segments] >= 0
            rows, blocks = matrices[model][numbers[is_seen]], group_of[segments[is_seen]]
            weights = _scaled(list(values[is_seen]), blocks.tolist())
            if group_of.max() > 0:
                weights = _scaled(weights, [0] * len(weights))
            for weight, row in zip(weights, rows, strict=True):
                answers[document] += weight * row
    return answers
