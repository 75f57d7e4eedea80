"""Paths and contents → whole files and folders: written beside the old one, synced, then renamed."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from bywords.errors import BywordsError, SettingError

AT_CURRENT_FOLDER, RENAME_EXCHANGE = -100, 2  # of Linux: fcntl.h, fs.h


def write_whole(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file so that after a crash the old one, or none, is there.

    `content` may come in parts; when one of them cannot be made, nothing is written.
    Raises: SettingError, naming the path, when it cannot be written.
    """
    check_writable(path)
    with write_errors(path), replacing(path) as beside, beside.open("wb") as file:
        file.writelines([content] if isinstance(content, bytes) else content)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write a file to, which becomes `path` at the end of the block; not after an error.

    Makes missing folders. A link stays and what it points to is replaced; what is not a regular file, /dev/null say,
    is written to directly. Raises: OSError; see `write_errors`.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        reader = os.open(path, os.O_WRONLY | os.O_NONBLOCK) if path.is_fifo() else None  # fails where nobody reads
        try:
            yield path
        finally:
            if reader is not None:
                os.close(reader)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        move_whole(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def move_whole(source: Path, path: Path) -> None:
    """Move a file of the same disk to `path`, when all of it is on the disk and not only on its way there.

    Of a file that is there already its permissions are kept.
    """
    if path.exists():
        shutil.copymode(path, source)
    _sync(source)
    source.replace(path)
    _sync_names(path.parent)


def keep_private(path: Path, source: Path) -> None:
    """Take from a file the permissions that the file which it was made from does not give."""
    with contextlib.suppress(OSError):
        if source.is_file() and path.is_file():
            path.chmod(path.stat().st_mode & source.stat().st_mode & 0o777)


@contextlib.contextmanager
def replacing_folder(folder: Path, *, own: Collection[str]) -> Iterator[Path]:
    """A new folder beside `folder` to write files into, which becomes `folder` at the end of the block.

    Until then, and after an error, the old folder is as it was. What it holds beside files with the names in `own` is
    in the new one too. The two are swapped in one step where the system can do that; where it cannot, a crash
    between two steps leaves none under its name, and `recover_folder` brings the old one back.
    Raises: OSError; see `write_errors`.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    recover_folder(folder)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        yield beside
        for path in beside.iterdir():
            _sync(path)
        for path in folder.iterdir() if folder.exists() else ():
            if path.name not in own:
                _link(path, beside / path.name)
        _sync_names(beside)
        if not folder.exists():
            beside.rename(folder)
        elif not exchange(beside, folder):
            old = _old_of(folder)
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
            beside.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        _sync_names(folder.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def recover_folder(folder: Path) -> None:
    """Put the old folder back where a crash came between the two steps of `replacing_folder`."""
    folder = folder.resolve()
    if not folder.exists() and _old_of(folder).is_dir():
        _old_of(folder).rename(folder)


def exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step. False, with nothing done, where the system cannot."""
    import ctypes

    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError, TypeError):  # not Linux, or an old one
        return False
    names = (os.fsencode(one), os.fsencode(other))
    return bool(renameat2(AT_CURRENT_FOLDER, names[0], AT_CURRENT_FOLDER, names[1], RENAME_EXCHANGE) == 0)


@contextlib.contextmanager
def write_errors(
    path: Path, advice: str = "Choose another path.", *, error: type[BywordsError] = SettingError
) -> Iterator[None]:
    """Raise an `error` that names the path and ends in the advice where something in the block cannot be written."""
    try:
        yield
    except OSError as reason:
        raise error(f"{path}: cannot be written: {reason.strerror or reason}. {advice}") from reason


def check_writable(path: Path) -> None:
    """Raise SettingError when a file cannot be written at `path`, before there is anything to write."""
    if path.is_dir():
        raise SettingError(f"{path}: cannot be written: it is a folder. Give the name of a file.")
    check_parent(path)


def check_parent(path: Path, *, error: type[BywordsError] = SettingError) -> None:
    """Raise an `error` when nothing can be put into the folder of `path`, or the nearest one above that exists."""
    existing = next(parent for parent in path.absolute().parents if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise error(f"{path}: cannot be written: {existing} takes no files. Choose another path.")


def _old_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.being-replaced")


def _link(source: Path, target: Path) -> None:
    """Give a file or folder a second path, without a copy where the system can do that."""
    if source.is_dir() and not source.is_symlink():
        target.mkdir()
        for path in source.iterdir():
            _link(path, target / path.name)
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(source, target, follow_symlinks=False)


def _sync(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _sync_names(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can do that; their files are there already."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
