"""Rows of a file and answers for them → the bytes of CSV, TSV, JSON lines or plain lines, or a Parquet frame.

The columns of the file come first, as they are. A column with the name of one of the answers is called
given_label and so on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import io
import json
import math
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from bywords.errors import DataError, SettingError
from bywords.extras import check_installed, needed
from bywords.io.csv import Dialect
from bywords.io.formats import format_ending
from bywords.io.tables import Table, as_strings

OUTPUT_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".txt")
FRAMES = (".parquet", ".xlsx")  # written as a whole at the end
MOST_SHEET_ROWS = 1_048_575  # below the header
MOST_SHEET_COLUMNS = 16_384
MOST_CELL_CHARACTERS = 32_767
FIRST_SHEET_YEAR = 1900
MOST_SHEET_NUMBER = 1e15  # with more digits they would not stay exact
_FORMULA = r"^[=+\-@\t\r]"  # what a spreadsheet takes for one
_NUMBER = r"^[-+]?[\d.,]+(?:[eE][-+]?\d+)?%?$"
BETWEEN_LABELS = "|"
_SHOWN_DATES = {date: "yyyy-mm-dd", datetime: "yyyy-mm-dd hh:mm:ss"}


class SheetFullError(DataError):
    """There are more rows than a sheet takes, and a run that went on with those that are done would end so too."""

    def __init__(self, name: object) -> None:
        """`name` is that of what is read or written."""
        super().__init__(f"{name}: a sheet takes {MOST_SHEET_ROWS:,} rows, and there are more. Write .csv or .parquet.")


class Writer:
    """Turns chunks of rows into the format that the name of a file asks for."""

    def __init__(self, answers: Sequence[str], ending: str = ".jsonl", *, is_compressed: bool = False) -> None:
        """The format of this ending; `answers` are the names of the columns of answers.

        With `is_compressed`, each chunk is a separate gzip member.
        """
        self.answers = answers
        self.ending = ending
        self.is_compressed = is_compressed
        self._columns: list[str] | None = None  # of a CSV
        self._dialect = Dialect("\t" if ending == ".tsv" else ",")
        self.formulas: list[int] = []  # cells of a CSV that a spreadsheet takes for one, by chunk

    @classmethod
    def of(cls, path: Path, answers: Sequence[str]) -> Writer:
        """Raises SettingError for a name that does not end as a format does that can be written."""
        ending, compression = format_ending(path), path.suffix.lower()
        is_compressed = compression == ".gz"
        if ending not in OUTPUT_ENDINGS or (compression != ending and not (is_compressed and ending not in FRAMES)):
            raise SettingError(
                f"{path}: cannot tell the format. Expected a name that ends in {', '.join(OUTPUT_ENDINGS)}; "
                "all but .parquet and .xlsx may have .gz behind it."
            )
        if ending == ".xlsx":
            check_installed("xlsxwriter", what=f"writing {path}")
        return cls(answers, ending, is_compressed=is_compressed)

    def check_labels(self, names: Iterable[object]) -> None:
        """Raise SettingError for a label that could not be told from two, where those of a row are in one field."""
        is_flat = "labels" in self.answers and self.ending not in (".jsonl", ".ndjson", ".parquet")
        unclear = [str(name) for name in names if BETWEEN_LABELS in str(name)] if is_flat else []
        if unclear:
            raise SettingError(
                f"the label {unclear[0]!r:.100} has {BETWEEN_LABELS} in it, which stands between the labels of a row "
                f"in {self.ending}: two labels would read the same. Write .jsonl or .parquet, or call it otherwise."
            )

    def start(self, table: Table | None) -> None:
        """Take the columns of a CSV, and how it is written, from the first block of the file; None for plain lines."""
        if table is not None and table.dialect is not None:
            keeps = self.ending == ".csv" and not table.dialect.is_tsv
            separator = table.dialect.separator if keeps else self._dialect.separator
            self._dialect = dataclasses.replace(table.dialect, separator=separator)
        rows = list(table.columns) if table is not None else []
        self._columns = [*(kept_name(name, rows, self.answers) for name in rows), *self.answers]

    def __call__(self, table: Table | None, answers: pl.DataFrame, *, is_first: bool) -> bytes | pl.DataFrame:
        """A chunk: N rows of a file, None for plain lines, and the N answers. The first has a CSV's header with it.

        Returns: what to append to the chunks before, for Parquet a separate frame.
        Raises: DataError for a value that the format does not have, and a key of a JSON object that a CSV's header
        lacks.
        """
        if self.ending in FRAMES:
            frame = _side_by_side(table, answers)
            return _for_sheet(frame, table) if self.ending == ".xlsx" else frame
        content = self._text(table, answers, is_first=is_first)
        return gzip.compress(content, mtime=0) if self.is_compressed else content

    def _text(self, table: Table | None, answers: pl.DataFrame, *, is_first: bool) -> bytes:
        if self.ending == ".txt":
            labels = _flat(answers[:, 0]).cast(pl.String).str.replace_all(r"[\r\n]+", " ").fill_null("")
            return "".join(f"{label}\n" for label in labels).encode()
        if self.ending in (".jsonl", ".ndjson"):
            if table is not None and isinstance(table.rows, list):
                return _spliced(table.rows, table.columns, answers)
            frame = _side_by_side(table, answers)
            return _checked(frame, "JSON").write_ndjson().encode()
        frame = _side_by_side(table, answers)
        found = frame.columns
        columns = self._columns or found
        known = set(columns)
        new = [name for name in dict.fromkeys(found) if name not in known] if found != columns else []
        if new and table is not None:
            location = table.location_of(int(frame[new[0]].is_not_null().arg_max() or 0))
            raise DataError(
                f"{table.name}, {location}: the key {new[0]!r} is not in the first objects, so that the header "
                "has no column for it. Write JSON lines (.jsonl) or .parquet instead."
            )
        if found != columns:
            of_name = dict(zip(found, frame.get_columns(), strict=True))
            nothing = pl.repeat(None, len(frame), dtype=pl.String, eager=True)
            frame = pl.DataFrame([of_name[name] if name in of_name else nothing.alias(name) for name in columns])
        frame = pl.DataFrame([_flat(_plain_time(column)) for column in _checked(frame, "CSV").get_columns()])
        strings = pl.selectors.string()
        if n_formulas := _n_formulas(frame):
            self.formulas.append(n_formulas)
        written = io.BytesIO()
        frame.with_columns(pl.when(strings != "").then(strings)).write_csv(  # what is empty needs no quotes
            written,
            separator=self._dialect.separator,
            include_header=is_first,
            include_bom=is_first and self._dialect.has_mark,
            line_terminator=self._dialect.line_end,
        )
        return written.getvalue()


def write_spreadsheet(parts: Sequence[Path], out: Path) -> None:
    """Put Parquet files one below the other on a sheet, row by row; texts are never formulas.

    What is needed for the while is beside them, where there is room, and called tmp….
    Raises: SheetFullError where there are more rows than a sheet takes.
    """
    xlsxwriter = needed("xlsxwriter", what="writing .xlsx")
    options: dict[str, Any] = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    options |= {"in_memory": False, "tmpdir": str(parts[0].parent) if parts else None}
    columns: list[str] = []
    for part in parts:
        names = pl.read_parquet_schema(part)
        columns += [name for name in names if name not in columns]
    columns = [*(name for name in columns if name not in _ANSWERS), *(name for name in columns if name in _ANSWERS)]
    with disk_errors(), xlsxwriter.Workbook(out, {**options, "nan_inf_to_errors": True}) as book:
        sheet = book.add_worksheet("bywords")
        dates = {day: book.add_format({"num_format": shown}) for day, shown in _SHOWN_DATES.items()}
        sheet.write_row(0, 0, columns)
        row = 0
        for part in parts:
            frame = pl.read_parquet(part)
            indices = [columns.index(name) for name in frame.columns]
            if row + len(frame) > MOST_SHEET_ROWS:
                raise SheetFullError(out)
            for values in frame.iter_rows():
                row += 1
                for index, value in zip(indices, values, strict=True):
                    _write_cell(sheet, row, index, value, dates)


def _write_cell(sheet: Any, row: int, index: int, value: Any, dates: Mapping[type[date], Any]) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, index, value)
    elif isinstance(value, int | float) and abs(value) < MOST_SHEET_NUMBER:
        sheet.write_number(row, index, value)
    elif type(value) in dates and _is_exact(value):
        sheet.write_datetime(row, index, value, dates[type(value)])
    else:
        sheet.write_string(row, index, str(value))


def _is_exact(day: date) -> bool:
    """Whether a cell of a spreadsheet holds this day or time as it is: none of long ago, with a zone, or finer."""
    is_finer = isinstance(day, datetime) and (day.tzinfo is not None or day.microsecond % 1000 > 0)
    return day.year > FIRST_SHEET_YEAR and not is_finer


def merge_parquet(parts: Sequence[Path], out: Path) -> None:
    """Put Parquet files one behind the other without holding them in memory; a column that one lacks is null there.

    Columns are in the order in which they are first met, the answers last.
    """
    frames = [pl.scan_parquet(part, glob=False) for part in parts]
    schemas = [frame.collect_schema() for frame in frames]
    if any(schema != schemas[0] for schema in schemas):
        types = {name: kind for schema in schemas for name, kind in schema.items() if kind != pl.Null}
        answers = [name for name in schemas[0] if name in _ANSWERS]
        names = [*(name for name in types if name not in answers), *answers]
        frames = [
            frame.select(
                pl.col(name).cast(types[name]) if name in schema else pl.lit(None, dtype=types[name]).alias(name)
                for name in names
            )
            for frame, schema in zip(frames, schemas, strict=True)
        ]
    with disk_errors():
        pl.concat(frames).sink_parquet(out, row_group_size=GROUP_ROWS)


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Raise OSError for what stops polars and xlsxwriter when they write, which have errors of their own for it."""
    try:
        yield
    except Exception as error:
        number = re.search(r"\(os error (\d+)\)|\[Errno (\d+)\]", str(error))
        if isinstance(error, OSError) or number is None:
            raise
        code = int(number[1] or number[2])
        raise OSError(code, os.strerror(code)) from error


