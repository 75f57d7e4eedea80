"""A CSV, TSV, JSON, Parquet or Excel file → tables of string columns, block by block, that know each row's line."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import json
import logging
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.errors import DataError, quoted
from bywords.extras import needed
from bywords.io import stores
from bywords.io.archives import ZIP_STARTS
from bywords.io.csv import Dialect, Records, record_blocks
from bywords.io.streams import (
    BLOCK_BYTES,
    MEMORY_PER_BYTE,
    Input,
    Position,
    Skipped,
    decode,
    line_blocks,
    open_input,
    refuse_row,
    split_lines,
    wrong_byte,
)
from bywords.io.workbooks import unseen_in_sheet
from bywords.memory import check_memory
from bywords.text.custom_tokens import given_text

FIRST_ROWS = 8  # of Parquet, by whose size it is told how many are read together
BLOCK_ROWS = 20_000  # of Parquet that are read together, and of a project
MOST_CELLS, MOST_EMPTY = 20_000_000, 10  # of a table of objects; for each that is filled, where there are more
BLOCK_MEMORY = 1 << 28  # bytes of the rows of Parquet that are read together, about
WHOLE = 2**62  # a number below it is one of 64 bits
MOST_JUDGED = 1_000  # columns, the first, by whose values it is guessed what is a header and what else may be meant


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
    notes: tuple[str, ...] = ()  # what was guessed about the file, for a person
    dialect: Dialect | None = None  # of a CSV
    numbers: Sequence[int] | None = None  # of the rows in the file, where some are left out
    share_read: float | None = None  # of a Parquet file, 0 to 1, with this
    header: Header | None = None  # of a CSV

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
            numbers=None if self.numbers is None else self.numbers[start : start + n_rows],
        )

    def to_write(self) -> Table:
        """The same with no more than what is written of it, for another process: where a row is, it does not know."""
        columns = {} if isinstance(self.rows, pl.DataFrame) else self.columns
        return dataclasses.replace(self, columns=columns, lists={}, source=b"", location_of=_somewhere, header=None)

    def with_tokens(self, name: str) -> Table:
        """The same with a column of `lists` as texts of given tokens. Raises DataError, naming the row, for others."""
        texts = []
        for row, tokens in enumerate(self.lists[name].to_list()):
            try:
                texts.append(None if tokens is None else given_text(tokens, row))
            except DataError as error:
                raise DataError(f"{self.name}, {self.location_of(row)}: {name!r}: {error}") from error
        return dataclasses.replace(
            self,
            columns={**self.columns, name: pl.Series(texts, dtype=pl.String)},
            nested={column: row for column, row in self.nested.items() if column != name},
            lists={column: lists for column, lists in self.lists.items() if column != name},
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

    Columns without a name and without anything in them are left out; others without a name are called by their number.
    What is no well-known name but is taken for one is said in the `notes`.

    Raises: DataError as `record_blocks`, for two columns of one name, where their names stand below once more, and for
    a file without rows.
    """
    records = record_blocks(file, separator, block_bytes=block_bytes, skipped=skipped)
    return _tables(file.name, records, known, what="line", skipped=skipped)


