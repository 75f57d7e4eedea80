"""A function and bounds → where within them it is least: of one number by its values, of several by Newton's method.

scipy has both, and takes .4 s to import, as long as all else that a small training does.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

GOLDEN = 0.5 * (3.0 - math.sqrt(5.0))  # share of an interval at which a golden section cuts it
RELATIVE = math.sqrt(2.2e-16)  # no two numbers nearer to each other, relative to their size, are told apart
MOST_CALLS = 500
MOST_STEPS = 100
NARROWEST = 1e-10  # a step that changes no number by more is the last


def minimum_between(function: Callable[[float], float], low: float, high: float, *, tolerance: float = 1e-5) -> float:
    """Where `function` is least between `low` and `high`, within about `tolerance`; it should have one minimum there.

    A parabola through the three best points says where to look next; where it is of no help, a golden section does.
    Step for step, and so bit for bit, `scipy.optimize.minimize_scalar(method="bounded")`.
    Source: Brent (1973), "Algorithms for Minimization without Derivatives", chapter 5.
    """
    best = second = third = low + GOLDEN * (high - low)
    least = at_second = at_third = function(best)
    step = before = 0.0  # the last step, and the one before it
    n_calls = 1
    while n_calls < MOST_CALLS:
        middle = 0.5 * (low + high)
        narrow = RELATIVE * abs(best) + tolerance / 3.0
        if abs(best - middle) <= 2.0 * narrow - 0.5 * (high - low):
            break
        is_parabola = False
        if abs(before) > narrow:
            r = (best - second) * (least - at_third)
            q = (best - third) * (least - at_second)
            p = (best - third) * q - (best - second) * r
            q = 2.0 * (q - r)
            p, q = -p if q > 0.0 else p, abs(q)
            r, before = before, step
            is_parabola = abs(p) < abs(0.5 * q * r) and q * (low - best) < p < q * (high - best)
        if is_parabola:
            step = p / q
            x = best + step
            if x - low < 2.0 * narrow or high - x < 2.0 * narrow:
                step = narrow if middle >= best else -narrow
        else:
            before = low - best if best >= middle else high - best
            step = GOLDEN * before
        x = best + math.copysign(max(abs(step), narrow), step if step else 1.0)
        value = function(x)
        n_calls += 1
        if value <= least:
            low, high = (best, high) if x >= best else (low, best)
            third, at_third, second, at_second = second, at_second, best, least
            best, least = x, value
        else:
            low, high = (x, high) if x < best else (low, x)
            if value <= at_second or second == best:
                third, at_third, second, at_second = second, at_second, x, value
            elif value <= at_third or third in (best, second):
                third, at_third = x, value
    return best


def convex_minimum(
    function: Callable[[Numbers], tuple[float, Numbers, Numbers]], start: Numbers, least: Numbers
) -> Numbers:
    """Where a convex function of n numbers is least, none of them below `least`: float64 (n,).

    `function` gives its value, its gradient (n,) and its Hessian (n, n), which has to be positive definite.
    Source: Bertsekas (1982), "Projected Newton Methods for Optimization Problems with Simple Constraints".
    """
    found = np.maximum(start, least)
    value, gradient, hessian = function(found)
    for _ in range(MOST_STEPS):
        step = _newton_step(found, least, gradient, hessian)
        size = 1.0
        while True:
            tried = np.maximum(found - size * step, least)
            moved = float(np.abs(tried - found).max())
            at_tried = function(tried)
            if at_tried[0] <= value + 1e-4 * float(gradient @ (tried - found)) or moved < NARROWEST:
                break
            size /= 2
        if at_tried[0] <= value:
            found, (value, gradient, hessian) = tried, at_tried
        if moved < NARROWEST:
            break
    return found


def _newton_step(found: Numbers, least: Numbers, gradient: Numbers, hessian: Numbers) -> Numbers:
    """What to take away from numbers that are free to move: not from those at their bound that would leave it."""
    step = np.zeros(len(found))
    is_at_bound = found <= least
    is_free = ~is_at_bound | (gradient < 0)
    while is_free.any():
        step[:] = 0
        step[is_free] = np.linalg.solve(hessian[np.ix_(is_free, is_free)], gradient[is_free])
        leaves = is_free & is_at_bound & (step > 0)
        if not leaves.any():
            break
        is_free &= ~leaves
    return step
