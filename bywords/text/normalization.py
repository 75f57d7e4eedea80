"""Texts → texts in which what means the same is written the same: one step after the other, each a list of edits.

Most texts need none of it, so a look at their bytes (`bywords.kernels.normalization`) says which do. The same steps
give the offsets of what is left, in the text as it was given.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bywords.kernels.normalization import (
    ALWAYS,
    JOINER,
    MARKUP,
    ORDERED,
    REPLACED,
    RUN,
    SPECIAL,
    TARGET,
    UNCOMPOSED,
    WIDE,
    WITH_I,
    replace_characters,
    shorten_runs,
    suspects,
)
from bywords.kernels.utf8 import joined_bytes, joined_texts
from bywords.text.characters import kinds_of_characters
from bywords.text.composition import parts_of, traced_back
from bywords.text.ragged import offsets_of

if TYPE_CHECKING:
    import polars as pl

Bytes = npt.NDArray[np.uint8]
Ends = npt.NDArray[np.int64]
Edit = tuple[int, int, str]  # where a replaced part starts and ends, and what takes its place
Step = Callable[[str], Iterable[Edit]]

JOINERS, BLACK_FLAG, TURKISH = "\u200b\u200c\u200d", "\U0001f3f4", "ıİğĞşŞ"  # what they become depends on neighbours
NOTHING = np.zeros(0, dtype=np.uint8)  # of no code point

_ENTITY = re.compile(r"&(?:(?:amp|#0*38|#[xX]0*26);)*(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ESCAPE = re.compile(
    r"\\+(?:[ntr\"'/]|u[0-9a-fA-F]{4}(?:\\+u[dD][c-fC-F][0-9a-fA-F]{2})?|x[0-9a-fA-F]{2}(?:\\+x[0-9a-fA-F]{2})*)"
)
_NAME = r"[\w.()&-]+"
_DRIVE = re.compile(  # C:\new files\table.txt
    rf"(?<![A-Za-z])(?![AaQq]:\\+[ntr])[A-Za-z]:\\(?:{_NAME}(?:\ {_NAME}){{0,2}}\\+)*\S*"
)
_SERVER = re.compile(r"(?<![\\\w])\\\\\w[\w.-]*\\[\w$]\S*")  # \\server\new
_PATH = re.compile(
    r"\.{1,2}\\"  # ..\new
    r"|[\w.-]+(?:\\[\w.-]+)+\.(?:txt|csv|exe|dll|py|docx?|xlsx?|pdf|png|jpe?g|log|ini|xml|json|html?|zip|bat|sys|cfg"
    r"|cpp|cs|java|js)\b"  # src\new.txt
    r"|[\w.-]+(?:\\[\w-]+)*\\(?!x[0-9a-fA-F]{2})[A-Za-mo-qsv-z][\w-]*(?:\\[\w.-]+)+"  # src\main\test
    r"|[\w.-]+\\[\w-]+(?:\\[\w.-]+)*\\(?!x[0-9a-fA-F]{2})[A-Za-mo-qsv-z][\w.-]*"  # src\test\main
)
_LATEX = re.compile(
    r"\\(?:nabla|neq|newline|newcommand|newpage|noindent|normalsize|nonumber|notin|tau|theta|times|text(?:bf|it|tt|rm)?"
    r"|tilde|tanh?|triangle|rho|right(?:arrow)?|rangle|rceil|rfloor|renewcommand|ref)(?![A-Za-z])"
)
_LATEX_IN_FORMULAS = re.compile(r"\\(?:nu|ne|ni|not|to|top|rm)(?![A-Za-z])")
_ENDS_SENTENCE = re.compile(r"[!?,;]$|\w\.$")

_EMOJI = "\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_JOINING = "\u0600-\u07ff\u08a0-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u18af\ua840-\ua87f\ufb50-\ufdff\ufe70-\ufefc"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_JOINER = re.compile("[\u200b-\u200d]+")
_JOINED_EMOJI = re.compile(rf"(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])")
_JOINED_LETTERS = re.compile(rf"(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}])")
_BETWEEN_WORDS = re.compile(rf"(?<=[{_UNSPACED}])\u200b+(?=[{_UNSPACED}])")
_DOTTED = re.compile("i\u0307")
_FINAL_SIGMA = re.compile(r"(?<=[^\W\d_])Σ(?![^\W\d_])")
_TURKISH = re.compile("[ıİğĞ]")
_OF_OTHERS_TOO = re.compile("[şŞ]")  # of Kurdish and old Romanian
_NOT_TURKISH = re.compile("[ăâîţêûĂÂÎŢÊÛ]")
_WITH_I = re.compile(r"[^\W\d_]*I[^\W\d_]*")
_OWN_LETTER = re.compile("[ıİğĞşŞçÇöÖüÜ]")
_FLAG = re.compile("(?<=\U0001f3f4)[\U000e0020-\U000e007e]+")

_RUN = re.compile(r"(?ai:([a-z])\1\1+)|([\u00c0-\u057f])\2\2+|([\u0580-\u07ff])\3\3\3+")
_DIGIT = re.compile("[0-9]")
_FEW_CAPITALS = re.compile("[A-Z]{1,4}")
_WORD = re.compile("[A-Za-z0-9\u00c0-\u07ff]+")
_ROMAN = re.compile("[IVXLCDMivxlcdm]+")


def normalized_bytes(texts: Sequence[str] | pl.Series, *, lowercase: bool) -> tuple[Bytes, Ends, bool]:
    """N texts, normalised, as UTF-8: uint8, where each ends, int64 (N,), and whether all is ASCII.

    With `lowercase` all letters but those of ASCII are small.
    """
    whole, ends = joined_texts(texts)
    table, orders = replacements(lowercase), orders_of_characters()
    flags, of_all = suspects(whole, ends, table.specials, orders)
    if not of_all:
        return whole, ends, True
    for kinds_of_change, change in (
        (UNCOMPOSED, _composed),
        (MARKUP | SPECIAL, functools.partial(_in_context, lowercase=lowercase)),
    ):
        changed = _changed(whole, ends, np.flatnonzero(flags & kinds_of_change), change)
        if changed:
            whole, ends = _spliced(whole, ends, changed)
            flags[list(changed)], _ = suspects(*joined_bytes(list(changed.values())), table.specials, NOTHING)
    if (flags & REPLACED).any():
        whole, ends, is_open = replace_characters(
            whole, ends, flags, table.targets, table.data, table.starts, kinds_of_characters()
        )
        if is_open.any():
            whole, ends = _spliced(whole, ends, _changed(whole, ends, np.flatnonzero(is_open), _composed))
        flags, _ = suspects(whole, ends, NOTHING, NOTHING)
    if (flags & RUN).any():
        whole, ends = shorten_runs(whole, ends, flags)
    return whole, ends, not (flags & WIDE).any()


def normalized(texts: Sequence[str] | pl.Series, *, lowercase: bool = True) -> list[str]:
    """Texts as the tokenizer reads them; with `lowercase` in small letters.

    >>> from bywords.text.normalization import normalized
    >>> normalized(["Isn&#39;t it gooood?", "ＡＢＣ ﬁne"])
    ["isn't it good?", 'abc fine']
    """
    whole, ends, _ = normalized_bytes(texts, lowercase=lowercase)
    strings = [part.decode() for part in _parts_of(whole, ends)]
    return [_small(text) for text in strings] if lowercase else strings


def traced(text: str, *, lowercase: bool) -> tuple[str, Ends, Ends]:
    """A text, normalised; and for each character of it, where what it was made from starts and ends, int64 each."""
    trace = _Trace.of(_valid(text)).composed()
    trace = trace.edited(_entities(trace.text))
    trace = trace.edited(_escapes(trace.text)).composed()
    for step in _steps(lowercase):
        trace = trace.edited(step(trace.text))
    trace = trace.composed()
    trace = trace.edited(_single_characters(trace.text, lowercase)).composed()
    trace = trace.edited(shorter_runs(trace.text))
    return _small(trace.text) if lowercase else trace.text, trace.starts, trace.ends


@dataclass(frozen=True)
class Replacements:
    """Characters that are replaced wherever they stand, as `replace_characters` takes them."""

    targets: npt.NDArray[np.int32]
    data: Bytes
    starts: Ends
    by_character: dict[str, str]
    specials: Bytes  # by code point, as `suspects` takes them: those that a step in context may change before


@functools.cache
def replacements(lowercase: bool) -> Replacements:
    """Those of `normalization.txt`, which `tests/normalization_table.py` writes."""
    lines = (Path(__file__).parent / "normalization.txt").read_text().split()
    points = [int(point, 16) for point in lines[::3]]
    new = [_from_hex(word) for word in lines[2 if lowercase else 1 :: 3]]
    encoded = [text.encode() for text in new]
    targets = np.zeros(points[-1] + 1, dtype=np.int32)
    targets[points] = np.arange(1, len(points) + 1)
    specials = (orders_of_characters() > 0) * np.uint8(ORDERED)
    specials[points] |= TARGET
    specials[[ord(sign) for sign in JOINERS]] |= np.array([ALWAYS, JOINER, JOINER], np.uint8)  # the first always goes
    specials[ord(BLACK_FLAG)] |= ALWAYS
    if lowercase:
        specials[[ord(sign) for sign in "Σ\u0307"]] |= ALWAYS
        specials[[ord(letter) for letter in TURKISH]] |= WITH_I
    return Replacements(
        targets,
        np.frombuffer(b"".join(encoded), dtype=np.uint8),
        offsets_of(np.array([len(one) for one in encoded])),
        {chr(point): text for point, text in zip(points, new, strict=True)},
        specials,
    )


@functools.cache
def orders_of_characters() -> Bytes:
    """Those of `composition.txt`, which `tests/composition_table.py` writes, as `suspects` takes them."""
    lines = (Path(__file__).parent / "composition.txt").read_text().split()
    starts = np.array([*(int(start, 16) for start in lines[::2]), 0x110000])
    return np.repeat(np.array(lines[1::2], dtype=np.uint8), np.diff(starts))


def _from_hex(word: str) -> str:
    return "" if word == "-" else "".join(chr(int(point, 16)) for point in word.split("+"))


def _changed(whole: Bytes, ends: Ends, indices: npt.NDArray[np.intp], change: Callable[[str], str]) -> dict[int, bytes]:
    """Those of the texts at `indices` that a change makes others, as bytes, by ascending index."""
    found = {}
    for index in indices.tolist():
        text = whole[ends[index - 1] if index else 0 : ends[index]].tobytes()
        if (new := change(text.decode()).encode()) != text:
            found[index] = new
    return found


def _spliced(whole: Bytes, ends: Ends, new: Mapping[int, bytes]) -> tuple[Bytes, Ends]:
    """Texts as `joined_texts` gives them, with some replaced, by ascending index."""
    view, pieces, done = whole.data, list[memoryview | bytes](), 0
    lengths = np.diff(ends, prepend=0)
    for index, text in new.items():
        end = int(ends[index])
        pieces += [view[done : end - int(lengths[index])], text]
        done = end
    lengths[list(new)] = [len(text) for text in new.values()]
    return np.frombuffer(bytearray().join([*pieces, view[done:]]), dtype=np.uint8), np.cumsum(lengths)


def _parts_of(whole: Bytes, ends: Ends) -> list[bytes]:
    data, bounds = whole.tobytes(), [0, *ends.tolist()]
    return [data[start:end] for start, end in itertools.pairwise(bounds)]


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _valid(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _small(text: str) -> str:
    """ASCII letters small; the others are already."""
    return text.translate(_SMALL)


_SMALL = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def _in_context(text: str, lowercase: bool) -> str:
    """A text in form NFC with all edits that depend on neighbours."""
    text = _ENTITY.sub(_sign_of, text)
    if "\\" in text:
        text = _edited(text, _escapes(text))
    if text.isascii():
        return text
    text = _composed(text)
    for step in _steps(lowercase):
        text = _edited(text, step(text))
    return _composed(text)


def _edited(text: str, edits: Iterable[Edit]) -> str:
    parts, done = [], 0
    for start, end, new in edits:
        parts += [text[done:start], new]
        done = end
    return "".join([*parts, text[done:]]) if done else text


def _steps(lowercase: bool) -> tuple[Step, ...]:
    return (_joiners, _flags, _dots, _final_sigmas, _turkish_capitals) if lowercase else (_joiners, _flags)


def _entities(text: str) -> Iterator[Edit]:
    """&amp; and &#39; as the signs that they stand for; encoded twice (&amp;#39;) too. Unknown names stay."""
    for match in _ENTITY.finditer(text):
        yield match.start(), match.end(), _sign_of(match)


