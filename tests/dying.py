"""A process that dies, or a disk that fails, at the n-th change of the file system that a piece of code makes."""

import errno
import itertools
import os
from contextlib import contextmanager
from pathlib import Path

from bywords import files

CHANGES = [(os, name) for name in ("mkdir", "rename", "replace", "link", "unlink", "rmdir", "fsync", "truncate")]
CHANGES += [(Path, "write_bytes"), (files, "exchange")]


class KilledError(BaseException):
    """What no program is ready for."""


@contextmanager
def dying(monkeypatch, n):
    """At its n-th change the code ends, after half of a write; from then on nothing is changed any more."""
    with _at(monkeypatch, n, lambda number: number >= n, KilledError()):
        yield


@contextmanager
def failing(monkeypatch, n):
    """The n-th change fails, and all others succeed. Returns: the numbers of the changes to come."""
    with _at(monkeypatch, n, lambda number: number == n, OSError(errno.EIO, "Input/output error")) as counter:
        yield counter


@contextmanager
def _at(monkeypatch, n, is_it, error):
    counter = itertools.count(1)

    def fails(change):
        def wrapped(*arguments, **more):
            number = next(counter)
            if not is_it(number):
                return change(*arguments, **more)
            if change is write_bytes and number == n:
                change(arguments[0], arguments[1][: len(arguments[1]) // 2])
            raise error

        return wrapped

    write_bytes = Path.write_bytes
    with monkeypatch.context() as patch:
        for where, name in CHANGES:
            patch.setattr(where, name, fails(getattr(where, name)))
        yield counter


def numbers(attempt):
    """Call `attempt(n)` for n = 1, 2, … as long as it says that the n-th change was reached. Returns: how many."""
    return next(n for n in itertools.count(1) if not attempt(n)) - 1
