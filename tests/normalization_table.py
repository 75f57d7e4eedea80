"""Unicode's data → the characters that the normalisation replaces wherever they stand.

Run as a script, it writes `bywords/text/normalization.txt`; a test compares the two. The table is kept, so that a model
reads its texts alike whatever Python it runs on.
"""

from __future__ import annotations

import functools
import unicodedata
from pathlib import Path

TABLE = Path(__file__).parent.parent / "bywords" / "text" / "normalization.txt"

# Characters that differ in nothing but how they look: their compatibility decomposition is what they mean.
SAME_MEANING = {"<wide>", "<narrow>", "<isolated>", "<initial>", "<medial>", "<final>", "<small>", "<vertical>"} | {
    *("<compat>", "<square>", "<noBreak>")
}
KEPT = (
    range(0x0E00, 0x0F00),  # Thai and Lao, whose vowels would be cut
    range(0x3131, 0x318F),  # Korean letters by themselves, which would become parts of syllables
    range(0x2024, 0x2027),  # …, one sign that says what three would
    range(0x2116, 0x2117),  # №, which would become the word "no"
)
STYLED_LETTERS = range(0x1D400, 0x1D800)  # mathematical bold, script, …, used as letters

APOSTROPHES = "\u2018\u2019\u201b\u02bb\u02bc\u00b4\uff07\u0091\u0092"
QUOTES = "\u201c\u201d\u201e\u201f\u0093\u0094\uff02"
HYPHENS = "\u2010\u2011"
WINDOWS = {0x80: "€", 0x84: '"', 0x8A: "Š", 0x8C: "Œ", 0x8E: "Ž", 0x95: "•", 0x96: "–", 0x97: "—", 0x99: "™"} | {
    **{0x9A: "š", 0x9C: "œ", 0x9E: "ž", 0x9F: "Ÿ"}
}  # what stands at these places in Windows' code page: text that was read as latin-1

IGNORABLE = (  # signs that are not seen; those that join are looked at with their neighbours
    *([0xAD, 0x34F, 0x61C, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180E, 0x180F, 0x200E, 0x200F, 0x3164, 0xFEFF]),
    *([0xFFA0, *range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9)]),
    *([*range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE0200)]),
)
VOWEL_SIGNS = (  # of Arabic, with tatweel and the signs of the Quran, and of Hebrew; hamza and madda are kept
    *([*range(0x610, 0x61B), 0x640, *range(0x64B, 0x653), 0x656, 0x657, 0x670, *range(0x6D6, 0x6DD)]),
    *([*range(0x6DF, 0x6E5), 0x6E7, 0x6E8, *range(0x6EA, 0x6EE), *range(0xFE70, 0xFE80), *range(0xFC5E, 0xFC64)]),
    *([*range(0x591, 0x5BE), 0x5BF, 0x5C1, 0x5C2, 0x5C4, 0x5C5, 0x5C7]),
)
OUT = {chr(point) for point in (*IGNORABLE, *VOWEL_SIGNS)}


@functools.cache
def replacements() -> dict[int, tuple[str, str]]:
    """Code point → what it becomes, as written and in small letters."""
    found = {}
    for point in (*range(0x80, 0x30000), *range(0xE0000, 0xE0200)):
        character = chr(point)
        if 0xD800 <= point < 0xE000 or unicodedata.normalize("NFC", character) != character:
            continue
        cased = decomposed(character)
        lower = folded(cased)
        if (cased, lower) != (character, character):
            found[point] = cased, lower
    return found


def decomposed(character: str) -> str:
    """What a character means, in the form NFC."""
    point = ord(character)
    if character in OUT:
        return ""
    if character in APOSTROPHES:
        return "'"
    if character in QUOTES:
        return '"'
    if character in HYPHENS:
        return "-"
    if point in WINDOWS:
        return WINDOWS[point]
    if any(point in kept for kept in KEPT):
        return character
    tag, *parts = unicodedata.decomposition(character).split() or [""]
    if tag not in SAME_MEANING and not (tag == "<font>" and point in STYLED_LETTERS):
        return character
    whole = unicodedata.normalize("NFC", "".join(decomposed(chr(int(part, 16))) for part in parts))
    is_accent = len(whole) > 1 and whole[0] == " " and all(map(unicodedata.combining, whole[1:]))
    return character if is_accent else whole


def folded(text: str) -> str:
    """Small letters; İ is i without another dot."""
    return text.replace("\u0130", "i").lower()


def rows() -> list[str]:
    """The lines of the table: a code point, what it becomes as written and in small letters; - where it goes."""

    def written(text: str) -> str:
        return "+".join(f"{ord(character):x}" for character in text) or "-"

    return [f"{point:x} {written(cased)} {written(lower)}" for point, (cased, lower) in replacements().items()]


if __name__ == "__main__":
    TABLE.write_text("".join(f"{row}\n" for row in rows()))
