"""What was counted of words and documents → pictures: Zipf's law, coverage, lengths; for the page, or one file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bywords.errors import SettingError
from bywords.files import write_whole
from bywords.records.base import Part
from bywords.records.run import TextStatistics
from bywords.report.canvas import BLUE, FIRST, SECOND, picture, picture_file, plain_ticks
from bywords.report.formats import count, percent

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDINGS = ("png", "svg")
_ZIPF_POINTS = 240  # of a long list of ranks, as many as the eye can tell apart
_PARTS: tuple[Part, ...] = ("train", "test")


def text_pictures(words: TextStatistics) -> dict[str, tuple[Markup, str]]:
    """Each picture by its name, and what it shows in words; those of which nothing was counted are left out."""
    return {
        name: (picture(draw, words, width=360, height=280, finding=finding(words)), finding(words))
        for name, (has, draw, finding) in _PANELS.items()
        if has(words)
    }


def write_vocabulary_picture(words: TextStatistics, path: Path) -> None:
    """Write Zipf plot, coverage curve and histogram of lengths side by side; what was not counted is left out.

    Raises: SettingError when `path` does not end in .svg or .png, and where there is nothing to draw.
    """
    ending = path.suffix.lower().removeprefix(".")
    if ending not in ENDINGS:
        raise SettingError(f"{path.name} ends in {path.suffix or 'nothing'!r}, expected .svg or .png.")
    drawn = [(draw, finding(words)) for has, draw, finding in _PANELS.values() if has(words)]
    if not drawn:
        raise SettingError("There are no counts to draw: the corpus has no words.")

    def draw_all(figure: Figure) -> None:
        for axes, (draw, _) in zip(np.ravel(figure.subplots(1, len(drawn))), drawn, strict=True):
            draw(axes, words)

    finding = " ".join(sentence for _, sentence in drawn)
    write_whole(path, picture_file(draw_all, width=460 * len(drawn), height=340, finding=finding, ending=ending))


def _zipf_finding(words: TextStatistics) -> str:
    """The height of the left end, and how long the tail is."""
    finding = f"The most frequent word occurs {count(words.zipf.count[0], 'time')}"
    return finding + (f"; there are {count(words.n_types, 'different word')}." if words.n_types else ".")


def _coverage_finding(words: TextStatistics) -> str:
    """The middle of the sizes."""
    row = words.coverage[len(words.coverage) // 2]
    return (
        f"The {count(row.size, 'most frequent word')} cover {percent(row.train)} of the tokens in train and"
        f" {percent(row.test)} in test."
    )


def _lengths_finding(words: TextStatistics) -> str:
    """The middle and the long end."""
    lengths = words.lengths.train or words.lengths.test
    if lengths is None:
        return "Documents by the number of their words."
    return (
        f"Half of the documents have at most {count(lengths.median, 'word')}, one in a hundred more than"
        f" {count(lengths.p99)}; the longest has {count(lengths.max)}."
    )


def _draw_zipf(axes: Axes, words: TextStatistics) -> None:
    rank, counts = (np.asarray(numbers, dtype=float) for numbers in (words.zipf.rank, words.zipf.count))
    if len(rank) > _ZIPF_POINTS:
        kept = np.unique(np.geomspace(1, len(rank), _ZIPF_POINTS).round().astype(int)) - 1
        rank, counts = rank[kept], counts[kept]
    axes.plot(rank, counts, color=BLUE, marker="o" if len(rank) < 20 else "")
    axes.set(xscale="log", yscale="log", xlabel="rank of the word (log scale)", ylabel="occurrences (log scale)")
    axes.set_xlim(0.8, 1.5 * max(rank.max(), 2))
    axes.set_ylim(0.8, 1.5 * max(counts.max(), 2))
    plain_ticks(axes, x="count", y="count")


def _draw_coverage(axes: Axes, words: TextStatistics) -> None:
    size = [row.size for row in words.coverage]
    for part, style in zip(_PARTS, (FIRST, SECOND), strict=True):
        shares = np.array([getattr(row, part) for row in words.coverage], dtype=float)  # None is NaN: a gap
        if not np.all(np.isnan(shares)):
            axes.plot(size, shares, label=part, clip_on=False, **style)
    axes.set(xscale="log", ylim=(0, 1), xlabel="most frequent words kept (log scale)", ylabel="tokens covered")
    if len(size) == 1:
        axes.set_xlim(size[0] / 2, size[0] * 2)
    plain_ticks(axes, x="count", y="percent")
    axes.legend(loc="lower right")


def _draw_lengths(axes: Axes, words: TextStatistics) -> None:
    histogram = words.lengths.histogram
    edges = np.asarray(histogram.edges, dtype=float)
    for part, style in zip(_PARTS, (FIRST, SECOND), strict=True):
        counts = np.asarray(getattr(histogram, part), dtype=float)
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
    plain_ticks(axes, x="count", y="percent", grid="y")
    axes.legend(loc="upper right")


# For each picture whether there is anything to draw, how it is drawn, and what it shows in words.
_PANELS: dict[
    str,
    tuple[Callable[[TextStatistics], bool], Callable[[Axes, TextStatistics], None], Callable[[TextStatistics], str]],
] = {
    "zipf": (lambda words: bool(words.zipf.count), _draw_zipf, _zipf_finding),
    "coverage": (
        lambda words: sum(row.train is not None or row.test is not None for row in words.coverage) > 1,  # of a curve
        _draw_coverage,
        _coverage_finding,
    ),
    "lengths": (
        lambda words: any(sum(getattr(words.lengths.histogram, part)) for part in _PARTS),
        _draw_lengths,
        _lengths_finding,
    ),
}
