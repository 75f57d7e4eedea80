"""Logits of one label a document → calibrated probabilities, one document after the other."""

from __future__ import annotations

import math

import numpy as np


def _softmax(numbers):
    highest = max(numbers)
    odds = [math.exp(number - highest) for number in numbers]
    total = 0.0
    for each in odds:  # in their order; `sum` makes up for roundings since Python 3.12
        total += each
    return [each / total for each in odds]


def _sigmoid(x):
    return math.exp(x) / (1 + math.exp(x)) if x < 0 else 1 / (1 + math.exp(-x))


def _bent(scaled, probabilities, a, b, c):
    label = probabilities.index(max(probabilities))
    rest = 0.0
    for k, probability in enumerate(probabilities):
        rest += 0 if k == label else probability
    curved = _sigmoid(a * math.log(max(probabilities[label], 1e-6)) - b * math.log(max(rest, 1e-6)) + c)
    shares = _softmax([*scaled[:label], -math.inf, *scaled[label + 1 :]])
    given = max(curved, max(shares) / (1 + max(shares)) * (1 + 1e-12))
    return [given if k == label else share * (1 - given) for k, share in enumerate(shares)]


def calibrate(logits, temperature, curve):
    logits /= temperature
    rows = []
    for scaled in logits.tolist():
        probabilities = _softmax(scaled)
        rows.append(_bent(scaled, probabilities, *curve) if curve and len(scaled) > 1 else probabilities)
    return np.array(rows)