def _sign_of(match: re.Match[str]) -> str:
    return _decoded(match[0], match[1])


@functools.lru_cache(maxsize=1 << 12)
def _decoded(entity: str, name: str) -> str:
    """What an entity of HTML stands for, with the &amp; before its name; itself where there is none of this name."""
    from html import unescape
    from html.entities import html5

    if name[0] == "#" or f"{name};" in html5:
        return unescape(f"&{name};")
    return entity if len(entity) == len(name) + 2 else f"&{name};"


def _escapes(text: str) -> Iterator[Edit]:
    r"""\n, \t and \r that an export has written as two signs are blanks, but not in paths and formulas.

    Of the same exports: \" \' \/ as the sign, \u2019 as the character, \xe2\x80\x99 as the UTF-8 or latin-1 that it is.
    """
    for match in _ESCAPE.finditer(text):
        start, end = match.span()
        if _is_in_path(text, start) and not _ENDS_SENTENCE.search(text, max(0, start - 2), start):
            continue
        if _LATEX.match(text, start) or ("$" in text and _LATEX_IN_FORMULAS.match(text, start)):
            continue
        yield start, end, _unescaped(match[0])


def _is_in_path(text: str, index: int) -> bool:
    """Whether a backslash belongs to a path: of the text, 160 characters before it and 80 after it are looked at."""
    first = max(0, index - 160)
    around, at = text[first : index + 80], min(index, 160)
    for sign, pattern in ((":\\", _DRIVE), ("\\\\", _SERVER)):
        if sign in around and any(path.start() <= at < path.end() for path in pattern.finditer(around)):
            return True
    start = max(around.rfind(blank, 0, at) for blank in " \n\t") + 1
    return _PATH.match(around[start:].lstrip("\"'([{<`")) is not None


