"""A function of one number and two bounds → where between them it is least."""

from __future__ import annotations

import math
from collections.abc import Callable

GOLDEN = 0.5 * (3.0 - math.sqrt(5.0))  # share of an interval at which a golden section cuts it
RELATIVE = math.sqrt(2.2e-16)  # no two numbers nearer to each other, relative to their size, are told apart
MOST_CALLS = 500


def minimum_between(function: Callable[[float], float], low: float, high: float, *, tolerance: float = 1e-5) -> float:
    """Where `function` is least between `low` and `high`, within about `tolerance`; it should have one minimum there.

    A parabola through the three best points says where to look next; where it is of no help, a golden section does.
    Step for step, and so bit for bit, `scipy.optimize.minimize_scalar(method="bounded")`, which takes .4 s to import.
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
