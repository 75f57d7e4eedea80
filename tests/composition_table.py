"""Unicode's data → of each code point, what says whether a text that has it may be in another form than NFC.

Run as a script, it writes `bywords/text/composition.txt`; a test compares the two. Code points that this Python does
not know are looked at, so that the table is right for those that know more.
"""

from __future__ import annotations

import itertools
import unicodedata
from pathlib import Path

import numpy as np

from bywords.kernels.normalization import LOOKED_AT

TABLE = Path(__file__).parent.parent / "bywords" / "text" / "composition.txt"
JAMO = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))  # which follow others in syllables


def orders() -> np.ndarray:
    """The canonical combining class of each code point, uint8 (0x110000,), LOOKED_AT where NFC may change it."""
    found = np.zeros(0x110000, dtype=np.uint8)
    for point in range(0x110000):
        character = chr(point)
        found[point] = max(found[point], unicodedata.combining(character))
        is_stable = unicodedata.normalize("NFC", character) == character
        if not is_stable or unicodedata.category(character) == "Cn":
            found[point] = LOOKED_AT
        decomposition = unicodedata.decomposition(character).split()
        if is_stable and len(decomposition) == 2 and not decomposition[0].startswith("<"):
            found[int(decomposition[1], 16)] = LOOKED_AT  # a later one may become one with what is before it
    found[list(JAMO)] = LOOKED_AT
    return found


def rows() -> list[str]:
    """A line for each run of code points of one number: the first of them, and the number."""
    runs = itertools.groupby(enumerate(orders().tolist()), key=lambda item: item[1])
    return [f"{next(run)[0]:x} {number}" for number, run in runs]


if __name__ == "__main__":
    TABLE.write_text("".join(f"{row}\n" for row in rows()))
