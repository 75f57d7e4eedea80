"""Paths and contents → whole files and folders: written beside the old one, synced, then renamed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import threading
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from bywords.errors import BywordsError, SettingError
from bywords.locks import is_locked_here, locked, real_path

AT_CURRENT_FOLDER, RENAME_EXCHANGE = -100, 2  # of Linux: fcntl.h, fs.h
LEAST_ROOM = 1 << 20  # bytes: nothing is begun that would have less
_WHOLE = ".bywords-whole"  # in a folder: new files, all of them, that are about to take the places of the old ones
_HAS_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EISDIR)  # of folders


def write_whole(path: Path, content: str | bytes | Iterable[bytes]) -> None:
    r"""Write a file so that after a crash the old one, or none, is there.

    `content` may come in parts; when one of them cannot be made, nothing is written. A text is written in UTF-8; what
    that does not have, a byte of a file name say, as `\udcff`, which JSON reads as the same.
    Raises: SettingError, naming the path, when it cannot be written.
    """
    check_writable(path)
    if isinstance(content, str):
        content = content.encode("utf-8", "backslashreplace")
    with write_errors(path), replacing(path) as beside, beside.open("wb") as file:
        file.writelines([content] if isinstance(content, bytes) else content)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write a file to, which becomes `path` at the end of the block; not after an error.

    Makes missing folders. A link stays and what it points to is replaced; what is not a regular file, /dev/null say,
    is written to directly. Raises: OSError; see `write_errors`.
    """
    path = real_path(path)
    if path.exists() and not path.is_file():
        reader = os.open(path, os.O_WRONLY | os.O_NONBLOCK) if path.is_fifo() else None  # fails where nobody reads
        try:
            yield path
        finally:
            if reader is not None:
                os.close(reader)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _part_of(path)
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
    sync(source)
    if path.exists():
        shutil.copymode(path, source)
    source.replace(path)
    _sync_names(path.parent)


def format_of(path: Path) -> str | None:
    """The format that a file of JSON says it has, without the version: bywords-model. None where it says none."""
    try:
        return str(json.loads(path.read_bytes())["format"]).partition("/")[0]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def keep_private(path: Path, source: Path) -> None:
    """Take from a file the permissions that the file which it was made from does not give."""
    with contextlib.suppress(OSError):
        if source.is_file() and path.is_file():
            path.chmod(path.stat().st_mode & source.stat().st_mode & 0o777)


@contextlib.contextmanager
def replacing_folder(folder: Path, *, own: Collection[str], error: type[BywordsError] = SettingError) -> Iterator[Path]:
    """A new folder to write the files `own` into, each of them, which becomes `folder` at the end of the block.

    Until then, and after an error, the old folder is as it was. What it holds beside `own` is in the new one too.
    The two change places in one step where the system can do that. Where it cannot, or the folder has to stay, being a
    mount, of a lower layer of an overlay, or the current folder, the new files are moved into it one by one: a crash
    between two of them leaves some of both, and `recover_folder` moves the rest.
    Raises: `error` where another process or thread is writing it; OSError, see `write_errors`.
    """
    with locked(folder, error=error) as folder:
        recover_folder(folder, own)
        is_there = folder.is_dir()
        stays = is_there and _has_to_stay(folder)
        beside = folder / f"{_WHOLE}.part" if stays else _part_of(folder)
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        try:
            yield beside
            for path in beside.iterdir():
                sync(path)
                if (folder / path.name).exists():
                    shutil.copymode(folder / path.name, path)
            _sync_names(beside)
            if not is_there:
                beside.rename(folder)
            elif stays or not _exchanged(beside, folder, own):
                beside.rename(folder / _WHOLE)
                _sync_names(folder)
                recover_folder(folder, own)
            _sync_names(folder.parent)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def recover_folder(folder: Path, own: Collection[str]) -> bool:
    """Move new files to their places in a folder where a crash came between two of them. False: nothing to do."""
    whole = folder / _WHOLE
    if whole.is_symlink() or not whole.is_dir():
        return False
    for name in own:
        with contextlib.suppress(FileNotFoundError):  # it was moved, before the crash or by somebody else just now
            (whole / name).replace(folder / name)
    _sync_names(folder)
    shutil.rmtree(whole, ignore_errors=True)
    return True


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
        why = reason.strerror or f"the disk takes no more ({reason})"  # numpy says only of how many bytes
        raise error(f"{path}: cannot be written: {why}. {advice}") from reason