def read_spreadsheet(
    file: Input,
    *,
    sheet: str | None = None,
    known: Collection[str],
    labelled: bool = False,
    skipped: Skipped | None = None,
) -> Iterator[Table]:
    """Read a sheet of an Excel or OpenDocument file, as `read_delimited`: by default the first that is not empty.

    One that is hidden is read where no other has anything. Rows above the names of the columns that have one field, a
    title say, are left out. What is written of a row keeps its numbers, dates and truth values, where a column has
    nothing else; of `labelled` documents nothing is.

    Raises: DataError when it cannot be read, has no such sheet or no rows. SettingError without the extra [excel].
    """
    fastexcel = needed("fastexcel", what=f"{file.name} is a spreadsheet: to read it")
    data = file.read()
    _check_spreadsheet(data, file.name)
    try:
        book = fastexcel.read_excel(data)
        names = book.sheet_names
        if sheet is not None and sheet not in names:
            raise DataError(f"{file.name}: there is no sheet {sheet!r}. Its sheets: {quoted(names)}.")
        chosen = None
        for name in [sheet] if sheet is not None else names:
            found = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
            if found.height and (chosen is None or found.visible == "visible"):
                chosen = found
            if chosen is not None and chosen.visible == "visible":
                break
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"{file.name}: this cannot be read as a spreadsheet ({reason}). Save it again as .xlsx."
        ) from error
    frame = pl.DataFrame() if chosen is None else chosen.to_polars()
    n_filled = np.zeros(0, dtype=np.int64)
    if frame.width:
        n_filled = frame.select(pl.sum_horizontal(pl.all().is_not_null())).to_series().to_numpy()
    rows = np.flatnonzero(n_filled > 0)
    if chosen is None or not len(rows):  # or all that there is are errors
        raise DataError(
            f"{file.name} is empty: expected a first row with the names of the columns, then one a document."
        )
    title = int(np.argmax(n_filled[rows] > 1))  # 0 where none has more
    notes = []
    if len(names) > 1 and sheet is None:
        hidden = ", which is hidden," if chosen.visible != "visible" else ""
        notes.append(f"the sheet {chosen.name!r}{hidden} is read, of {len(names)}: {file.name}:NAME reads another")
    if title:
        rows_of = "1 row of one field is" if title == 1 else f"{title} rows of one field are"
        notes.append(f"{rows_of} left out above the names of the columns")
    rows = rows[title:]
    gaps = np.flatnonzero(np.diff(rows) > 1)
    if len(gaps):
        n_below = len(rows) - 1 - int(gaps[0])
        notes.append(
            f"row {int(rows[gaps[0]]) + 2} is empty, and {n_below:,} of the {len(rows) - 1:,} rows "
            f"{'is' if n_below == 1 else 'are'} below it: read by the same names of columns"
        )
    notes += unseen_in_sheet(data, chosen.name, (rows + 1).tolist())
    records = Records(frame[rows], data, lambda number: int(rows[number]) + 1, Dialect())
    typed = []
    if not labelled and len(rows) > 1:
        n_above = int(rows[0]) + 1
        with _unheard("fastexcel"):  # of columns of several kinds, which are strings then
            below = book.load_sheet(chosen.name, header_row=None, skip_rows=n_above, schema_sample_rows=None)
        typed = [_typed(column) for column in below.to_polars()[rows[1:] - n_above].get_columns()]
    return _tables(file.name, iter([records]), known, what="row", notes=notes, typed=typed, skipped=skipped)


@contextlib.contextmanager
def _unheard(logger: str) -> Iterator[None]:
    """Let what a library logs go to those who listen, and not to standard error where nobody does."""
    nobody = logging.NullHandler()
    logging.getLogger(logger).addHandler(nobody)
    try:
        yield
    finally:
        logging.getLogger(logger).removeHandler(nobody)


def _typed(column: pl.Series) -> pl.Series:
    """Cells of a spreadsheet, which has no whole numbers and no days: as such where all are."""
    if column.dtype.is_float() and len(column) and ((column == column.round()) & (column.abs() < WHOLE)).all():
        return column.cast(pl.Int64)
    if isinstance(column.dtype, pl.Datetime) and len(column) and (column == column.dt.truncate("1d")).all():
        return column.cast(pl.Date)
    return column


def _check_spreadsheet(data: bytes, name: str) -> None:
    """Raise DataError for an archive that is no spreadsheet, and where a small file would be a large one in memory."""
    if not data.startswith(ZIP_STARTS):
        return
    with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as zipped:
        if not {"[Content_Types].xml", "mimetype"} & {*zipped.namelist()}:
            raise DataError(f"{name}: this is an archive within another, or no spreadsheet. Take out the file itself.")
        n_bytes = sum(entry.file_size for entry in zipped.infolist())
        what = f"{name}: reading its {n_bytes:,} bytes, decompressed,"
        check_memory(MEMORY_PER_BYTE * n_bytes, what, "Save the sheet as .csv, or take a part of it.")


