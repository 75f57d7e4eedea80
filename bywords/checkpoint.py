"""What a run has worked out so far → a folder of files, and back: a run that was killed resumes from there.

    CHECKPOINT/
    ├── checkpoint.json   which run it is of: its settings, fingerprints of its data; whether it is finished
    └── NAME.entry        the result of one step each: its SHA-256, a line of JSON, arrays as safetensors

Killed at any moment, an entry is there as it was or as it is to be. One that is not whole is as good as not there.
Nothing in it can run code. Whatever else can be resumed finds out by `Run` whether it is of the same run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bywords import locks
from bywords.errors import SettingError
from bywords.files import check_folder, write_whole

FORMAT = "bywords-checkpoint/1"
ABOUT, ENDING = "checkpoint.json", ".entry"
_STARTED = re.compile(rf"\.{re.escape(ABOUT)}\..*|\..*{re.escape(locks.ENDING)}")  # may be there before ABOUT
MOST_DIFFERENCES = 4  # in a message


class Entry(NamedTuple):
    """The result of one step: arrays of any shape, which are the caller's own, and JSON values."""

    arrays: dict[str, npt.NDArray[Any]]
    values: Any


@dataclass(frozen=True)
class Run:
    """What a run's outcome depends on: fingerprints of its data by what they are of, and settings as JSON values."""

    data: Mapping[str, str]
    settings: Mapping[str, Any]

    def plain(self) -> dict[str, Any]:
        """`data` and `settings` as JSON gives them back."""
        plain: dict[str, Any] = json.loads(json.dumps({"data": dict(self.data), "settings": dict(self.settings)}))
        return plain

    def differences(self, earlier: Run) -> list[str]:
        """In what an earlier run differs from this one, in words, the data first; nothing where it is the same."""
        there, here = earlier.plain(), self.plain()
        names = sorted({*there["data"], *here["data"]})
        found = [f"not the same {name}" for name in names if there["data"].get(name) != here["data"].get(name)]
        old, new = dict(_flat(there["settings"])), dict(_flat(here["settings"]))
        return found + [
            f"{name} was {old.get(name)!r} and is {new.get(name)!r}"
            for name in sorted({*old, *new})
            if old.get(name) != new.get(name)
        ]

    def check_same(self, earlier: Run, what: str, advice: str) -> None:
        """Raise SettingError where `what` there is, "x is the checkpoint", is of another run."""
        if differences := self.differences(earlier):
            more = len(differences) - MOST_DIFFERENCES
            told = "; ".join(differences[:MOST_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")
            raise SettingError(f"{what} of another run: {told}. {advice}")


@dataclass(frozen=True)
class Checkpoint:
    """Entries by name in a folder; without a folder it keeps nothing and has nothing.

    Several threads may save at a time, each its own names.
    """

    folder: Path | None = None
    key: str = ""  # of the run: entries of another one are not there
    prefix: str = ""

    @classmethod
    def open(cls, folder: Path, run: Run, *, resume: bool) -> Checkpoint:
        """The checkpoint of this run: with `resume` as it was left, if it was; otherwise, or if finished, empty.

        Raises: SettingError where the folder holds something else, the unfinished checkpoint of another run, or any
        unfinished one and `resume` is false.
        """
        check_checkpoint(folder, resume=resume)
        about = {"format": FORMAT, "finished": False, **run.plain()}
        checkpoint = cls(folder, hashlib.sha256(json.dumps(about).encode()).hexdigest())
        found = _about(folder)
        if found is None or found["finished"]:
            checkpoint.forget()
            write_state(folder / ABOUT, about)
        else:
            earlier = Run(found["data"], found["settings"])
            advice = "Repeat the command that started it, or give another folder."
            run.check_same(earlier, f"{folder} is the checkpoint", advice)
        return checkpoint

    def under(self, name: str) -> Checkpoint:
        """The same folder for a part of the work: its names are apart from all others."""
        return replace(self, prefix=f"{self.prefix}{name}.")

    def load(self, name: str) -> Entry | None:
        """The entry of this name as it was saved last; None where there is none, or it is damaged."""
        from safetensors.numpy import load

        if self.folder is None:
            return None
        try:
            with self._path(self.folder, name).open("rb") as file:
                digest, values, arrays = file.readline(), file.readline(), file.read()
        except OSError:
            return None
        if digest != self._digest(name, values, arrays):
            return None
        return Entry(load(arrays), json.loads(values))

    def save(self, name: str, arrays: Mapping[str, npt.NDArray[Any]], values: Any = None) -> None:
        """Write an entry, instead of an earlier one of this name. Raises SettingError where that cannot be done."""
        from safetensors.numpy import save

        if self.folder is None:
            return
        packed = save({key: np.asarray(array, order="C") for key, array in arrays.items()})
        line = json.dumps(values).encode() + b"\n"
        write_whole(self._path(self.folder, name), [self._digest(name, line, packed), line, packed])

    def forget(self) -> None:
        """Remove all entries: what they led to is kept elsewhere."""
        if self.folder is not None:
            for pattern in (f"{self.prefix}*{ENDING}", f".{self.prefix}*{ENDING}.*part"):
                for path in self.folder.glob(pattern):
                    path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Note that the run is over and its outcome saved: there is nothing to resume."""
        if self.folder is not None and (about := _about(self.folder)) is not None:
            write_state(self.folder / ABOUT, {**about, "finished": True})
            self.forget()

    def _path(self, folder: Path, name: str) -> Path:
        return folder / f"{self.prefix}{name}{ENDING}"

    def _digest(self, name: str, *content: bytes) -> bytes:
        hashed = hashlib.sha256(f"{self.key} {self.prefix}{name}\n".encode())
        for part in content:
            hashed.update(part)
        return hashed.hexdigest().encode() + b"\n"


NO_CHECKPOINT = Checkpoint()


def check_checkpoint(folder: Path, *, resume: bool) -> None:
    """Raise SettingError where no checkpoint can be started or, with `resume`, resumed; before any work is done."""
    if folder.exists() and not folder.is_dir():
        raise SettingError(f"{folder}: a checkpoint is a folder, and this is a file. Give another path.")
    check_folder(folder)
    found = _about(folder)
    if found is None:
        if folder.is_dir() and not all(_STARTED.fullmatch(path.name) for path in folder.iterdir()):
            raise SettingError(
                f"{folder}: there is something already, and it is not a checkpoint that this version can read. "
                "Give another folder."
            )
    elif not found["finished"] and not resume:
        raise SettingError(f"{folder} is an unfinished checkpoint: give --resume to continue it, or another folder.")


def fingerprint(*arrays: npt.NDArray[Any]) -> str:
    """The SHA-256 of arrays of numbers: their types, shapes and bytes."""
    hashed = hashlib.sha256()
    for array in arrays:
        hashed.update(f"{array.dtype.str} {array.shape}\n".encode())
        hashed.update(np.ascontiguousarray(array).view(np.uint8).data)
    return hashed.hexdigest()


def read_state(path: Path, format_: str, *, keys: Collection[str] = ()) -> dict[str, Any] | None:
    """The JSON object of this format, with these keys, in a file; None where there is none that can be read."""
    try:
        state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return state if state["format"] == format_ and set(keys) <= set(state) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a JSON object for `read_state`, whole or not at all."""
    write_whole(path, json.dumps(state, ensure_ascii=False, indent=1) + "\n")


def _about(folder: Path) -> dict[str, Any] | None:
    return read_state(folder / ABOUT, FORMAT, keys=("finished", "data", "settings"))


def _flat(settings: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Each value with its dotted name."""
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from _flat(value, f"{name}.{key}" if name else key)
    else:
        yield name, settings
