"""A path that is to be written → the right to write it, which one process at a time has, and which ends with it."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

from bywords.errors import BywordsError, SettingError

try:
    import fcntl
except ImportError:  # not a POSIX system: there are no locks
    fcntl = None  # type: ignore[assignment]

P = ParamSpec("P")
R = TypeVar("R")
ENDING = ".bywords-lock"
_TAKES_NO_FILE = (errno.EACCES, errno.EPERM, errno.EROFS)
_MOST_TRIES = 1000
_ADDRESS = re.compile(r"[a-z][a-z0-9+]+:/")  # s3://bucket, of which a Path has one slash; not C:/
_held: dict[Path, tuple[int, int]] = {}  # the thread that has locked a path, and the descriptor of the lock


@contextlib.contextmanager
def locked(path: Path, *, error: type[BywordsError] = SettingError) -> Iterator[Path]:
    """Be the only one of all processes and threads that writes to a file or folder, until the block ends.

    The lock is on a file `.NAME.bywords-lock` beside it, which goes at the end; where nothing can be put beside a
    folder, on the folder itself. It ends with the process, whatever ends that, and a forked child does not have it.
    What is locked by the same thread, or in a folder that is, can be locked again. Where the file system has no locks,
    there is none. Folders that are missing on the way are made, and taken away again where nothing was put into them.

    Returns: the path, absolute and without links. Raises: an `error`, at once, where another one writes there already,
    and where nothing can be written there.
    """
    path = real_path(path, error=error)
    if is_locked_here(path):
        yield path
        return
    missing = [parent for parent in path.parents if not parent.exists()]
    try:
        lock, descriptor = _acquired(path, error)
    except OSError as reason:
        raise error(f"{path}: cannot be written: {reason.strerror}. Choose another path.") from reason
    if descriptor is not None:
        _forget_in_children()
        _held[path] = (threading.get_ident(), descriptor)
    try:
        if descriptor is not None and lock != path:
            with contextlib.suppress(OSError):  # a full disk
                os.ftruncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
        yield path
    finally:
        if _held.pop(path, None) is not None and descriptor is not None:  # else this is a child
            try:
                if lock != path:
                    with contextlib.suppress(OSError):
                        lock.unlink()
            finally:
                os.close(descriptor)
        with contextlib.suppress(OSError):
            for parent in missing:
                parent.rmdir()


def while_locked(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: what the keyword argument `name` says is locked while the function runs; None is not."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def with_lock(*args: P.args, **more: P.kwargs) -> R:
            path = more.get(name)
            with contextlib.nullcontext() if path is None else locked(Path(str(path))):
                return function(*args, **more)

        return with_lock

    return decorate


def is_locked_here(path: Path) -> bool:
    """Whether this thread has locked the path, which is as `real_path` gives it, or a folder that it is in."""
    return any(one in _held and _held[one][0] == threading.get_ident() for one in (path, *path.parents))


def real_path(path: Path, *, error: type[BywordsError] = SettingError) -> Path:
    """The path, absolute and without links. Raises an `error` for what no file can be called, and for an address."""
    if _ADDRESS.match(str(path)) and not Path(path.parts[0]).exists():
        raise error(
            f"{str(path).replace(':/', '://', 1)}: cannot be written: it is the address of a store, and this is "
            "written to a disk. Give a path of this machine, and copy what is there with the store's own tools."
        )
    try:
        if b"\0" in os.fsencode(path):
            raise ValueError
        real = path.resolve()
        real.exists()  # or it is told why that cannot be known
    except (ValueError, OSError, RuntimeError) as reason:  # signs that no name has, or links in a circle
        why = getattr(reason, "strerror", None) or "there can be no such path"
        raise error(f"{str(path)!r:.300}: cannot be written: {why}. Choose another path.") from reason
    return real


def _acquired(path: Path, error: type[BywordsError]) -> tuple[Path, int | None]:
    """The path of the lock and its open descriptor; None where the file system has no locks."""
    lock = path.with_name(f".{path.name}{ENDING}")
    for _ in range(_MOST_TRIES):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        except FileNotFoundError:  # somebody has taken the folder away again
            continue
        except OSError as reason:
            if reason.errno not in _TAKES_NO_FILE or not path.is_dir():
                raise
            lock, descriptor = path, os.open(path, os.O_RDONLY)
        found = _locked(descriptor)
        if found is None:
            with contextlib.suppress(OSError):
                os.close(descriptor)
                lock.unlink()
            return lock, None
        if not found:
            holder = b"" if lock == path else os.read(descriptor, 20)
            os.close(descriptor)
            who = f"process {holder.decode()}" if holder.isdigit() else "another process"
            who = "another thread" if who == f"process {os.getpid()}" else who
            raise error(f"{path}: {who} is writing there already. Wait until it has ended, or choose another path.")
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), lock.stat()):  # else it went while this one waited for it
                return lock, descriptor
        os.close(descriptor)
    raise OSError(errno.EAGAIN, "the folder on the way is taken away again and again")


def _locked(descriptor: int) -> bool | None:
    """Lock an open file. False where another one has; None where the file system cannot."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (OSError, AttributeError):
        return None
    return True


@functools.cache
def _forget_in_children() -> None:
    """From now on, close the locks in a forked child: they would outlive the process that has them."""

    def forget() -> None:
        for _, descriptor in _held.values():
            os.close(descriptor)
        _held.clear()

    os.register_at_fork(after_in_child=forget)
