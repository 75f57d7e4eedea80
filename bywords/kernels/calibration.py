"""Logits of one label a document → calibrated probabilities; of any number of labels → the sigmoid of each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.kernels import _native

Numbers = npt.NDArray[np.float64]


def calibrate(logits: Numbers, temperature: float, curve: tuple[float, float, float] | None) -> Numbers:
    """A softmax of logits (N, K) / `temperature`, the highest probability of each document on a curve.

    `curve`, (a, b, c), makes of the highest p, where there are two classes or more, sigmoid(a ln p - b ln(1 - p) + c),
    probabilities below a millionth taken as that, and no less than the next one then is; the others share the rest.
    `logits` are scaled in place.
    """
    probabilities = np.empty_like(logits)
    _native.calibrate(logits, temperature, curve is not None, *(curve or (0.0, 0.0, 0.0)), probabilities)
    return probabilities


def fit_sigmoids(
    logits: Numbers, has: npt.NDArray[np.bool_], weights: npt.NDArray[np.float32], flat: float, steepest: float
) -> tuple[Numbers, Numbers]:
    """How to scale and to shift the logits (N, K) of each label for the least log loss, float64 (K,) each.

    `has`, bool (N, K), are the labels of the documents, `weights`, float32 (N,), what each document counts. Logits
    whose standard deviation is below `flat` are taken as all the same; a scale, of logits with a standard deviation of
    1, is at most `steepest`. `bywords.evaluation.calibration` says the rest.
    """
    scales, offsets = np.empty(logits.shape[1]), np.empty(logits.shape[1])
    _native.fit_sigmoids(logits, has.view(np.uint8), weights, flat, steepest, scales, offsets)
    return scales, offsets
