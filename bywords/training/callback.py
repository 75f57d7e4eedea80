"""What is called while a fit goes on: after an epoch, a batch, one of several fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bywords.records.base import EpochRecord


class Callback:
    """Hears how a fit goes on, and does nothing; the command line's shows a line an epoch."""

    def vectors_epoch(self, epoch: int, n_epochs: int, loss: float | None, seconds: float) -> None:
        """An epoch of training word vectors is over; `seconds` since the first began."""

    def epoch(self, record: EpochRecord, max_epochs: int) -> None:
        """An epoch of training a model is over."""

    def batch(self, epoch: int, n_done: int, n_batches: int) -> None:
        """A batch of an epoch is over."""

    def step(self, n_done: int, n_steps: int, what: str) -> None:
        """One of several fits is over; `what` says which."""
