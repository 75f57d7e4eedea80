"""A convex function and bounds → where within them it is least, by Newton's method.

scipy has that too, and takes .4 s to import, as long as all else that a small training does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

MOST_STEPS = 100
NARROWEST = 1e-10  # a step that changes no number by more is the last


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
