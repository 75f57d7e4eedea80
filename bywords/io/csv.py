r"""CSV or TSV → rows of strings: fast where the file is clearly well-formed, else record by record, naming lines.

Polars reads a well-formed file twenty times faster than Python's csv module, but also accepts rows that are too
short, quotes that never close in their own row and a last row that is too long. So its answer is taken only where
none of that can be; everything else is read a second time, strictly. Where that fails too, quotes may be written in
another way: \" for a quote inside of quotes, or a blank before the first.
"""

from __future__ import annotations

import codecs
import csv
import dataclasses
import io
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from bywords.errors import DataError
from bywords.io.formats import guess_separator
from bywords.io.streams import BLOCK_BYTES, Input, Lines, Position, Skipped, refuse_row, wrong_byte
from bywords.kernels.utf8 import has_plain_quotes

RECORD_BYTES = 1 << 27  # no row is longer: quotes that are not closed within as many bytes never are
BYTES_PER_COLUMN = 256  # of a block, at least
_QUOTE, _NEWLINE = ord('"'), ord("\n")
_ESCAPED = re.compile(rb'(?<!\\)((?:\\\\)*)\\"')  # an odd number of backslashes before a quote
_SEPARATOR_LINE = re.compile(rb"(?:\xef\xbb\xbf)?sep=(.)\r?\n", re.IGNORECASE)  # Excel's
_UNCLOSED = "unexpected end of data"  # what the csv module says of quotes that are open at the end


@dataclass(frozen=True)
class Dialect:
    """How a CSV is written, so that another can be written in the same way."""

    separator: str = ","
    line_end: str = "\n"
    has_mark: bool = False  # a byte order mark at the beginning
    is_tsv: bool = False  # whose separator is that of its format, and not its own


@dataclass(frozen=True, eq=False)
class Records:
    """Some records of a file, one after the other."""

    frame: pl.DataFrame  # string columns; a field without characters is null or empty
    source: bytes
    line_of: Callable[[int], int]  # record, counted from 0 -> the line of the file on which it starts
    dialect: Dialect


def record_blocks(
    file: Input, separator: str | None = None, *, block_bytes: int = BLOCK_BYTES, skipped: Skipped | None = None
) -> Iterator[Records]:
    """Every record of a CSV (or TSV, by `separator`), the first too, about `block_bytes` at a time, 0 for all at once.

    No more than a block or a record is in memory. With `skipped`, records after the first that cannot be read are
    counted there and left out; quotes that are not closed cost the line on which they open.

    Raises: DataError, naming the line, for a record with more or fewer fields than the first and for quotes that
    do not close; and when there is no record.
    """
    head = file.peek()
    marked = _SEPARATOR_LINE.match(head)
    mark = head.startswith(codecs.BOM_UTF8)
    line_end = "\r\n" if b"\r\n" in head and head.count(b"\r\n") == head.count(b"\n") else "\n"
    is_tsv = separator is not None
    if separator is None:
        separator = marked[1].decode("latin-1") if marked else guess_separator(head.decode("utf-8", "replace"))
    dialect = Dialect(separator, line_end, mark, is_tsv)
    start = file.read(marked.end()) if marked else b""
    reader, rest, line, offset = _Reader(file.name, dialect, skipped), b"", 1 + bool(start), len(start)
    is_end = False
    while not is_end:
        line, offset, rest = file.moved() or (line, offset, rest)
        wanted = max(block_bytes, len(rest)) or -1
        new = file.read(wanted)
        is_end = len(new) < wanted or wanted < 0
        data = rest + new
        records, n_bytes = reader.read(Lines(data, line, offset, file.encoding), is_end=is_end)
        of_columns = BYTES_PER_COLUMN * (reader.n_fields or 0)
        if block_bytes and of_columns > BLOCK_BYTES:  # a block of very many columns takes long, whatever its rows
            block_bytes = max(block_bytes, of_columns)
        whole, rest = data[:n_bytes], data[n_bytes:]
        line, offset = line + n_line_ends(whole), offset + len(whole)
        file.position = None
        if block_bytes and not is_end and not reader.is_escaped:
            file.position = Position(offset, line, offset + len(rest), block_bytes)
        if records is not None:
            yield records
    if reader.n_fields is None:
        raise DataError(
            f"{file.name} is empty: expected a first line with the names of the columns, then one row a document."
        )


