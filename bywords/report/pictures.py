"""Parts of a complete run record in, pictures of them out: SVG elements for the page, or one file that stands alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bywords.errors import SettingError
from bywords.files import write_whole
from bywords.report.accuracy import draw_time
from bywords.report.canvas import BLUE, INK, MUTED, ORANGE, PAPER, RULE, picture, picture_file, plain_ticks
from bywords.report.numbers import shorten
from bywords.report.record import Record, complete_words
from bywords.report.words import (
    confusion_finding,
    coverage_finding,
    lengths_finding,
    loss_finding,
    time_finding,
    zipf_finding,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDINGS = ("png", "svg")
MOST_WRITTEN = 12  # classes up to which the counts of a confusion matrix are written into its cells
MOST_DRAWN = 40  # classes up to which one is drawn at all
_ZIPF_POINTS = 240  # of a long list of ranks, as many as the eye can tell apart
_SHADES = 25  # steps of colour; a share of less than half a step has none


def zipf_picture(words: Record) -> str:
    """Count against rank, both on log scales."""
    return picture(
        lambda figure: _draw_zipf(figure.add_subplot(), words), width=360, height=280, finding=zipf_finding(words)
    )


def coverage_picture(words: Record) -> str:
    """The share of running words, train and test, that the most frequent words cover."""
    return picture(
        lambda figure: _draw_coverage(figure.add_subplot(), words),
        width=360,
        height=280,
        finding=coverage_finding(words),
    )


def lengths_picture(words: Record) -> str:
    """How many documents are how long, in train and test."""
    return picture(
        lambda figure: _draw_lengths(figure.add_subplot(), words), width=360, height=280, finding=lengths_finding(words)
    )


def time_picture(systems: list[Record]) -> str:
    """Test accuracy with its interval against training time. Takes the systems that have both numbers; at least one."""
    return picture(lambda figure: draw_time(figure, systems), width=860, height=480, finding=time_finding(systems))


def loss_picture(system: Record, *, top: float | None = None) -> str:
    """Train and validation loss by epoch, the best epoch marked. `top` ends the axis, so that pictures compare."""
    return picture(
        lambda figure: _draw_loss(figure.add_subplot(), system, top),
        width=340,
        height=240,
        finding=loss_finding(system),
    )


def confusion_picture(system: Record, label_names: list[str]) -> str:
    """The confusion matrix, each row a true label and as dark as its shares; K counts written in when K is small."""
    k = len(system["confusion"])
    names = [shorten(name, 26) for name in label_names[:k]] + [str(number) for number in range(len(label_names), k)]
    cell = 56 if k <= 6 else 46 if k <= MOST_WRITTEN else 26 if k <= 20 else 17
    side = cell * k + 48 + 6.2 * max(len(name) for name in names)  # labels stand left of the cells and below them
    return picture(
        lambda figure: _draw_confusion(figure.add_subplot(), system["confusion"], names),
        width=max(side, 240),
        height=side,
        finding=confusion_finding(system),
    )


def write_vocabulary_picture(words: dict[str, Any], path: Path) -> None:
    """Write Zipf plot, coverage curve and histogram of lengths side by side; what is not in `words` is left out.

    `words` is that part of a run record. Raises: SettingError when `path` does not end in .svg or .png.
    """
    ending = path.suffix.lower().removeprefix(".")
    if ending not in ENDINGS:
        raise SettingError(f"{path.name} ends in {path.suffix or 'nothing'!r}, expected .svg or .png.")
    words = complete_words(words)
    drawn = [(draw, finding(words)) for has, draw, finding in _PANELS if has(words)]

    def draw_all(figure: Figure) -> None:
        for axes, (draw, _) in zip(np.ravel(figure.subplots(1, len(drawn))), drawn, strict=True):
            draw(axes, words)

    if not drawn:
        raise SettingError("There are no counts to draw: the corpus has no words.")
    finding = " ".join(sentence for _, sentence in drawn)
    write_whole(path, picture_file(draw_all, width=460 * len(drawn), height=340, finding=finding, ending=ending))


def has_zipf(words: Record) -> bool:
    """Whether there is a word to draw."""
    return bool(words["zipf"].get("count"))


def has_coverage(words: Record) -> bool:
    """Whether there is a share to draw."""
    return any(row.get(part) is not None for row in words["coverage"] for part in ("train", "test"))


def has_lengths(words: Record) -> bool:
    """Whether there is a document to draw."""
    histogram = words["lengths"].get("histogram") or {}
    return any(sum(histogram.get(part) or []) > 0 for part in ("train", "test"))


def _draw_zipf(axes: Axes, words: Record) -> None:
    rank = np.asarray(words["zipf"]["rank"], dtype=float)
    count = np.asarray(words["zipf"]["count"], dtype=float)
    if len(rank) > _ZIPF_POINTS:
        kept = np.unique(np.geomspace(1, len(rank), _ZIPF_POINTS).round().astype(int)) - 1
        rank, count = rank[kept], count[kept]
    axes.plot(rank, count, color=BLUE, marker="o" if len(rank) < 20 else "")
    axes.set(xscale="log", yscale="log", xlabel="rank of the word (log scale)", ylabel="running words (log scale)")
    axes.set_xlim(0.8, 1.5 * max(rank.max(), 2))
    axes.set_ylim(0.8, 1.5 * max(count.max(), 2))
    plain_ticks(axes, x="count", y="count")
    axes.grid(True)


def _draw_coverage(axes: Axes, words: Record) -> None:
    size = [row["size"] for row in words["coverage"]]
    for part, style in (("train", _FIRST), ("test", _SECOND)):
        shares = [_number(row.get(part)) for row in words["coverage"]]
        if not np.all(np.isnan(shares)):
            axes.plot(size, shares, label=part, clip_on=False, **style)
    axes.set(xscale="log", ylim=(0, 1), xlabel="most frequent words kept (log scale)", ylabel="running words covered")
    if len(size) == 1:
        axes.set_xlim(size[0] / 2, size[0] * 2)
    plain_ticks(axes, x="count", y="percent")
    axes.grid(True)
    axes.legend(loc="lower right")


def _draw_lengths(axes: Axes, words: Record) -> None:
    histogram = words["lengths"]["histogram"]
    edges = np.asarray(histogram["edges"], dtype=float)
    for part, style in (("train", _FIRST), ("test", _SECOND)):
        counts = np.asarray(histogram.get(part) or [0] * (len(edges) - 1), dtype=float)
        if counts.sum():
            shares = counts / counts.sum()
            if part == "train":
                axes.stairs(shares, edges, fill=True, color=BLUE, alpha=0.18)
            axes.stairs(shares, edges, color=style["color"], linestyle=style["linestyle"], linewidth=1.6, label=part)
    if edges[-1] > 20 * max(edges[1], 1):
        axes.set_xscale("symlog", linthresh=max(edges[1], 1), linscale=0.5)
        axes.set_xlim(edges[0], edges[-1])
    axes.set(xlabel="words in a document", ylabel="documents")
    axes.set_ylim(bottom=0)
    plain_ticks(axes, x="count", y="percent")
    axes.grid(True, axis="y")
    axes.legend(loc="upper right")


def _draw_loss(axes: Axes, system: Record, top: float | None) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = [row["epoch"] for row in system["epochs"]]
    for part, style in (("train_loss", _FIRST), ("valid_loss", _SECOND)):
        losses = [_number(row[part]) for row in system["epochs"]]
        axes.plot(epochs, losses, label=part.removesuffix("_loss").replace("valid", "validation"), **style)
    best = next((row for row in system["epochs"] if row["epoch"] == system["best_epoch"]), None)
    if best is not None and best["valid_loss"] is not None:
        axes.axvline(best["epoch"], color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
        axes.plot(
            best["epoch"], best["valid_loss"], "o", color=PAPER, markeredgecolor=ORANGE, markersize=9, markeredgewidth=2
        )
    axes.set(xlabel="epoch", ylabel="loss")
    axes.set_ylim(0, top)
    axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    plain_ticks(axes, x="count", y="plain")
    axes.grid(True, axis="y")
    axes.legend(loc="best")


def _draw_confusion(axes: Axes, confusion: list[list[int]], names: list[str]) -> None:
    counts = np.asarray(confusion, dtype=float)
    k = len(counts)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    shades = np.rint(shares * _SHADES).astype(int)
    for shade in range(1, _SHADES + 1):
        axes.add_patch(_cells(np.argwhere(shades == shade), alpha=shade / _SHADES))
    if k <= MOST_WRITTEN:
        for row, column in np.argwhere(counts > 0):
            color = PAPER if shades[row, column] > 0.6 * _SHADES else INK
            axes.text(
                column,
                row,
                f"{counts[row, column]:,.0f}",
                ha="center",
                va="center",
                color=color,
                fontsize=_cell_font(k),
            )
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

    squares = [Outline.unit_rectangle().transformed(_moved(column - 0.5, row - 0.5)) for row, column in indices]
    outline = Outline.make_compound_path(*squares) if squares else Outline(np.empty((0, 2)))
    return PathPatch(outline, facecolor=BLUE, linewidth=0, alpha=alpha)


def _moved(x: float, y: float) -> Any:
    from matplotlib.transforms import Affine2D

    return Affine2D().translate(x, y)


def _cell_font(k: int) -> float:
    return 12 if k <= 6 else 10


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


_FIRST: dict[str, Any] = {"color": BLUE, "linestyle": "-", "marker": "o", "markersize": 4}
_SECOND: dict[str, Any] = {"color": ORANGE, "linestyle": "--", "marker": "s", "markersize": 4}
_PANELS = (
    (has_zipf, _draw_zipf, zipf_finding),
    (has_coverage, _draw_coverage, coverage_finding),
    (has_lengths, _draw_lengths, lengths_finding),
)
