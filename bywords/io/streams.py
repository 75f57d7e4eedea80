"""A path in, its bytes or its text out: decompressed, checked to be UTF-8, every failure a DataError with the path."""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import os
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from bywords.errors import DataError

STANDARD_INPUT = "-"
BLOCK_BYTES = 1 << 21
COMPRESSIONS = (".gz", ".xz", ".zst")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NO_CHARACTER = re.compile("[\udc80-\udcff]")  # how Python writes a byte that is not UTF-8


def format_ending(path: Path) -> str:
    """The ending that tells the format, lower-case, without the one of a compression: `.csv` for `a.CSV.gz`."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in COMPRESSIONS:
        endings.pop()
    return endings[-1] if endings else ""


@dataclass
class Skipped:
    """Rows that could not be read and were left out: how many, and what is wrong with the first."""

    count: int = 0
    first: str = ""  # "line 17: expected 2 fields ..."

    def add(self, index: str, problem: str) -> None:
        """Count one more."""
        self.first = self.first or f"{index}: {problem}"
        self.count += 1


def refuse_row(name: str, index: str, problem: str, skipped: Skipped | None) -> None:
    """A row cannot be read: count it where rows are skipped. Raises DataError where they are not."""
    if skipped is None:
        raise DataError(f"{name}, {index}: {problem}")
    skipped.add(index, problem)


class Input:
    """The bytes of a file or of the standard input, from beginning to end."""

    def __init__(self, name: str, file: BinaryIO, compression: str, stored: BinaryIO | None = None) -> None:
        """`file` gives the decompressed bytes; `stored` is the file that they come from, where there is one."""
        self.name = name
        self.compression = compression
        self._file = file
        self._stored = stored

    @property
    def share_read(self) -> float | None:
        """How much of the file has been read, 0 to 1; None where its size is not known."""
        if self._stored is None:
            return None
        n_bytes = os.fstat(self._stored.fileno()).st_size
        return min(self._stored.tell() / n_bytes, 1.0) if n_bytes else None

    def read(self, n_bytes: int = -1) -> bytes:
        """The next bytes, fewer only at the end; all that are left by default.

        Raises: DataError when the file cannot be read, or its compressed data is damaged or cut off.
        """
        try:
            return self._file.read(n_bytes)
        except (OSError, EOFError, zlib.error, lzma.LZMAError, _DamagedError) as error:
            if not self.compression:
                raise _unreadable(self.name, cast(OSError, error)) from error
            raise DataError(
                f"{self.name}: the compressed data is damaged or cut off ({error}). "
                f"Expected a whole {self.compression} file: copy or download it again."
            ) from error


@contextlib.contextmanager
def open_input(path: Path | str) -> Iterator[Input]:
    """A file, decompressed where its name ends in .gz, .xz or .zst, or for "-" the standard input.

    Raises: DataError when there is no such file, or it cannot be opened.
    """
    if str(path) == STANDARD_INPUT:
        yield Input("standard input", sys.stdin.buffer, "")
        return
    path = Path(path)
    name, compression = str(path), path.suffix.lower() if path.suffix.lower() in COMPRESSIONS else ""
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file. Check the path, and the folder you start from.") from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder, expected a file.") from error
    except OSError as error:
        raise _unreadable(name, error) from error
    with file:
        yield Input(name, _DECOMPRESSED[compression](file) if compression else file, compression, stored=file)


def read_bytes(path: Path) -> bytes:
    """The contents of a file, decompressed. Raises DataError as `open_input` and `Input.read`."""
    with open_input(path) as file:
        return file.read()


def decode(data: bytes, name: str, *, line: int = 1, offset: int = 0) -> str:
    """UTF-8 to text, without the byte order mark at the start of the input.

    `line` and `offset` say where in it `data` begins. Raises DataError, naming line and byte, where it is not UTF-8.
    """
    mark = _BYTE_ORDER_MARK if offset == 0 and data.startswith(_BYTE_ORDER_MARK) else b""
    try:
        return data.removeprefix(mark).decode("utf-8")
    except UnicodeDecodeError as error:
        within = error.start + len(mark)
        line, byte = line + data.count(b"\n", 0, within), data[within]
        offset += within
        raise DataError(
            f"{name}, line {line}: the byte {byte:#04x} at offset {offset} is not UTF-8. Save the file as UTF-8."
        ) from error


def split_lines(content: str) -> list[str]:
    r"""Lines without their line ends, \n or \r\n; nothing else ends a line, and the last needs no end."""
    lines = content.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


@dataclass(frozen=True)
class Lines:
    """Some whole lines of an input, the last perhaps without its end."""

    source: bytes
    first: int  # number of the first line, counted from 1
    offset: int  # bytes before them

    def text(self, name: str, skipped: Skipped | None = None) -> str:
        """The lines as text. Where rows are skipped, a byte that is not UTF-8 becomes what `wrong_byte` finds.

        Raises: DataError as `decode`, where none are.
        """
        try:
            return decode(self.source, name, line=self.first, offset=self.offset)
        except DataError:
            if skipped is None:
                raise
            mark = _BYTE_ORDER_MARK if self.offset == 0 else b""
            return self.source.removeprefix(mark).decode("utf-8", "surrogateescape")


def wrong_byte(text: str) -> str:
    """What is wrong with a text of `Lines.text`: a byte that is not UTF-8; empty where all are."""
    found = _NO_CHARACTER.search(text)
    return f"the byte {ord(found[0]) - 0xDC00:#04x} is not UTF-8." if found else ""


def line_blocks(file: Input, block_bytes: int = BLOCK_BYTES) -> Iterator[Lines]:
    """The lines of an input, about `block_bytes` at a time, 0 for all at once.

    No more than a block or a line is in memory.
    """
    if block_bytes == 0:
        yield Lines(file.read(), 1, 0)
        return
    line, offset, begun = 1, 0, b""
    while new := file.read(max(block_bytes, len(begun))):
        block = begun + new
        end = block.rfind(b"\n") + 1
        whole, begun = block[:end], block[end:]
        if whole:
            yield Lines(whole, line, offset)
            line, offset = line + whole.count(b"\n"), offset + len(whole)
    if begun:
        yield Lines(begun, line, offset)


class _DamagedError(Exception):
    """Zstandard data that is not whole."""


class _ZstdReader(io.RawIOBase):
    """All frames of a file, one after the other. An empty file has none and is not whole."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame = _zstd_frame()
        self._rest = b""  # compressed
        self._ready = b""  # decompressed

    def readable(self) -> bool:
        return True

    def readinto(self, target: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            data = self._rest or self._file.read(1 << 16)
            if not data:
                if not self._frame.eof:
                    raise _DamagedError("the last frame has no end")
                return 0
            if self._frame.eof:
                self._frame = _zstd_frame()
            try:
                self._ready = self._frame.decompress(data)
            except _zstd_error() as error:
                raise _DamagedError(str(error)) from error
            self._rest = self._frame.unused_data if self._frame.eof else b""
        n_bytes = min(len(target), len(self._ready))
        target[:n_bytes] = self._ready[:n_bytes]
        self._ready = self._ready[n_bytes:]
        return n_bytes


def _zstd_frame() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd

        return zstd.ZstdDecompressor()
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj()


def _zstd_error() -> type[Exception]:
    if sys.version_info >= (3, 14):
        from compression import zstd

        return zstd.ZstdError
    import zstandard

    return zstandard.ZstdError


_DECOMPRESSED: dict[str, Callable[[BinaryIO], Any]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".xz": lzma.LZMAFile,
    ".zst": lambda file: io.BufferedReader(_ZstdReader(file)),
}


def _unreadable(name: str, error: OSError) -> DataError:
    return DataError(f"{name}: the file cannot be read: {error.strerror or error}. Check its permissions.")
