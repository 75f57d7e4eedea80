"""Weighted ids and a tree of labels → the classifiers of each of its nodes, and the best labels by a beam search."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.kernels import _native

Ids = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def train_node(
    ids: Ids,
    offsets: Offsets,
    weights: Floats,
    rows: Offsets,
    children: Ids,
    child_offsets: Offsets,
    slacks: Floats,
    *,
    n_rows: int,
    n_children: int,
    n_passes: int,
    tolerance: float,
    threshold: float,
    seed: int,
) -> tuple[Ids, Ids, Ids, Floats, Floats]:
    """The classifiers of the C children of a node, each against all others, by dual coordinate descent.

    Minimises ½‖w‖² + ½b² + Σ max(0, 1 - y (w · x + b))² / (2 slack) over the documents `rows`, int64 (R,), of the bags
    `ids`, `offsets`, `weights`, whose ids are below `n_rows`. Document r is one of its children
    `children[child_offsets[r]:child_offsets[r + 1]]`, and none of the others. Ends after `n_passes`, or when no
    optimality condition is violated by `tolerance`. Weights of at most `threshold`, without their sign, are cut off.

    Returns: the features that are left, int32 (F,), ascending; how many weights each has, int32 (F,), all ≥ 1; of which
    child each weight is, int32 (E,), and what it is, float32 (E,); the bias of each child, float32 (C,).
    Source: Hsieh et al. (2008), "A Dual Coordinate Descent Method for Large-scale Linear SVM", algorithm 1; Babbar and
    Schölkopf (2017), "DiSMEC", for the threshold.
    """
    bias = np.zeros(n_children, dtype=np.float32)
    _, features, lengths, columns, values = _native.train_node(
        ids, offsets, weights, rows, children, child_offsets, slacks, n_rows, n_children, n_passes, tolerance,
        threshold, seed, bias,
    )  # fmt: skip
    integers = (np.frombuffer(one, dtype=np.int32) for one in (features, lengths, columns))
    return *integers, np.frombuffer(values, dtype=np.float32), bias  # type: ignore[return-value]


def search_tree(
    ids: Ids,
    offsets: Offsets,
    weights: Floats,
    tree: tuple[Offsets, Ids, Floats, Offsets, Ids, Offsets, Ids, Floats],
    *,
    n_rows: int,
    n_labels: int,
    beam: int,
    scale: float,
    decay: float,
    most: int,
) -> tuple[Ids, Floats]:
    """The best `most` labels of N bags by a beam search from node 0: at each depth, only the best `beam` nodes go on.

    `tree` is: where the children of M nodes start, int64 (M + 1,); the children, int32 (C,), a label below K, or K
    more than the number of a node that comes later; their bias, float32 (C,); where the features of each node start,
    int64 (M + 1,); the features, int32 (F,), ascending in each node; where the weights of each start, int64 (F + 1,);
    of which of the node's children each weight is, int32 (E,); and what it is, float32 (E,).
    The score of a child is log σ(`scale` · (w · x + b)) plus `decay` times the score of its node; that of node 0 is 0.

    Returns: labels int32 (N, most), -1 where there are fewer, and scores float32 (N, most), descending, -inf there.
    Source: Prabhu et al. (2018), "Parabel: Partitioned Label Trees for Extreme Classification".
    """
    labels = np.empty((len(offsets) - 1, most), dtype=np.int32)
    scores = np.empty((len(offsets) - 1, most), dtype=np.float32)
    _native.search_tree(ids, offsets, weights, *tree, n_rows, n_labels, beam, scale, decay, labels, scores)
    return labels, scores