class _Reader:
    """Reads blocks of a file. The first record says how many fields each has."""

    def __init__(self, name: str, dialect: Dialect, skipped: Skipped | None) -> None:
        self.name = name
        self.dialect = dialect
        self.separator = dialect.separator
        self.skipped = skipped
        self.n_fields: int | None = None
        self.is_escaped = self.is_spaced = False  # quotes in quotes are \\"; blanks may stand before the first quote

    def read(self, block: Lines, *, is_end: bool) -> tuple[Records | None, int]:
        """The records in a block that starts with one, and how many bytes they have; None where there is none."""
        is_first, problem = self.n_fields is None, None
        if self.is_escaped:
            block = _with_doubled_quotes(block)
        noted = None if self.skipped is None else Skipped()
        found: tuple[Records | None, int] = (None, 0)
        try:
            found = self._read(block, is_end=is_end, skipped=noted)
        except DataError as error:
            problem = error
        n_bad = 1 if problem is not None else 0 if noted is None else noted.count
        is_spaced = not self.is_spaced and f'{self.separator} "'.encode() in block.source
        if n_bad or (is_first and is_spaced and not has_plain_quotes(block.source + b"\n", self.separator)):
            other = self._read_otherwise(block, found[0], n_bad, is_end=is_end, is_first=is_first, is_spaced=is_spaced)
            if other is not None:
                return other
        if problem is not None:
            raise problem
        self._count(noted)
        return found

    def _count(self, noted: Skipped | None) -> None:
        if self.skipped is not None and noted is not None:
            self.skipped.first = self.skipped.first or noted.first
            self.skipped.count += noted.count

    def _read_otherwise(
        self, block: Lines, found: Records | None, n_bad: int, *, is_end: bool, is_first: bool, is_spaced: bool
    ) -> tuple[Records | None, int] | None:
        """The same with quotes that are written in another way, where fewer rows are bad then; it stays so."""
        before, is_escaped = (self.n_fields, self.is_escaped, self.is_spaced), b'\\"' in block.source
        for escaped, spaced in ((True, False), (False, True), (True, True)):
            if escaped > is_escaped or spaced > is_spaced:
                continue
            noted = None if self.skipped is None else Skipped()
            self.n_fields = None if is_first else before[0]
            self.is_escaped, self.is_spaced = before[1] or escaped, before[2] or spaced
            trial = _with_doubled_quotes(block) if escaped else block
            try:
                records, n_bytes = self._read(trial, is_end=is_end, skipped=noted)
            except DataError:
                continue
            n_left = 0 if noted is None else noted.count
            is_same = (
                not n_bad and found is not None and records is not None and records.frame.shape == found.frame.shape
            )
            if n_left < n_bad or is_same:
                self._count(noted)
                return records, n_bytes
        self.n_fields, self.is_escaped, self.is_spaced = before
        return None

    def _read(self, block: Lines, *, is_end: bool, skipped: Skipped | None) -> tuple[Records | None, int]:
        data = block.source
        end = len(data) if is_end else data.rfind(b"\n") + 1
        if not end:
            if len(data) > RECORD_BYTES:
                raise DataError(f"{self.name}, line {block.first}: a row is longer than {RECORD_BYTES:,} bytes.")
            return None, 0
        cut = end if is_end else end_outside_quotes(data)
        whole = dataclasses.replace(block, source=data[:cut])
        content = whole.utf8()
        frame = None if content is None else read_fast(content, self.separator, self.n_fields)
        if frame is not None:
            self.n_fields = frame.width

            def line_of(number: int) -> int:
                return self._strict(whole, is_end=True)[0][number][0]

            return Records(frame, whole.source, line_of, self.dialect), cut
        whole = dataclasses.replace(block, source=data[:end])
        found, n_bytes = self._strict(whole, is_end=is_end, skipped=skipped)
        if not found:
            return None, n_bytes
        self.n_fields = len(found[0][1])
        names = [str(index) for index in range(self.n_fields)]
        frame = pl.DataFrame([record for _, record in found], schema=dict.fromkeys(names, pl.String), orient="row")
        return Records(frame, data[:n_bytes], lambda number: found[number][0], self.dialect), n_bytes

    def _strict(
        self, block: Lines, *, is_end: bool, skipped: Skipped | None = None
    ) -> tuple[list[tuple[int, list[str]]], int]:
        """The line on which each record starts, and its fields; and how many bytes they have. Blank lines are skipped.

        Quotes in a TSV are ambiguous. They are signs like any others where every line then has the right number of
        fields and reading them as quotes would either fail or make one record of several lines.
        """
        content = block.text(self.name, skipped)
        lines = list(io.StringIO(content, newline=""))
        read = _StrictRecords(self.name, self.separator, lines, block.first, self.n_fields, is_spaced=self.is_spaced)
        unquoted = None
        if self.separator == "\t" and '"' in content:
            try:
                unquoted, _ = read(csv.QUOTE_NONE, is_end=is_end, skipped=None)
            except DataError:
                unquoted = None
            if unquoted is not None and any(wrong_byte(field) for _, record in unquoted for field in record):
                unquoted = None  # bytes that are no UTF-8 are left out by the other reading
        noted = None if skipped is None else Skipped()
        try:
            records, n_lines = read(csv.QUOTE_MINIMAL, is_end=is_end, skipped=noted)
        except DataError:
            if unquoted is None:
                raise
            records, n_lines = [], 0
        if unquoted is not None and (len(unquoted) > len(records) or (noted is not None and noted.count)):
            return unquoted, len(block.source)
        if skipped is not None and noted is not None:
            skipped.first = skipped.first or noted.first
            skipped.count += noted.count
        rest = "".join(lines[n_lines:]).encode("utf-8", "surrogateescape")
        return records, len(block.source) - len(rest)


