"""A zip or tar archive → the names of its files, the one that is meant, and their bytes."""

from __future__ import annotations

import contextlib
import fnmatch
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from bywords.errors import BywordsError, DataError
from bywords.io import stores

_ARCHIVES = r"zip|tar|tgz|tbz2|txz|tar\.(?:gz|bz2|xz|zst)"
_WITH_MEMBER = re.compile(rf"(.+?\.(?:{_ARCHIVES}|xlsx|xlsm|xlsb|xls|ods)):(.+)", re.IGNORECASE | re.DOTALL)
_NO_DOCUMENT = re.compile(r"(^|/)(\.|__MACOSX(/|$)|Thumbs\.db$|desktop\.ini$)")  # what systems put beside files
ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_SHOWN = 10  # names in an error


def expanded(path: Path | str, *, error: type[BywordsError] = DataError) -> Path:
    """The path with the home folder for its ~, or as it is for a user who has none; of a URL, that of its copy.

    Raises: an `error` for what no file can be called, or what cannot be looked at.
    """
    found = stores.copy_of(str(path)) if stores.is_url(path) else Path(path)
    try:
        with contextlib.suppress(RuntimeError):  # there is no such folder
            found = found.expanduser()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found.stat()
    except (OSError, ValueError) as reason:  # too long, links in a circle, signs that no name has
        said = reason.strerror if isinstance(reason, OSError) else None
        raise error(f"{str(path)!r:.200}: this cannot be the path of a file: {said or reason}.") from reason
    return found


def split_member(path: Path) -> tuple[Path, str | None]:
    """`vectors.zip:small.txt` → the archive and the member, `a.xlsx:Sheet2` too; any other path → itself and None."""
    match = _WITH_MEMBER.fullmatch(str(path))
    if match is None or path.exists():
        return path, None
    return Path(match[1]), match[2]


def is_pattern(name: str) -> bool:
    """Whether a name has the signs of a pattern of names."""
    return stores.may_be_pattern(name) and any(sign in name for sign in "*?[")


@dataclass(frozen=True, eq=False)
class Archive:
    """The files in a zip or tar archive, without those that systems put beside them."""

    path: str  # as a person calls it
    names: list[str]  # in the order of the archive, without a ./ before them
    open: Callable[[str], IO[bytes]]

    def file(self, member: str | None, error: type[BywordsError]) -> str:
        """The name of the file that is meant. Raises an `error` that lists them where that is not one."""
        if member is None and len(self.names) == 1:
            return self.names[0]
        if member in self.names:
            return str(member)
        found = [] if member is None else self.matching(member)
        if len(found) == 1:
            return found[0]
        if found:
            raise error(f"{self.path}: {len(found)} files in it are {member!r}, expected one.")
        what = f"the archive has {len(self.names)} files" if member is None else f"the archive has no file {member!r}"
        example = f", as in {self.path}:{self.names[0]}" if self.names else ""
        shown = ", ".join(self.names[:_SHOWN]) + (" …" if len(self.names) > _SHOWN else "")
        raise error(f"{self.path}: {what}. Say which one after a colon{example}. There are: {shown}.")

    def read(self, name: str) -> Callable[[], bytes]:
        """What reads a file of it."""

        def content() -> bytes:
            with self.open(name) as file:
                return file.read()

        return content

    def matching(self, pattern: str) -> list[str]:
        """The names that a pattern with * or ? has, sorted."""
        return sorted(name for name in self.names if fnmatch.fnmatchcase(name, pattern))

    def folder(self, member: str | None) -> dict[str, list[str]] | None:
        """The class folders in the folder `member`, or in the only one at the top: class → names, sorted.

        None where there is no such folder, or what is in it are not folders of files alone.
        """
        root = "" if member is None else member.rstrip("/") + "/"
        below = [name for name in self.names if name.startswith(root)]
        while member is None and below:  # go down while there is one folder, and folders in it
            tops = {name[len(root) :].partition("/")[0] for name in below}
            if len(tops) > 1 or any(name[len(root) :].count("/") < 2 for name in below):
                break
            root += tops.pop() + "/"
        classes: dict[str, list[str]] = {}
        for name in sorted(below):
            class_name, _, file = name[len(root) :].partition("/")
            if "/" in file:
                return None
            if file:
                classes.setdefault(class_name, []).append(name)
        return classes or None


@contextlib.contextmanager
def open_archive(file: BinaryIO, stream: IO[bytes], path: str) -> Iterator[Archive | None]:
    """The archive in a file, whose bytes `stream` decompresses; None where it is none. A spreadsheet is none."""
    start = cast(Any, stream).peek(512)[:512]
    if start.startswith(ZIP_STARTS) and stream is file:
        import zipfile

        with zipfile.ZipFile(file) as zipped:
            names = [entry.filename for entry in zipped.infolist() if not entry.is_dir()]
            is_spreadsheet = names[:1] == ["mimetype"] or "[Content_Types].xml" in names
            if is_spreadsheet:
                yield None
            else:
                yield Archive(path, _documents(names), lambda name: zipped.open(name))
        return
    if start[257:262] == b"ustar":
        import tarfile

        whole = stream if stream.seekable() else io.BytesIO(stream.read())
        with tarfile.open(fileobj=cast(Any, whole), mode="r:") as tarred:
            members = {entry.name.removeprefix("./"): entry for entry in tarred if entry.isfile()}
            yield Archive(path, _documents(list(members)), lambda name: cast(Any, tarred.extractfile(members[name])))
        return
    yield None


def _documents(names: list[str]) -> list[str]:
    return [name for name in names if not _NO_DOCUMENT.search(name)]
