"""The record of a learning curve → one HTML page with its picture."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bywords.experiments.forecast import backtest_sentence, in_words, next_sentence, sentence
from bywords.records.curve import NEXT_LABELS, CurveMetric, CurveRecord
from bywords.report.canvas import BLUE, INK, MUTED, ORANGE, PAPER, picture, plain_ticks
from bywords.report.formats import count, decimal, interval, percent
from bywords.report.page import render

if TYPE_CHECKING:
    from matplotlib.axes import Axes


SCORES: dict[CurveMetric, str] = {"accuracy": "accuracy", "micro_f1": "micro F1"}
SHOWN: dict[CurveMetric, Callable[[float], str]] = {"accuracy": percent, "micro_f1": decimal}


def render_curve(run: CurveRecord) -> str:
    """The page as a string. The same record gives the same page; that of an interrupted run says so."""
    drawn = picture(_draw, run, width=380, height=340, finding=_finding(run)) if run.sizes else None
    named = (run.forecast, "forecast"), (run.next_labels, f"the next {NEXT_LABELS} labels")
    forecasts = sorted(((one, what) for one, what in named if one is not None), key=lambda row: row[0].n_documents)
    return render(
        "curve.html", run=run, summary=_summary(run), picture=drawn, score=SCORES[run.metric], shown=SHOWN[run.metric],
        forecasts=forecasts, shown_interval=interval if run.metric == "accuracy" else _decimals,
    )  # fmt: skip


def _decimals(bounds: Sequence[float]) -> str:
    return f"{decimal(bounds[0])} – {decimal(bounds[1])}"


def _finding(run: CurveRecord) -> str:
    """What the picture shows, in words."""
    first, last, shown = run.sizes[0], run.sizes[-1], SHOWN[run.metric]
    told = (
        f"Test {SCORES[run.metric]} against the number of training documents: {shown(first.score)} with "
        f"{count(first.n_documents)}, {shown(last.score)} with {count(last.n_documents)}"
    )
    if run.forecast is None:
        return told + "."
    low, high = run.forecast.interval
    return (
        f"{told}, and a forecast of {shown(run.forecast.score)} ({shown(low)} to {shown(high)}) with "
        f"{count(run.forecast.n_documents)}."
    )


def _summary(run: CurveRecord) -> list[str]:
    if not run.sizes:
        return ["No part of the documents has been trained on with every seed."]
    said = []
    if run.next_labels is not None:
        said.append(next_sentence(run.next_labels, NEXT_LABELS, run.metric))
    if run.forecast is not None:
        said.append(sentence(run.forecast, run.metric))
    if len(run.sizes) > 1:
        (before, last), change = run.sizes[-2:], run.sizes[-1].score - run.sizes[-2].score
        by = f"{100 * change:+.1f} points" if run.metric == "accuracy" else f"{change:+.3f}"
        last_step = "doubling" if last.n_documents == 2 * before.n_documents else "step"
        said.append(
            f"The last {last_step}, from {before.n_documents:,} to {last.n_documents:,} documents, changed the "
            f"{SCORES[run.metric]} by {by}, from {in_words(before.score, run.metric)} to "
            f"{in_words(last.score, run.metric)}."
        )
    if run.backtest is not None:
        said.append(backtest_sentence(run.backtest, run.metric))
    return [re.sub(r"(?<=[( ])-(?=\d)", "−", re.sub(r"(?<=\d)%", "\u202f%", told)) for told in said]


def _draw(axes: Axes, run: CurveRecord) -> None:
    sizes, forecast, several = run.sizes, run.forecast, len(run.seeds) > 1
    ticks = [row.n_documents for row in sizes]
    if forecast is not None:
        x = [row.n_documents for row in forecast.band]
        low, high = [row.low for row in forecast.band], [row.high for row in forecast.band]
        axes.fill_between(x, low, high, color=ORANGE, alpha=0.15, linewidth=0, label="95 % of forecasts")
        y = [row.score for row in forecast.band]
        axes.plot(x, y, color=ORANGE, linestyle="--", linewidth=1.6, label="fitted curve")
        last = (forecast.n_documents, forecast.score)
        axes.plot(*last, "D", color=PAPER, markeredgecolor=ORANGE, markersize=8, markeredgewidth=2, label="forecast")
        axes.annotate(
            SHOWN[run.metric](last[1]),
            last,
            xytext=(0, 12),
            textcoords="offset points",
            ha="center",
            color=INK,
            fontsize=11,
        )
        ticks.append(forecast.n_documents)
    if several:
        x, y = [row.n_documents for row in run.points], [row.score for row in run.points]
        axes.plot(x, y, "o", color=MUTED, markersize=3.5, alpha=0.7, label="one seed")
    x, y = [row.n_documents for row in sizes], [row.score for row in sizes]
    low, high = (list(bounds) for bounds in zip(*(row.score_interval for row in sizes), strict=True))
    axes.vlines(x, low, high, color=BLUE, linewidth=1.8, alpha=0.6)
    mean = "mean and 95 % interval" if several else f"{SCORES[run.metric]} and 95 % interval"
    axes.plot(x, y, "o", color=BLUE, markersize=7.5, markeredgecolor=PAPER, label=mean)
    axes.set(xscale="log", xlabel="training documents (log scale)", ylabel=f"test {SCORES[run.metric]}")
    plain_ticks(axes, x="count", y="percent" if run.metric == "accuracy" else "plain")
    axes.set_xlim(ticks[0] / 1.25, ticks[-1] * 1.3)
    axes.set_xticks(ticks)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2, handlelength=1.5)