def _tables(
    name: str,
    blocks: Iterator[Records],
    known: Collection[str],
    *,
    what: str,
    notes: Sequence[str] = (),
    typed: Sequence[pl.Series] = (),
    skipped: Skipped | None = None,
) -> Iterator[Table]:
    """Records → tables. `what` a record has a number of, for messages: a line or a row.

    `typed` are the columns of the one block, below its first record, as they are to be written; by default strings.
    """
    header: Header | None = None
    unread, is_first, told = b"", True, list(notes)
    for records in blocks:
        is_headed = header is None
        if header is None:
            header = Header.of(name, records.frame, known, what)
            told += header.told()
        unread += records.source
        table = header.table(records, n_above=int(is_headed and header.is_there), typed=typed, skipped=skipped)
        if table is not None:
            yield dataclasses.replace(table, source=unread, notes=tuple(told))
            unread, is_first, told = b"", False, []
    if is_first:
        names = () if header is None else header.columns
        raise DataError(f"{name} has a first {what} with the names of columns ({quoted(names)}) and no rows below it.")


@dataclass(frozen=True)
class Header:
    """What the first records of a file say of its columns: all that has to be known to read the others."""

    name: str  # of the file, for messages
    what: str  # has a number: a line or a row
    names: tuple[Any, ...]  # the first record
    columns: tuple[str, ...]  # what they are called
    nothing: tuple[str, ...]  # of them, without a name and without content
    has_known: bool  # some has a well-known name
    is_there: bool  # the first record is none of the documents

    @classmethod
    def of(cls, name: str, frame: pl.DataFrame, known: Collection[str], what: str) -> Header:
        """By the first records. Raises DataError for two columns of one name."""
        names = frame.row(0)
        header = [(value or "").strip() for value in names]
        has_known = any(column.casefold() in known for column in header)
        is_there = has_known or _is_header(header, frame)
        columns = [f"column_{number}" for number in range(1, len(header) + 1)]
        if is_there:
            columns = [column or numbered for column, numbered in zip(header, columns, strict=True)]
            frame = frame[1:]
        repeated = next((column for column, count in Counter(columns).items() if count > 1), None)
        if repeated is not None:
            raise DataError(f"{name}, {what} 1: two columns are called {repeated!r}. Give each column its own name.")
        nothing = [
            column for index, column in enumerate(columns) if not header[index] and _is_blank(frame.to_series(index))
        ]
        return cls(name, what, names, tuple(columns), tuple(nothing), has_known, is_there)

    def told(self) -> list[str]:
        """What was guessed, as notes."""
        return _told_of_header(
            list(self.columns), list(self.nothing), self.what, has_known=self.has_known, has_header=self.is_there
        )

    def table(
        self, records: Records, *, n_above: int = 0, typed: Sequence[pl.Series] = (), skipped: Skipped | None = None
    ) -> Table | None:
        """Records as a table, without those above; None where none are left. Raises DataError as `read_delimited`."""
        frame, line_of = records.frame[n_above:], functools.partial(_line_of, records.line_of, n_above, self.what)
        if self.is_there and len(self.names) > 1 and len(again := _rows_like(self.names, frame)):
            problem = "the names of the columns stand here again, as where files were put together. Take it out."
            for row in again.tolist():
                refuse_row(self.name, line_of(row), problem, skipped)
            kept = np.delete(np.arange(len(frame)), again)
            frame, line_of = frame[kept], functools.partial(_moved, line_of, kept)
            typed = [column[kept] for column in typed]
        if not len(frame):
            return None
        frame.columns = list(self.columns)
        late = next((column for column in self.nothing if not _is_blank(frame[column])), None)
        if late is not None:
            row = int((frame[late].fill_null("") != "").arg_max() or 0)
            raise DataError(
                f"{self.name}, {line_of(row)}: there is something in {late!r}, which has no "
                "name and nothing in the rows before. Give the column a name."
            )
        frame = frame.drop(self.nothing) if self.nothing else frame
        series = frame.get_columns()
        written = dict(zip(self.columns, typed, strict=True)) if typed and n_above else {}
        return Table(
            self.name,
            dict(zip(frame.columns, series, strict=True)),
            line_of,
            header_is_certain=self.has_known,
            # Whether nothing was in quotes plays no part. Of very many columns few have to be changed.
            rows=pl.DataFrame([_to_write(written.get(one.name, one)).alias(one.name) for one in series]),
            dialect=records.dialect,
            header=self,
        )


