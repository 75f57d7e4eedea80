"""Text from anywhere → text that does nothing on a terminal but be read, and words → a command that can be typed."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable

# C0 and C1 signs but tab and line feed, delete, separators of lines, what turns the direction of writing, marks without
# width that no letter needs, and halves of surrogate pairs. Joiners stay: letters and emoji need them.
_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
)
_IS_UNSEEN = re.compile(f"[{_UNSEEN}]")
_IS_NO_PART_OF_A_LINE = re.compile(f"[{_UNSEEN}\t\n]")
_NAMED = {"\n": r"\n", "\t": r"\t"}


def visible(text: str) -> str:
    r"""The text with \uXXXX for signs that a terminal obeys or does not show. JSON stays JSON of the same value."""
    return _IS_UNSEEN.sub(_escape, text)


def visible_line(text: str) -> str:
    r"""The same on one line, with \n and \t for line ends and tabs: a value cannot look like another line of output."""
    return _IS_NO_PART_OF_A_LINE.sub(_escape, text)


def shorten(text: str, limit: int) -> str:
    """At most `limit` printable characters on one line, … where something was left out."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def printable(text: str) -> str:
    """`text` without what a page or an XML file cannot hold: control signs and lone surrogates become U+FFFD."""
    return "".join(sign if sign in "\n\t" or _is_printable(sign) else "\ufffd" for sign in text)


def escape_unencodable(error: UnicodeError) -> tuple[str, int]:
    r"""\uXXXX for signs that an encoding does not have, as a handler of `codecs.register_error`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4)), error.end


def shell_words(words: Iterable[str]) -> str:
    """Words as they can be typed into a shell and shown on a line: like `shlex.join`, and without control signs."""
    return " ".join(map(_shell_word, words))


def command(name: str, *places: str, options: Iterable[str] = ()) -> str:
    """A command of bywords as it can be typed, with files, folders or data sets, and options behind them."""
    named = [f"./{place}" if place.startswith("-") and place != "-" else place for place in places]
    return shell_words(["bywords", *name.split(), *named, *options])


def _is_printable(sign: str) -> bool:
    return unicodedata.category(sign) not in ("Cc", "Cs") and ord(sign) & 0xFFFE != 0xFFFE


def _escape(match: re.Match[str]) -> str:
    sign = match[0]
    return _NAMED.get(sign) or f"\\u{ord(sign):04x}"


def _shell_word(word: str) -> str:
    if not _IS_NO_PART_OF_A_LINE.search(word):
        return shlex.quote(word)
    word = re.sub(r"[\\']", r"\\\g<0>", word)
    return f"$'{_IS_NO_PART_OF_A_LINE.sub(_octal, word)}'"


def _octal(match: re.Match[str]) -> str:
    is_byte = "\udc80" <= match[0] <= "\udcff"  # of a file name that is no UTF-8
    encoded = match[0].encode("utf-8", "surrogateescape" if is_byte else "surrogatepass")
    return "".join(f"\\{byte:03o}" for byte in encoded)
