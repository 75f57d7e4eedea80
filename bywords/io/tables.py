"""A CSV, TSV, JSON lines or Parquet file → tables of string columns, block by block, that know each row's line."""

from __future__ import annotations

import dataclasses
import functools
import io
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from bywords.errors import DataError, quoted
from bywords.io.csv import record_blocks
from bywords.io.streams import BLOCK_BYTES, Input, Skipped, line_blocks, open_input, refuse_row, split_lines, wrong_byte

BLOCK_ROWS = 20_000  # of Parquet; blocks of the other formats are cut by their bytes


@dataclass(frozen=True, eq=False)
class Table:
    """N rows of string columns as they are in the file, null where there is nothing.

    A file is one table, or several of which each has the rows that follow those of the last.
    """

    name: str  # of the file, for messages
    columns: Mapping[str, pl.Series]  # string (N,), in file order
    location_of: Callable[[int], str]  # row, counted from 0 -> "line 7", for messages
    nested: Mapping[str, int] = field(default_factory=dict)  # columns with lists or objects -> such a row
    lists: Mapping[str, pl.Series] = field(default_factory=dict)  # nested columns of nothing but lists of strings
    header_is_certain: bool = True  # False where the first line of a file is taken for names of columns
    rows: pl.DataFrame | list[str] = field(default_factory=list)  # as in the file: the typed columns, or JSON objects
    source: bytes = b""  # what of the file was read for it; nothing for Parquet

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def slice(self, start: int, n_rows: int) -> Table:
        """Some of the rows, one after the other."""
        return dataclasses.replace(
            self,
            columns={name: column[start : start + n_rows] for name, column in self.columns.items()},
            location_of=lambda row: self.location_of(start + row),
            lists={name: column[start : start + n_rows] for name, column in self.lists.items()},
            rows=self.rows[start : start + n_rows],
        )


def read_delimited(
    file: Input,
    *,
    separator: str | None = None,
    known: Collection[str],
    block_bytes: int = BLOCK_BYTES,
    skipped: Skipped | None = None,
) -> Iterator[Table]:
    """Read CSV (or TSV, by `separator`) with a first line that names the columns; quoted new lines belong to the field.

    A first line that has none of the `known` names (in lower case) and repeats a value of its own column is not a
    header: the columns are then called column_1, column_2 and so on. That is decided in the first block.
    `block_bytes` and `skipped` are those of `record_blocks`.

    Raises: DataError as `record_blocks`, for two columns of one name and for a file without rows.
    """
    columns: list[str] = []
    has_known = has_header = False
    unread, is_first = b"", True
    for records in record_blocks(file, separator, block_bytes=block_bytes, skipped=skipped):
        frame, n_header = records.frame, 0
        if not columns:
            header = [value or "" for value in frame.row(0)]
            has_known = any(column.strip().casefold() in known for column in header)
            has_header = has_known or not any(
                header[index] and frame.to_series(index)[1:].eq(header[index]).any() for index in range(len(header))
            )
            columns = [f"column_{number}" for number in range(1, len(header) + 1)]
            if has_header:
                columns = [column.strip() for column in header]
                frame, n_header = frame[1:], 1
            repeated = [column for column in columns if columns.count(column) > 1]
            if repeated:
                raise DataError(
                    f"{file.name}, line 1: two columns are called {repeated[0]!r}. Give each column its own name."
                )
        unread += records.source
        if len(frame):
            frame.columns = columns
            yield Table(
                file.name,
                {name: frame[name] for name in columns},
                functools.partial(_line_of, records.line_of, n_header),
                header_is_certain=has_known,
                rows=frame.fill_null(""),  # whether nothing was in quotes plays no part
                source=unread,
            )
            unread, is_first = b"", False
    if is_first:
        raise DataError(
            f"{file.name} has a first line with the names of columns ({quoted(columns)}) and no rows below it."
        )


def read_json_lines(file: Input, *, block_bytes: int = BLOCK_BYTES, skipped: Skipped | None = None) -> Iterator[Table]:
    """Read one JSON object a line; blank lines are skipped. Numbers stay as they are written, true becomes 'true'.

    The columns of a table are the keys of its objects. About `block_bytes` are read at a time, 0 for all at once.

    Raises: DataError, naming the line, where one is not JSON or not an object; and when there is none. With `skipped`,
    such lines are counted there and left out.
    """
    # Numbers are left as the signs in the file: 3 is '3', 3.0 is '3.0'. NaN, which is not JSON, is a missing value.
    decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=lambda _: None)
    is_first = True
    for block in line_blocks(file, block_bytes):
        rows: list[dict[str, Any]] = []
        lines: list[int] = []
        texts: list[str] = []
        for line, text in enumerate(split_lines(block.text(file.name, skipped)), start=block.first):
            if not text.strip():
                continue
            row, problem = None, wrong_byte(text) if skipped is not None else ""
            if not problem:
                row, problem = _json_object(decoder, text)
            if problem:
                refuse_row(file.name, f"line {line}", problem, skipped)
            elif row is not None:
                rows.append(row)
                lines.append(line)
                texts.append(text.strip())
        keys = list(dict.fromkeys(key for row in rows for key in row))
        if rows and is_first and not keys:
            raise DataError(
                f"{file.name}, line {lines[0]}: the objects have no keys. Expected a text under a key such as 'text'."
            )
        if not rows:
            continue
        is_first = False
        values = {key: [row.get(key) for row in rows] for key in keys}
        nested = {key: index for key in keys if (index := _first_nested(values[key])) is not None}
        lists = {key: column for key in nested if (column := _list_column(values[key])) is not None}
        columns = {key: _string_column(values[key]) for key in keys if key not in nested}
        columns |= {key: pl.Series([None] * len(rows), dtype=pl.String) for key in nested}
        del rows, values  # they are larger than the file's block by far: not kept while the table is used
        yield Table(
            file.name,
            {key: columns[key] for key in keys},
            functools.partial(_line_of, lines.__getitem__, 0),
            nested,
            lists,
            rows=texts,
            source=block.source,
        )
    if is_first:
        raise DataError(f"{file.name} is empty: expected one JSON object a line.")


