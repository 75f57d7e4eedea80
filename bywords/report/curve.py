"""The record of a learning curve in, one HTML page with its picture out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from bywords.errors import DataError
from bywords.experiments.forecast import backtest_sentence, sentence
from bywords.files import write_whole
from bywords.records import CURVE_FORMAT
from bywords.report.canvas import BLUE, INK, MUTED, ORANGE, PAPER, picture, plain_ticks
from bywords.report.numbers import count, percent
from bywords.report.page import render
from bywords.report.record import Record, clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_RUN: Record = {
    "bywords_version": None,
    "created": None,
    "command": None,
    "finished": False,  # a record that does not say that it is whole is not
    "system": "unnamed",
    "seeds": [],
    "machine": {},
    "corpus": {},
    "notes": [],
    "points": [],
    "sizes": [],
    "forecast": None,
    "backtest": None,
}
_CORPUS: Record = {"name": "unnamed corpus", "n_train": None, "n_test": None, "dropped": {}}


def write_curve(run: Record, path: Path) -> None:
    """Write the page about `run`, the JSON of `bywords curve`, to `path`, whole or not at all.

    Raises: DataError when `run` is of another format; SettingError when the file cannot be written.
    """
    write_whole(path, render_curve(run).encode("utf-8"))


def render_curve(run: Record) -> str:
    """The page as a string. The same record gives the same page; that of an interrupted run may lack parts."""
    from markupsafe import Markup

    if run.get("format") != CURVE_FORMAT:
        raise DataError(
            f"This record has the format {run.get('format')!r}, expected {CURVE_FORMAT!r}. "
            "Make it anew with `bywords curve`."
        )
    run = _RUN | {key: value for key, value in clean(run).items() if value is not None}
    run["corpus"] = _CORPUS | {key: value for key, value in run["corpus"].items() if value is not None}
    summary = _summary(run)
    drawn = picture(lambda figure: _draw(figure, run), width=540, height=420, finding=finding(run))
    return render("curve.html", run=run, summary=summary, picture=Markup(drawn) if run["sizes"] else None)


def finding(run: Record) -> str:
    """What the picture shows, in words."""
    if not run["sizes"]:
        return "Nothing has been fitted."
    first, last = run["sizes"][0], run["sizes"][-1]
    told = (
        f"Test accuracy against the number of training documents: {percent(first['accuracy'])} with "
        f"{count(first['n_documents'])}, {percent(last['accuracy'])} with {count(last['n_documents'])}"
    )
    if run["forecast"] is None:
        return told + "."
    low, high = run["forecast"]["interval"]
    return (
        f"{told}, and a forecast of {percent(run['forecast']['accuracy'])} ({percent(low)} to {percent(high)}) with "
        f"{count(run['forecast']['n_documents'])}."
    )


def _summary(run: Record) -> list[str]:
    if not run["sizes"]:
        return ["No part of the documents has been trained on with every seed."]
    said = []
    if run["forecast"] is not None:
        said.append(sentence(run["forecast"]))
    if len(run["sizes"]) > 1:
        before, last = run["sizes"][-2:]
        gain = 100 * (last["accuracy"] - before["accuracy"])
        said.append(
            f"The last doubling, from {before['n_documents']:,} to {last['n_documents']:,} documents, changed the "
            f"accuracy by {gain:+.1f} points, from {before['accuracy']:.1%} to {last['accuracy']:.1%}."
        )
    if run["backtest"] is not None:
        said.append(backtest_sentence(run["backtest"]))
    return [re.sub(r"(?<=\d)%", "\u202f%", told) for told in said]


def _draw(figure: Figure, run: Record) -> None:
    axes = figure.add_subplot()
    sizes, forecast = run["sizes"], run["forecast"]
    ticks = [row["n_documents"] for row in sizes]
    if forecast is not None:
        band = forecast["band"]
        x, y = [row["n_documents"] for row in band], [row["accuracy"] for row in band]
        low, high = [row["low"] for row in band], [row["high"] for row in band]
        axes.fill_between(x, low, high, color=ORANGE, alpha=0.15, linewidth=0, label="95 % of forecasts")
        axes.plot(x, y, color=ORANGE, linestyle="--", linewidth=1.6, label="fitted curve")
        last = (forecast["n_documents"], forecast["accuracy"])
        axes.plot(*last, "D", color=PAPER, markeredgecolor=ORANGE, markersize=8, markeredgewidth=2, label="forecast")
        axes.annotate(
            percent(last[1]), last, xytext=(0, 12), textcoords="offset points", ha="center", color=INK, fontsize=11
        )
        ticks.append(forecast["n_documents"])
    if len(run["seeds"]) > 1:
        x, y = [row["n_documents"] for row in run["points"]], [row["accuracy"] for row in run["points"]]
        axes.plot(x, y, "o", color=MUTED, markersize=3.5, alpha=0.7, label="one seed")
    x, y = [row["n_documents"] for row in sizes], [row["accuracy"] for row in sizes]
    bounds = [row["accuracy_interval"] for row in sizes]
    axes.vlines(x, [low for low, _ in bounds], [high for _, high in bounds], color=BLUE, linewidth=1.8, alpha=0.6)
    mean = "mean and 95 % interval" if len(run["seeds"]) > 1 else "accuracy and 95 % interval"
    axes.plot(x, y, "o", color=BLUE, markersize=7.5, markeredgecolor=PAPER, label=mean)
    axes.set(xscale="log", xlabel="training documents (log scale)", ylabel="test accuracy")
    plain_ticks(axes, x="count", y="percent")
    if ticks:
        axes.set_xlim(ticks[0] / 1.25, ticks[-1] * 1.3)
        axes.set_xticks(ticks)
    axes.grid(True)
    axes.legend(loc="lower right")
