"""Points and label sizes → a place for each label, so that none covers another or a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

_DIRECTIONS = [
    math.radians(angle) for angle in (0, 180, 35, -35, 145, -145, 90, -90, 15, -15, 165, -165, 60, -60, 120, -120)
]
_DISTANCES = (9, 15, 22, 30, 40, 52, 66, 82, 100, 120, 145, 175, 210)  # pixels from the point to the label's edge


class Box(NamedTuple):
    """A rectangle in pixels, `bottom` below `top`."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: Box) -> float:
        """The area that two boxes share, 0 when they only touch."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(width, 0.0) * max(height, 0.0)

    @property
    def center(self) -> tuple[float, float]:
        """The middle of the box."""
        return (self.left + self.right) / 2, (self.bottom + self.top) / 2


def place_labels(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    *,
    bounds: Box,
    obstacles: Sequence[Box] = (),
) -> list[Box]:
    """One box of each of `sizes` beside each of `points`: inside `bounds`, off all `obstacles`, off one another.

    Greedy, the point with the closest neighbours first; of the free places the nearest, and among equally near
    ones the right-hand one. Where there is no free place, the one with the least overlap.
    """
    placed: dict[int, Box] = {}
    lines: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for index in sorted(range(len(points)), key=lambda i: _nearest(i, points)):
        best, best_cost = Box(0, 0, 0, 0), math.inf
        for distance in _DISTANCES:
            for direction in _DIRECTIONS:
                box = _beside(points[index], sizes[index], direction, distance)
                cost = 100 * _outside(box, bounds)
                cost += sum(box.overlap(other) for other in (*obstacles, *placed.values())) * 10
                cost += sum(_crosses(points[index], box.center, other) for other in placed.values()) * 400
                cost += sum(_crosses(*line, box) for line in lines) * 400
                cost += distance + 0.01 * _DIRECTIONS.index(direction)
                if cost < best_cost:
                    best, best_cost = box, cost
            if best_cost < distance + 1:  # free, and every later place is farther
                break
        placed[index] = best
        lines.append((points[index], best.center))
    return [placed[index] for index in range(len(points))]


def _nearest(index: int, points: Sequence[tuple[float, float]]) -> float:
    return min((math.dist(points[index], other) for i, other in enumerate(points) if i != index), default=0.0)


def _beside(point: tuple[float, float], size: tuple[float, float], direction: float, distance: float) -> Box:
    """The box whose nearest edge is about `distance` away from `point` in `direction`."""
    width, height = size
    x = point[0] + math.cos(direction) * (distance + width / 2)
    y = point[1] + math.sin(direction) * (distance + height / 2)
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _outside(box: Box, bounds: Box) -> float:
    """How far the box sticks out, in pixels."""
    return (
        max(bounds.left - box.left, 0)
        + max(box.right - bounds.right, 0)
        + max(bounds.bottom - box.bottom, 0)
        + max(box.top - bounds.top, 0)
    )


def _crosses(start: tuple[float, float], end: tuple[float, float], box: Box) -> bool:
    """Whether a line runs through a box, tried at twelve places."""
    for step in range(1, 13):
        x = start[0] + (end[0] - start[0]) * step / 12
        y = start[1] + (end[1] - start[1]) * step / 12
        if box.left < x < box.right and box.bottom < y < box.top:
            return True
    return False