def kept_name(name: str, names: Collection[str], answers: Collection[str]) -> str:
    """What a column of a file that has these is called beside the answers: `name`, or with given_ before it."""
    if name in answers:
        name = f"given_{name}"
        while name in names or name in answers:
            name = f"given_{name}"
    return name


GROUP_ROWS = 20_000  # of a Parquet file that are in memory together when it is written
_ANSWERS = (
    "label",
    "probability",
    "labels",
    "probabilities",
    "in_vocabulary_share",
    "all_out_of_vocabulary",
    "out_of_distribution",
)


def _for_sheet(frame: pl.DataFrame, table: Table | None) -> pl.DataFrame:
    """The frame with what cells of a spreadsheet hold. Raises DataError for what is longer or wider than one may be."""
    if frame.width > MOST_SHEET_COLUMNS:
        raise DataError(
            f"{frame.width:,} columns, with those of the answers, and a spreadsheet has {MOST_SHEET_COLUMNS:,}. Write "
            ".csv or .parquet."
        )
    frame = frame.select(_flat(column) for column in _checked(frame, "a spreadsheet").get_columns())
    for column in frame.get_columns():
        is_long = column.str.len_chars() > MOST_CELL_CHARACTERS if column.dtype == pl.String else None
        if is_long is not None and is_long.any():
            row = int(is_long.arg_max() or 0)
            where = "" if table is None else f"{table.name}, {table.location_of(row)}: "
            raise DataError(
                f"{where}{column.name!r} has {len(column[row]):,} characters, and a cell of a spreadsheet takes "
                f"{MOST_CELL_CHARACTERS:,}. Write .csv or .parquet."
            )
    return frame


