"""Worker processes of a cluster by Ray: https://docs.ray.io.

Moritz et al. (2018), "Ray: A Distributed Framework for Emerging AI Applications". Chunks are Ray's tasks, what they
share is an object in its store. Ray starts the tasks of a lost worker again, on another machine where one is lost, and
so works out anew what only that had.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from bywords.cluster.base import ADVICE, MOST_LOST, WAITING_PER_WORKER, Executor, HeldLostError, WorkerLostError
from bywords.cluster.worker import Failed, result_of, run
from bywords.errors import SettingError
from bywords.extras import needed
from bywords.text.threads import n_threads
from bywords.version import __version__

STORE_BYTES = 256 << 20  # of objects in memory, of a cluster that is started here: a few chunks and a model
SECONDS_BETWEEN_COUNTS = 5.0  # of processors, which come and go with machines


class RayExecutor(Executor):
    """The processors of a cluster: as many chunks at a time."""

    def __init__(self, address: str | None = None) -> None:
        """Raises: SettingError without Ray, and where the cluster at `address` does not answer."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report its use over the net
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns of what it will do one day
        self._ray = needed("ray", what="--on ray")
        # Of a lost worker Ray would write to standard output, where the answers may go: `map` says it if it matters.
        self._ray._private.worker.print_to_stdstream = lambda *_, **__: None
        self._folder: Path | None = None  # of a cluster that is started here
        self._is_ours = not self._ray.is_initialized()
        if self._is_ours:
            self._start(address)
        settings: dict[str, Any] = {"num_cpus": 1, "max_retries": MOST_LOST}
        self._task, self._task_of_held = (self._ray.remote(**settings)(each) for each in (_run, _run_held))
        self._n_workers, self._counted_at = 0, 0.0
        n_machines = len({node["NodeID"] for node in self._ray.nodes() if node["Alive"]})
        where = "started for this command" if self._folder is not None else "a cluster that is running"
        machines = f"{n_machines} machine{'s'[: n_machines > 1]}"
        self.is_told = f"Ray {self._ray.__version__}, {where}: {self.n_workers} workers on {machines}"

    def _start(self, address: str | None) -> None:
        at_sigterm = signal.getsignal(signal.SIGTERM)
        try:
            self._connect(address)
        except BaseException:  # Ctrl-C too
            self.close()
            raise
        finally:  # Ray puts its own there
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, at_sigterm)

    def _connect(self, address: str | None) -> None:
        quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        try:
            self._ray.init(address=address or "auto", **quiet)
        except (ConnectionError, TimeoutError, ImportError) as error:
            if address is not None or "RAY_ADDRESS" in os.environ:
                where = address or f"RAY_ADDRESS={os.environ['RAY_ADDRESS']}"
                raise SettingError(
                    f"--on ray: no cluster answers at {where}: {' '.join(str(error).split())[:200]}. "
                    "`ray status` on its first machine says whether it runs; `ray start --head` starts one. Where it "
                    "asks for a token, as new ones do, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN."
                ) from error
            self._folder = Path(tempfile.mkdtemp(prefix="bywords-ray-"))  # not /tmp/ray, which anybody reads
            self._ray.init(
                num_cpus=n_threads(), include_dashboard=False, object_store_memory=STORE_BYTES,
                _temp_dir=str(self._folder), **quiet,
            )  # fmt: skip

    @property
    def n_workers(self) -> int:
        if not self._n_workers or time.monotonic() - self._counted_at > SECONDS_BETWEEN_COUNTS:
            self._n_workers = max(1, int(self._ray.cluster_resources().get("CPU", 0)))
            self._counted_at = time.monotonic()
        return self._n_workers

    def _share(self, shared: Any) -> list[Any]:
        return [self._ray.put(shared)]  # in a list, since Ray would hand over the value itself with each task

    def _submit(self, work: Any, handed_out: list[Any], chunk: Any) -> Any:
        return self._task.remote(work, handed_out, chunk, __version__)

    def _result(self, pending: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(pending)
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError) as error:  # and all retries
            raise WorkerLostError(" ".join(str(error).split())[:200], MOST_LOST) from error
        except errors.ObjectLostError as error:
            raise WorkerLostError("what it had worked out was lost with its machine") from error

    def _cancel(self, pending: list[Any]) -> None:
        for reference in pending:
            self._ray.cancel(reference)

    def hold(self, value: Any) -> Any:
        return self._ray.put(value)

    def fetch(self, held: Any) -> Any:
        try:
            return self._result(held)
        except WorkerLostError as error:
            raise HeldLostError(
                f"a machine of the cluster was lost with its part of the data: {error}. {ADVICE}"
            ) from error

    def map_held(
        self, work: Callable[..., tuple[Any, ...]], chunks: Iterable[tuple[Any, ...]], n_held: int = 0
    ) -> Iterator[tuple[Any, ...]]:
        """As of any holder. Ray starts a task where most of what it needs is, so that a part stays where it was."""
        task = self._task_of_held.options(num_returns=1 + n_held)
        waiting: deque[list[Any]] = deque()
        try:
            for chunk in chunks:
                references = task.remote(work, n_held, __version__, *chunk)
                waiting.append(references if n_held else [references])
                if len(waiting) >= WAITING_PER_WORKER * self.n_workers:
                    yield self._found(waiting)
            while waiting:
                yield self._found(waiting)
        finally:
            self._cancel([first for first, *_ in waiting])

    def _found(self, waiting: deque[list[Any]]) -> tuple[Any, ...]:
        """What the first task that waits has given."""
        result = self.fetch(waiting[0][0])
        _, *held = waiting.popleft()
        if isinstance(result, Failed):
            raise result.error
        return *result, *held

    def close(self) -> None:
        if self._is_ours:
            self._ray.shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _run(work: Any, handed_out: list[Any], chunk: Any, version: str) -> Any:
    import ray

    (reference,) = handed_out
    return run(work, reference.hex(), lambda: ray.get(reference), chunk, version)


def _run_held(work: Any, n_held: int, version: str, *chunk: Any) -> Any:
    found = result_of(lambda: work(*chunk), version)
    if isinstance(found, Failed):
        return found if n_held == 0 else (found, *[None] * n_held)
    n_given = len(found) - n_held
    return found[:n_given] if n_held == 0 else (found[:n_given], *found[n_given:])
