"""Worker processes of this machine."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from bywords.cluster.base import Executor, WorkerLostError
from bywords.cluster.values import Stored, read_value, stored, write_value
from bywords.cluster.worker import run
from bywords.text.threads import n_threads
from bywords.version import __version__

MOST_SEEN = 64  # values whose names a process remembers


class LocalExecutor(Executor):
    """Processes that are started afresh, so that nothing of this one is in them but what is handed over."""

    def __init__(self, n_workers: int | None = None) -> None:
        """As many as this process may run threads, unless it is said."""
        self._n_workers = n_workers or n_threads()
        self._folder: Path | None = None  # of what is shared and held: each process reads it there
        self._shared: Path | None = None
        self._pool: ProcessPoolExecutor | None = None
        self._numbers = itertools.count()
        self.is_told = f"{self._n_workers} worker process{'es'[: 2 * (self._n_workers > 1)]} on this machine"

    @property
    def n_workers(self) -> int:
        return self._n_workers

    def _share(self, shared: Any) -> Path:
        if self._shared is not None:
            self._shared.unlink()
        self._shared = self._room() / f"shared-{next(self._numbers)}"
        write_value(self._shared, shared)
        return self._shared

    def _room(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="bywords-"))
        return self._folder

    def hold(self, value: Any) -> Stored:
        return stored(value, self._room())

    def fetch(self, held: Stored) -> Any:
        return held.read()

    def map_held(
        self, work: Callable[..., tuple[Any, ...]], chunks: Iterable[tuple[Any, ...]], n_held: int = 0
    ) -> Iterator[tuple[Any, ...]]:
        for found in self.map(_work_held, (work, self._room(), n_held), chunks):
            yield tuple(each.owned() if isinstance(each, Stored) else each for each in found)

    def _submit(self, work: Any, handed_out: Path, chunk: Any) -> Future[Any]:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._n_workers, context, _end_with_parent, (self._room(),))
            # All start before any can be lost: one that is started while that is noticed would be waited for for ever.
            self._pool._safe_to_dynamically_spawn_children = False  # type: ignore[attr-defined]
        try:
            with _without_ctrl_c():
                return self._pool.submit(_run, work, handed_out, chunk)
        except (BrokenProcessPool, OSError, ValueError) as error:
            # A process was lost since, or could not be started; its task says so when it is asked for.
            lost: Future[Any] = Future()
            lost.set_exception(BrokenProcessPool(str(error)))
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
            self._folder = self._shared = None


@contextlib.contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Processes that are started in the block do not get Ctrl-C, which a terminal sends to all: this one ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent(folder: Path) -> None:
    """End this process when the one that has started it is gone, killed say, and take away what that had stored.

    Else it would wait for work for ever, and with it whoever reads the output that both of them have.
    """
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _run(work: Any, path: Path, chunk: Any) -> Any:
    return run(work, path, lambda: read_value(path), chunk, __version__)


_seen: dict[Path, Any] = {}  # what this process has read of late, None until it reads it again, the last one last


def _read(one: Stored) -> Any:
    """What is held. What is read again and again, as a part is in each pass, stays mapped."""
    if one.path not in _seen:
        value, kept = one.read(), None
    else:
        kept = _seen.pop(one.path)
        value = kept = one.read() if kept is None else kept
    _seen[one.path] = kept
    while len(_seen) > MOST_SEEN:
        del _seen[next(iter(_seen))]
    return value


def _work_held(shared: tuple[Any, Path, int], chunk: tuple[Any, ...]) -> tuple[Any, ...]:
    work, folder, n_held = shared
    found = work(*(_read(each) if isinstance(each, Stored) else each for each in chunk))
    n_given = len(found) - n_held
    return (*found[:n_given], *(stored(each, folder, is_own=False) for each in found[n_given:]))