def check_writable(path: Path) -> None:
    """Raise SettingError when a file cannot be written at `path`, before there is anything to write."""
    if real_path(path).is_dir():
        raise SettingError(f"{path}: cannot be written: it is a folder. Give the name of a file.")
    check_parent(path)


def check_folder(folder: Path, *, error: type[BywordsError] = SettingError) -> None:
    """Raise an `error` when nothing can be put into a folder, or it cannot be made."""
    is_there = real_path(folder, error=error).is_dir()
    if folder.exists() and not is_there:
        raise error(f"{folder}: cannot be written: it is a file, expected a folder. Choose another path.")
    _check_takes_files(folder, folder if is_there else _existing(folder, error), error)


def check_parent(path: Path, *, error: type[BywordsError] = SettingError) -> None:
    """Raise an `error` when nothing can be put into the folder of `path`, or the nearest one above that exists."""
    _check_takes_files(path, _existing(path, error), error)


def check_room(path: Path, n_bytes: int = 0, *, error: type[BywordsError] = SettingError) -> None:
    """Raise an `error` when the disk of `path` has no room for so many bytes, or hardly any."""
    disk, least = shutil.disk_usage(_existing(path / "any", error)), max(n_bytes, LEAST_ROOM)
    if disk.total and disk.free < least:  # of some file systems neither is known
        raise error(
            f"{path}: cannot be written: its disk has {disk.free / 1e6:.1f} MB left, and it takes {least / 1e6:.1f} MB "
            "or more. Make room, or choose another path."
        )


def _check_takes_files(path: Path, folder: Path, error: type[BywordsError]) -> None:
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise error(f"{path}: cannot be written: {folder} takes no files. Choose another path.")


def _existing(path: Path, error: type[BywordsError]) -> Path:
    """The nearest folder above that exists."""
    return next(parent for parent in real_path(path, error=error).parents if parent.exists())


def _part_of(path: Path) -> Path:
    """Where what is to become `path` is written: for whoever has locked it, over what a crash has left there."""
    number = "" if is_locked_here(path) else f".{threading.get_native_id()}"
    return path.with_name(f".{path.name}{number}.part")


def _has_to_stay(folder: Path) -> bool:
    """Whether a folder is one that cannot be moved away, or that somebody stands in who would be moved with it."""
    try:
        is_inside = Path.cwd().is_relative_to(folder)
    except FileNotFoundError:  # the current folder is gone
        is_inside = False
    return is_inside or folder.is_mount() or not os.access(folder.parent, os.W_OK)


def _exchanged(beside: Path, folder: Path, own: Collection[str]) -> bool:
    """Swap two folders, after what the second holds beside `own` has got into the first too. False: it has not."""
    others = [path for path in folder.iterdir() if path.name not in own]
    try:
        for path in others:
            _link(path, beside / path.name)
        shutil.copymode(folder, beside)
        _sync_names(beside)
        is_done = exchange(beside, folder)
    except OSError:
        is_done = False
    for path in () if is_done else others:
        _remove(beside / path.name)
    return is_done


def _remove(path: Path) -> None:
    """Take away a file, a link, or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    """Give a file or folder a second path, without a copy where the system can do that."""
    if source.is_dir() and not source.is_symlink():
        if source.is_mount():
            raise OSError(errno.EBUSY, f"{source} is a mount, which cannot be moved")
        target.mkdir()
        for path in source.iterdir():
            _link(path, target / path.name)
        shutil.copystat(source, target)
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(source, target, follow_symlinks=False)


def sync(path: Path) -> None:
    """Bring what is written to a file to the disk."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _sync_names(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can do that; their files are there already."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as reason:
        if reason.errno not in _HAS_NO_SYNC:
            raise
