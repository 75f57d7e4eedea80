"""Values ⇄ files, whose arrays are mapped when they are read: they take memory as they are looked at.

What the processes of one machine hand each other. Arrays that were read cannot be written to.
"""

from __future__ import annotations

import contextlib
import itertools
import mmap
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bywords.files import write_errors

ALIGNED = 64  # bytes, a line of the processor's cache: where arrays start

ADVICE = "Make room on its disk; or choose another one, for what workers share by TMPDIR."

_numbers = itertools.count()


class Stored:
    """A value in a file, which goes with this. Where it is sent to, it can be read, and stays."""

    def __init__(self, path: Path, *, is_own: bool = True) -> None:
        self.path, self._is_own = path, is_own

    def read(self) -> Any:
        return read_value(self.path)

    def owned(self) -> Stored:
        """The same for whoever is to keep it."""
        return Stored(self.path)

    def __reduce__(self) -> Any:
        return _sent, (self.path,)

    def __del__(self) -> None:
        if self._is_own:
            with contextlib.suppress(OSError):
                self.path.unlink()


def _sent(path: Path) -> Stored:
    return Stored(path, is_own=False)


def stored(value: Any, folder: Path, *, is_own: bool = True) -> Stored:
    """Write a value into a new file of a folder."""
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=f"{next(_numbers)}-")  # none is given twice
    os.close(descriptor)
    write_value(Path(name), value)
    return Stored(Path(name), is_own=is_own)


def write_value(path: Path, value: Any) -> None:
    """Write whatever can be pickled; its arrays lie behind it as they are.

    Raises: SettingError, naming the folder, where it cannot be written.
    """
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(body), *(buffer.raw() for buffer in buffers)]
    sizes = np.array([len(parts), *(part.nbytes for part in parts)], dtype=np.int64)
    with write_errors(path.parent, ADVICE), path.open("wb") as file:
        file.write(sizes.data)
        for part in parts:
            file.write(bytes(-file.tell() % ALIGNED))
            file.write(part)


def read_value(path: Path) -> Any:
    """The value that `write_value` was given."""
    with path.open("rb") as file:
        whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    n_parts = int(np.frombuffer(whole[:8], dtype=np.int64)[0])
    at, parts = 8 * (1 + n_parts), []
    for size in np.frombuffer(whole[8:at], dtype=np.int64).tolist():
        at += -at % ALIGNED
        parts.append(whole[at : at + size])
        at += size
    return pickle.loads(parts[0], buffers=parts[1:])