def _unescaped(written: str) -> str:
    kind, rest = written.lstrip("\\")[0], written.lstrip("\\")[1:]
    if kind in "ntr":
        return " "
    if kind == "u":
        units = [int(unit, 16).to_bytes(2, "big") for unit in re.findall("[0-9a-fA-F]{4}", rest)]
        return _valid(b"".join(units).decode("utf-16-be", "replace"))
    if kind == "x":
        data = bytes.fromhex("".join(re.findall("x(..)", written)))
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data.decode("latin-1")
    return kind


def _joiners(text: str) -> Iterator[Edit]:
    """Zero-width joiners stay within emoji and where scripts need them, as the non-joiner of Persian; else they go.

    A zero-width space goes too, but is a blank between letters of scripts that mark words by it, as Khmer.
    """
    for match in _JOINER.finditer(text) if any(sign in text for sign in JOINERS) else ():
        start, end = match.span()
        is_kept = end - start == 1 and (_JOINED_EMOJI.match(text, start) or _JOINED_LETTERS.match(text, start))
        if not is_kept:
            yield start, end, " " if _BETWEEN_WORDS.match(text, start) else ""


def _flags(text: str) -> Iterator[Edit]:
    """The signs that are not seen behind a black flag and say of which country it is, as letters."""
    for match in _FLAG.finditer(text) if BLACK_FLAG in text else ():
        yield match.start(), match.end(), "".join(chr(ord(sign) - 0xE0000) for sign in match[0])


