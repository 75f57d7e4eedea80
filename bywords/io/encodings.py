"""Bytes in some encoding → UTF-8; and bytes that are not UTF-8 → the encoding that they are likeliest in."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from typing import IO

from bywords.errors import DataError, SettingError, did_you_mean

UTF8 = "utf-8"
_MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# What files are in that are not UTF-8, the commonest first. Others can be named, but are not proposed.
LATIN = ("cp1252", "cp1250", "cp1254", "cp1257", "mac_roman", "cp437")
OTHER = (
    *("cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874"),
    *("cp932", "euc_jp", "gb18030", "big5", "euc_kr"),
)
COMMON = (*LATIN, *OTHER)
# What languages of Latin letters have beside a to z, in one alphabet each.
ALPHABETS = (
    *("àâæçèéêëîïôœùûüÿ", "áéíñóúü", "àáâãçéêíòóôõúü", "àèéìíîòóùú", "äöüß", "áàéèíïóòúüç", "áéíóúýþæöð"),
    *("åäöéü", "åæøéèêòóôü", "àáäéëèêïíîóöôúûü", "äõöüšž", "áâêîôûŵŷïäëö"),
    *("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîșțşţ", "çëáéí"),
    *("çğıöşüâîûİ", "āčēģīķļņšūž", "ąčęėįšųūž"),
)
_LATIN_SHARE = 0.3  # of the letters: at most so many are not ASCII in languages of Latin letters
_ODD = re.compile(
    r"(?<=[^\W\d_])[^\x00-\x7f\w’'‐-―](?=[^\W\d_])"  # a sign between two letters
    r"|(?<=[a-zà-ÿ])[À-Þ](?=[a-zà-ÿ])|[\x80-\x9f]"
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
        """The next bytes, fewer only at the end. Raises DataError for those that are not in the encoding."""
        while not self._is_end and (n_bytes < 0 or len(self._ready) < n_bytes):
            new = self._file.read(-1 if n_bytes < 0 else max(1 << 16, n_bytes - len(self._ready)))
            self._is_end = not new or n_bytes < 0
            try:
                text = self._decoder.decode(self._start + new, final=self._is_end)
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{self._name}: this is not in the encoding {self._encoding} ({error.reason}). Copy the file "
                    "again, or say another --encoding."
                ) from error
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
    words = re.findall(r"[^\s;,|]+", shown)
    example = next((word for word in words if not word.isascii()), shown)
    return (
        f"It is likeliest {encoding}, in which this reads {example!r}: say --encoding {encoding}, or save the file as "
        "UTF-8."
    )


def likeliest_encoding(data: bytes) -> str | None:
    """The commonest encoding that fits, from the lines that are not ASCII; None where none does.

    Of Latin letters it is the one in which most of them are of one language, and signs not within words; kana are
    Japanese. The rest charset-normalizer decides.
    """
    lines = [line for line in data.split(b"\n") if not line.isascii()]
    sample = b"\n".join(lines)[:_SAMPLE_BYTES]
    n_other, n_ascii = sum(byte > 127 for byte in sample), len(re.findall(rb"[A-Za-z]", sample))
    if n_other <= _LATIN_SHARE * (n_other + n_ascii):
        odd = {name: _n_odd(text) for name in LATIN if (text := _decoded(sample, name)) is not None}
        return min(odd, key=odd.__getitem__, default=None)
    for name in ("cp932", "euc_jp"):
        if len(re.findall(r"[\u3041-\u30fa]", _decoded(sample, name) or "")) > n_other / 20:
            return name
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=list(OTHER), enable_fallback=False).best()
    if best is None:
        return None
    text = _decoded(sample, best.encoding)
    return next(name for name in (*COMMON, best.encoding) if _decoded(sample, name) == text)


def _decoded(sample: bytes, encoding: str) -> str | None:
    """None where it is not in the encoding, but for a character that the end of the sample cuts."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return None


def _n_odd(text: str) -> int:
    """How many letters are none of the likeliest language, and signs and capitals within words in small letters."""
    letters = Counter(re.findall(r"[^\W\d_a-zA-Z]", text))
    foreign = [sum(n for letter, n in letters.items() if not {letter, letter.lower()} & {*one}) for one in ALPHABETS]
    return min(foreign) + len(_ODD.findall(text))
