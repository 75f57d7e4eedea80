"""Unicode's classes as polars' regular expressions know them → what each code point is to the tokenizer.

Run as a script, it writes `bywords/text/characters.txt`; a test compares the two.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import polars as pl

from bywords.kernels import words
from bywords.text.characters import KINDS, UNSPACED

TABLE = Path(__file__).parent.parent / "bywords" / "text" / "characters.txt"


def kinds_by_polars() -> np.ndarray:
    """The kind of each code point, uint8 (0x110000,); halves of surrogate pairs are signs."""
    points = np.array([point for point in range(0x110000) if not 0xD800 <= point < 0xE000])
    characters = pl.Series(map(chr, points.tolist()))
    kinds = np.full(0x110000, words.SIGN, dtype=np.uint8)
    classes = {r"\s": words.SPACE, r"\w": words.WORD, r"\p{M}": words.MARK, UNSPACED: words.UNSPACED}
    for pattern, kind in classes.items():
        kinds[points[characters.str.contains(pattern).to_numpy()]] = kind
    return kinds


def main() -> None:
    """Write a line for each run of code points of one kind: the first of them, and the kind."""
    lines = []
    for kind, run in itertools.groupby(enumerate(kinds_by_polars().tolist()), key=lambda item: item[1]):
        first, _ = next(run)
        lines.append(f"{first:x} {KINDS[kind]}\n")
    TABLE.write_text("".join(lines))


if __name__ == "__main__":
    main()
