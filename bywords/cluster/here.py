"""Values held by this process, worked on by its threads: what passes over parts need where there are no workers."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from bywords.cluster.base import Holder
from bywords.cluster.values import Stored, stored
from bywords.text.threads import in_threads


class HolderHere(Holder):
    """Values in memory; or, with a folder, in files in there, of which memory holds what is looked at."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder: Path | None = None
        if folder is not None:
            self._folder = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=folder))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def hold(self, value: Any) -> Any:
        if self._folder is None:
            return value
        return stored(value, self._folder)

    def fetch(self, held: Any) -> Any:
        return held.read() if isinstance(held, Stored) else held

    def map_held(
        self, work: Callable[..., tuple[Any, ...]], chunks: Iterable[tuple[Any, ...]], n_held: int = 0
    ) -> Iterator[tuple[Any, ...]]:
        def worked(chunk: tuple[Any, ...]) -> tuple[Any, ...]:
            found = work(*map(self.fetch, chunk))
            n_given = len(found) - n_held
            return (*found[:n_given], *map(self.hold, found[n_given:]))

        return in_threads(worked, chunks)
