"""Where a command writes: checked before there is any work, and nobody else's until the command ends."""

from __future__ import annotations

import contextlib
from pathlib import Path

from bywords.errors import BywordsError, SettingError
from bywords.files import check_room, format_of
from bywords.locks import locked

HELD = contextlib.ExitStack()  # what the command that runs has locked
_PAGE = b'<meta name="generator" content="bywords '


def hold(*places: Path, error: type[BywordsError] = SettingError) -> None:
    """Lock files or folders until the command ends.

    Raises: an `error` where another process writes there, where nothing can be written, and on a disk that is full.
    """
    for place in places:
        HELD.enter_context(locked(place, error=error))
        check_room(place, error=error)


def check_ours(path: Path, format_: str = "") -> None:
    """Raise SettingError where a record of another format is, or a page that is not ours: a command chose the name.

    `format_` is that of the record, as in bywords-run/3; any version of it may be replaced.
    """
    if path.exists():
        is_page = path.suffix == ".html" and path.is_file() and _PAGE in path.read_bytes()
        if not is_page and format_of(path) != format_.partition("/")[0]:
            raise SettingError(f"{path}: is there already, and not from this command. Choose another folder for --out.")
