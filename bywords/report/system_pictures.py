"""One system's scores → pictures: loss by epoch, confusion matrix, reliability, and accuracy of the surest answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bywords.records.base import EpochRecord
from bywords.records.run import AnswerCoverage, ReliabilityBin, ReliabilityCurve, SystemScores
from bywords.report.canvas import BLUE, FIRST, INK, MUTED, ORANGE, PAPER, RULE, SECOND, picture, plain_ticks
from bywords.report.formats import count, decimal, percent, shorten_apart
from bywords.terminal import shorten

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

MOST_WRITTEN = 12  # classes up to which the counts of a confusion matrix are written into its cells
MOST_DRAWN = 40  # classes up to which all are drawn
BUSIEST = 20  # classes that are drawn of more
_SHADES = 25  # steps of colour; a share of less than half a step has none
_FEWEST_DRAWN = 5  # documents of a bin: a share of fewer is a spike that says nothing


def loss_picture(system: SystemScores, *, top: float | None = None) -> Markup | None:
    """Train and validation loss by epoch, the best epoch marked. `top` ends the axis, so that pictures compare."""
    if not system.epochs:
        return None
    return picture(_draw_loss, system, top, width=340, height=240, finding=loss_finding(system))


def confusion_picture(system: SystemScores, label_names: Sequence[str]) -> Markup | None:
    """The confusion matrix, each row a true label and as dark as its shares; K counts written in when K is small.

    Of more than MOST_DRAWN classes the BUSIEST are drawn: those with the most mistakes among each other.
    """
    if not system.confusion:
        return None
    drawn = busiest_classes(system.confusion)
    names = shorten_apart([label_names[index] for index in drawn], 26)
    k = len(drawn)
    cell = 56 if k <= 6 else 46 if k <= MOST_WRITTEN else 26 if k <= 20 else 17
    side = cell * k + 48 + 6.2 * max(len(name) for name in names)  # labels are left of the cells and below them
    finding = _confusion_finding(system)
    counts = np.asarray(system.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return picture(
        _draw_confusion, counts[np.ix_(drawn, drawn)], shares[np.ix_(drawn, drawn)], names,
        width=max(side, 240), height=side, finding=finding,
    )  # fmt: skip


def busiest_classes(confusion: list[list[int]]) -> list[int]:
    """The classes of a picture, ascending: all of them, or those of the pairs that are most often confused."""
    counts = np.asarray(confusion)
    if len(counts) <= MOST_DRAWN:
        return list(range(len(counts)))
    mistakes = counts + counts.T
    np.fill_diagonal(mistakes, 0)
    pairs = np.argsort(-mistakes, axis=None, kind="stable")
    in_order = dict.fromkeys(np.stack(np.unravel_index(pairs, mistakes.shape), axis=1).ravel().tolist())
    return sorted(list(in_order)[:BUSIEST])


def reliability_picture(system: SystemScores) -> Markup | None:
    """How often answers were right against how probable they were said to be, before and after calibration."""
    if not _full(system.reliability.bins):
        return None
    finding = reliability_finding(system)
    return picture(_draw_reliability, system.reliability, width=360, height=320, finding=finding)


def selection_picture(system: SystemScores) -> Markup | None:
    """How often answers were right against the share of documents that get one, the surest first."""
    if len(system.coverage) < 2:
        return None
    return picture(_draw_selection, system.coverage, width=360, height=320, finding=selection_finding(system))


def loss_finding(system: SystemScores) -> str:
    """Where validation was lowest, and whether training went on."""
    best = _best_epoch(system)
    if best is None:
        return f"{system.name}: {count(len(system.epochs), 'epoch')}."
    loss = decimal(best.valid_loss)
    return f"{system.name}: best epoch {best.epoch} of {len(system.epochs)}, validation loss {loss}."


def reliability_finding(system: SystemScores) -> str:
    """How far probabilities are off, and how far they were before."""
    found = system.reliability
    sentence = f"The probabilities of {system.name} are off by {_points(found.error)} on average"
    if found.error_interval is not None:
        low, high = (100 * end for end in found.error_interval)
        sentence += f" (95 % interval {low:.1f} to {high:.1f})"
    return sentence + (
        f"; before calibration it was {_points(found.error_before)}." if found.error_before is not None else "."
    )


def selection_finding(system: SystemScores) -> str:
    """The accuracy of the surer half, and of all."""
    half = min(system.coverage, key=lambda row: abs(row.coverage - 0.5))
    every = max(system.coverage, key=lambda row: row.coverage)
    return (
        f"{system.name} is right on {percent(half.accuracy)} of the {percent(half.coverage, 0)} of the documents that"
        f" it is surest of, and on {percent(every.accuracy)} of all."
    )


def _confusion_finding(system: SystemScores) -> str:
    """How many documents are on the diagonal, and the largest count beside it."""
    right = sum(row[index] for index, row in enumerate(system.confusion))
    total = count(sum(map(sum, system.confusion)), "document")
    finding = f"{system.name}: {count(right)} of {total} are on the diagonal"
    for hardest in system.hardest_confusions[:1]:
        true, predicted = shorten(hardest.true, 40), shorten(hardest.predicted, 40)
        finding += f"; most often {true} is taken for {predicted}, {count(hardest.count, 'time')}"
    return finding + "."


def _draw_loss(axes: Axes, system: SystemScores, top: float | None) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = [row.epoch for row in system.epochs]
    for name, losses, style in (
        ("train", [row.train_loss for row in system.epochs], FIRST),
        ("validation", [row.valid_loss for row in system.epochs], SECOND),
    ):
        axes.plot(epochs, np.array(losses, dtype=float), label=name, **style)  # None is NaN: a gap
    best = _best_epoch(system)
    if best is not None and best.valid_loss is not None:
        axes.axvline(best.epoch, color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
        axes.plot(
            best.epoch, best.valid_loss, "o", color=PAPER, markeredgecolor=ORANGE, markersize=9, markeredgewidth=2
        )
    axes.set(xlabel="epoch", ylabel="loss")
    axes.set_ylim(0, top)
    axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    plain_ticks(axes, x="count", y="plain", grid="y")
    axes.legend(loc="best")


def _draw_confusion(
    axes: Axes, counts: npt.NDArray[np.int64], shares: npt.NDArray[np.float64], names: list[str]
) -> None:
    k = len(counts)
    shades = np.rint(shares * _SHADES).astype(int)
    for shade in range(1, _SHADES + 1):
        axes.add_patch(_cells(np.argwhere(shades == shade), alpha=shade / _SHADES))
    if k <= MOST_WRITTEN:
        for row, column in np.argwhere(counts > 0):
            color = PAPER if shades[row, column] > 0.6 * _SHADES else INK
            axes.text(
                column, row, f"{counts[row, column]:,.0f}",
                ha="center", va="center", color=color, fontsize=12 if k <= 6 else 10,
            )  # fmt: skip
    small = 11 if k <= MOST_WRITTEN else max(7.5, 14 - 0.2 * k)
    axes.set_yticks(range(k), names, fontsize=small, color=INK)
    axes.set_xticks(
        range(k), names, fontsize=small, color=INK, rotation=90, rotation_mode="anchor", ha="right", va="center"
    )
    axes.set(xlim=(-0.5, k - 0.5), ylim=(k - 0.5, -0.5), xlabel="predicted label", ylabel="true label", aspect="equal")
    edges = np.arange(-0.5, k, 1)
    axes.vlines(edges, -0.5, k - 0.5, color=RULE, linewidth=0.7, clip_on=False)
    axes.hlines(edges, -0.5, k - 0.5, color=RULE, linewidth=0.7, clip_on=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _cells(indices: Any, *, alpha: float) -> Any:
    """The squares at `indices` (row, column) as one patch: one path a shade keeps the page small."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline
    from matplotlib.transforms import Affine2D

    squares = [
        Outline.unit_rectangle().transformed(Affine2D().translate(column - 0.5, row - 0.5)) for row, column in indices
    ]
    outline = Outline.make_compound_path(*squares) if squares else Outline(np.empty((0, 2)))
    return PathPatch(outline, facecolor=BLUE, linewidth=0, alpha=alpha)


