"""The record of a learning curve → one HTML page with its picture."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bywords.experiments.forecast import backtest_sentence, sentence
from bywords.records.curve import CurveRecord
from bywords.report.canvas import BLUE, INK, MUTED, ORANGE, PAPER, picture, plain_ticks
from bywords.report.formats import count, percent
from bywords.report.page import render

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def render_curve(run: CurveRecord) -> str:
    """The page as a string. The same record gives the same page; that of an interrupted run says so."""
    drawn = picture(_draw, run, width=540, height=420, finding=_finding(run)) if run.sizes else None
    return render("curve.html", run=run, summary=_summary(run), picture=drawn)


def _finding(run: CurveRecord) -> str:
    """What the picture shows, in words."""
    first, last = run.sizes[0], run.sizes[-1]
    told = (
        f"Test accuracy against the number of training documents: {percent(first.accuracy)} with "
        f"{count(first.n_documents)}, {percent(last.accuracy)} with {count(last.n_documents)}"
    )
    if run.forecast is None:
        return told + "."
    low, high = run.forecast.interval
    return (
        f"{told}, and a forecast of {percent(run.forecast.accuracy)} ({percent(low)} to {percent(high)}) with "
        f"{count(run.forecast.n_documents)}."
    )


def _summary(run: CurveRecord) -> list[str]:
    if not run.sizes:
        return ["No part of the documents has been trained on with every seed."]
    said = []
    if run.forecast is not None:
        said.append(sentence(run.forecast))
    if len(run.sizes) > 1:
        before, last = run.sizes[-2:]
        said.append(
            f"The last doubling, from {before.n_documents:,} to {last.n_documents:,} documents, changed the accuracy "
            f"by {100 * (last.accuracy - before.accuracy):+.1f} points, from {before.accuracy:.1%} to "
            f"{last.accuracy:.1%}."
        )
    if run.backtest is not None:
        said.append(backtest_sentence(run.backtest))
    return [re.sub(r"(?<=\d)%", "\u202f%", told) for told in said]


def _draw(axes: Axes, run: CurveRecord) -> None:
    sizes, forecast, several = run.sizes, run.forecast, len(run.seeds) > 1
    ticks = [row.n_documents for row in sizes]
    if forecast is not None:
        x = [row.n_documents for row in forecast.band]
        low, high = [row.low for row in forecast.band], [row.high for row in forecast.band]
        axes.fill_between(x, low, high, color=ORANGE, alpha=0.15, linewidth=0, label="95 % of forecasts")
        y = [row.accuracy for row in forecast.band]
        axes.plot(x, y, color=ORANGE, linestyle="--", linewidth=1.6, label="fitted curve")
        last = (forecast.n_documents, forecast.accuracy)
        axes.plot(*last, "D", color=PAPER, markeredgecolor=ORANGE, markersize=8, markeredgewidth=2, label="forecast")
        axes.annotate(
            percent(last[1]), last, xytext=(0, 12), textcoords="offset points", ha="center", color=INK, fontsize=11
        )
        ticks.append(forecast.n_documents)
    if several:
        x, y = [row.n_documents for row in run.points], [row.accuracy for row in run.points]
        axes.plot(x, y, "o", color=MUTED, markersize=3.5, alpha=0.7, label="one seed")
    x, y = [row.n_documents for row in sizes], [row.accuracy for row in sizes]
    low, high = (list(bounds) for bounds in zip(*(row.accuracy_interval for row in sizes), strict=True))
    axes.vlines(x, low, high, color=BLUE, linewidth=1.8, alpha=0.6)
    mean = "mean and 95 % interval" if several else "accuracy and 95 % interval"
    axes.plot(x, y, "o", color=BLUE, markersize=7.5, markeredgecolor=PAPER, label=mean)
    axes.set(xscale="log", xlabel="training documents (log scale)", ylabel="test accuracy")
    plain_ticks(axes, x="count", y="percent")
    axes.set_xlim(ticks[0] / 1.25, ticks[-1] * 1.3)
    axes.set_xticks(ticks)
    axes.legend(loc="lower right")
