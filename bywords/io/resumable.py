"""Chunks → one file: after each, what is there is safe in a folder beside it, from which writing can be resumed.

    OUT.part/
    ├── progress.json   how far it is, and of which run: see `Progress`
    ├── data            all chunks of a text format, one behind the other
    └── 000000.parquet  the chunks of Parquet, a file each, put together at the end

Killed at any moment, the folder holds all complete chunks; what comes behind the last of them does not count.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from bywords.checkpoint import Run, read_state, write_state
from bywords.errors import SettingError
from bywords.files import check_writable, move_whole, replacing, write_errors
from bywords.io.writers import merge_parquet, write_spreadsheet

FORMAT = "bywords-part/2"
PROGRESS, DATA = "progress.json", "data"
_STARTED = f".{PROGRESS}.*part"  # what may be in a folder without PROGRESS


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a file is."""

    run: Mapping[str, Any]  # what the chunks depend on beside the input: `checkpoint.Run` as JSON values
    n_rows: int = 0
    n_bytes: int = 0  # of the data file
    n_parts: int = 0  # files of Parquet
    input_digest: str = ""  # SHA-256 of the input up to here, as far as it was read
    finished: bool = False  # there are no more chunks
    format: str = FORMAT


class ResumableOutput:
    """A file that grows chunk by chunk in a folder beside its place and is moved there when it is whole."""

    def __init__(self, out: Path, run: Run, *, resume: bool = False) -> None:
        """Resume what is in the folder, or start afresh where there is nothing or `resume` is false.

        Raises: SettingError when the file cannot be written, the folder is something else, or what is to be resumed is
        of another run.
        """
        check_writable(out)
        self.out = out.resolve()
        if self.out.exists() and not self.out.is_file():
            raise SettingError(f"{out}: cannot be written a chunk at a time, as it is no regular file. Choose another.")
        self.folder = self.out.with_name(self.out.name + ".part")
        self._data = self.folder / DATA
        self.progress = Progress(run=run.plain())
        self._is_started = False
        found = self._found() if self.folder.exists() else None
        if not resume or found is None:
            return
        run.check_same(Run(**found.run), f"{self.folder} holds rows", "Leave out --resume to start afresh.")
        if found.n_rows and self._is_there(found):
            self.progress, self._is_started = found, True

    @property
    def n_rows(self) -> int:
        """Rows that are done."""
        return self.progress.n_rows

    def check_input(self, digest: str) -> None:
        """Raise SettingError when the input up to the rows that are done was another."""
        if digest != self.progress.input_digest:
            raise SettingError(
                f"{self.folder}: the {self.n_rows:,} rows in it were made from another input and cannot be resumed. "
                "Leave out --resume to start afresh."
            )

    def add(self, chunk: bytes | pl.DataFrame, *, n_rows: int, input_digest: str) -> None:
        """Write a chunk of so many rows; after this it is safe. Raises SettingError when it cannot be written."""
        with self._writing():
            done = dataclasses.replace(self.progress, n_rows=self.progress.n_rows + n_rows, input_digest=input_digest)
            if isinstance(chunk, bytes):
                with self._data.open("r+b") as file:
                    file.truncate(self.progress.n_bytes)  # what was being written when it stopped
                    file.seek(self.progress.n_bytes)
                    file.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
                done = dataclasses.replace(done, n_bytes=done.n_bytes + len(chunk))
            else:
                with replacing(self._part(self.progress.n_parts)) as beside:
                    chunk.write_parquet(beside)
                done = dataclasses.replace(done, n_parts=done.n_parts + 1)
            self._write(done)

    def finish(self) -> None:
        """Move the file to its place and remove the folder. Raises SettingError when it cannot be written."""
        with self._writing():
            if not self.progress.finished:
                if self.progress.n_parts:
                    put_together = write_spreadsheet if self.out.suffix.lower() == ".xlsx" else merge_parquet
                    with replacing(self._data) as beside:
                        put_together([self._part(number) for number in range(self.progress.n_parts)], beside)
                else:
                    os.truncate(self._data, self.progress.n_bytes)
                self._write(dataclasses.replace(self.progress, finished=True))
            if self._data.exists():  # else it was moved, and only the folder is left
                move_whole(self._data, self.out)
            self._clear()

    def _found(self) -> Progress | None:
        """How far the folder is; None where it was killed before it was anywhere."""
        state = read_state(self.folder / PROGRESS, FORMAT)
        if state is not None:
            return Progress(**state)
        if self.folder.is_dir() and all(file.match(_STARTED) for file in self.folder.iterdir()):
            return None
        raise SettingError(
            f"{self.folder}: expected a folder with the {PROGRESS} of a file that was being written. Move it away."
        )

    def _is_there(self, progress: Progress) -> bool:
        """Whether the files are there that the folder should have."""
        if progress.finished:
            return self._data.exists() or self.out.exists()
        if progress.n_parts:
            return all(self._part(number).exists() for number in range(progress.n_parts))
        return self._data.exists() and self._data.stat().st_size >= progress.n_bytes

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
        for pattern in (DATA, "[0-9]*.parquet", ".*part", PROGRESS):
            for path in self.folder.glob(pattern):
                path.unlink()
        with contextlib.suppress(OSError):  # somebody has put something there
            self.folder.rmdir()

    def _write(self, progress: Progress) -> None:
        """Say how far it is, in a file that is whole at any moment."""
        write_state(self.folder / PROGRESS, dataclasses.asdict(progress))
        self.progress = progress