def _draw_reliability(axes: Axes, reliability: ReliabilityCurve) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
    before = _full(reliability.bins_before)
    if before:
        axes.plot(*_points_of(before), label="before calibration", linewidth=1.4, **SECOND)
    bins = _full(reliability.bins)
    x, y = _points_of(bins)
    axes.vlines(x, [row.interval[0] for row in bins], [row.interval[1] for row in bins], color=BLUE, alpha=0.5)
    axes.plot(x, y, color=BLUE, marker="o", markersize=5, label="after")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability of the answer", ylabel="answers that were right")
    plain_ticks(axes, x="percent", y="percent")
    axes.legend(loc="lower right")


def _draw_selection(axes: Axes, coverage: list[AnswerCoverage]) -> None:
    x, y, bounds = (
        list(values) for values in zip(*((r.coverage, r.accuracy, r.interval) for r in coverage), strict=True)
    )
    axes.fill_between(x, [low for low, _ in bounds], [high for _, high in bounds], color=BLUE, alpha=0.15, linewidth=0)
    axes.plot(x, y, color=BLUE)
    lowest = min(low for low, _ in bounds)
    axes.set(xlim=(0, 1), xlabel="documents that get an answer", ylabel="answers that were right")
    axes.set_ylim(max(0.0, lowest - 0.1 * (1 - lowest) - 0.005), 1.005)
    plain_ticks(axes, x="percent", y="percent")


def _best_epoch(system: SystemScores) -> EpochRecord | None:
    return next((row for row in system.epochs if row.epoch == system.best_epoch), None)


def _points_of(bins: list[ReliabilityBin]) -> tuple[list[float], list[float]]:
    return [row.probability for row in bins], [row.share for row in bins]


def _full(bins: list[ReliabilityBin]) -> list[ReliabilityBin]:
    """Those that have enough documents to be drawn."""
    return [row for row in bins if row.n_documents >= _FEWEST_DRAWN]


def _points(error: float | None) -> str:
    return "an unknown amount" if error is None else f"{100 * error:.1f} points"
