"""Path → bytes or text of a file: decompressed, checked to be UTF-8, every failure an error with the path."""

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

STANDARD_INPUT = "-"
BLOCK_BYTES = 1 << 21
COMPRESSIONS = (".gz", ".xz", ".zst")
_STARTS = {b"\x1f\x8b": ".gz", b"\xfd7zXZ\x00": ".xz", b"\x28\xb5\x2f\xfd": ".zst", b"PK\x03\x04": ".zip"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NO_CHARACTER = re.compile("[\udc80-\udcff]")  # how Python writes a byte that is not UTF-8


def format_ending(path: Path) -> str:
    """The ending that names the format, in lower case, without that of a compression: `.csv` for `a.CSV.gz`."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in COMPRESSIONS:
        endings.pop()
    return endings[-1] if endings else ""


@dataclass
class Skipped:
    """Rows that could not be read and were left out: how many, and what is wrong with the first."""

    count: int = 0
    first: str = ""  # "line 17: expected 2 fields ..."

    def add(self, location: str, problem: str) -> None:
        """Count one more."""
        self.first = self.first or f"{location}: {problem}"
        self.count += 1


def refuse_row(name: str, location: str, problem: str, skipped: Skipped | None) -> None:
    """A row cannot be read: count it where rows are skipped. Raises DataError where they are not."""
    if skipped is None:
        raise DataError(f"{name}, {location}: {problem}")
    skipped.add(location, problem)


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
        self._file = file
        self._stored = stored
        self._error = error

    @property
    def share_read(self) -> float | None:
        """How much of the file has been read, 0 to 1; None where its size is not known."""
        if self._stored is None:
            return None
        n_bytes = os.fstat(self._stored.fileno()).st_size
        return min(self._stored.tell() / n_bytes, 1.0) if n_bytes else None

    def read(self, n_bytes: int = -1, *, location: str | None = None) -> bytes:
        """The next bytes, fewer only at the end; all that are left by default.

        Raises: DataError, or what was asked for, when the file cannot be read, or its compressed data is damaged or
        cut off. It begins with the `location`, the name by default.
        """
        with _read_errors(location or self.name, self.compression, self._error):
            return self._file.read(n_bytes)


@contextlib.contextmanager
def open_input(
    path: Path | str, *, member: str | None = None, by_content: bool = False, error: type[BywordsError] = DataError
) -> Iterator[Input]:
    """A file, decompressed where its name ends in .gz, .xz or .zst, or for "-" the standard input.

    With `by_content`, its first bytes say whether it is compressed, whatever its name; it may then be a zip archive as
    well, of which `member` is read, or its only file.

    Raises: `error` when there is no such file, it cannot be opened, or the archive does not have one clear member.
    """
    if str(path) == STANDARD_INPUT:
        yield Input("standard input", sys.stdin.buffer, error=error)
        return
    path = Path(path)
    try:
        file = path.open("rb")
    except FileNotFoundError as reason:
        raise error(f"{path}: there is no such file. Check the path, and the folder you start from.") from reason
    except IsADirectoryError as reason:
        raise error(f"{path} is a folder, expected a file.") from reason
    except OSError as reason:
        raise _unreadable(str(path), reason, error) from reason
    with file:
        ending = path.suffix.lower()
        compression = ending if ending in COMPRESSIONS else ""
        if by_content:
            start = file.read(8)
            file.seek(0)
            compression = next((name for sign, name in _STARTS.items() if start.startswith(sign)), "")
        if member is not None and compression != ".zip":
            raise error(f"{path}: not a zip archive, so it has no file {member!r}. Check the path.")
        with contextlib.ExitStack() as stack:
            with _read_errors(str(path), compression, error):
                stream = stack.enter_context(_decompressed(file, compression, path, member, error))
            yield Input(str(path), stream, compression, stored=file, error=error)


def split_member(path: Path) -> tuple[Path, str | None]:
    """`vectors.zip:small.txt` → the archive and the member; any other path → itself and None."""
    archive, colon, member = str(path).partition(".zip:")
    if not colon or path.exists():
        return path, None
    return Path(archive + ".zip"), member


def _decompressed(
    file: BinaryIO, compression: str, path: Path, member: str | None, error: type[BywordsError]
) -> contextlib.AbstractContextManager[IO[bytes]]:
    if compression == ".gz":
        import gzip

        return cast(Any, gzip.GzipFile(fileobj=file))
    if compression == ".xz":
        import lzma

        return lzma.LZMAFile(file)
    if compression == ".zst":
        return io.BufferedReader(_ZstdReader(file))
    if compression == ".zip":
        return _open_member(file, path, member, error)
    return contextlib.nullcontext(file)


@contextlib.contextmanager
def _open_member(file: BinaryIO, path: Path, member: str | None, error: type[BywordsError]) -> Iterator[IO[bytes]]:
    import zipfile

    with zipfile.ZipFile(file) as archive:
        members = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        if member is None and len(members) == 1:
            member = members[0]
        if member not in members:
            said = f"the archive has {len(members)} files" if member is None else f"the archive has no file {member!r}"
            example = f", as in {path}:{members[0]}" if members else ""
            raise error(f"{path}: {said}. Say which one after a colon{example}. There are: {', '.join(members)}.")
        with archive.open(str(member)) as stream:
            yield stream


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


def read_bytes(path: Path) -> bytes:
    """The contents of a file, decompressed. Raises DataError as `open_input` and `Input.read`."""
    with open_input(path) as file:
        return file.read()


def decode(data: bytes, name: str, *, line: int = 1, offset: int = 0) -> str:
    """UTF-8 to text, without the byte order mark at the start of the input.

    `line` and `offset` say where in it `data` starts. Raises DataError, naming line and byte, where it is not UTF-8.
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
    line, offset, rest = 1, 0, b""
    while new := file.read(max(block_bytes, len(rest))):
        block = rest + new
        end = block.rfind(b"\n") + 1
        whole, rest = block[:end], block[end:]
        if whole:
            yield Lines(whole, line, offset)
            line, offset = line + whole.count(b"\n"), offset + len(whole)
    if rest:
        yield Lines(rest, line, offset)


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