def _to_write(column: pl.Series) -> pl.Series:
    return column.fill_null("") if column.dtype == pl.String and column.null_count() else column


def _rows_like(names: tuple[Any, ...], frame: pl.DataFrame) -> npt.NDArray[np.intp]:
    """The rows that hold the names of the columns, with a byte order mark before the first perhaps."""
    first, name = frame.to_series(0).fill_null(""), names[0] or ""
    found = np.flatnonzero(((first == name) | (first == f"\ufeff{name}")).to_numpy())
    return found[[frame.row(row)[1:] == names[1:] for row in found.tolist()]] if len(found) else found


def _is_header(header: list[str], frame: pl.DataFrame) -> bool:
    """Whether a first line without well-known names has names of columns, and not a document.

    Names are not values of their own column, nor numbers, unless they count the columns. One of several words may be a
    name where a column has few different values and the first line has none of them.
    """
    judged = range(min(len(header), MOST_JUDGED))
    columns = [frame.to_series(index)[1:].fill_null("").str.strip_chars() for index in judged]
    if any(name and column.eq(name).any() for name, column in zip(header, columns, strict=False)):
        return False
    if header == [str(number) for number in range(len(header))]:
        return True
    if any(re.fullmatch(r"[-+]?\d+([.,]\d+)?", name) for name in header):
        return False
    if not any(len(name.split()) > 1 for name in header):
        return True
    return any(name and 2 * column.n_unique() <= len(column) for name, column in zip(header, columns, strict=False))


def _told_of_header(
    columns: list[str], nothing: list[str], what: str, *, has_known: bool, has_header: bool
) -> list[str]:
    """What was guessed about the first line, as notes."""
    notes = []
    kept = [column for column in columns if column not in nothing]
    if not has_header:
        notes.append(f"the first {what} is taken for a document, and the columns are called {quoted(kept, at_most=5)}")
    elif not has_known:
        notes.append(f"the first {what} is taken for the names of the columns: {quoted(kept, at_most=5)}")
    if nothing:
        are = (
            "column without a name and without content is"
            if len(nothing) == 1
            else "columns without names and content are"
        )
        notes.append(f"{len(nothing)} {are} left out")
    return notes


def _is_blank(column: pl.Series) -> bool:
    return not (column.fill_null("").str.strip_chars() != "").any()


def read_json_lines(file: Input, *, block_bytes: int = BLOCK_BYTES, skipped: Skipped | None = None) -> Iterator[Table]:
    """Read one JSON object a line; blank lines are skipped. Numbers stay as they are written, true becomes 'true'.

    The columns of a table are the keys of its objects. About `block_bytes` are read at a time, 0 for all at once.

    Raises: DataError, naming the line, where one is not JSON or not an object; and when there is none. With `skipped`,
    such lines are counted there and left out.
    """
    decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=lambda _: None)  # see `_decoder`
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
        if not rows:
            continue
        location_of = functools.partial(_line_of, lines.__getitem__, 0, "line")
        if is_first:
            _check_keys(rows, f"{file.name}, {location_of(0)}")
        is_first = False
        table = _json_table(file.name, rows, texts, location_of)
        del rows  # they are larger than the file's block by far: not kept while the table is used
        yield dataclasses.replace(table, source=block.source)
    if is_first:
        raise DataError(f"{file.name} is empty: expected one JSON object a line.")


def read_json(file: Input, *, skipped: Skipped | None = None) -> Iterator[Table]:
    """Read one JSON value: an array of objects, an object that has one, or an object with a list of values a column.

    Raises: DataError where it is not JSON, or of another form. With `skipped`, what is no object is left out.
    """
    source = file.read()
    content = decode(source, file.name, may_skip=False)
    try:
        value = _decoder().decode(content.strip())
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{file.name}: this is not JSON ({error}). Expected {_JSON_FORM}.") from error
    notes: tuple[str, ...] = ()
    if isinstance(value, dict):
        value, notes = _rows_in(value, file.name)
    if not isinstance(value, list):
        raise DataError(f"{file.name}: expected {_JSON_FORM}, found {_kind(value)}.")
    rows, items = [], []
    for item, row in enumerate(value):
        if isinstance(row, dict):
            rows.append(row)
            items.append(item)
        else:
            refuse_row(file.name, f"item {item}", f"expected an object, found {_kind(row)}.", skipped)
    if not rows:
        raise DataError(f"{file.name} is empty: expected {_JSON_FORM}.")

    def location_of(row: int) -> str:
        return f"item {items[row]} (counted from 0)"

    _check_keys(rows, f"{file.name}, {location_of(0)}")
    table = _json_table(file.name, rows, [_written(row) for row in rows], location_of)
    yield dataclasses.replace(table, source=source, notes=notes)


