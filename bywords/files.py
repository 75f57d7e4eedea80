"""A path and its content in, a whole file out or none: written beside its place, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from bywords.errors import SettingError


def write_whole(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write so that after a crash the old file, or none, is there. Makes missing folders.

    `content` may come in parts; when one of them cannot be made, nothing is written.

    A link stays and what it points to is replaced; what is no plain file, /dev/null say, is written to as it is.
    Raises: SettingError, naming the path, when it cannot be written.
    """
    check_writable(path)
    path = path.resolve()
    parts = [content] if isinstance(content, bytes) else content
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                file.writelines(parts)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise SettingError(f"{path}: cannot be written: {error.strerror}. Choose another place.") from error
    finally:
        if beside.exists():
            beside.unlink()


def check_writable(path: Path) -> None:
    """Raise SettingError when a file cannot be written at `path`, before there is anything to write."""
    if path.is_dir():
        raise SettingError(f"{path}: cannot be written: it is a folder. Give the name of a file.")
    existing = next(parent for parent in path.absolute().parents if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise SettingError(f"{path}: cannot be written: {existing} takes no files. Choose another place.")
