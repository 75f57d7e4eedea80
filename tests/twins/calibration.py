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


def _loss_of(z, has, weights, sure, scale, offset):
    """The log loss, its gradient (2) and its Hessian (3), summed in the order of the documents."""
    loss, product, sums = 0.0, 1.0, [0.0] * 5
    for each, is_with, weight in zip(z, has, weights, strict=True):
        odds = scale * each + offset
        small = math.exp(-abs(odds))
        likely = (small if odds < 0 else 1) / (1 + small)
        wanted = sure[0] if is_with else sure[1]
        error, curve = weight * (likely - wanted), weight * likely * (1 - likely)
        loss += weight * (max(odds, 0.0) - wanted * odds)
        if weight == 1:
            product *= 1 + small
        else:
            loss += weight * math.log(1 + small)
        if product > 1e300:
            loss, product = loss + math.log(product), 1.0
        for index, term in enumerate((error * each, error, curve * each * each, curve * each, curve)):
            sums[index] += term
    return loss + math.log(product), sums[:2], sums[2:]


def _fit_sigmoid(label, steepest, scale, offset):
    loss, gradient, hessian = _loss_of(*label, scale, offset)
    for _ in range(50):
        aa, ab, bb = hessian[0] + 1e-9, hessian[1], hessian[2] + 1e-9
        determinant, size = max(aa * bb - ab * ab, 1e-18), 1.0
        for _ in range(12):
            new_scale = min(max(scale - size * (bb * gradient[0] - ab * gradient[1]) / determinant, 1e-6), steepest)
            new_offset = offset - size * (aa * gradient[1] - ab * gradient[0]) / determinant
            new, new_gradient, new_hessian = _loss_of(*label, new_scale, new_offset)
            if new <= loss + 1e-12:
                break
            size /= 2
        gained = loss - new
        if not gained > 0:
            break
        scale, offset, loss, gradient, hessian = new_scale, new_offset, new, new_gradient, new_hessian
        if gained < 1e-9 * max(1, loss):
            break
    return scale, offset


def fit_sigmoids(logits, has, weights, flat, steepest):
    scales, offsets = np.empty(logits.shape[1]), np.empty(logits.shape[1])
    counts = [float(weight) for weight in weights]
    for k in range(logits.shape[1]):
        z, n = logits[:, k].tolist(), len(logits)
        mean = spread = with_ = without = 0.0
        for each, is_with, weight in zip(z, has[:, k], counts, strict=True):
            mean += each / n
            with_, without = (with_ + weight, without) if is_with else (with_, without + weight)
        for each in z:
            spread += (each - mean) * (each - mean) / n
        spread = 1 / flat if math.sqrt(spread) < flat else math.sqrt(spread)
        label = [each / spread for each in z], has[:, k], counts, ((with_ + 1) / (with_ + 2), 1 / (without + 2))
        scales[k], offsets[k] = _fit_sigmoid(label, steepest, 1.0, math.log((with_ + 1) / (without + 1)))
        scales[k] /= spread
    return scales, offsets
