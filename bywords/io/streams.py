"""Path → bytes or text of a file: decompressed, in UTF-8, every failure an error with the path."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from bywords.errors import BywordsError, DataError
from bywords.io import stores
from bywords.io.archives import ZIP_STARTS, Archive, expanded, open_archive, split_member
from bywords.io.encodings import UTF8, Recoded, check_encoding, encoding_of, not_utf8
from bywords.memory import check_memory

STANDARD_INPUT = "-"
BLOCK_BYTES = 1 << 21
COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
_STARTS = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ\x00": ".xz", b"\x28\xb5\x2f\xfd": ".zst"}
_LONGEST_START = max(map(len, _STARTS))
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NO_CHARACTER = re.compile("[\udc80-\udcff]")  # how Python writes a byte that is not UTF-8
_HEAD_BYTES = 1 << 16  # that say what a file is
_PART_BYTES = 1 << 24  # of what is read as a whole
LINE_BYTES = 1 << 29  # no line is longer
MEMORY_PER_BYTE = 4  # of a file that is read as a whole, at the least: its bytes, columns, texts and their words
MOST_COMPRESSED = 500  # bytes in one, where there are more than
MOST_BYTES_UNQUESTIONED = 1 << 30
SKIP_ROWS = "Or leave such rows out: --bad-rows skip."


@dataclass
class Skipped:
    """Rows that could not be read and were left out: how many, and what is wrong with the first."""

    count: int = 0
    first: str = ""  # "line 17: expected 2 fields ..."

    def add(self, location: str, problem: str) -> None:
        """Count one more."""
        self.first = self.first or f"{location}: {problem}"
        self.count += 1


def refuse_row(name: str, location: str, problem: str, skipped: Skipped | None, *, may_skip: bool = True) -> None:
    """A row cannot be read: count it where rows are skipped. Raises DataError where they are not, or none may be."""
    if skipped is None or not may_skip:
        raise DataError(f"{name}, {location}: {problem}{f' {SKIP_ROWS}' if may_skip else ''}")
    skipped.add(location, problem)


def unskippable(error: DataError) -> DataError:
    """The same error where no row may be skipped: without the advice to."""
    return DataError(str(error).removesuffix(f" {SKIP_ROWS}"))


@dataclass(frozen=True)
class Position:
    """Where a file is between two blocks; of Parquet, in rows."""

    offset: int  # bytes of the blocks that came
    line: int  # number of the line that is next
    read_to: int  # bytes that were read: the last ones begin the next block
    window: int  # bytes that are read at a time
    n_all: int | None = None  # rows of Parquet


class Input:
    """The bytes of a file, of a member of an archive or of the standard input, from beginning to end."""

    def __init__(
        self,
        name: str,
        file: IO[bytes],
        compression: str = "",
        *,
        stored: BinaryIO | None = None,
        error: type[BywordsError] = DataError,
    ) -> None:
        """`file` gives the decompressed bytes; `stored` is the file that they come from, where there is one."""
        self.name = name
        self.compression = compression
        self.encoding = UTF8  # what the file is in: the bytes that are read are UTF-8
        self._file = file
        self._stored = stored
        self._error = error
        self._head = b""  # read already, to look at
        self._n_read = 0
        self.position: Position | None = None  # behind the last block, where others may read on
        self._moved: Position | None = None

    @property
    def share_read(self) -> float | None:
        """How much of the file has been read, 0 to 1; None where its size is not known."""
        if self._stored is None:
            return None
        n_bytes = os.fstat(self._stored.fileno()).st_size
        return min(self._stored.tell() / n_bytes, 1.0) if n_bytes else None

    @property
    def is_plain(self) -> bool:
        """Whether what is read are the bytes of a file as they are, so that others can read any of them."""
        return self._file is self._stored

    def go_on(self, position: Position) -> None:
        """Let the next block be the one at a position: what is before it was read by others."""
        self._moved = position

    def moved_to(self) -> Position | None:
        """Where somebody has let this go on, once; None where that is where it is."""
        to, self._moved = self._moved, None
        return to

    def moved(self) -> tuple[int, int, bytes] | None:
        """Line, offset, and what of the next block was read before, where somebody has let this go on elsewhere."""
        if (to := self.moved_to()) is None:
            return None
        self._head = b""
        with _read_errors(self.name, "", self._error):
            self._file.seek(to.offset)
        return to.line, to.offset, self.read(to.read_to - to.offset)

    def peek(self, n_bytes: int = _HEAD_BYTES) -> bytes:
        """The first bytes that have not been read, which stay so. Raises as `read`."""
        if len(self._head) < n_bytes:
            self._head += self._read(n_bytes - len(self._head), self.name)
        return self._head[:n_bytes]

    def read(self, n_bytes: int = -1, *, location: str | None = None) -> bytes:
        """The next bytes, fewer only at the end; all that are left by default.

        Raises: DataError, or what was asked for, when the file cannot be read, or its compressed data is damaged or
        cut off. It begins with the `location`, the name by default.
        """
        if 0 <= n_bytes <= len(self._head):
            found, self._head = self._head[:n_bytes], self._head[n_bytes:]
            return found
        found, self._head = self._head, b""
        return found + self._read(n_bytes - len(found) if n_bytes >= 0 else -1, location or self.name)

    def recode(self, encoding: str | None) -> None:
        """Read on as UTF-8 what is in another encoding: the one that is named, or that of a byte order mark."""
        self.encoding = encoding_of(self.peek(4), encoding)
        if self.encoding != UTF8:
            self._file, self._head = cast(Any, Recoded(self._file, self._head, self.encoding, self.name)), b""

    def _read(self, n_bytes: int, location: str) -> bytes:
        if n_bytes < 0:
            return self._rest(location)
        with _read_errors(location, self.compression, self._error):
            data = self._file.read(n_bytes)
        self._n_read += len(data)
        if self.compression and self._stored is not None and self._n_read > MOST_BYTES_UNQUESTIONED:
            n_stored = self._stored.tell()
            if self._n_read > MOST_COMPRESSED * n_stored:
                raise self._error(
                    f"{self.name}: more than {self._n_read:,} bytes are compressed into {n_stored:,}, as no texts are. "
                    "Check where the file is from; if it is as it should be, decompress it first."
                )
        return data

    def _rest(self, location: str) -> bytes:
        """All bytes that are left. Raises an error before they take more memory than there is."""
        remedy = "Take a part of it; `bywords train --on-disk` reads and learns a part at a time."
        if self._stored is not None and not self.compression:
            n_bytes = os.fstat(self._stored.fileno()).st_size
            what = f"{self.name}: reading its {n_bytes:,} bytes at once"
            check_memory(MEMORY_PER_BYTE * n_bytes, what, remedy, error=self._error)
            with _read_errors(location, self.compression, self._error):
                return self._file.read()
        whole = io.BytesIO()  # how much there is is not known beforehand
        while data := self._read(_PART_BYTES, location):
            whole.write(data)
            what = f"{self.name}: reading {whole.tell():,} bytes and more at once"
            check_memory((MEMORY_PER_BYTE - 1) * whole.tell(), what, remedy, error=self._error)
        return whole.getvalue()


@contextlib.contextmanager
def open_input(
    path: Path | str, *, encoding: str | None = UTF8, error: type[BywordsError] = DataError
) -> Iterator[Input]:
    """A file or a file of an archive (`reviews.zip:train.csv`), decompressed, or for "-" the standard input.

    One in an object store, by its URL, is read as it arrives.

    Its first bytes say whether it is compressed, whatever its name, the standard input too; of an archive with
    one file that is read. With an `encoding`, or None for that of its byte order mark, it is read as UTF-8.

    Raises: `error` when there is no such file, it cannot be opened, or the archive does not have one clear member.
    SettingError for an encoding that there is not.
    """
    if encoding is not None:
        check_encoding(encoding)
    if str(path) == STANDARD_INPUT:
        name, file = "standard input", sys.stdin.buffer
        compression = _compression(file.peek(_LONGEST_START)) if hasattr(file, "peek") else ""
        with _decompressed(file, compression) as stream:
            opened = Input(name, stream, compression, error=error)
            if compression and opened.peek()[257:262] == b"ustar":
                raise error(f"{name} is an archive of files, of which none can be named. Save it, and give its name.")
            if encoding != UTF8:
                opened.recode(encoding)
            yield opened
        return
    path, member = split_member(expanded(path, error=error))
    with _opened(path, error) as (file, stream, compression, archive), contextlib.ExitStack() as stack:
        name = stores.shown(path)
        if archive is not None:
            member = archive.file(member, error)
            name = f"{name}:{member}"
            with _read_errors(name, "archive", error):
                stream, compression = stack.enter_context(archive.open(member)), compression or "archive"
        opened = Input(name, stream, compression, stored=file, error=error)
        if encoding != UTF8:
            opened.recode(encoding)
        yield opened


@contextlib.contextmanager
def archive_of(path: Path) -> Iterator[Archive | None]:
    """The archive that a file is, None where it is none. Raises DataError where it cannot be read."""
    with _opened(path, DataError) as (_, _, _, archive):
        yield archive


@contextlib.contextmanager
def _opened(
    path: Path, error: type[BywordsError]
) -> Iterator[tuple[io.BufferedReader, IO[bytes], str, Archive | None]]:
    """A file, its bytes decompressed, by which compression, and the archive that they are."""
    name = stores.shown(path)
    if not (path.is_file() or path.is_dir() or str(path) == os.devnull) and path.exists():
        raise error(f"{path} is a pipe or a device, expected a file. Give - and let it come from standard input.")
    try:
        file = stores.opened(path) if stores.url_of(path) is not None else path.open("rb")
    except DataError as reason:  # of a store
        raise error(str(reason)) from reason
    except FileNotFoundError as reason:
        raise error(f"{path}: there is no such file. Check the path, and the folder you start from.") from reason
    except IsADirectoryError as reason:
        raise error(f"{path} is a folder, expected a file.") from reason
    except OSError as reason:
        raise _unreadable(name, reason, error) from reason
    with file, contextlib.ExitStack() as stack:
        with _read_errors(name, "", error):
            compression = _compression_of(file, path)
            is_zip = file.peek(4).startswith(ZIP_STARTS)
        with _read_errors(name, compression or (path.suffix if is_zip else ""), error):
            stream = stack.enter_context(_decompressed(file, compression))
            archive = stack.enter_context(open_archive(file, stream, name))
        if archive is None and stream is file:
            file.seek(0)
        yield file, stream, compression, archive


def _compression_of(file: BinaryIO, path: Path) -> str:
    """By the first bytes; by the name where they say nothing: the file is damaged then."""
    start = file.read(8)
    file.seek(0)
    ending = path.suffix.lower()
    return _compression(start) or (ending if ending in COMPRESSIONS else "")


def _compression(start: bytes) -> str:
    """What the first bytes say; empty where they are none of a compression."""
    return next((name for sign, name in _STARTS.items() if start.startswith(sign)), "")


def _decompressed(file: BinaryIO, compression: str) -> contextlib.AbstractContextManager[IO[bytes]]:
    if compression == ".gz":
        import gzip

        return cast(Any, gzip.GzipFile(fileobj=file))
    if compression == ".bz2":
        import bz2

        return bz2.BZ2File(file)
    if compression == ".xz":
        import lzma

        return lzma.LZMAFile(file)
    if compression == ".zst":
        return io.BufferedReader(_ZstdReader(file))
    return contextlib.nullcontext(file)


@contextlib.contextmanager
def _read_errors(name: str, compression: str, error: type[BywordsError]) -> Iterator[None]:
    """Raise an `error` with the name where bytes cannot be read or decompressed."""
    try:
        yield
    except (BywordsError, MemoryError):
        raise
    except Exception as reason:  # what a decompressor may raise depends on the module, which is loaded when needed
        if not compression:
            raise _unreadable(name, reason, error) from reason
        raise error(
            f"{name}: the compressed data is damaged or cut off ({reason}). "
            f"Expected a whole {compression} file: copy or download it again."
        ) from reason


def decode(data: bytes, name: str, *, line: int = 1, offset: int = 0, may_skip: bool = True) -> str:
    """UTF-8 to text, without the byte order mark at the start of the input.

    `line` and `offset` say where in it `data` starts. Raises DataError, naming line and byte, where it is not UTF-8,
    and the encoding that it is likeliest in.
    """
    mark = _BYTE_ORDER_MARK if offset == 0 and data.startswith(_BYTE_ORDER_MARK) else b""
    try:
        return data.removeprefix(mark).decode("utf-8")
    except UnicodeDecodeError as error:
        within = error.start + len(mark)
        line, byte = line + data.count(b"\n", 0, within), data[within]
        offset += within
        raise DataError(
            f"{name}, line {line}: the byte {byte:#04x} at offset {offset} is not UTF-8. {not_utf8(data, within)}"
            f"{f' {SKIP_ROWS}' if may_skip else ''}"
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
    encoding: str = UTF8  # that the file is in

    def text(self, name: str, skipped: Skipped | None = None) -> str:
        """The lines as text. Where rows are skipped, a byte that is not UTF-8 becomes what `wrong_byte` finds.

        Raises: DataError as `decode`, where none are.
        """
        try:
            return decode(self.source, name, line=self.first, offset=self.offset)
        except DataError:
            if skipped is None and self.encoding == UTF8:
                raise
            if skipped is None:
                raise self._not_in_encoding(name) from None
            mark = _BYTE_ORDER_MARK if self.offset == 0 else b""
            return self.source.removeprefix(mark).decode("utf-8", "surrogateescape")

    def _not_in_encoding(self, name: str) -> DataError:
        """The error for the first line with a byte that the encoding of the file does not have."""
        text = self.source.decode("utf-8", "surrogateescape")
        found = next(_NO_CHARACTER.finditer(text))
        line, byte = self.first + text.count("\n", 0, found.start()), ord(found[0]) - 0xDC00
        return DataError(
            f"{name}, line {line}: the byte {byte:#04x} is not {self.encoding}: say another --encoding. {SKIP_ROWS}"
        )

    def utf8(self) -> bytes | None:
        """The lines without a byte order mark; None where they are not UTF-8."""
        from bywords.kernels.utf8 import is_utf8  # imports numpy, which a command's help has no need of

        if not is_utf8(self.source):
            return None
        return self.source.removeprefix(_BYTE_ORDER_MARK) if self.offset == 0 else self.source


def wrong_byte(text: str) -> str:
    """What is wrong with a text of `Lines.text`: a byte that is not UTF-8; empty where all are."""
    found = _NO_CHARACTER.search(text)
    return f"the byte {ord(found[0]) - 0xDC00:#04x} is not UTF-8." if found else ""


def line_blocks(file: Input, block_bytes: int = BLOCK_BYTES) -> Iterator[Lines]:
    """The lines of an input, about `block_bytes` at a time, 0 for all at once.

    No more than a block or a line is in memory.
    """
    if block_bytes == 0:
        yield Lines(file.read(), 1, 0, file.encoding)
        return
    line, offset, rest, new = 1, 0, b"", b""
    while True:
        line, offset, rest = file.moved() or (line, offset, rest)
        if not (new := file.read(max(block_bytes, len(rest)))):
            break
        block = rest + new
        end = block.rfind(b"\n") + 1
        whole, rest = block[:end], block[end:]
        if len(rest) > LINE_BYTES:
            n_line = line + whole.count(b"\n")
            raise DataError(f"{file.name}, line {n_line}: it is longer than {LINE_BYTES:,} bytes. Cut it into several.")
        if whole:
            n_lines = whole.count(b"\n")
            file.position = Position(offset + len(whole), line + n_lines, offset + len(block), block_bytes)
            yield Lines(whole, line, offset, file.encoding)
            line, offset = line + n_lines, offset + len(whole)
    file.position = None
    if rest:
        yield Lines(rest, line, offset, file.encoding)


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
                    raise EOFError("the last frame has no end")
                return 0
            if self._frame.eof:
                self._frame = _zstd_frame()
            self._ready = self._frame.decompress(data)
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


def _unreadable(name: str, reason: Exception, error: type[BywordsError]) -> BywordsError:
    said = reason.strerror if isinstance(reason, OSError) else None
    return error(f"{name}: the file cannot be read: {said or reason}. Check its permissions.")
