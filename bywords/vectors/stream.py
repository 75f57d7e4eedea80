"""A file name in, a stream of its plain bytes out: as it is, from gz, or from one member of a zip archive."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from bywords.errors import VectorFileError

GZIP_START = b"\x1f\x8b"
ZIP_START = b"PK\x03\x04"


def split_member(path: Path) -> tuple[Path, str | None]:
    """`vectors.zip:small.txt` → the archive and the member; any other path → itself and None."""
    archive, colon, member = str(path).partition(".zip:")
    if not colon or path.exists():
        return path, None
    return Path(archive + ".zip"), member


@contextmanager
def open_stream(path: Path, member: str | None = None) -> Iterator[IO[bytes]]:
    """Open `path` for reading its plain bytes. Whether it is gz or zip is seen by its content, not by its name.

    Raises: VectorFileError when there is no such file, it is no file, or the archive has not one clear member.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(0)
            if start.startswith(GZIP_START):
                with gzip.open(file) as stream:
                    yield cast(IO[bytes], stream)
            elif start == ZIP_START:
                with zipfile.ZipFile(file) as archive, archive.open(_one_member(archive, path, member)) as stream:
                    yield stream
            elif member is not None:
                raise VectorFileError(f"{path}: no zip archive, so it has no file {member!r}. Check the path.")
            else:
                yield file
    except FileNotFoundError as error:
        raise VectorFileError(f"{path}: there is no such file. Check the path.") from error
    except (IsADirectoryError, PermissionError) as error:
        raise VectorFileError(f"{path}: expected a file that can be read: {error.strerror}.") from error
    except zipfile.BadZipFile as error:
        raise VectorFileError(f"{path}: the archive is damaged: {error}. Fetch it again.") from error


def read_block(stream: IO[bytes], n_bytes: int, index: str) -> bytes:
    """The next bytes, at most `n_bytes`; empty at the end. `index` (file and line or row) goes into errors.

    Raises: VectorFileError when compressed data is cut off or damaged.
    """
    try:
        return stream.read(n_bytes)
    except EOFError as error:
        raise VectorFileError(
            f"{index}: the compressed data ends too early. The file may be cut off: compare its size with the source."
        ) from error
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
        raise VectorFileError(f"{index}: the compressed data is damaged: {error}. Fetch the file again.") from error


def _one_member(archive: zipfile.ZipFile, path: Path, member: str | None) -> str:
    members = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    if member in members:
        return str(member)
    if member is None and len(members) == 1:
        return members[0]
    said = f"the archive has {len(members)} files" if member is None else f"the archive has no file {member!r}"
    example = f", as in {path}:{members[0]}" if members else ""
    raise VectorFileError(f"{path}: {said}. Say which one after a colon{example}. There are: {', '.join(members)}.")
