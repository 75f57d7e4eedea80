"""Calls → their results, in their order, by as many threads as this process may run."""

from __future__ import annotations

import functools
import itertools
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from concurrent.futures import Future

    import polars as pl

CHUNK_SIZE = 1 << 20  # characters, or bytes, that a thread reads at a time
MOST_IN_A_THREAD = 8  # CHUNK_SIZE that are not cut in a thread of `in_threads`: the others have work already
MANY_TOKENS = 1_000_000  # that several threads encode, or count

Item = TypeVar("Item")
Result = TypeVar("Result")


_most: int | None = None


def limit_threads(most: int) -> None:
    """Let this process run so many at most: it is one of several that share the processors."""
    global _most
    _most = most


def n_threads() -> int:
    """How many threads this process may run at a time.

    OMP_NUM_THREADS, which Spark, Ray and joblib set for their workers, is the most, as it is for PyTorch and numpy.
    """
    if _most is not None:
        return _most
    n_processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # "4,2" has those of inner levels too
    return min(int(wanted), n_processors) if wanted.isdecimal() and int(wanted) > 0 else n_processors


class _OneThreadAProduct:
    """While it is entered, by any number of threads, numpy multiplies matrices on the thread that asks for it.

    Its library would wake a thread for each processor, which wait for each other by spinning. Where several threads ask
    at a time, or others have work too, that takes up to ten times as long and brings nothing.
    """

    def __init__(self) -> None:
        self._n_inside = 0
        self._limit: Any = None
        self._lock = threading.RLock()  # a generator that is left may be closed, by the collector, in the midst of it
        if hasattr(os, "register_at_fork"):
            release = self._lock.release
            os.register_at_fork(before=self._lock.acquire, after_in_parent=release, after_in_child=release)

    def __enter__(self) -> None:
        with self._lock:
            self._n_inside += 1
            if self._n_inside == 1:
                self._limit = _libraries().limit(limits=1)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0 and self._limit is not None:
                self._limit.restore_original_limits()


@functools.cache
def _libraries() -> Any:
    """Those that numpy multiplies by."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


one_thread_a_product = _OneThreadAProduct()
_here = threading.local()  # whether this is a thread of `in_threads`


def in_threads(call: Callable[[Item], Result], items: Iterable[Item], *, waiting: int = 1) -> Iterator[Result]:
    """The results of the calls, in the order of the items, which are taken as threads become free.

    `waiting` calls, or their results, are kept for each thread. A single item needs no thread. After an error, or
    Ctrl-C, no more calls are started; an error of the items comes behind the results of those before it.
    """
    items = iter(items)
    first = list(itertools.islice(items, 2))
    if len(first) < 2:
        yield from map(call, first)
        return
    from concurrent.futures import ThreadPoolExecutor

    items = itertools.chain(first, items)
    with (
        one_thread_a_product,
        ThreadPoolExecutor(n_threads(), initializer=setattr, initargs=(_here, "is_one_of_several", True)) as pool,
    ):
        started: deque[Future[Result]] = deque()
        problem = None
        try:
            while problem is None:
                try:
                    started.append(pool.submit(call, next(items)))
                except StopIteration:
                    break
                except Exception as error:
                    problem = error
                if len(started) > waiting * n_threads():
                    yield started.popleft().result()
            while started:
                yield started.popleft().result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        if problem is not None:
            raise problem


def chunks_of(texts: Sequence[str] | pl.Series, n_sizes: int = 1) -> list[tuple[int, int]]:
    """Where to cut so that the parts have at most about `n_sizes` CHUNK_SIZE characters each, or bytes of a column.

    There is one part at least, and for more than CHUNK_SIZE there are several, as many for each thread; in a thread of
    `in_threads` that is for more than MOST_IN_A_THREAD times as many.
    """
    if len(texts) < 2:
        return [(0, len(texts))]
    if isinstance(texts, Sequence):
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    else:
        lengths = texts.str.len_bytes().to_numpy().astype(np.int64)
    total = int(lengths.sum())
    if total <= CHUNK_SIZE * (MOST_IN_A_THREAD if getattr(_here, "is_one_of_several", False) else 1):
        return [(0, len(texts))]
    n_chunks = n_threads() * math.ceil(total / (n_sizes * CHUNK_SIZE) / n_threads())
    cuts = np.searchsorted(np.cumsum(lengths), np.arange(1, n_chunks) * (total / n_chunks)) + 1
    return list(itertools.pairwise([0, *np.unique(cuts[cuts < len(texts)]).tolist(), len(texts)]))