def _dots(text: str) -> Iterator[Edit]:
    """An i with another dot, which İ becomes in most software, is an i."""
    for match in _DOTTED.finditer(text):
        yield match.start(), match.end(), "i"


def _final_sigmas(text: str) -> Iterator[Edit]:
    for match in _FINAL_SIGMA.finditer(text) if "Σ" in text else ():
        yield match.start(), match.end(), "ς"


def _turkish_capitals(text: str) -> Iterator[Edit]:
    """I is the capital of ı in a text with letters that only Turkish and its kin have.

    There in words that are all capitals, or have such a letter themselves: Işık and KIRMIZI, not Internet.
    """
    if "I" not in text or not (
        _TURKISH.search(text) or (_OF_OTHERS_TOO.search(text) and not _NOT_TURKISH.search(text))
    ):
        return
    for match in _WITH_I.finditer(text):
        word = match[0]
        if len(word) > 1 and (word.isupper() or _OWN_LETTER.search(word)):
            for index, letter in enumerate(word, start=match.start()):
                if letter == "I":
                    yield index, index + 1, "ı"


def _single_characters(text: str, lowercase: bool) -> Iterator[Edit]:
    by_character = replacements(lowercase).by_character
    for index, character in enumerate(text):
        if character in by_character:
            yield index, index + 1, by_character[character]


