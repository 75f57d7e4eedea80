"""Logits of one label a document → calibrated probabilities, one document after the other."""

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
