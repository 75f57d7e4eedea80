"""Chunks → one file: meanwhile they are in a folder beside it, from which writing can be resumed.

    OUT.part/
    ├── progress.json   how far it is, and of which run: see `Progress`
    ├── data            all chunks of a text format, one behind the other
    └── 000000.parquet  the chunks of Parquet, a file each, put together at the end

Chunks are brought to the disk, and then counted in progress.json, twice a second at most, on the average: that takes
longer than to write one. Killed at any moment, the folder holds all complete chunks but half a second's; what comes
behind those that are counted is written anew. A folder whose chunks are not those that were written is as good as none.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bywords.checkpoint import Run, read_state, write_state
from bywords.config import typed
from bywords.errors import DataError, SettingError
from bywords.files import check_writable, move_whole, replacing, sync, write_errors
from bywords.io import stores
from bywords.io.writers import disk_errors, merge_parquet, write_spreadsheet
from bywords.validation import check_count, naming

FORMAT = "bywords-part/4"
PROGRESS, DATA = "progress.json", "data"
SECONDS_APART = 0.5  # between two times that chunks are made safe
BLOCK_BYTES = 1 << 22  # of a file that are read at a time
_STARTED = f".{PROGRESS}.*part"  # what may be in a folder without PROGRESS


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a file is."""

    run: Run  # what the chunks depend on beside the input
    n_rows: int = 0
    n_bytes: int = 0  # of the data file
    n_parts: int = 0  # files of Parquet
    digest: str = ""  # SHA-256 of all chunks, one behind the other; of the file, once there are no more
    input_digest: str = ""  # SHA-256 of those of the blocks of the input up to here
    finished: bool = False  # there are no more chunks
    format: str = FORMAT


