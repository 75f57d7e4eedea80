"""UTF-8 texts → which of them a normalisation would change; and the changes of characters and of runs of letters.

Flags of a text: MARKUP, it may have an entity of HTML, or an escape with a backslash; RUN, a letter three times in a
row; WIDE, a character that is not ASCII; SPECIAL, a character whose change depends on its neighbours; UNCOMPOSED, it
may not be in the form NFC; REPLACED, a character that becomes another one wherever it stands.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.kernels import _native

MARKUP, RUN, WIDE, SPECIAL, UNCOMPOSED, REPLACED = 1, 2, 4, 8, 16, 32
ALWAYS, WITH_I, JOINER = 1, 2, 4  # when a special code point counts
TARGET, ORDERED = 8, 16  # beside it, in the same number: whether it is replaced, and whether it has an order
LOOKED_AT = 255  # the order of code points that the form NFC may change, or join with what is before them
Bytes = npt.NDArray[np.uint8]
Ends = npt.NDArray[np.int64]
Targets = npt.NDArray[np.int32]


def suspects(text: Bytes, ends: Ends, specials: Bytes, orders: Bytes) -> tuple[Bytes, int]:
    """The flags of the documents text[0:ends[0]], text[ends[0]:ends[1]], …, uint8 (N,); and all that any has.

    `text` is uint8, valid UTF-8; `ends` int64 (N,); `specials` uint8, by code point, 0 beyond its end: a sum of ALWAYS;
    WITH_I, only in a document that has a capital I; JOINER, unless a character from U+0600 to U+07FF stands before it
    and after it; TARGET, which gives REPLACED; and ORDERED, without which no order is looked at. An entity is an
    ampersand before # or a letter, and a semicolon among the 64 bytes from it; an escape, a backslash before one of
    n t r " ' / u x. A run is of an ASCII letter in either case, or of a character from U+00C0 to U+07FF.

    `orders` is uint8, by code point, none beyond its end: the canonical combining class, or LOOKED_AT. A document is
    UNCOMPOSED where it has such a code point, or a class above 0 behind a higher one.
    """
    flags = np.empty(len(ends), dtype=np.uint8)
    return flags, _native.suspects(text, ends, specials, orders, flags)


def replace_characters(
    text: Bytes, ends: Ends, flags: Bytes, targets: Targets, data: Bytes, starts: Ends, kinds: Bytes
) -> tuple[Bytes, Ends, npt.NDArray[np.bool_]]:
    """Documents with some of their characters replaced; only those with the flag REPLACED.

    `targets` int32, by code point: t > 0 stands for the bytes data[starts[t - 1]:starts[t]], which may be none and are
    at most 250; at 0, and beyond the end, a character stays. ASCII stays.

    Returns: text uint8, ends int64 (N,), and which documents may have lost their form NFC, bool (N,): those with a mark
    (by `kinds`, uint8, those of `bywords.kernels.words`) behind or in what was replaced.
    """
    new_ends, is_open = np.empty(len(ends), dtype=np.int64), np.empty(len(ends), dtype=np.uint8)
    _, replaced = _native.replace_characters(text, ends, flags, targets, data, starts, kinds, new_ends, is_open)
    return np.frombuffer(replaced, dtype=np.uint8), new_ends, is_open.astype(np.bool_)


def shorten_runs(text: Bytes, ends: Ends, flags: Bytes) -> tuple[Bytes, Ends]:
    """Documents in which a letter that stands three times or more in a row stands twice; only those with the flag RUN.

    Of characters from U+0580 on, which are those of scripts without vowels, only four times or more. A word of
    letters, digits and characters from U+00C0 to U+07FF stays as it is where it has a digit, where all its letters are
    the same (www), and where it has no more than four, all of them ASCII capitals (IEEE); and so does a letter that
    stands three times in a word of the letters of Roman numerals (viii).

    Works in `text` and `ends`, and returns what is left of them.
    """
    return text[: _native.shorten_runs(text, ends, flags)], ends
