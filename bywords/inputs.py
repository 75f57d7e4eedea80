"""A path in, its bytes or its text out: decompressed, checked to be UTF-8, every failure a DataError with the path."""

from __future__ import annotations

import gzip
import lzma
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bywords.errors import DataError

BLOCK_BYTES = 1 << 22
COMPRESSIONS = (".gz", ".xz", ".zst")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def format_ending(path: Path) -> str:
    """The ending that tells the format, lower-case, without the one of a compression: `.csv` for `a.CSV.gz`."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in COMPRESSIONS:
        endings.pop()
    return endings[-1] if endings else ""


def read_bytes(path: Path) -> bytes:
    """The contents of a file, decompressed where its name ends in .gz, .xz or .zst.

    Raises: DataError when there is no such file, it cannot be opened, or its compressed data is damaged or cut off.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file. Check the path, and the folder you start from.") from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder, expected a file.") from error
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path}: the file cannot be read: {reason}. Check its permissions.") from error
    compression = path.suffix.lower()
    try:
        if compression == ".gz":
            return gzip.decompress(data)
        if compression == ".xz":
            return lzma.decompress(data)
        if compression == ".zst":
            return _decompress_zstd(data)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, _DamagedError) as error:
        raise DataError(
            f"{path}: the compressed data is damaged or cut off ({error}). "
            f"Expected a whole {compression} file: copy or download it again."
        ) from error
    return data


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


def line_blocks(file: BinaryIO, name: str) -> Iterator[list[str]]:
    """Lines as `split_lines` has them, a block of the input at a time, so that no more than one is in memory.

    Raises: DataError as `decode`, when the block that is at fault is reached.
    """
    line, offset, begun = 1, 0, b""
    while block := file.read(BLOCK_BYTES):
        block = begun + block
        end = block.rfind(b"\n") + 1
        whole, begun = block[:end], block[end:]
        if whole:
            yield split_lines(decode(whole, name, line=line, offset=offset))
            line, offset = line + whole.count(b"\n"), offset + len(whole)
    if begun:
        yield split_lines(decode(begun, name, line=line, offset=offset))


class _DamagedError(Exception):
    """Zstandard data that is not whole."""


def _decompress_zstd(data: bytes) -> bytes:
    """All frames, one after the other. An empty file has none and is not whole."""
    if sys.version_info >= (3, 14):
        from compression import zstd

        try:
            if not data:
                raise _DamagedError("no frame")
            return zstd.decompress(data)
        except zstd.ZstdError as error:
            raise _DamagedError(str(error)) from error
    else:
        import zstandard

        parts: list[bytes] = []
        while data or not parts:
            frame = zstandard.ZstdDecompressor().decompressobj()
            try:
                parts.append(frame.decompress(data))
            except zstandard.ZstdError as error:
                raise _DamagedError(str(error)) from error
            if not frame.eof:
                raise _DamagedError("the last frame has no end")
            data = frame.unused_data
        return b"".join(parts)
