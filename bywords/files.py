"""A path and its content in, a whole file out or none: written beside its place, then renamed."""

from __future__ import annotations

import os
from pathlib import Path

from bywords.errors import SettingError


def write_whole(path: Path, content: bytes) -> None:
    """Write so that after a crash the old file, or none, is there. Makes missing folders.

    Raises: SettingError, naming the path, when it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise SettingError(f"{path}: cannot be written: {error.strerror}. Choose another place.") from error
    finally:
        if beside.exists():
            beside.unlink()
