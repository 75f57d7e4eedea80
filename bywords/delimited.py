"""CSV or TSV in, rows of strings out: fast where the file is plainly well-formed, else record by record, naming lines.

Polars reads a well-formed file twenty times faster than Python's csv module, but also accepts rows that are too
short, quotes that never close in their own row and a last row that is too long. So its answer is taken only where
none of that can be; everything else is read a second time, strictly.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Literal

import numpy as np
import polars as pl

from bywords.errors import DataError

_QUOTE, _NEWLINE, _RETURN = ord('"'), ord("\n"), ord("\r")


def read_records(content: str, separator: str, name: str) -> pl.DataFrame:
    """Every record of the file, the first too, as string columns; a field without characters is null or empty.

    Raises: DataError, naming the line, for a record with more or fewer fields than the first and for quotes that
    do not close; and when there is no record.
    """
    frame = _read_fast(content.encode(), separator)
    if frame is None:
        records = [record for _, record in _strict_records(content, separator, name)]
        frame = pl.DataFrame(records, schema=[str(place) for place in range(len(records[0]))], orient="row")
    return frame


def line_of_record(content: str, separator: str, name: str, number: int) -> int:
    """The line, counted from 1, on which a record starts; the first record has number 0."""
    lines = [line for line, _ in _strict_records(content, separator, name)]
    return lines[number]


def guess_separator(content: str) -> str:
    """What stands between the fields of a CSV: a comma, or the semicolon or tab of a first line without commas."""
    first = next((line for line in content.split("\n", 20) if line.strip()), "")
    return next((sign for sign in (",", ";", "\t") if sign in first), ",")


def _read_fast(data: bytes, separator: str) -> pl.DataFrame | None:
    """The records as Polars reads them, or None where that might differ from a strict reading."""
    if not data.endswith(b"\n"):
        data += b"\n"  # without it, Polars drops a superfluous empty field at the end of the file
    if not _has_plain_quotes(data, separator):
        return None
    try:
        frame = pl.read_csv(data, separator=separator, has_header=False, infer_schema=False)
    except pl.exceptions.PolarsError:
        return None
    if not len(frame) or frame.to_series(frame.width - 1).null_count():  # blank, or perhaps too short
        return None
    if separator == "\t" and len(frame) != data.count(b"\n"):  # quotes over several lines may be no quotes in a TSV
        return None
    return frame


def _has_plain_quotes(data: bytes, separator: str) -> bool:
    """Whether quotes pair up as they should: each one opens or closes a whole field, or is doubled inside of one."""
    signs = np.frombuffer(b"\n" + data, dtype=np.uint8)  # ends in a newline
    places = np.flatnonzero(signs == _QUOTE)
    if len(places) % 2:
        return False
    opening, closing = places[0::2], places[1::2]
    between = (ord(separator), _NEWLINE)
    is_doubled = closing[:-1] + 1 == opening[1:]
    opens = np.isin(signs[opening - 1], between)
    opens[1:] |= is_doubled
    closes = np.isin(signs[closing + 1], (*between, _RETURN))
    closes[:-1] |= is_doubled
    return bool(opens.all() and closes.all())


def _strict_records(content: str, separator: str, name: str) -> list[tuple[int, list[str]]]:
    """The line on which each record starts, and its fields. Blank lines are skipped.

    Quotes in a TSV are ambiguous. They are signs like any others where every line then has the right number of
    fields and reading them as quotes would either fail or make one record of several lines.
    """
    unquoted = None
    if separator == "\t" and '"' in content:
        try:
            unquoted = list(_records(content, separator, name, quoting=csv.QUOTE_NONE))
        except DataError:
            unquoted = None
    try:
        records = list(_records(content, separator, name, quoting=csv.QUOTE_MINIMAL))
    except DataError:
        if unquoted is None:
            raise
        records = unquoted
    if unquoted is not None and len(unquoted) > len(records):
        records = unquoted
    if not records:
        raise DataError(
            f"{name} is empty: expected a first line with the names of the columns, then one row a document."
        )
    return records


def _records(content: str, separator: str, name: str, *, quoting: Literal[0, 3]) -> Iterator[tuple[int, list[str]]]:
    limit = csv.field_size_limit(2**31 - 1)  # a document may be longer than the module's 131,072 characters
    try:
        reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, quoting=quoting, strict=True)
        n_fields, line = 0, 1
        while True:
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise DataError(
                    f"{name}, line {line}: the quotes of the row that starts here are not closed as they should be "
                    f"({error}). Put a field in double quotes as a whole, and write a quote inside of it twice."
                ) from error
            if record:
                n_fields = n_fields or len(record)
                if len(record) != n_fields:
                    raise DataError(
                        f"{name}, line {line}: expected {n_fields} fields as in the first line, found {len(record)}. "
                        f"Put a field with {separator!r} or a new line in it into double quotes."
                    )
                yield line, record
            line = reader.line_num + 1
    finally:
        csv.field_size_limit(limit)
