"""Code points → what each is to the tokenizer: a space, part of a word, a sign, of a script without spaces, a mark.

The classes are those of polars' regular expressions, so that a pattern means the same to both. They are kept in
`characters.txt`, which `tests/character_kinds.py` writes, since asking polars takes a tenth of a second.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt

# The scripts that are written without spaces between words, as a set of characters in Rust's regular expressions.
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}&&[\w--[\p{Nd}\p{M}]]]"
KINDS = ("space", "word", "sign", "unspaced", "mark")  # in the order of the constants of `bywords.kernels.words`


@functools.cache
def kinds_of_characters() -> npt.NDArray[np.uint8]:
    """What each code point is, uint8, by the constants of `bywords.kernels.words`; those beyond its end are signs."""
    lines = (Path(__file__).parent / "characters.txt").read_text().split()
    starts = np.array([int(start, 16) for start in lines[::2]])
    kinds = np.array([KINDS.index(kind) for kind in lines[1::2]], dtype=np.uint8)
    return np.repeat(kinds[:-1], np.diff(starts))  # the last are signs