def shorter_runs(text: str) -> Iterator[Edit]:
    """Goooood as good, by the rules of `bywords.kernels.normalization.shorten_runs`."""
    for word in _WORD.finditer(text):
        first = word[0][0].lower() if word[0][0].isascii() else word[0][0]
        is_one = all((letter.lower() if letter.isascii() else letter) == first for letter in word[0])
        if is_one or _DIGIT.search(word[0]) or _FEW_CAPITALS.fullmatch(word[0]):
            continue
        is_roman = _ROMAN.fullmatch(word[0]) is not None
        for run in _RUN.finditer(text, word.start(), word.end()):
            if not (is_roman and len(run[0]) == 3):
                yield run.start() + 1, run.end(), run[0][1]


@dataclass(frozen=True)
class _Trace:
    """A text on its way, and where each of its characters comes from."""

    text: str
    starts: Ends
    ends: Ends

    @classmethod
    def of(cls, text: str) -> _Trace:
        indices = np.arange(len(text) + 1)
        return cls(text, indices[:-1], indices[1:])

    def composed(self) -> _Trace:
        """In the form NFC."""
        if unicodedata.is_normalized("NFC", self.text):
            return self
        parts = parts_of(self.text, _composed)
        first, last = traced_back(parts, [len(_composed(part)) for part in parts])
        return _Trace(_composed(self.text), self.starts[first], self.ends[last - 1])

    def edited(self, edits: Iterable[Edit]) -> _Trace:
        parts, firsts, lasts, done = list[str](), list[Ends](), list[Ends](), 0

        def keep(end: int) -> None:
            parts.append(self.text[done:end])
            firsts.append(self.starts[done:end])
            lasts.append(self.ends[done:end])

        for start, end, new in edits:
            keep(start)
            parts.append(new)
            firsts.append(np.repeat(self.starts[start], len(new)))
            lasts.append(np.repeat(self.ends[end - 1], len(new)))
            done = end
        keep(len(self.text))
        return _Trace("".join(parts), np.concatenate(firsts), np.concatenate(lasts))