class _StrictRecords:
    """Reads lines with the csv module, record by record."""

    def __init__(
        self, name: str, separator: str, lines: list[str], first: int, n_fields: int | None, *, is_spaced: bool
    ) -> None:
        self.name = name
        self.separator = separator
        self.lines = lines
        self.first = first  # number of the first line
        self.n_fields = n_fields
        self.is_spaced = is_spaced  # blanks behind a separator are no part of the field

    def __call__(
        self, quoting: Literal[0, 3], *, is_end: bool, skipped: Skipped | None
    ) -> tuple[list[tuple[int, list[str]]], int]:
        """Line number and fields of each record, and how many lines they take: all, but for one cut off at the end."""
        limit = csv.field_size_limit(2**31 - 1)  # a document may be longer than the module's 131,072 characters
        try:
            return self._records(quoting, is_end=is_end, skipped=skipped)
        finally:
            csv.field_size_limit(limit)

    def _records(
        self, quoting: Literal[0, 3], *, is_end: bool, skipped: Skipped | None
    ) -> tuple[list[tuple[int, list[str]]], int]:
        records: list[tuple[int, list[str]]] = []
        n_fields, start = self.n_fields, 0
        while start < len(self.lines):
            reader = csv.reader(
                itertools.islice(self.lines, start, None), delimiter=self.separator, quoting=quoting, strict=True,
                skipinitialspace=self.is_spaced,
            )  # fmt: skip
            next_start = start  # the line on which the next record starts
            try:
                for record in reader:
                    line, next_start = self.first + next_start, start + reader.line_num
                    if not record:
                        continue
                    n_fields = n_fields or len(record)
                    problem = "".join(map(wrong_byte, record)) if skipped is not None else ""
                    if len(record) != n_fields:
                        problem = (
                            f"expected {n_fields} fields as in the first line, found {len(record)}. "
                            f"Put a field with {self.separator!r} or a new line in it into double quotes."
                        )
                    if problem:
                        may_skip = bool(records or self.n_fields)
                        refuse_row(self.name, f"line {line}", problem, skipped, may_skip=may_skip)
                    else:
                        records.append((line, record))
                break
            except csv.Error as error:
                is_long = next_start == 0 and sum(map(len, self.lines)) > RECORD_BYTES
                if str(error) == _UNCLOSED and not is_end and not is_long:
                    return records, next_start
                problem = (
                    f"the quotes of the row that starts here are not closed as they should be ({error}). "
                    "Put a field in double quotes as a whole, and write a quote inside of it twice."
                )
                is_first = not records and not self.n_fields
                refuse_row(self.name, f"line {self.first + next_start}", problem, skipped, may_skip=not is_first)
                start = next_start + 1
        return records, len(self.lines)


def _with_doubled_quotes(block: Lines) -> Lines:
    r"""The same with "" for \" inside of quotes: as many bytes."""
    return dataclasses.replace(block, source=_ESCAPED.sub(rb'\1""', block.source))


def n_line_ends(data: bytes) -> int:
    r"""How many lines end in it, by \n, \r\n or \r."""
    n_newlines = int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == _NEWLINE))  # faster than counting bytes
    return n_newlines + (data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else 0)


def end_outside_quotes(data: bytes) -> int:
    """Where the last line ends that has an even number of quotes before its end; 0 where none does."""
    end = data.rfind(b"\n") + 1
    signs = np.frombuffer(data, dtype=np.uint8)
    if np.count_nonzero(signs[:end] == _QUOTE) % 2 == 0:  # faster than counting bytes
        return end
    quotes = np.flatnonzero(signs == _QUOTE)
    newlines = np.flatnonzero(signs == _NEWLINE)
    is_outside = np.searchsorted(quotes, newlines) % 2 == 0
    return int(newlines[is_outside][-1]) + 1 if is_outside.any() else 0


def read_fast(data: bytes, separator: str, n_fields: int | None = None) -> pl.DataFrame | None:
    """The records as Polars reads them, or None where that might differ from a strict reading."""
    if not data.endswith(b"\n"):
        data += b"\n"  # without it, Polars drops a superfluous empty field at the end of the file
    has_return = b"\r" in data and data.count(b"\r") != data.count(b"\r\n")
    if has_return or not has_plain_quotes(data, separator):
        return None
    try:
        frame = pl.read_csv(data, separator=separator, has_header=False, infer_schema=False)
    except pl.exceptions.PolarsError:
        return None
    if not len(frame) or frame.to_series(frame.width - 1).null_count():  # blank, or perhaps too short
        return None
    if n_fields is not None and frame.width != n_fields:
        return None
    if separator == "\t" and len(frame) != data.count(b"\n"):  # quotes over several lines may be no quotes in a TSV
        return None
    return frame
