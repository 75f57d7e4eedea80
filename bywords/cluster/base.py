"""What an executor is, and the name of one → it."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from bywords.cluster.worker import Failed
from bywords.errors import SettingError

MOST_LOST = 5  # workers that are lost at the same chunk, one after the other: it is the chunk then
WAITING_PER_WORKER = 2  # chunks that are handed out and whose results are not taken yet
ADVICE = "Most often its machine has too little memory: see what else runs there, or take fewer workers."

Shared = TypeVar("Shared")
Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


class Holder(ABC):
    """Holds values where they are worked on, so that what many passes need is sent once."""

    @abstractmethod
    def hold(self, value: Any) -> Any:
        """Something that stands for a value, to hand to `map_held`; the value goes when nobody has it any more."""

    @abstractmethod
    def fetch(self, held: Any) -> Any:
        """The value that something stands for, here. Its arrays are not to be written to.

        Raises: HeldLostError where it was lost with its machine.
        """

    @abstractmethod
    def map_held(
        self, work: Callable[..., tuple[Any, ...]], chunks: Iterable[tuple[Any, ...]], n_held: int = 0
    ) -> Iterator[tuple[Any, ...]]:
        """The results of `work(*chunk)` in the order of the chunks, which are taken as workers become free.

        What is held in a chunk is the value in `work`, whose arrays are not to be written to. It gives a tuple, whose
        last `n_held` values stay where they were worked out: what stands for them is here instead.

        Raises: what `work` raises; HeldLostError where a machine is lost with what it held.
        """


class HeldLostError(SettingError):
    """What workers held is gone with their machine: whatever was made of it has to be made anew."""


def unless_lost(call: Callable[[], Result]) -> Result:
    """What a call gives, which is made again where workers lose what they held: MOST_LOST times at most."""
    for _ in range(MOST_LOST - 1):
        with contextlib.suppress(HeldLostError):
            return call()
    return call()


class Executor(Holder):
    """Worker processes, here or elsewhere. Used in a `with` block, at whose end they are gone.

    One pass over data is one `map`: a function of what all chunks share and of one chunk, at the top of a module so
    that workers can import it. What a pass keeps of the results, a sum of counts say, is the caller's to merge; as they
    come in order, a sum of floating-point numbers has the same bits whoever has worked them out.
    """

    is_told = ""  # what a person should know of the workers, a sentence

    @property
    @abstractmethod
    def n_workers(self) -> int:
        """How many chunks are worked at at a time."""

    def map(self, work: Callable[[Shared, Chunk], Result], shared: Shared, chunks: Iterable[Chunk]) -> Iterator[Result]:
        """The results of `work(shared, chunk)` in the order of the chunks, which are taken as workers become free.

        `shared` goes to each worker once. A worker that is lost is replaced, and its chunks are worked at again.

        Raises: what `work` raises, at the place of its chunk; SettingError where one chunk loses MOST_LOST workers.
        """
        handed_out = self._share(shared)
        waiting: deque[tuple[Chunk, Any]] = deque()
        try:
            for chunk in chunks:
                waiting.append((chunk, self._submit(work, handed_out, chunk)))
                if len(waiting) >= WAITING_PER_WORKER * self.n_workers:
                    yield self._next(work, handed_out, waiting)
            while waiting:
                yield self._next(work, handed_out, waiting)
        finally:
            self._cancel([pending for _, pending in waiting])

    def _next(self, work: Any, handed_out: Any, waiting: deque[tuple[Any, Any]]) -> Any:
        """The result of the first chunk that waits; the others stay."""
        n_lost = 0
        while True:
            try:
                result = self._result(waiting[0][1])
                break
            except WorkerLostError as error:
                n_lost += error.n_lost
                if n_lost >= MOST_LOST:
                    raise SettingError(
                        f"{n_lost} worker processes were lost at one chunk, the last one: {error}. {ADVICE}"
                    ) from error
                again = [(chunk, self._submit(work, handed_out, chunk)) for chunk, _ in waiting]
                waiting.clear()
                waiting.extend(again)
        waiting.popleft()
        if isinstance(result, Failed):
            raise result.error
        return result

    @abstractmethod
    def _share(self, shared: Any) -> Any:
        """What a task gets instead of `shared`, by which its worker finds it."""

    @abstractmethod
    def _submit(self, work: Any, handed_out: Any, chunk: Any) -> Any:
        """Start one task. Returns: by what its result is asked for."""

    @abstractmethod
    def _result(self, pending: Any) -> Any:
        """Wait for it. Raises WorkerLostError where its process is gone."""

    @abstractmethod
    def _cancel(self, pending: list[Any]) -> None:
        """Nobody asks for these any more."""

    @abstractmethod
    def close(self) -> None:
        """End the workers."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class WorkerLostError(Exception):
    """Worker processes are gone without an answer; `n_lost` of them."""

    def __init__(self, said: str, n_lost: int = 1) -> None:
        super().__init__(said)
        self.n_lost = n_lost


def executor(name: str) -> Executor:
    """The executor of a name: local, local:2 for so many processes, ray, or ray://HOST:PORT.

    `ray` is the cluster that RAY_ADDRESS names or that runs on this machine, else one that is started here and ends
    with the command; `ray://` Ray's own address of a cluster elsewhere.

    Raises: SettingError for another name, without the extra [ray], and where no such cluster answers.
    """
    kind, _, rest = name.partition(":")
    if kind == "local" and (not rest or (rest.isdecimal() and int(rest) > 0)):
        from bywords.cluster.local import LocalExecutor

        return LocalExecutor(int(rest) if rest else None)
    if name == "ray" or (kind == "ray" and rest.startswith("//") and rest.strip("/")):
        from bywords.cluster.by_ray import RayExecutor

        return RayExecutor(None if name == "ray" else name)
    raise SettingError(f"--on {name}: expected local, local:N for N processes, ray, or ray://HOST:PORT.")
