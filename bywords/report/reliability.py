"""A system's answers by how sure they were in, pictures of how far to trust them out: reliability, and coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bywords.report.canvas import BLUE, MUTED, ORANGE, picture, plain_ticks
from bywords.report.numbers import percent
from bywords.report.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEWEST_DRAWN = 5  # documents of a bin: a share of fewer is a spike that says nothing


def reliability_picture(system: Record) -> str:
    """How often answers were right against how probable they were said to be, before and after calibration."""
    return picture(
        lambda figure: _draw_reliability(figure.add_subplot(), system["reliability"]),
        width=360,
        height=320,
        finding=reliability_finding(system),
    )


def selection_picture(system: Record) -> str:
    """How often answers were right against the share of documents that get one, the surest first."""
    return picture(
        lambda figure: _draw_selection(figure.add_subplot(), system["coverage"]),
        width=360,
        height=320,
        finding=selection_finding(system),
    )


def reliability_finding(system: Record) -> str:
    """What the reliability curve shows: how far probabilities are off, and how far they were before."""
    found = system["reliability"]
    sentence = f"The probabilities of {system['name']} are off by {_points(found.get('error'))} on average"
    if found.get("error_before") is not None:
        sentence += f"; before calibration it was {_points(found['error_before'])}"
    return sentence + "."


def selection_finding(system: Record) -> str:
    """What the curve of coverage shows: the accuracy of the surer half, and of all."""
    half = min(system["coverage"], key=lambda row: abs((row["coverage"] or 0) - 0.5))
    every = max(system["coverage"], key=lambda row: row["coverage"] or 0)
    return (
        f"{system['name']} is right on {percent(half['accuracy'])} of the {percent(half['coverage'], 0)} of the"
        f" documents that it is surest of, and on {percent(every['accuracy'])} of all."
    )


def has_reliability(system: Record) -> bool:
    """Whether there is a bin to draw."""
    return bool(_full(system["reliability"].get("bins") or []))


def has_selection(system: Record) -> bool:
    """Whether there is a curve to draw."""
    return sum(row["accuracy"] is not None and row["coverage"] is not None for row in system["coverage"]) > 1


def _draw_reliability(axes: Axes, reliability: Record) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
    before = _full(reliability.get("bins_before") or [])
    if before:
        style: dict[str, Any] = {"color": ORANGE, "linestyle": "--", "marker": "s", "markersize": 4, "linewidth": 1.4}
        axes.plot(*_points_of(before), label="before calibration", **style)
    bins = _full(reliability["bins"])
    x, y = _points_of(bins)
    axes.vlines(x, [row["interval"][0] for row in bins], [row["interval"][1] for row in bins], color=BLUE, alpha=0.5)
    axes.plot(x, y, color=BLUE, marker="o", markersize=5, label="after")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability of the answer", ylabel="answers that were right")
    plain_ticks(axes, x="percent", y="percent")
    axes.grid(True)
    axes.legend(loc="lower right")


def _draw_selection(axes: Axes, coverage: list[Record]) -> None:
    rows = [row for row in coverage if row["accuracy"] is not None and row["coverage"] is not None]
    x, y = [row["coverage"] for row in rows], [row["accuracy"] for row in rows]
    bounds = [row["interval"] or [row["accuracy"]] * 2 for row in rows]
    axes.fill_between(x, [low for low, _ in bounds], [high for _, high in bounds], color=BLUE, alpha=0.15, linewidth=0)
    axes.plot(x, y, color=BLUE)
    lowest = min(low for low, _ in bounds)
    axes.set(xlim=(0, 1), xlabel="documents that get an answer", ylabel="answers that were right")
    axes.set_ylim(max(0.0, lowest - 0.1 * (1 - lowest) - 0.005), 1.005)
    plain_ticks(axes, x="percent", y="percent")
    axes.grid(True)


def _points_of(bins: list[Record]) -> tuple[list[float], list[float]]:
    return [row["probability"] for row in bins], [row["share"] for row in bins]


def _full(bins: list[Record]) -> list[Record]:
    """Those that have enough documents to be drawn."""
    return [row for row in bins if row["n_documents"] >= _FEWEST_DRAWN]


def _points(error: float | None) -> str:
    return "an unknown amount" if error is None else f"{100 * error:.1f} points"
