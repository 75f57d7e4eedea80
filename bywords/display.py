"""What a notebook shows of a result: small pieces of HTML, with every text escaped, in the page's own colours."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MOST_ROWS = 30
MOST_CHARACTERS = 2_000  # of a text that is shown
MOST_ON_A_LINE = 24  # characters of a cell
WIDTH_OF_LONG = "12em"  # of a cell that has more lines
FOR, AGAINST = "0, 114, 178", "199, 80, 0"  # red, green and blue of words for a class, and against it, as on pages


def shown_table(title: str, rows: Sequence[Mapping[str, Any]], *, notes: Iterable[str] = ()) -> str:
    """A title, rows with the same keys, the first MOST_ROWS of them, without empty columns; and sentences.

    The ends of an interval, as in `accuracy_interval_low`, are in one cell.
    """
    shown = [_with_intervals(row) for row in rows]
    columns = [name for name in shown[0] if any(row[name] is not None for row in shown)] if shown else []
    sides = ["right" if any(isinstance(row[name], int | float) for row in shown) else "left" for name in columns]
    styles = [f"text-align:{side};vertical-align:top;padding:.15em .6em" for side in sides]
    head = "".join(
        f"<th style='{style}'>{_escaped(name.replace('_', ' '))}</th>"
        for name, style in zip(columns, styles, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(_cell(_in(name, row), style) for name, style in zip(columns, styles, strict=True)) + "</tr>"
        for row in shown[:MOST_ROWS]
    )
    left = [f"{len(rows) - MOST_ROWS:,} more rows: to_frame() has all."] if len(rows) > MOST_ROWS else []
    table = f"<table style='margin:.2em 0'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if rows else ""
    said = "".join(f"<p style='margin:.3em 0'>{_escaped(note)}</p>" for note in [*notes, *left])
    return (
        f"<div style='max-width:100%'><p style='margin:.3em 0'><strong>{_escaped(title)}</strong></p>"
        f"<div style='overflow-x:auto;scrollbar-width:thin'>{table}</div>{said}</div>"
    )


def shown_words(title: str, parts: Iterable[tuple[str, float]], *, notes: Iterable[str] = ()) -> str:
    """A text in parts, each coloured by a number from -1, against, to 1, for; 0 has no colour."""
    pieces, length = list[str](), 0
    for text, value in parts:
        if length >= MOST_CHARACTERS:
            pieces.append(" …")
            break
        length += len(text)
        strength = min(abs(value), 1.0)
        which, line = (FOR, "solid") if value > 0 else (AGAINST, "dashed")  # also for those who do not see the colours
        colour = (
            f"background:rgba({which}, {0.15 + 0.55 * strength:.2f});border-radius:.2em;"
            f"border-bottom:2px {line} rgb({which})"
        )
        piece = _escaped(text)
        pieces.append(f"<span style='{colour}' title='{value:+.2f}'>{piece}</span>" if strength > 0.02 else piece)
    said = "".join(f"<p style='margin:.3em 0'>{_escaped(note)}</p>" for note in notes)
    return (
        f"<div style='max-width:60em'><p style='margin:.3em 0'><strong>{_escaped(title)}</strong></p>"
        f"<p style='white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.7'>{''.join(pieces)}</p>{said}</div>"
    )


def _in(name: str, row: Mapping[str, Any]) -> str:
    """What stands in a column: the number of a row as it is written to find it, other ones in thousands."""
    return str(row[name]) if name == "row" else _said(row[name])


def _cell(text: str, style: str) -> str:
    """A cell of a table; a name or a number, which is short, stays on one line."""
    width = "white-space:nowrap" if len(text) <= MOST_ON_A_LINE else f"min-width:{WIDTH_OF_LONG}"
    return f"<td style='{style};{width}'>{_escaped(text)}</td>"


def _with_intervals(row: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict[str, Any]()
    for name, value in row.items():
        interval = name.removesuffix("_low").removesuffix("_high")
        if not interval.endswith("_interval") or interval == name:
            merged[name] = value
        elif name.endswith("_low"):
            high = row[f"{interval}_high"]
            merged[interval] = None if None in (value, high) else f"{_said(value)} to {_said(high)}"
    return merged


def _said(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _escaped(text: str) -> str:
    return html.escape(text.encode("utf-8", "replace").decode(), quote=True)
