"""Bytes in word2vec's binary format → words and matrix."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.errors import VectorFileError
from bywords.io.streams import Input
from bywords.vectors.text_format import read_header, row_dimension

BLOCK_BYTES = 1 << 24
MAX_WORD_BYTES = 10_000
MOST_PLAUSIBLE = 1e9  # for a number of a word vector; what is read at the wrong place soon has larger ones
MOST_BLANKS = 20  # in a word


def is_binary(head: bytes) -> bool:
    """Whether a file that starts with these bytes is word2vec's binary format: a header, then rows that are no text."""
    header, rest = read_header(head)
    if header is None or header.dimension == 0:
        return False
    if row_dimension(rest.partition(b"\n")[0]) >= header.dimension:
        return False
    gap = rest.find(b" ")
    numbers = rest[gap + 1 : gap + 1 + 4 * header.dimension]
    return gap >= 0 and any(byte < 9 or 13 < byte < 32 or byte > 126 for byte in numbers)


def read_binary(
    head: bytes, file: Input, source: str, wanted: pl.Series | None
) -> tuple[pl.Series, npt.NDArray[np.float32]]:
    """Read a line "V D", then V times a word, one blank and D float32 numbers (little-endian).

    `head` is what was already read of `file`. Where a row starts is known only when the word before it is read, so
    this is a Python loop over rows. Bytes of a word that are not UTF-8 become the replacement sign.

    Returns: words as they are, repeats included, and float32 (V, D).
    Raises: VectorFileError, naming the row and the byte where it starts.
    """
    header, data = read_header(head)
    if header is None:
        raise VectorFileError(f"{source}: expected a first line with the number of words and of dimensions.")
    n_bytes = 4 * header.dimension
    wanted_bytes = None if wanted is None else {word.encode() for word in wanted}
    words: list[bytes] = []
    vectors: list[bytes] = []
    position = 0
    base = len(head) - len(data)  # the byte of the file at data[0]
    ends_in_newline = _ends_in_newline(data, n_bytes)
    for row in range(1, header.n_words + 1):
        gap = _gap(data, position, n_bytes, ends_in_newline)
        while gap < 0 or gap + n_bytes >= len(data):
            here = f"{source}, row {row} at byte {base + position}"
            if (gap if gap >= 0 else len(data)) - position > MAX_WORD_BYTES:
                raise VectorFileError(
                    f"{here}: no blank in {MAX_WORD_BYTES} bytes, expected one after the word. The file is damaged, "
                    f"or its rows do not have {header.dimension} dimensions."
                )
            block = file.read(BLOCK_BYTES, location=here)
            if not block:
                raise VectorFileError(
                    f"{here}: the file ends inside of the row; the header promises {header.n_words} rows of "
                    f"{header.dimension} numbers. The file may be cut off: compare its size with the source."
                )
            base += position
            data, position = data[position:] + block, 0
            gap = _gap(data, 0, n_bytes, ends_in_newline)
        word = data[position:gap].lstrip(b"\n")  # some writers end a row with a line end, others do not
        if wanted_bytes is None or word in wanted_bytes:
            words.append(word)
            vectors.append(data[gap + 1 : gap + 1 + n_bytes])
        position = gap + 1 + n_bytes
    if (data[position:] + file.read(BLOCK_BYTES, location=source)).strip(b"\r\n"):
        raise VectorFileError(
            f"{source}, byte {base + position}: the file goes on after the {header.n_words} rows of {header.dimension} "
            "numbers that its header promises. The file is damaged, or the header belongs to another one."
        )
    matrix = np.frombuffer(b"".join(vectors), dtype="<f4").reshape(-1, header.dimension).astype(np.float32, copy=False)
    decoded = pl.Series("word", [word.decode("utf-8", "replace") for word in words], dtype=pl.String)
    _check_numbers(decoded, matrix, source, ends_in_newline=ends_in_newline)
    return decoded, matrix


def _check_numbers(decoded: pl.Series, matrix: npt.NDArray[np.float32], source: str, *, ends_in_newline: bool) -> None:
    """Raise VectorFileError, naming the word, where numbers are not finite or too large to be of a vector."""
    is_broken = ~np.isfinite(matrix).all(axis=1)
    is_odd = (np.abs(matrix) > MOST_PLAUSIBLE).any(axis=1)
    if not ends_in_newline and (is_broken | is_odd).any():
        row_of = decoded[int((is_broken | is_odd).argmax())]
        raise VectorFileError(
            f"{source}: the numbers of the word {row_of!r} are none of a vector. A word before it may have a blank, "
            "for which this format has no sign where rows do not end in a new line; or the file is damaged. Write the "
            "vectors as text."
        )
    if is_broken.any():
        raise VectorFileError(
            f"{source}: the numbers of the word {decoded[int(is_broken.argmax())]!r} are not all finite. "
            "The file may be damaged: fetch it again."
        )


def _ends_in_newline(data: bytes, n_bytes: int) -> bool:
    """Whether the first row ends in a new line, as word2vec's own do: then words may have blanks in them."""
    gap = data.find(b" ")
    for _ in range(MOST_BLANKS):
        if gap < 0 or gap + n_bytes >= len(data) - 1:
            return False
        if data[gap + 1 + n_bytes : gap + 2 + n_bytes] == b"\n":
            return True
        gap = data.find(b" ", gap + 1)
    return False


def _gap(data: bytes, position: int, n_bytes: int, ends_in_newline: bool) -> int:
    """Where the blank is that ends the word at `position`; -1 where it is not in the data.

    It is the first; where rows end in a new line, the first that has one behind its numbers.
    """
    first = gap = data.find(b" ", position)
    if not ends_in_newline:
        return first
    for _ in range(MOST_BLANKS):
        end = gap + 1 + n_bytes
        if gap < 0 or end >= len(data) or data[end : end + 1] == b"\n":
            return gap if gap >= 0 else first
        gap = data.find(b" ", gap + 1)
    return first
