"""What a run has worked out so far → a folder of files, and back: a run that was killed resumes from there.

    CHECKPOINT/
    ├── checkpoint.json   which run it is of: its settings, fingerprints of its data; whether it is finished
    └── NAME.entry        the result of one step each: its SHA-256, a line of JSON, arrays as safetensors

Killed at any moment, an entry is there as it was or as it is to be. One that is not whole is as good as not there; one
that is whole, and cannot have been saved by this run, is refused. Nothing in it can run code. Whatever else can be
resumed finds out by `Run` whether it is of the same run.
"""

from __future__ import annotations

import hashlib
import json
import re
import reprlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from bywords import locks
from bywords.errors import SettingError
from bywords.files import check_folder, write_whole
from bywords.validation import check_array, check_count, check_finite, check_shapes, naming, parsed_json

FORMAT = "bywords-checkpoint/2"
ABOUT, ENDING = "checkpoint.json", ".entry"
_STARTED = re.compile(rf"\.{re.escape(ABOUT)}\..*|\..*{re.escape(locks.ENDING)}")  # may be there before ABOUT
MOST_DIFFERENCES = 4  # in a message
T = TypeVar("T")


class CheckpointError(SettingError):
    """An entry of a checkpoint that is whole, and that the run cannot have saved."""


class Entry(NamedTuple):
    """The result of one step: arrays of any shape, which are the caller's own, and JSON values."""

    arrays: dict[str, npt.NDArray[Any]]
    values: Any


@dataclass(frozen=True)
class Run:
    """What a run's outcome depends on: fingerprints of its data by what they are of, and settings as JSON values."""

    data: dict[str, str]
    settings: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """`data` and `settings` as JSON gives them back."""
        plain: dict[str, Any] = json.loads(json.dumps({"data": self.data, "settings": self.settings}))
        return plain

    def differences(self, earlier: Run) -> list[str]:
        """In what an earlier run differs from this one, in words, the data first; nothing where it is the same."""
        there, here = earlier.plain(), self.plain()
        names = sorted({*there["data"], *here["data"]})
        found = [f"not the same {name}" for name in names if there["data"].get(name) != here["data"].get(name)]
        old, new = dict(_flat(there["settings"])), dict(_flat(here["settings"]))
        return found + [
            f"{name} was {reprlib.repr(old.get(name))} and is {reprlib.repr(new.get(name))}"
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

    def has(self, name: str) -> bool:
        """Whether there is an entry of this name, damaged or not."""
        return self.folder is not None and self._path(self.folder, name).exists()

    def load(self, name: str) -> Entry | None:
        """The entry of this name as it was saved last; None where there is none, or it is damaged."""
        return self.restored(name, lambda entry: entry)

    def restored(self, name: str, restore: Callable[[Entry], T]) -> T | None:
        """What `restore` makes of the entry of this name; None where there is none, or it is damaged.

        Raises: CheckpointError where `restore` raises an error: it checks whether this run can have saved the entry.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        if self.folder is None:
            return None
        path = self._path(self.folder, name)
        if not path.is_file():
            return None
        try:
            with path.open("rb") as file:
                digest, values, arrays = file.readline(), file.readline(), file.read()
        except OSError:
            return None
        if digest != self._digest(name, values, arrays):
            return None
        with naming(f"{path} was not saved by this run", error=CheckpointError, advice="Start anew in another folder."):
            try:
                return restore(Entry(load(arrays), json.loads(values)))
            except SafetensorError as error:
                raise SettingError(f"its arrays cannot be read: {error}") from error

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


def check_like(arrays: Mapping[str, npt.NDArray[Any]], own: Mapping[str, npt.NDArray[Any]]) -> None:
    """Raise SettingError where arrays of an entry have other names, dtypes or shapes than `own`, or are not finite."""
    check_shapes(arrays, {name: array.shape for name, array in own.items()}, no_others=True)
    for name, array in own.items():
        check_array(name, arrays[name], array.dtype.type)
        check_finite(name, arrays[name])


def can_be_kept(arrays: Mapping[str, npt.NDArray[Any]]) -> bool:
    """Whether the numbers are such that `check_like` would take them; those of a training that has diverged are not."""
    try:
        check_like(arrays, arrays)
    except SettingError:
        return False
    return True


def restore_generator(generator: np.random.Generator, state: Any) -> None:
    """Put a generator to an earlier state of its own. Raises SettingError for one that it cannot have been in."""
    own: dict[str, Any] = dict(generator.bit_generator.state)
    own["state"]["state"] = check_count("the generator's state", state["state"]["state"], most=2**128 - 1)
    own["has_uint32"] = check_count("the generator's has_uint32", state["has_uint32"], most=1)
    own["uinteger"] = check_count("the generator's uinteger", state["uinteger"], most=2**32 - 1)
    if state != own:
        raise SettingError("the generator is of another seed")
    generator.bit_generator.state = own


def read_state(path: Path, format_: str, **kinds: type) -> dict[str, Any] | None:
    """The JSON object of this format, with keys of these types, in a file; None where there is none to be read."""
    try:
        state = parsed_json(path.read_bytes()) if path.is_file() else {}
    except (OSError, SettingError):
        return None
    is_whole = state.get("format") == format_ and all(isinstance(state.get(key), kind) for key, kind in kinds.items())
    return state if is_whole else None


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a JSON object for `read_state`, whole or not at all."""
    write_whole(path, json.dumps(state, ensure_ascii=False, indent=1) + "\n")


def _about(folder: Path) -> dict[str, Any] | None:
    return read_state(folder / ABOUT, FORMAT, finished=bool, data=dict, settings=dict)


def _flat(settings: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Each value with its dotted name."""
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from _flat(value, f"{name}.{key}" if name else key)
    else:
        yield name, settings