def without_formula(text: str) -> str:
    """A text for a cell of a CSV that a person opens in a spreadsheet: with ' before what would be run as a formula."""
    return f"'{text}" if re.match(_FORMULA, text) and not re.match(_NUMBER, text) else text


def _n_formulas(frame: pl.DataFrame) -> int:
    """How many cells start as a formula does, and are no numbers."""
    columns = [column for column in frame.get_columns() if column.dtype == pl.String]
    cells = pl.concat(columns) if columns else pl.Series(dtype=pl.String)  # in one pass, also of very many columns
    likely = cells.filter(cells.str.contains(_FORMULA))
    return int((~likely.str.contains(_NUMBER)).sum())


def _side_by_side(table: Table | None, answers: pl.DataFrame) -> pl.DataFrame:
    if table is None:
        return answers
    rows = _frame_of(table, table.rows) if isinstance(table.rows, list) else table.rows
    names = rows.columns
    rows = rows.rename({name: kept_name(name, names, answers.columns) for name in names})
    return rows.hstack(answers)


def _frame_of(table: Table, rows: list[str]) -> pl.DataFrame:
    """JSON objects as string columns: numbers as their signs, lists and objects as JSON."""
    columns = dict(table.columns)
    if table.nested:
        objects = [json.loads(row) for row in rows]
        for name in table.nested:
            values = [_as_json(row.get(name)) for row in objects]
            columns[name] = pl.Series(name, values, dtype=pl.String)
    return pl.DataFrame([series.alias(name) for name, series in columns.items()])


