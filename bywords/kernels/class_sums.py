"""Weighted ids of documents and their labels → the weights of each id summed over the documents of each label."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.kernels import _native

Ids = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def class_sums(
    ids: Ids,
    offsets: Indices,
    rows: Indices,
    labels: Indices,
    counts: Floats,
    weights: Floats | None,
    shape: tuple[int, int],
) -> npt.NDArray[np.float64]:
    """Of P pairs of a document, `rows`, with a label, int64 (P,), that count `counts`, float32 (P,): float64 `shape`.

    `shape` is (V, K), more than any id and any label. `weights` are float32 (T,), those of the ids; None, all 1.
    """
    sums = np.zeros(shape)
    weights = np.zeros(0, dtype=np.float32) if weights is None else weights
    _native.class_sums(ids, offsets, rows, labels, counts, weights, sums)
    return sums
