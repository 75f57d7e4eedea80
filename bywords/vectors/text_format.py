"""Bytes of word vectors as text → words and matrix: GloVe's form, and word2vec's and fastText's with a header.

A block of lines is cut by numpy, and the numbers of the wanted rows are read by polars: no Python loop over words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.errors import VectorFileError
from bywords.io.streams import Input
from bywords.text.ragged import ragged_positions

BLOCK_BYTES = 1 << 23
MAX_LINE_BYTES = 1 << 26  # a longer line is not a word vector
NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_NUMBER_OR_NOT = re.compile(rb"[-+]?(nan|inf(inity)?)|" + NUMBER.pattern, re.IGNORECASE)  # a damaged row has as many
BLANKS = b" \t"
UNKNOWN_WORD = "<unk>"  # the last row of GloVe's files
MAX_NUMBER = float(np.finfo(np.float32).max)
_NEWLINE = b"\n"[0]


@dataclass(frozen=True)
class Header:
    """The first line of word2vec's and fastText's files."""

    n_words: int
    dimension: int


def read_header(head: bytes) -> tuple[Header | None, bytes]:
    """The header, if the first line is two whole numbers, and the bytes after it."""
    line, _, rest = head.partition(b"\n")
    if re.fullmatch(rb"\d+[ \t]+\d+[ \t\r]*", line):
        n_words, dimension = map(int, line.split())
        return Header(n_words, dimension), rest
    return None, head


def row_dimension(line: bytes) -> int:
    """How many numbers are at the right end of a line; its first part is the word, whatever it looks like."""
    parts = re.split(rb"[ \t]+", line.rstrip(b" \t\r\n"))[1:]
    return next((n for n, part in enumerate(reversed(parts)) if not _NUMBER_OR_NOT.fullmatch(part)), len(parts))


def read_text(head: bytes, file: Input, source: str, wanted: pl.Series | None) -> WordsAndMatrix:
    """Read one word and its D numbers per line. Words may contain blanks, so numbers are taken from the right.

    `head` is what was already read of `file`. With `wanted`, the numbers of other rows are counted but not read.
    Bytes that are not UTF-8 become the replacement sign. Blank lines are passed over.

    Returns: words as they are, repeats included, and float32 (V, D).
    Raises: VectorFileError, naming the line.
    """
    header, rest = read_header(head)
    dimension = header.dimension if header else row_dimension(head.lstrip(b"\r\n").partition(b"\n")[0])
    line = 2 if header else 1  # the number of the first line in `rest`
    if dimension == 0:
        raise VectorFileError(f"{source}, line {line}: expected a word and its numbers, found no number.")
    n_rows = 0
    words: list[pl.Series] = []
    matrices = [np.empty((0, dimension), dtype=np.float32)]
    is_end, last = False, ""
    while not is_end:
        block = file.read(BLOCK_BYTES, location=f"{source}, line {line} or later")
        is_end = not block
        rest += block
        if is_end and rest and not rest.endswith(b"\n"):
            rest += b"\n"
        stop = rest.rfind(b"\n") + 1
        if stop == 0 and len(rest) > MAX_LINE_BYTES:
            raise VectorFileError(f"{source}, line {line}: no line end in {len(rest)} bytes. Expected a text file.")
        lines = _Lines.of(rest[:stop], line, dimension, source)
        block_words = lines.words()
        rows = np.arange(len(block_words))
        if wanted is not None:
            rows = block_words.is_in(wanted.implode()).arg_true().to_numpy()
        words.append(block_words.gather(rows))
        matrices.append(lines.numbers(rows))
        n_rows += len(block_words)
        last = block_words[-1] if len(block_words) else last
        line += lines.n_lines
        rest = rest[stop:]
    is_one_more = header and n_rows == header.n_words + 1 and last == UNKNOWN_WORD  # GloVe's -write-header forgets it
    if header and n_rows != header.n_words and not is_one_more:
        raise VectorFileError(
            f"{source}, line {line - 1}: the header promises {header.n_words} words, found {n_rows}. "
            "The file may be cut off or put together from several: compare its size with the source."
        )
    return pl.concat(words), np.concatenate(matrices)


WordsAndMatrix = tuple[pl.Series, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class _Lines:
    """The rows of a block of whole lines; all arrays are int64, one number a row: positions of bytes in the block."""

    data: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]  # of the word
    gaps: npt.NDArray[np.int64]  # the blank between word and numbers
    stops: npt.NDArray[np.int64]  # after the last number
    line_numbers: npt.NDArray[np.int64]
    n_lines: int
    dimension: int
    source: str

    @classmethod
    def of(cls, block: bytes, first_line: int, dimension: int, source: str) -> _Lines:
        data = np.frombuffer(block, dtype=np.uint8)
        stops = np.flatnonzero(data == _NEWLINE)
        n_lines = len(stops)
        starts = np.concatenate([[0], stops[:-1] + 1]) if n_lines else stops
        stops = _without_blanks_at_end(data, starts, stops)
        is_row = stops > starts
        starts, stops = starts[is_row], stops[is_row]
        line_numbers = first_line + np.flatnonzero(is_row)
        blanks = np.flatnonzero((data == BLANKS[0]) | (data == BLANKS[1]))
        n_before_stop = np.searchsorted(blanks, stops)
        n_found = n_before_stop - np.searchsorted(blanks, starts)
        is_short = n_found < dimension
        if is_short.any():
            row = is_short.argmax()
            raise VectorFileError(
                f"{source}, line {line_numbers[row]}: expected {dimension} numbers after the word, "
                f"found {n_found[row]}. The file may be cut off: compare its size with the source."
            )
        gaps = blanks[n_before_stop - dimension] if len(starts) else starts
        for row in np.flatnonzero(n_found > dimension):  # few: words with blanks in them
            *before, last = re.split(rb"[ \t]", block[starts[row] : gaps[row]].rstrip(BLANKS))
            if before and NUMBER.fullmatch(last):
                raise VectorFileError(
                    f"{source}, line {line_numbers[row]}: expected {dimension} numbers after the word, "
                    f"found {n_found[row]} or more. Every row needs as many as the first."
                )
        return cls(data, starts, gaps, stops, line_numbers, n_lines, dimension, source)

    def words(self) -> pl.Series:
        """All words of the block, string (n,)."""
        text = _joined(self.data, self.starts, self.gaps).decode("utf-8", "replace")
        words = pl.Series("word", text.split("\n")[:-1], dtype=pl.String)
        return words.str.strip_chars_end(BLANKS.decode())

    def numbers(self, rows: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float32]:
        """The numbers of these rows, float32 (n, D)."""
        if not len(rows):
            return np.empty((0, self.dimension), dtype=np.float32)
        text = _joined(self.data, self.gaps[rows] + 1, self.stops[rows])
        if b"\t" in text:
            text = text.replace(b"\t", b" ")
        schema = {str(column): pl.Float32 for column in range(self.dimension)}
        try:
            frame = pl.read_csv(text, separator=" ", has_header=False, quote_char=None, schema=schema)
        except pl.exceptions.PolarsError as error:
            raise self._first_bad_number(text, rows) from error
        matrix = frame.to_numpy(order="c")
        if matrix.shape != (len(rows), self.dimension) or not np.isfinite(matrix).all():
            raise self._first_bad_number(text, rows)
        return matrix

    def _first_bad_number(self, text: bytes, rows: npt.NDArray[np.integer[Any]]) -> VectorFileError:
        for row, line in zip(rows, text.split(b"\n"), strict=False):
            for part in line.split(b" "):
                if not NUMBER.fullmatch(part) or abs(float(part)) > MAX_NUMBER:
                    found = part.decode("utf-8", "replace")
                    return VectorFileError(
                        f"{self.source}, line {self.line_numbers[row]}: expected {self.dimension} finite numbers "
                        f"after the word, found {found!r}. The file may be damaged: fetch it again."
                    )
        return VectorFileError(f"{self.source}, line {self.line_numbers[rows[0]]} or later: a number cannot be read.")


def _without_blanks_at_end(
    data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Move each stop before the blanks and the carriage return that end its line (fastText's lines end in a blank)."""
    while True:
        last = data[np.maximum(stops - 1, 0)] if len(stops) else data[:0]
        is_blank = (stops > starts) & np.isin(last, np.frombuffer(b" \t\r", dtype=np.uint8))
        if not is_blank.any():
            return stops
        stops = stops - is_blank


def _joined(data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]) -> bytes:
    """The slices data[start:stop], each with a line end after it. There has to be a byte at each stop."""
    bounds = np.stack([starts, stops + 1], axis=1).ravel()  # slices are the even gaps of these bounds
    positions, offsets = ragged_positions(bounds, np.arange(0, len(bounds), 2))
    joined = data[positions]
    joined[offsets[1:] - 1] = _NEWLINE
    return joined.tobytes()