def _as_json(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        text = value
    elif isinstance(value, float) and math.isnan(value):
        text = None
    else:
        text = json.dumps(value, ensure_ascii=False)
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()


def _spliced(rows: list[str], columns: Mapping[str, Any], answers: pl.DataFrame) -> bytes:
    """JSON objects as they are written, with the answers behind what they hold."""
    ours = answers.write_ndjson().removesuffix("\n").split("\n") if len(answers) else []
    if set(columns) & set(answers.columns):
        rows = [_renamed(row, answers.columns) for row in rows]
    lines = []
    for row, answer in zip(rows, ours, strict=True):
        inner = row[:-1].rstrip()
        lines.append(f"{inner}{'' if inner == '{' else ', '}{answer[1:]}\n")
    return "".join(lines).encode("utf-8", "backslashreplace")


def _renamed(row: str, answers: Sequence[str]) -> str:
    values = json.loads(row)
    return json.dumps({kept_name(key, values, answers): values[key] for key in values}, ensure_ascii=False)


def _checked(frame: pl.DataFrame, what: str) -> pl.DataFrame:
    """The frame with columns that the format has; those of other kinds, times say, as strings."""
    columns = []
    for series in frame.get_columns():
        kind: Any = series.dtype
        while isinstance(kind, pl.List | pl.Array):
            kind = kind.inner
        if kind in (pl.Binary, pl.Object):
            raise DataError(
                f"the column {series.name!r} holds {kind}, which {what} does not have. Write .parquet instead, or take "
                "the column out."
            )
        columns.append(as_strings(series) if series.dtype in (pl.Duration, pl.Time, pl.Decimal) else series)
    return pl.DataFrame(columns)


def _plain_time(column: pl.Series) -> pl.Series:
    """Times as a spreadsheet reads and writes them, 2024-02-29 10:30:00; those with a zone as they are."""
    is_plain = isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is None
    return column.dt.to_string("%Y-%m-%d %H:%M:%S%.f") if is_plain else column


def _flat(column: pl.Series) -> pl.Series:
    """Lists of labels or numbers as one field, objects as JSON."""
    if column.name in ("labels", "probabilities") and isinstance(column.dtype, pl.List):
        return column.cast(pl.List(pl.String)).list.join(BETWEEN_LABELS)
    if column.dtype.is_nested():
        values = [
            None if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in column.to_list()
        ]
        return pl.Series(column.name, values, dtype=pl.String)
    return column
