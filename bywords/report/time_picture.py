"""Systems → their accuracy, or micro F1, against training time, on a scale that keeps good ones apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bywords.records.run import SystemScores
from bywords.report.canvas import BLUE, INK, MUTED, ORANGE, PAPER, picture, plain_ticks
from bywords.report.comparison_words import score
from bywords.report.formats import seconds
from bywords.report.label_placement import Box, place_labels
from bywords.terminal import shorten

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

_ACCURACY_TICKS = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995)


def time_picture(systems: Sequence[SystemScores]) -> Markup:
    """Each system, of one or more, as a labelled point with its interval."""
    return picture(_draw_time, systems, width=860, height=480, finding=_finding(systems))


def _finding(systems: Sequence[SystemScores]) -> str:
    """The best and the fastest system."""
    best = max(systems, key=lambda system: system.score)
    fastest = min(systems, key=lambda system: system.fit_seconds)
    which = "the most accurate" if best.micro_f1 is None else "the best"
    finding = f"{best.name} is {which}, {score(best)} after {seconds(best.fit_seconds)}"
    if fastest is best:
        return f"{finding}, and also the fastest."
    return f"{finding}; {fastest.name} is the fastest, {score(fastest)} after {seconds(fastest.fit_seconds)}."


def _draw_time(axes: Axes, systems: Sequence[SystemScores]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.ticker import LogLocator

    is_one = systems[0].micro_f1 is None
    x = np.array([max(system.fit_seconds, 1e-3) for system in systems])
    y = np.array([system.score for system in systems])
    bounds = np.array([system.score_interval for system in systems])
    for kind, color, marker in (("neural", BLUE, "o"), ("linear", ORANGE, "s")):
        of_kind = [system.kind == kind for system in systems]
        if any(of_kind):
            axes.vlines(x[of_kind], bounds[of_kind, 0], bounds[of_kind, 1], color=color, linewidth=1.6, alpha=0.6)
            style: dict[str, Any] = {"color": color, "markersize": 7.5, "markeredgecolor": PAPER}
            axes.plot(x[of_kind], y[of_kind], marker, label=kind, **style)
    axes.set(
        xscale="log", xlabel="training time, seconds (log scale)", ylabel="test accuracy" if is_one else "micro F1"
    )
    axes.set_xlim(x.min() / 2.2, x.max() * 3.2)
    space = max(0.12 * (bounds.max() - bounds.min()), 0.01)
    _stretch_axis(axes, max(bounds.min() - space, 0), np.append(bounds, y))
    if x.max() / x.min() < 100:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    plain_ticks(axes, x="plain", y="percent" if is_one else "plain")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2, handlelength=1, handletextpad=0.3)
    figure: Any = axes.figure
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_layout_engine("none")  # sizes taken now stay true
    _label_points(axes, systems, x, y, bounds)


def _stretch_axis(axes: Axes, low: float, accuracies: Any) -> None:
    """Give the accuracies the scale of `stretch`, ticks where people look for them, and some room above the highest."""
    floor = error_floor(np.append(accuracies, low))
    axes.set_yscale(
        "function", functions=(lambda y: stretch(y, floor), lambda stretched: 1 - np.exp(-np.asarray(stretched)))
    )
    ends = stretch(np.array([low, max(accuracies.max(), low + 0.01)]), floor)
    top = float(1 - np.exp(-(ends[1] + 0.06 * (ends[1] - ends[0]))))
    ticks = [tick for tick in _ACCURACY_TICKS if low <= tick <= top]
    if len(ticks) > 3:
        axes.set_yticks(ticks)
    axes.set_ylim(low, top)


def error_floor(accuracies: Any) -> float:
    """Where the scale of `stretch` ends: at half of the smallest share of errors, as none at all is infinitely far."""
    errors = 1 - np.asarray(accuracies, dtype=float)
    return float(errors[errors > 0].min(initial=1.0)) / 2


def stretch(accuracy: Any, floor: float) -> Any:
    """Accuracies on a scale on which halving the errors is always the same step, so that good systems are apart."""
    return -np.log(np.maximum(1 - np.asarray(accuracy, dtype=float), floor))


def _label_points(axes: Axes, systems: Sequence[SystemScores], x: Any, y: Any, bounds: Any) -> None:
    """Write each name beside its point; a thin line leads there from a label that had to move away."""
    pixel = axes.transData.transform(np.column_stack([x, y]))
    low = axes.transData.transform(np.column_stack([x, bounds[:, 0]]))
    high = axes.transData.transform(np.column_stack([x, bounds[:, 1]]))
    whiskers = [Box(a[0] - 2, a[1], a[0] + 2, b[1]) for a, b in zip(low, high, strict=True)]
    marks = [Box(a - 6, b - 6, a + 6, b + 6) for a, b in pixel]
    texts = [axes.text(0, 0, shorten(system.name, 32), fontsize=11, color=INK) for system in systems]
    extents = [text.get_window_extent() for text in texts]
    sizes = [(extent.width + 4, extent.height + 2) for extent in extents]
    inside = Box(*axes.get_window_extent().extents)
    points = [(float(a), float(b)) for a, b in pixel]
    back = axes.transData.inverted()
    for text, point, box in zip(
        texts, points, place_labels(points, sizes, bounds=inside, obstacles=whiskers + marks), strict=True
    ):
        text.set(position=back.transform(box.center), ha="center", va="center")
        near = (min(max(point[0], box.left), box.right), min(max(point[1], box.bottom), box.top))
        if np.hypot(near[0] - point[0], near[1] - point[1]) > 14:
            ends = back.transform([point, near])
            axes.plot(ends[:, 0], ends[:, 1], color=MUTED, linewidth=0.7, zorder=1.5)