class ResumableOutput:
    """A file that grows chunk by chunk in a folder beside its place and is moved there when it is whole."""

    def __init__(self, out: Path, run: Run, *, resume: bool = False, target: str | None = None) -> None:
        """Resume what is in the folder, or start afresh where there is nothing or `resume` is false.

        With a `target`, the URL of a file in an object store, the file is sent there, and `out` stays as it is.

        Raises: SettingError when the file cannot be written, the folder is something else, or what is to be resumed is
        of another run; DataError where it says what cannot be.
        """
        check_writable(out)
        if target is None and out.exists() and not out.is_file():
            raise SettingError(f"{out}: is a pipe or a device, expected a file. Leave it out for standard output.")
        self.out = out.resolve()
        self._target = target
        self.folder = self.out.with_name(self.out.name + ".part")
        self._data = self.folder / DATA
        self.progress = Progress(run=run)
        self._newest, self._save_from = self.progress, time.monotonic()  # with chunks that are not safe yet
        self._is_started, self._hashed = False, hashlib.sha256()
        self.is_damaged = False  # what there was to resume
        found = self._found() if self.folder.exists() else None
        if not resume or found is None:
            return
        run.check_same(found.run, f"{self.folder} holds rows", "Leave out --resume to start afresh.")
        hashed = self._sum(found) if found.n_rows else None
        if hashed is not None and hashed.hexdigest() == found.digest:
            self.progress = self._newest = found
            self._is_started, self._hashed = True, hashed
        self.is_damaged = found.n_rows > 0 and not self._is_started

    @property
    def n_rows(self) -> int:
        """Rows that are done and safe."""
        return self.progress.n_rows

    def check_input(self, digest: str) -> None:
        """Raise SettingError when the input up to the rows that are done was another."""
        if digest != self.progress.input_digest:
            raise SettingError(
                f"{self.folder}: the {self.n_rows:,} rows in it were made from another input and cannot be resumed. "
                "Leave out --resume to start afresh."
            )

    def add(self, chunk: bytes | pl.DataFrame, *, n_rows: int, input_digest: str) -> None:
        """Write a chunk of so many rows. Raises SettingError when it cannot be written.

        The first is safe after this, and all where they come more slowly than twice a second; else later, or by `save`.
        """
        with self._writing():
            done = dataclasses.replace(self._newest, n_rows=self._newest.n_rows + n_rows, input_digest=input_digest)
            if isinstance(chunk, bytes):
                with self._data.open("r+b") as file:
                    file.truncate(self._newest.n_bytes)  # what was being written when it stopped
                    file.seek(self._newest.n_bytes)
                    file.write(chunk)
                self._hashed.update(chunk)
                done = dataclasses.replace(done, n_bytes=done.n_bytes + len(chunk))
            else:
                with replacing(self._part(self._newest.n_parts)) as beside, disk_errors():
                    chunk.write_parquet(beside)
                    _update(self._hashed, beside)
                done = dataclasses.replace(done, n_parts=done.n_parts + 1)
            self._newest = dataclasses.replace(done, digest=self._hashed.hexdigest())
            if time.monotonic() >= self._save_from:
                self._save_from += SECONDS_APART
                self.save()

    def save(self) -> None:
        """Make all chunks safe that were added. Raises SettingError when that cannot be."""
        if self._newest == self.progress:
            return
        with self._writing():
            sync(self._data)
            self._write(self._newest)

    def finish(self) -> None:
        """Move the file to its place and remove the folder. Raises SettingError when it cannot be written."""
        self.save()
        with self._writing():
            if not self.progress.finished:
                if self.progress.n_parts:
                    put_together = write_spreadsheet if self.out.suffix.lower() == ".xlsx" else merge_parquet
                    with replacing(self._data) as beside:
                        self._put_together(put_together, beside)
                    self._hashed = _update(hashlib.sha256(), self._data)
                else:
                    os.truncate(self._data, self.progress.n_bytes)
                self._write(dataclasses.replace(self.progress, finished=True, digest=self._hashed.hexdigest()))
            if self._target is not None and self._data.exists():
                stores.put(self._data, self._target)
            elif self._data.exists():  # else it was moved, and only the folder is left
                move_whole(self._data, self.out)
            self._clear()

    def _put_together(self, put_together: Callable[[Sequence[Path], Path], None], out: Path) -> None:
        try:
            put_together([self._part(number) for number in range(self.progress.n_parts)], out)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:  # damaged data may panic
            raise SettingError(
                f"{self.folder}: its parts cannot be put together: {error}. Leave out --resume to start afresh."
            ) from error

    def _found(self) -> Progress | None:
        """How far the folder is; None where it was killed before it was anywhere."""
        path = self.folder / PROGRESS
        state = read_state(path, FORMAT)
        if state is not None:
            with naming(path, error=DataError, advice="Move the folder away."):
                found = typed(Progress, state, where="it")
                for name in ("n_rows", "n_bytes", "n_parts"):
                    check_count(name, getattr(found, name))
            return found
        if self.folder.is_dir() and all(file.match(_STARTED) for file in self.folder.iterdir()):
            return None
        raise SettingError(
            f"{self.folder}: expected a folder with the {PROGRESS} of a file that was being written. Move it away."
        )

    def _sum(self, progress: Progress) -> hashlib._Hash | None:
        """That of the chunks that the folder should have; None where some are not there."""
        hashed = hashlib.sha256()
        try:
            if progress.finished:
                _update(hashed, self._data if self._data.exists() else self.out)
            elif not progress.n_parts:
                _update(hashed, self._data, progress.n_bytes)
            for number in range(0 if progress.finished else progress.n_parts):
                _update(hashed, self._part(number))
        except OSError:
            return None
        return hashed

    def _part(self, number: int) -> Path:
        return self.folder / f"{number:06}.parquet"

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """With the folder in its place. Raises SettingError where something cannot be written."""
        with write_errors(self.out):
            if not self._is_started:
                if self.folder.exists():
                    self._clear()
                self.folder.mkdir(parents=True, mode=0o700)  # texts may be private
                self._write(self.progress)
                self._data.touch()
                self._is_started = True
            yield

    def _clear(self) -> None:
        """Remove the folder, and what says how far it is last: killed here too, it is known for what it is."""
        for pattern in (DATA, "[0-9]*.parquet", ".*part", "tmp*", PROGRESS):
            for path in self.folder.glob(pattern):
                path.unlink()
        with contextlib.suppress(OSError):  # somebody has put something there
            self.folder.rmdir()

    def _write(self, progress: Progress) -> None:
        """Say how far it is, in a file that is whole at any moment."""
        write_state(self.folder / PROGRESS, dataclasses.asdict(progress))
        self.progress = self._newest = progress


def _update(hashed: hashlib._Hash, path: Path, n_bytes: int | None = None) -> hashlib._Hash:
    """Add the first bytes of a file to what was hashed, or all of them. Raises OSError where there is none."""
    if not path.is_file():
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        left = path.stat().st_size if n_bytes is None else n_bytes
        while left > 0 and (block := file.read(min(left, BLOCK_BYTES))):
            hashed.update(block)
            left -= len(block)
    return hashed
