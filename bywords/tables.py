"""A CSV, TSV, JSON lines or Parquet file in, a table of string columns out that can name the line of a row."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from bywords.delimited import guess_separator, line_of_record, read_records
from bywords.errors import DataError, quoted
from bywords.inputs import split_lines


@dataclass(frozen=True, eq=False)
class Table:
    """N rows of string columns as they stand in the file, null where there is nothing."""

    name: str  # of the file, for messages
    columns: Mapping[str, pl.Series]  # string (N,), in file order
    place_of: Callable[[int], str]  # row, counted from 0 -> "line 7", for messages
    nested: Mapping[str, int] = field(default_factory=dict)  # columns with lists or objects -> the first such row
    lists: Mapping[str, pl.Series] = field(default_factory=dict)  # nested columns of nothing but lists of strings
    header_is_certain: bool = True  # False where the first line of a file is taken for names of columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


def read_delimited(content: str, name: str, *, separator: str | None = None, known: Collection[str]) -> Table:
    """Read CSV (or TSV, by `separator`) with a first line that names the columns; quoted new lines belong to the field.

    A first line that has none of the `known` names (in lower case) and repeats a value of its own column is no
    header: the columns are then called column_1, column_2 and so on.

    Raises: DataError as `read_records`, for two columns of one name and for a file without rows.
    """
    separator = separator or guess_separator(content)
    records = read_records(content, separator, name)
    header = [value or "" for value in records.row(0)]
    has_known = any(column.strip().casefold() in known for column in header)
    has_header = has_known or not any(
        header[place] and records.to_series(place)[1:].eq(header[place]).any() for place in range(len(header))
    )
    if has_header:
        records = records[1:]
        columns = [column.strip() for column in header]
    else:
        columns = [f"column_{number}" for number in range(1, len(header) + 1)]
    if not len(records):
        raise DataError(f"{name} has a first line with the names of columns ({quoted(columns)}) and no rows below it.")
    repeated = [column for column in columns if columns.count(column) > 1]
    if repeated:
        raise DataError(f"{name}, line 1: two columns are called {repeated[0]!r}. Give each column a name of its own.")
    return Table(
        name,
        dict(zip(columns, records.get_columns(), strict=True)),
        lambda row: f"line {line_of_record(content, separator, name, row + has_header)}",
        header_is_certain=has_known,
    )


def read_json_lines(content: str, name: str) -> Table:
    """Read one JSON object a line; blank lines are skipped. Numbers stay as they are written, true becomes 'true'.

    Raises: DataError, naming the line, where one is no JSON or no object; and when there is none.
    """
    # Numbers are left as the signs in the file: 3 is '3', 3.0 is '3.0'. NaN, which is no JSON, is a missing value.
    decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=lambda _: None)
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    for line, text in enumerate(split_lines(content), start=1):
        if not text.strip():
            continue
        try:
            row = decoder.decode(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise DataError(
                f"{name}, line {line}: this is not JSON ({error}). Expected one object a line, "
                'as in {"text": "...", "label": "..."}.'
            ) from error
        if not isinstance(row, dict):
            raise DataError(
                f"{name}, line {line}: expected a JSON object, found {type(row).__name__}. "
                'Write each line as in {"text": "...", "label": "..."}.'
            )
        rows.append(row)
        lines.append(line)
    if not rows:
        raise DataError(f"{name} is empty: expected one JSON object a line.")
    keys = list(dict.fromkeys(key for row in rows for key in row))
    if not keys:
        raise DataError(
            f"{name}, line {lines[0]}: the objects have no keys. Expected a text under a key such as 'text'."
        )
    values = {key: [row.get(key) for row in rows] for key in keys}
    nested = {key: place for key in keys if (place := _first_nested(values[key])) is not None}
    lists = {key: column for key in nested if (column := _list_column(values[key])) is not None}
    columns = {key: _string_column(values[key]) for key in keys if key not in nested}
    columns |= {key: pl.Series([None] * len(rows), dtype=pl.String) for key in nested}
    return Table(name, {key: columns[key] for key in keys}, lambda row: f"line {lines[row]}", nested, lists)


def read_parquet(data: bytes, name: str) -> Table:
    """Read Parquet. Numbers become their usual signs, true becomes 'true', NaN is a missing value.

    Raises: DataError when it is no Parquet or damaged, and when there are no rows.
    """
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{name}: this cannot be read as Parquet ({reason}). Copy or write the file again.") from error
    if not len(frame):
        raise DataError(f"{name} is empty: it has {frame.width} columns and no rows.")
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
        columns[series.name] = series.cast(pl.String)
    return Table(name, columns, lambda row: f"row {row} (counted from 0)", nested, lists)


def _first_nested(values: list[Any]) -> int | None:
    return next((place for place, value in enumerate(values) if isinstance(value, (list, dict))), None)


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
        # Half of a surrogate pair (as in "\ud83d") is no character and cannot be stored as UTF-8: "?" stands in.
        whole = [None if text is None else text.encode("utf-8", "replace").decode() for text in strings]
        return pl.Series(whole, dtype=pl.String)
