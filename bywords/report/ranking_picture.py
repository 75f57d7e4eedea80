"""Systems whose documents have any number of labels → the precision of their first k labels, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bywords.records.run import SystemScores
from bywords.report.canvas import BLUE, MUTED, ORANGE, PAPER, picture, plain_ticks
from bywords.report.formats import decimal
from bywords.terminal import shorten

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

_STYLES = ((BLUE, "o", "-"), (ORANGE, "s", "--"), (MUTED, "^", ":"))
MOST_DRAWN = len(_STYLES)  # systems; more lines would hide each other


def ranking_picture(systems: Sequence[SystemScores]) -> Markup | None:
    """P@k of the first MOST_DRAWN systems, which are ordered from the best; None where nothing is ranked."""
    drawn = [system for system in systems if system.ranking][:MOST_DRAWN]
    if not drawn:
        return None
    return picture(_draw, drawn, width=560, height=340, finding=_finding(drawn))


def _finding(systems: Sequence[SystemScores]) -> str:
    said = (
        f"{system.name}: " + ", ".join(f"P@{k} {decimal(row.precision)}" for k, row in system.ranking.items())
        for system in systems
    )
    return "; ".join(said) + "."


def _draw(axes: Axes, systems: Sequence[SystemScores]) -> None:
    for index, (system, (color, marker, line)) in enumerate(zip(systems, _STYLES, strict=False)):
        rows = list(system.ranking.values())
        x = np.array([float(k) for k in system.ranking]) + 0.09 * (index - (len(systems) - 1) / 2)
        low, high = np.array([row.precision_interval for row in rows]).T
        axes.vlines(x, low, high, color=color, linewidth=1.6, alpha=0.6)
        y = [row.precision for row in rows]
        axes.plot(x, y, color=color, marker=marker, linestyle=line, markersize=6.5, markeredgecolor=PAPER,
                  label=shorten(system.name, 32))  # fmt: skip
    axes.set(xlabel="first labels looked at, k", ylabel="share of them that are right")
    axes.set_xticks([int(k) for k in systems[0].ranking])
    axes.margins(x=0.1, y=0.12)
    plain_ticks(axes, x="count", y="plain", grid="y")
    axes.legend(loc="best")