_JSON_FORM = 'an array of objects, as in [{"text": "...", "label": "..."}], or one object a line'


def _rows_in(value: dict[str, Any], name: str) -> tuple[Any, tuple[str, ...]]:
    """The rows of an object: those of its only list of objects, of its columns, or itself; and a note."""
    lists = [key for key, rows in value.items() if isinstance(rows, list) and rows and isinstance(rows[0], dict)]
    if len(lists) == 1:
        return value[lists[0]], (f"the documents are those under {lists[0]!r}",)
    if value and all(isinstance(column, dict) for column in value.values()):  # pandas: column -> row -> value
        keys = [list(column) for column in value.values()]
        if all(its == keys[0] for its in keys):
            value = {name: list(column.values()) for name, column in value.items()}
    if value and all(isinstance(column, list) for column in value.values()):
        n_values = {len(column) for column in value.values()}
        if len(n_values) == 1:
            rows = [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]
            return rows, (f"each of {quoted(list(value), at_most=5)} is taken for a column",)
    if any(isinstance(column, list | dict) for column in value.values()):
        raise DataError(f"{name}: an object in which it is not clear what is a document. Expected {_JSON_FORM}.")
    return [value], ()


def _decoder() -> json.JSONDecoder:
    """Numbers are left as the signs in the file: 3 is '3', 3.0 is '3.0'. NaN, which is not JSON, is a missing value."""
    return json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=lambda _: None)


def _kind(value: Any) -> str:
    return "a number" if isinstance(value, _Number) else type(value).__name__


class _Number(str):
    """A number as it is written."""


def _written(row: dict[str, Any]) -> str:
    """An object on one line, numbers as they were written."""
    numbers: list[str] = []

    def marked(value: Any) -> Any:
        if isinstance(value, _Number):
            numbers.append(str(value))
            return f"\x00{len(numbers) - 1}\x00"
        if isinstance(value, dict):
            return {key: marked(item) for key, item in value.items()}
        return [marked(item) for item in value] if isinstance(value, list) else value

    text = json.dumps(marked(row), ensure_ascii=False)
    return re.sub(r'"\\u0000(\d+)\\u0000"', lambda match: numbers[int(match[1])], text)


def _check_keys(rows: list[dict[str, Any]], location: str) -> None:
    if not any(rows):
        raise DataError(f"{location}: the objects have no keys. Expected a text under a key such as 'text'.")