def read_parquet(path: Path, *, block_rows: int = BLOCK_ROWS) -> Iterator[Table]:
    """Read Parquet. Numbers become their usual signs, true becomes 'true', NaN is a missing value.

    About `block_rows` rows are read at a time, 0 for all at once; of a compressed file all are in memory.

    Raises: DataError when it is not Parquet or damaged, and when there are no rows.
    """
    name = str(path)
    n_rows = 0
    try:
        with open_input(path) as file:
            is_plain = not file.compression
            source = path if is_plain else io.BytesIO(file.read())
        frame = pl.scan_parquet(source, glob=False)
        n_whole = int(frame.select(pl.len()).collect().item())
        while n_rows < n_whole:  # not `collect_batches`, which reads on while a block is worked at
            part = frame.slice(n_rows, block_rows or n_whole).collect(engine="streaming")
            yield _parquet_table(part, name, n_rows)
            n_rows += len(part)
        width = len(frame.collect_schema())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:  # damaged data may panic
        reason = str(error).partition("\n")[0]
        raise DataError(f"{name}: this cannot be read as Parquet ({reason}). Copy or write the file again.") from error
    if not n_rows:
        raise DataError(f"{name} is empty: it has {width} columns and no rows.")


def as_strings(series: pl.Series) -> pl.Series:
    """The usual signs of numbers, times and truth values; null stays null."""
    if series.dtype == pl.Duration:  # which polars does not cast
        return pl.Series(series.name, [None if span is None else str(span) for span in series], dtype=pl.String)
    return series.cast(pl.String)


def _line_of(line_of: Callable[[int], int], n_header: int, row: int) -> str:
    return f"line {line_of(n_header + row)}"


def _parquet_table(frame: pl.DataFrame, name: str, n_before: int) -> Table:
    columns, nested, lists = {}, {}, {}
    for series in frame.get_columns():
        if series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
            nested[series.name] = 0
            if isinstance(series.dtype, pl.List | pl.Array) and not series.dtype.inner.is_nested():
                lists[series.name] = series.cast(pl.List(pl.String))
            columns[series.name] = pl.Series([None] * len(frame), dtype=pl.String)
            continue
        if series.dtype.is_float():
            series = series.fill_nan(None)
        columns[series.name] = as_strings(series)
    return Table(name, columns, lambda row: f"row {n_before + row} (counted from 0)", nested, lists, rows=frame)


def _json_object(decoder: json.JSONDecoder, text: str) -> tuple[dict[str, Any] | None, str]:
    """The object in a line; or None and what is wrong with it."""
    try:
        row = decoder.decode(text)
    except (json.JSONDecodeError, RecursionError) as error:
        return None, (
            f'this is not JSON ({error}). Expected one object a line, as in {{"text": "...", "label": "..."}}.'
        )
    if not isinstance(row, dict):
        return None, (
            f"expected a JSON object, found {type(row).__name__}. "
            'Write each line as in {"text": "...", "label": "..."}.'
        )
    return row, ""


def _first_nested(values: list[Any]) -> int | None:
    return next((index for index, value in enumerate(values) if isinstance(value, (list, dict))), None)


def _list_column(values: list[Any]) -> pl.Series | None:
    """Lists of strings (N,), null where nothing is given; None where a value is something else."""
    for value in values:
        if not (value is None or (isinstance(value, list) and _first_nested(value) is None)):
            return None
    strings = _string_column([item for value in values for item in value or ()]).to_list()
    items = iter(strings)
    rows = [None if value is None else [next(items) for _ in value] for value in values]
    return pl.Series(rows, dtype=pl.List(pl.String))


def _string_column(values: list[Any]) -> pl.Series:
    words = {True: "true", False: "false"}
    strings = [words[value] if isinstance(value, bool) else value for value in values]
    try:
        return pl.Series(strings, dtype=pl.String)
    except UnicodeEncodeError:
        # Half of a surrogate pair (as in "\ud83d") is not a character and cannot be stored as UTF-8: "?" replaces it.
        whole = [None if text is None else text.encode("utf-8", "replace").decode() for text in strings]
        return pl.Series(whole, dtype=pl.String)
