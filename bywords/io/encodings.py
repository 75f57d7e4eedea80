"""Bytes in some encoding → UTF-8; and bytes that are not UTF-8 → the encoding that they are likeliest in."""

from __future__ import annotations

import codecs
import re
from typing import IO

from bywords.errors import SettingError, did_you_mean

UTF8 = "utf-8"
_MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# What files are in that are not UTF-8, the commonest first. Others can be named, but are not proposed.
COMMON = (
    *("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949", "mac_roman", "cp437"),
)
_SAMPLE_BYTES = 20_000


def check_encoding(encoding: str) -> str:
    """Python's name of an encoding. Raises SettingError for one that there is not, or that is no encoding of text."""
    try:
        found = codecs.lookup(encoding)
    except (LookupError, ValueError) as error:
        known = (UTF8, "utf-16", "latin-1", *COMMON)
        raise SettingError(
            f"there is no encoding {encoding!r}.{did_you_mean(encoding, known)} Say one as cp1252, latin-1, utf-16, "
            "shift_jis or gb18030."
        ) from error
    if not found._is_text_encoding:
        raise SettingError(f"{encoding!r} is no encoding of text. Say one as cp1252, latin-1, utf-16 or shift_jis.")
    return found.name


def encoding_of(start: bytes, asked: str | None) -> str:
    """The encoding of what starts with these bytes: the one asked for, that of a byte order mark, or UTF-8."""
    if asked is not None:
        return check_encoding(asked).removesuffix("-sig")
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), _without_mark(start))


def _without_mark(start: bytes) -> str:
    """UTF-16 without its mark: of four bytes every second is zero."""
    if len(start) == 4 and start[1] == start[3] == 0 and start[0] and start[2]:
        return "utf-16-le"
    if len(start) == 4 and start[0] == start[2] == 0 and start[1] and start[3]:
        return "utf-16-be"
    return UTF8


class Recoded:
    """What is read from a file in another encoding, as UTF-8. A byte that it does not have is left as it is."""

    def __init__(self, file: IO[bytes], start: bytes, encoding: str, name: str) -> None:
        """`start` has been read of the file already."""
        self._file, self._encoding, self._name = file, encoding, name
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
        self._start, self._ready, self._is_end = start, b"", False

    def read(self, n_bytes: int = -1) -> bytes:
        """The next bytes, fewer only at the end. Raises ValueError for those that are not in the encoding."""
        while not self._is_end and (n_bytes < 0 or len(self._ready) < n_bytes):
            new = self._file.read(-1 if n_bytes < 0 else 1 << 16)
            self._is_end = not new or n_bytes < 0
            try:
                text = self._decoder.decode(self._start + new, final=self._is_end)
            except UnicodeDecodeError as error:
                raise ValueError(f"it is not in the encoding {self._encoding} ({error.reason})") from error
            self._start = b""
            self._ready += text.removeprefix("\ufeff").encode("utf-8", "surrogateescape")
        found = self._ready if n_bytes < 0 else self._ready[:n_bytes]
        self._ready = self._ready[len(found) :]
        return found


def not_utf8(data: bytes, index: int) -> str:
    """What to do about bytes that are not UTF-8 at `index`: the likeliest encoding, and how the place reads in it."""
    if b"\0" in data:
        return "It has zero bytes too, so that it is perhaps no text: check what kind of file it is."
    encoding = likeliest_encoding(data)
    if encoding is None:
        return "Say which encoding it is in (--encoding cp1252), or save the file as UTF-8."
    start = data.rfind(b"\n", 0, index) + 1
    around = data[max(start, index - 20) : index + 20].partition(b"\n")[0]
    shown = around.decode(encoding, "ignore").strip()
    words = re.findall(r"\S+", shown)
    example = next((word for word in words if not word.isascii()), shown)
    return (
        f"It is likeliest {encoding}, in which this reads {example!r}: say --encoding {encoding}, or save the file as "
        "UTF-8."
    )


def likeliest_encoding(data: bytes) -> str | None:
    """By charset-normalizer, from the lines that are not ASCII; None where it knows none."""
    from charset_normalizer import from_bytes

    lines = [line for line in data.split(b"\n") if not line.isascii()]
    sample = b"\n".join(lines)[:_SAMPLE_BYTES]
    best = from_bytes(sample, cp_isolation=list(COMMON), enable_fallback=False).best()
    if best is None:
        return None
    text = sample.decode(best.encoding, "replace")
    return next(name for name in (*COMMON, best.encoding) if sample.decode(name, "replace") == text)