def _json_table(name: str, rows: list[dict[str, Any]], texts: list[str], location_of: Callable[[int], str]) -> Table:
    """Objects as a table; `texts` are the same as they are written."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    n_cells, n_filled = len(keys) * len(rows), sum(map(len, rows))
    if n_cells > MOST_CELLS and n_cells > MOST_EMPTY * n_filled:
        raise DataError(
            f"{name}: {len(rows):,} objects have {len(keys):,} different keys, {n_filled / len(rows):,.1f} each, and "
            "every key is a column. Put under one key what differs from object to object."
        )
    values = {key: [row.get(key) for row in rows] for key in keys}
    nested = {key: index for key in keys if (index := _first_nested(values[key])) is not None}
    lists = {key: column for key in nested if (column := _list_column(values[key])) is not None}
    columns = {key: _string_column(values[key]) for key in keys if key not in nested}
    columns |= {key: pl.Series([None] * len(rows), dtype=pl.String) for key in nested}
    return Table(name, {key: columns[key] for key in keys}, location_of, nested, lists, rows=texts)


def read_parquet(path: Path, *, block_bytes: int = BLOCK_BYTES, place: Input | None = None) -> Iterator[Table]:
    """Read Parquet. Numbers become their usual signs, true becomes 'true', NaN is a missing value.

    As many rows are given at a time as have about `block_bytes` in memory at the beginning, 0 for all at once, and
    BLOCK_ROWS are read together, which may be several blocks; of a compressed file all are in memory. The position, in
    rows, is that of `place`.

    Raises: DataError when it is not Parquet or damaged, and when there are no rows.
    """
    name = stores.shown(path)
    with stores.fetched(path):
        yield from _parquet_tables(path, name, block_bytes, place)


def parquet_rows(path: Path, name: str, start: int, n_rows: int) -> Table:
    """Some rows of Parquet, from one on. Raises DataError as `read_parquet`."""
    with _parquet_errors(name):
        return _parquet_table(
            pl.scan_parquet(path, glob=False).slice(start, n_rows).collect(engine="streaming"), name, start
        )


@contextlib.contextmanager
def _parquet_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:  # damaged data may panic
        reason = str(error).partition("\n")[0]
        raise DataError(f"{name}: this cannot be read as Parquet ({reason}). Copy or write the file again.") from error


def _parquet_tables(path: Path, name: str, block_bytes: int, place: Input | None) -> Iterator[Table]:
    n_rows = 0
    with _parquet_errors(name):
        with open_input(path) as file:
            is_plain = not file.compression
            source = path if is_plain else io.BytesIO(file.read())
        frame = pl.scan_parquet(source, glob=False)
        n_whole = read_rows = int(frame.select(pl.len()).collect().item())
        if block_bytes and n_whole:
            first = frame.head(FIRST_ROWS).collect(engine="streaming")
            read_rows = max(1, min(BLOCK_ROWS, BLOCK_MEMORY * len(first) // max(int(first.estimated_size()), 1)))
        block_rows, ahead = 0, frame.clear().collect()
        while n_rows < n_whole:  # not `collect_batches`, which reads on while a block is worked at
            if not len(ahead):
                ahead = frame.slice(n_rows, read_rows).collect(engine="streaming")
            if not block_rows:
                n_blocks = int(ahead.estimated_size()) // block_bytes + 1 if block_bytes else 1
                block_rows = max(1, len(ahead) // n_blocks)
                read_rows = max(1, read_rows // block_rows) * block_rows  # whole blocks: each but the last has as many
                ahead = ahead.head(read_rows)
            part, ahead = ahead.head(block_rows), ahead.slice(block_rows)
            table = _parquet_table(part, name, n_rows)
            n_rows += len(part)
            if place is not None and block_bytes:
                place.position = Position(n_rows, 0, n_rows, block_rows, n_whole)
            yield dataclasses.replace(table, share_read=n_rows / n_whole)
            if place is not None and (moved := place.moved_to()) is not None:
                n_rows, ahead = moved.offset, ahead.clear()
        width = len(frame.collect_schema())
    if not n_rows:
        raise DataError(f"{name} is empty: it has {width} columns and no rows.")


def as_strings(series: pl.Series) -> pl.Series:
    """The usual signs of numbers, times and truth values; null stays null."""
    if series.dtype == pl.Duration:  # which polars does not cast
        return pl.Series(series.name, [None if span is None else str(span) for span in series], dtype=pl.String)
    return series.cast(pl.String)


def _somewhere(row: int) -> str:
    return f"row {row}"


def _moved(location_of: Callable[[int], str], rows: npt.NDArray[np.intp], row: int) -> str:
    return location_of(int(rows[row]))


def _line_of(line_of: Callable[[int], int], n_header: int, what: str, row: int) -> str:
    return f"{what} {line_of(n_header + row)}"


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
    n_keys = text.count('":') + text.count('" :')  # and of objects within, and signs of texts
    if n_keys > len(row) and (twice := _key_that_stands_twice(text)) is not None:
        return None, f"the key {twice!r} stands twice in the object. Give each its own name."
    return row, ""


def _key_that_stands_twice(text: str) -> str | None:
    """A key of the JSON object, not of one within, that it has more than once."""
    last: list[tuple[str, Any]] = []

    def kept(pairs: list[tuple[str, Any]]) -> None:
        last[:] = pairs  # the outermost object is ended last

    json.loads(text, object_pairs_hook=kept)
    return next((key for key, count in Counter(key for key, _ in last).items() if count > 1), None)


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
