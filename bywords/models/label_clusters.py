"""Vectors of labels → a balanced tree of clusters; nested clusters → the arrays of a tree that a search walks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.errors import SettingError
from bywords.text.bags import Floats
from bywords.text.ragged import offsets_of

Nested = Sequence[Any]  # of labels, int, and of clusters that are nested themselves
Indices = npt.NDArray[np.int64]
MOST_HALVINGS = 6  # of the labels of a node among its children: 64 of them
MOST_ROUNDS = 20  # of 2-means


@dataclass(frozen=True, eq=False)
class TreeShape:
    """M nodes with their children, node 0 the root, each node behind the one that it is a child of.

    `children` is int32 (C,): a label below K, or K more than the number of a node; `lengths` int32 (M,), all ≥ 1.
    """

    children: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int32]
    n_labels: int

    @classmethod
    def of_nested(cls, clusters: Nested, n_labels: int) -> TreeShape:
        """From clusters within each other, as [[0, 3], [1, [2, 4]]]: each of K labels in one of them.

        Raises: SettingError where a label is missing, there twice or none that there is, and for an empty cluster.
        """
        children, lengths, waiting = list[int](), list[int](), [clusters]
        for cluster in waiting:
            if not len(cluster):
                raise SettingError("the tree of labels has a cluster without any: leave it out.")
            lengths.append(len(cluster))
            for child in cluster:
                is_cluster = isinstance(child, Sequence)
                children.append(n_labels + len(waiting) if is_cluster else int(child))
                waiting += [child] if is_cluster else []
        found = np.array(children, dtype=np.int32)
        inner = found[found < n_labels]
        if inner.min(initial=0) < 0 or (np.bincount(inner, minlength=n_labels) != 1).any() or len(inner) != n_labels:
            raise SettingError(f"the tree of labels has {len(inner)} leaves, expected each of {n_labels} labels once.")
        return cls(found, np.array(lengths, dtype=np.int32), n_labels)

    def paths(self) -> list[tuple[Indices, Indices]]:
        """For each depth, the node on the way to each label, int64 (K,), and which of its children is next, (K,).

        -1 where a label's way has ended above.
        """
        nodes = np.repeat(np.arange(len(self.lengths)), self.lengths)
        within = np.arange(len(self.children)) - offsets_of(self.lengths)[nodes]
        place = np.empty(self.n_labels + len(self.lengths), dtype=np.int64)  # of labels and nodes among the children
        place[self.children] = np.arange(len(self.children))
        at, upwards = place[: self.n_labels], list[Indices]()
        while (at >= 0).any():
            upwards.append(at)
            above = nodes[at]
            at = np.where((at >= 0) & (above > 0), place[self.n_labels + above], -1)
        ways = np.stack(upwards[::-1])  # (depth, K), those that end above padded at the start
        order = np.argsort(ways < 0, axis=0, kind="stable")
        ways = np.take_along_axis(ways, order, axis=0)
        return [(np.where(way < 0, -1, nodes[way]), np.where(way < 0, -1, within[way])) for way in ways]


def balanced_clusters(vectors: Floats, *, max_leaf: int, seed: int) -> TreeShape:
    """Halve the labels by 2-means on their vectors, (K, D), of length 1 or 0, until none has more than `max_leaf`.

    A node has up to 64 children: several halvings are one level, so that the tree is flat.
    Source: Prabhu et al. (2018), "Parabel"; Khandagale, Xiao, Babbar (2020), "Bonsai", for the flat tree.
    """
    generator = np.random.default_rng(seed)
    n_halvings = max(math.ceil(math.log2(len(vectors) / max_leaf)), 0)
    n_levels = math.ceil(n_halvings / MOST_HALVINGS)
    steps = [n_halvings // n_levels + (level < n_halvings % n_levels) for level in range(n_levels)]

    def divided(labels: Indices, level: int) -> Nested:
        if level == n_levels:
            return [int(label) for label in labels]
        parts = [labels]
        for _ in range(steps[level]):
            parts = [half for part in parts for half in _halves(vectors, part, generator)]
        return [divided(part, level + 1) for part in parts if len(part)]

    return TreeShape.of_nested(divided(np.arange(len(vectors)), 0), len(vectors))


def _halves(vectors: Floats, labels: Indices, generator: np.random.Generator) -> tuple[Indices, Indices]:
    """Two halves by balanced spherical 2-means from two labels that are drawn."""
    if len(labels) < 2:
        return labels, labels[:0]
    own, half = vectors[labels], len(labels) // 2
    first, second = own[generator.choice(len(labels), 2, replace=False)]
    is_first = np.zeros(len(labels), dtype=bool)
    for _ in range(MOST_ROUNDS):
        order = np.argsort(-np.einsum("kd,d->k", own, first - second), kind="stable")
        found = np.zeros_like(is_first)
        found[order[:half]] = True
        if np.array_equal(found, is_first):
            break
        is_first = found
        first, second = (_direction(own[found]), _direction(own[~found]))
    return labels[is_first], labels[~is_first]


def _direction(vectors: Floats) -> Floats:
    total = vectors.sum(axis=0)
    return total / max(np.float32(np.linalg.norm(total)), np.finfo(np.float32).tiny)
