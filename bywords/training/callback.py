"""What is called while a fit goes on: after an epoch, a batch, one of several fits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from bywords.records.base import EpochRecord


class Callback:
    """Hears how a fit goes on, and does nothing; the command line's shows a line an epoch."""

    def vectors_epoch(self, epoch: int, n_epochs: int, loss: float | None, seconds: float) -> None:
        """An epoch of training word vectors is over; `seconds` since the first began."""

    def epoch(self, record: EpochRecord, max_epochs: int) -> None:
        """An epoch of training a model is over."""

    def batch(self, epoch: int, n_done: int, n_batches: int) -> None:
        """A batch of an epoch is over."""

    def piece(self, n_done: int, n_pieces: int) -> None:
        """Before a model learns in parts: a piece of the documents has gone to those who hold them."""

    def step(self, n_done: int, n_steps: int, what: str) -> None:
        """One of several fits is over; `what` says which."""

    def part(self, n_done: int, n_parts: int, what: str) -> None:
        """Some of the parts of one fit, or of one pass of it, are done, of about so many; `what` says which."""


@contextmanager
def progress_bar() -> Iterator[Callback]:
    """A callback that moves a bar, in a notebook or a terminal; it is taken away at the end."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), transient=True) as bar:
        yield _Bar(bar)


class _Bar(Callback):
    """Moves a bar of rich's, one for all there is to do."""

    def __init__(self, bar: Progress) -> None:
        self._bar, self._task = bar, bar.add_task("fitting", total=None)

    def _move(self, what: str, done: float, total: float) -> None:
        self._bar.update(self._task, description=what, completed=done, total=total or None)

    def vectors_epoch(self, epoch: int, n_epochs: int, loss: float | None, seconds: float) -> None:
        self._move("word vectors", epoch, n_epochs)

    def epoch(self, record: EpochRecord, max_epochs: int) -> None:
        self._move(f"epoch {record.epoch} of at most {max_epochs}", record.epoch, max_epochs)

    def batch(self, epoch: int, n_done: int, n_batches: int) -> None:
        self._move(f"epoch {epoch}", n_done, n_batches)

    def piece(self, n_done: int, n_pieces: int) -> None:
        self._move("documents to the parts", n_done, n_pieces)

    def step(self, n_done: int, n_steps: int, what: str) -> None:
        self._move(what, n_done, n_steps)

    def part(self, n_done: int, n_parts: int, what: str) -> None:
        self._move(what, n_done, n_parts)
