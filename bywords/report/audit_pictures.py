"""The record of an audit → SVG pictures: words of drift, the curve of its classifier, lengths by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bywords.records.audit import AuditRecord, DriftWord
from bywords.report.audit_words import drift_finding, lengths_finding
from bywords.report.canvas import BLUE, INK, MUTED, ORANGE, picture, plain_ticks
from bywords.report.formats import decimal
from bywords.terminal import shorten

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

MOST_WORDS = 15  # on each side
MOST_CLASSES = 30


def words_picture(audit: AuditRecord) -> Markup | None:
    """Bars from the middle: documents a thousand of each part that have a word. None where no word differs."""
    drift = audit.drift
    rows = [*drift.words["train"][:MOST_WORDS], *drift.words["test"][:MOST_WORDS]] if drift else []
    if drift is None or not rows:
        return None
    rows.sort(key=lambda row: row.test_per_thousand - row.train_per_thousand)
    return picture(_draw_words, rows, width=560, height=60 + 21 * len(rows), finding=drift_finding(drift))


def roc_picture(audit: AuditRecord) -> Markup | None:
    """The curve of the classifier that tells test from train. None where there is none."""
    drift = audit.drift
    if drift is None or drift.roc is None:
        return None
    finding = (
        f"The curve of a classifier that tells test from training documents; the area below it is {decimal(drift.auc)}."
    )
    return picture(_draw_roc, drift.roc["train"], drift.roc["test"], width=400, height=360, finding=finding)


def lengths_picture(audit: AuditRecord) -> Markup | None:
    """One histogram of lengths a class, one above the other. None where nothing was counted."""
    profile = audit.profile
    rows = [
        (row.label, np.asarray(counts, dtype=float), row.median_tokens)
        for row, counts in zip(profile.classes, profile.lengths_by_class.counts, strict=True)
        if sum(counts)
    ]
    if not rows:
        return None
    largest = sorted(range(len(rows)), key=lambda index: -rows[index][1].sum())[:MOST_CLASSES]
    kept, edges = [rows[index] for index in sorted(largest)], profile.lengths_by_class.edges
    return picture(_draw_lengths, kept, edges, width=620, height=70 + 26 * len(kept), finding=lengths_finding(profile))


def _draw_words(axes: Axes, rows: Sequence[DriftWord]) -> None:
    indices = np.arange(len(rows))
    train, test = np.array([(row.train_per_thousand, row.test_per_thousand) for row in rows]).T
    axes.barh(indices, -train, color=ORANGE, height=0.72, label="train")
    axes.barh(indices, test, color=BLUE, height=0.72, label="test")
    widest = max(train.max(), test.max(), 1e-9)
    for index, row in enumerate(rows):
        for value, side in ((row.train_per_thousand, -1), (row.test_per_thousand, 1)):
            written = f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:.1f}"
            axes.text(
                side * (value + 0.015 * widest), index, written,
                ha="left" if side > 0 else "right", va="center", fontsize=9, color=MUTED,
            )  # fmt: skip
    axes.set_yticks(indices, [shorten(row.word, 24) or " " for row in rows], fontsize=10.5, color=INK)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set(
        xlim=(-1.2 * widest, 1.2 * widest), ylim=(-0.6, len(rows) - 0.4), xlabel="documents a thousand with the word"
    )
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2, handlelength=1)


def _draw_roc(axes: Axes, train: list[float], test: list[float]) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
    axes.plot(train, test, color=BLUE)
    axes.fill_between(train, test, train, color=BLUE, alpha=0.12, linewidth=0)
    axes.set(xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
    axes.set(xlabel="training documents taken for test", ylabel="test documents recognised")
    plain_ticks(axes, x="percent", y="percent")


def _draw_lengths(axes: Axes, rows: list[tuple[str, Any, float | None]], edges: list[int]) -> None:
    """Bins are side by side at equal widths: they grow by a constant factor."""
    indices = np.arange(len(edges), dtype=float)
    for height, (_, counts, median) in enumerate(reversed(rows)):
        shares = 0.86 * counts / counts.max()
        axes.stairs(height + shares, indices, baseline=height, fill=True, color=BLUE, alpha=0.55)
        axes.hlines(height, 0, indices[-1], color=MUTED, linewidth=0.5)
        if median is not None:
            at = float(np.interp(median, edges, indices))
            axes.plot([at, at], [height, height + 0.86], color=ORANGE, linewidth=1.8)
    axes.set_yticks(
        np.arange(len(rows)) + 0.3, [shorten(name, 30) for name, *_ in reversed(rows)], fontsize=10.5, color=INK
    )
    step = max(1, len(edges) // 7)
    axes.set_xticks(indices[::step], [f"{edge:,.0f}" for edge in edges[::step]])
    axes.set(xlim=(0, indices[-1]), ylim=(-0.05, len(rows) + 0.05), xlabel="tokens in a document")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
