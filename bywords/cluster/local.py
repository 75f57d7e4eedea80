"""Worker processes of this machine."""

from __future__ import annotations

import itertools
import multiprocessing
import pickle
import shutil
import tempfile
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from bywords.cluster.base import Executor, WorkerLostError
from bywords.cluster.worker import run
from bywords.text.threads import n_threads
from bywords.version import __version__


class LocalExecutor(Executor):
    """Processes that are started afresh, so that nothing of this one is in them but what is handed over."""

    def __init__(self, n_workers: int | None = None) -> None:
        """As many as this process may run threads, unless it is said."""
        self._n_workers = n_workers or n_threads()
        self._folder: Path | None = None  # of what is shared: each process reads it there
        self._pool: ProcessPoolExecutor | None = None
        self._numbers = itertools.count()
        self.is_told = f"{self._n_workers} worker process{'es'[: 2 * (self._n_workers > 1)]} on this machine"

    @property
    def n_workers(self) -> int:
        return self._n_workers

    def _share(self, shared: Any) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="bywords-"))
        for path in self._folder.iterdir():
            path.unlink()
        path = self._folder / str(next(self._numbers))
        with path.open("wb") as file:
            pickle.dump(shared, file, protocol=pickle.HIGHEST_PROTOCOL)
        return path

    def _submit(self, work: Any, handed_out: Path, chunk: Any) -> Future[Any]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self._n_workers, mp_context=multiprocessing.get_context("spawn"))
        try:
            return self._pool.submit(_run, work, handed_out, chunk)
        except BrokenProcessPool as error:  # a process was lost since; its task says so when it is asked for
            lost: Future[Any] = Future()
            lost.set_exception(error)
            return lost

    def _result(self, pending: Future[Any]) -> Any:
        try:
            return pending.result()
        except BrokenProcessPool as error:
            self._end()
            raise WorkerLostError("it ended without an answer") from error

    def _cancel(self, pending: list[Future[Any]]) -> None:
        for future in pending:
            future.cancel()

    def _end(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True)  # what nobody asks for is cancelled already
            self._pool = None

    def close(self) -> None:
        self._end()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _run(work: Any, path: Path, chunk: Any) -> Any:
    return run(work, path, lambda: _read(path), chunk, __version__)


def _read(path: Path) -> Any:
    with path.open("rb") as file:
        return pickle.load(file)
