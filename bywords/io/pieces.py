"""The rest of a large file → pieces that workers read by themselves, each as the block that would come next.

A block ends where the last record ends in the bytes that were read so far, and these are read so many at a time: so all
windows of a file are known beforehand, and where a block begins is told by what is before its window. In lines that is
the last line end. In a CSV it depends on whether a quote is open there, which only all bytes before can say: it is
guessed from some of them, by what quotes stand beside, and then checked. The pieces of a file belong together where
each begins at the byte at which the one before it ends, and the first at one that is known (speculative parsing: Ge,
Li, Eilebrecht, Chandramouli, Kossmann (2019), "Speculative Distributed CSV Data Parsing for Big Data Analytics"). What
does not fit, and whatever a reader of clean records does not read, is left to whoever has read the blocks before.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from bywords.errors import BywordsError, DataError
from bywords.io import stores
from bywords.io.csv import Dialect, Records, end_outside_quotes, n_line_ends, read_fast
from bywords.io.encodings import UTF8
from bywords.io.streams import Input, Position, split_lines
from bywords.io.tables import Header, Table, parquet_rows, read_json_lines
from bywords.kernels.utf8 import has_plain_quotes, is_utf8

LOOK_BACK_BYTES = (1 << 16, (1 << 16) + 7, 1 << 19)  # before a window, in search of where a record begins
_QUOTE, _NEWLINE = ord('"'), ord("\n")


class UnseenError(Exception):
    """The file is not to be seen from here, or is another one here."""


@dataclass(frozen=True)
class Window:
    """Bytes of a file that are read for a piece, or rows of Parquet."""

    start: int
    stop: int
    is_end: bool  # nothing comes behind it
    begins_at: int | None  # the piece itself, where that is known


@dataclass(frozen=True, eq=False)
class Piece:
    """What a worker has read of a window: whole records."""

    begins_at: int
    ends_at: int
    n_lines: int
    digest: bytes  # SHA-256
    texts: pl.Series | None  # of lines
    table: Table | None  # neither where there is no record


@dataclass(frozen=True)
class PieceReader:
    """Reads pieces of a file, in any process that sees it. Plain values, to be sent there."""

    source: str  # a path, or a URL
    name: str  # for messages
    version: str  # which changes when the file does
    kind: str  # of format: .csv, .tsv, .jsonl, .parquet, or of lines
    n_bytes: int  # of the file, or rows
    window_bytes: int  # that are read at a time, or rows
    header: Header | None = None  # of a table in columns
    dialect: Dialect | None = None

    def windows(self, position: Position) -> Iterator[Window]:
        """Those of the pieces behind a position, to the end; but for a last line that has no end."""
        begins_at: int | None = position.offset
        for start in range(position.read_to, self.n_bytes + 1, self.window_bytes):
            stop = min(start + self.window_bytes, self.n_bytes)
            is_end = self.kind in (".csv", ".tsv") and stop - start < self.window_bytes
            if start < stop or is_end:
                yield Window(start, stop, is_end, start if self.kind == ".parquet" else begins_at)
            begins_at = None

    def read(self, window: Window) -> Piece | None:
        """The piece of a window; None where it has to be read by whoever has read what is before.

        Raises: UnseenError where there is no such file here; DataError where it cannot be read.
        """
        if version_here(self.source) != self.version:
            raise UnseenError
        if self.kind == ".parquet":
            rows = parquet_rows(Path(self.source), self.name, window.start, window.stop - window.start)
            return Piece(window.start, window.stop, 0, b"", None, rows)
        begins_at = window.begins_at
        if begins_at is None:
            begins_at, data = self._begin(window)
        else:
            data = self._bytes(begins_at, window.stop)
        if begins_at is None or window.start - begins_at > self.window_bytes:  # a record that is longer than a window
            return None
        if window.is_end:
            n_bytes = len(data)
        else:
            n_bytes = end_outside_quotes(data) if self.header is not None else data.rfind(b"\n") + 1
        if n_bytes == 0 and b"\n" not in data:  # the record ends in a later window, or all have ended
            return Piece(begins_at, begins_at, 0, b"", None, None)
        if not (data := data[:n_bytes]):
            return None
        if not is_utf8(data):
            return None
        found = self._records(data)
        if found is None:
            return None
        n_lines = n_line_ends(data) if self.header is not None else data.count(b"\n")
        return Piece(begins_at, begins_at + n_bytes, n_lines, hashlib.sha256(data).digest(), *found)

    def _records(self, data: bytes) -> tuple[pl.Series | None, Table | None] | None:
        """The texts of lines, or the table; None where there is anything that is not clean."""
        if self.kind == ".jsonl":
            try:
                (table,) = read_json_lines(Input(self.name, io.BytesIO(data)), block_bytes=0)
            except (DataError, ValueError):  # or none
                return None
            return None, table
        if self.header is None or self.dialect is None:
            return pl.Series("text", split_lines(data.decode()), dtype=pl.String), None
        frame = read_fast(data, self.dialect.separator, len(self.header.columns))
        if frame is None:
            return None
        try:
            in_columns = self.header.table(Records(frame, data, int, self.dialect))
        except DataError:
            return None
        return None if in_columns is None else (None, in_columns)

    def _begin(self, window: Window) -> tuple[int | None, bytes]:
        """Where the piece of a window begins, and the bytes from there on; None where it cannot be told."""
        for n_back in LOOK_BACK_BYTES:
            first = max(0, window.start - min(n_back, self.window_bytes))
            data = self._bytes(first, window.stop)
            before = data[: window.start - first]
            n_before = last_end(before, self.dialect.separator) if self.dialect else before.rfind(b"\n") + 1
            if n_before:
                return first + n_before, data[n_before:]
        return None, b""

    def _bytes(self, start: int, stop: int) -> bytes:
        if stores.is_url(self.source):
            with _as_unseen():
                return stores.read_range(self.source, start, stop)
        with Path(self.source).open("rb") as file:
            file.seek(start)
            return file.read(stop - start)


def last_end(data: bytes, separator: str) -> int:
    """Behind which byte the last record ends in bytes of a CSV that begin anywhere; 0 where that cannot be told.

    It is a guess: quotes may be open at the first byte or not, and what they stand beside then says which it is.
    """
    signs = np.frombuffer(data, dtype=np.uint8)
    quotes, newlines = np.flatnonzero(signs == _QUOTE), np.flatnonzero(signs == _NEWLINE)
    n_open = np.searchsorted(quotes, newlines)
    for is_open in (0, 1):
        ends = newlines[(n_open + is_open) % 2 == 0]
        is_open_at_end = (len(quotes) + is_open) % 2
        if len(ends) and has_plain_quotes(b'"' * is_open + data + b'"' * is_open_at_end, separator):
            return int(ends[-1]) + 1
    return 0


def reader_of(path: Path | str, file: Input, kind: str, table: Table | None) -> PieceReader | None:
    """What reads the pieces behind the first block of a file, a table or lines; None where there are none."""
    position, url = file.position, stores.url_of(path)
    if position is None or not isinstance(path, Path) or not file.is_plain or file.encoding != UTF8:
        return None
    in_columns = kind in (".csv", ".tsv")
    header = table.header if in_columns and table is not None else None
    if kind not in (".csv", ".tsv", ".jsonl", ".parquet", "") or (in_columns and header is None):
        return None
    if kind == ".parquet" and url is not None:  # which only a file of this machine is read in parts of
        return None
    return PieceReader(
        source=str(path.resolve()) if url is None else url,
        name=file.name,
        version=version_here(str(path) if url is None else url),
        kind=kind,
        n_bytes=stores.size_of(path) if position.n_all is None else position.n_all,
        window_bytes=position.window,
        header=header,
        dialect=table.dialect if header is not None and table is not None else None,
    )


def version_here(source: str) -> str:
    """What changes when a file does, of a path or a URL. Raises UnseenError where there is none."""
    with _as_unseen():
        if stores.is_url(source):
            return stores.version_of(stores.copy_of(source))
        status = Path(source).stat()
    return f"{status.st_size} {status.st_mtime_ns}"


@contextlib.contextmanager
def _as_unseen() -> Iterator[None]:
    """Raise UnseenError where a file, or the store that it is in, cannot be reached."""
    try:
        yield
    except (OSError, BywordsError) as error:
        raise UnseenError from error
