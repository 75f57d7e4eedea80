"""Numbers and texts → as a page writes them. A number that is not known is a dash."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeGuard

from bywords.terminal import printable, shorten

if TYPE_CHECKING:
    from markupsafe import Markup

UNKNOWN = "–"
_ONE_LINE = 12  # characters that are next to each other on any page
_SPACE = "\u202f"  # narrow and unbreakable: a number stays with its unit
_JOINER = "\u2060"  # after a dash a line may break, but not here


def percent(share: float | None, digits: int = 1) -> str:
    """.834 → 83.4 %."""
    return f"{100 * share:.{digits}f}{_SPACE}%" if _is_known(share) else UNKNOWN


def points(difference: float | None) -> str:
    """.0123 → +1.2: a difference of two percentages, in points."""
    return signed(100 * difference, 1) if _is_known(difference) else UNKNOWN


def point_interval(bounds: Sequence[float] | None) -> str:
    """(.002, .021) → +0.2 to +2.1, in points."""
    return UNKNOWN if bounds is None else f"{points(bounds[0])} to {points(bounds[1])}"


def p_value(number: float | None) -> str:
    """.0312 → .031, and nothing smaller than .001."""
    if not _is_known(number):
        return UNKNOWN
    return "< .001" if number < 0.001 else f"{number:.3f}".removeprefix("0")


def interval(bounds: Sequence[float] | None) -> str:
    """(.825, .842) → 82.5 – 84.2 %."""
    return UNKNOWN if bounds is None else f"{100 * bounds[0]:.1f}{_SPACE}–{_JOINER}{_SPACE}{percent(bounds[1])}"


def count(number: float | None, one: str = "", many: str = "") -> str:
    """10991 → 10,991; with a noun, 1 → 1 document, 2 → 2 documents: `many` is the plural, by default with an s."""
    written = f"{number:,.0f}" if _is_known(number) else UNKNOWN
    return f"{written} {one if number == 1 else many or f'{one}s'}" if one else written


def decimal(number: float | None, digits: int = 3) -> str:
    """.52345 → 0.523."""
    return f"{number:,.{digits}f}" if _is_known(number) else UNKNOWN


def signed(number: float | None, digits: int = 3) -> str:
    """.5 → +0.500, -.5 → −0.500, with a sign as long as the plus; -.0001 → 0.000, which has none."""
    if not _is_known(number):
        return UNKNOWN
    written = f"{number:+,.{digits}f}".replace("-", "\u2212")
    return written if written.strip("+\u2212.0") else written[1:]


def seconds(number: float | None) -> str:
    """0.042 → 0.04 s, 34.1 → 34 s, 125 → 2 min 05 s, 7300 → 2 h 02 min."""
    if not _is_known(number):
        return UNKNOWN
    if number < 9.95:
        return f"{number:.{1 if number >= 1 else 2}f}{_SPACE}s"
    whole = round(number)
    if whole < 120:
        return f"{whole}{_SPACE}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 120:
        return f"{minutes}{_SPACE}min{_SPACE}{rest:02d}{_SPACE}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{_SPACE}h{_SPACE}{minutes:02d}{_SPACE}min"


def size(n_bytes: float | None) -> str:
    """1234567 → 1.2 MB, in steps of 1,000."""
    if not _is_known(n_bytes):
        return UNKNOWN
    value = float(n_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.{0 if unit == 'B' or value >= 99.5 else 1}f}{_SPACE}{unit}"
        value /= 1000
    return f"{value:.1f}{_SPACE}GB"


def breakable(text: str, limit: int | None = None) -> Markup:
    """A label or name, shortened to `limit`. A long one may be broken behind its signs, and so need not be in words."""
    from markupsafe import Markup

    shown = printable(text) if limit is None else shorten(text, limit)
    parts = [shown] if len(shown) <= _ONE_LINE else re.split(r"(?<=\w[_./:-])(?=\w)", shown)
    return Markup("<wbr>").join(parts)


def in_sentence(sentence: str) -> Markup:
    """A sentence whose long words, as the names of labels are, may be broken behind their signs."""
    from markupsafe import Markup

    return Markup(" ").join(map(breakable, sentence.split(" ")))


def shorten_apart(texts: Sequence[str], limit: int) -> list[str]:
    """The texts, each shortened to `limit`; of those that would then look the same, the middle is left out instead."""
    shown = [shorten(text, limit) for text in texts]
    n_shown, n_first = Counter(shown), (limit - 1) // 2
    return [
        short if n_shown[short] == 1 or len(text) <= limit else f"{text[:n_first]}…{text[n_first + 1 - limit :]}"
        for short, text in zip(shown, (shorten(text, len(text) + 1) for text in texts), strict=True)
    ]


def _is_known(number: float | None) -> TypeGuard[float]:
    return number is not None and math.isfinite(number)
