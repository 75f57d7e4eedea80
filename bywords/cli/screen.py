"""What a person sees: progress on standard error if it is a terminal, tables and sentences on standard output."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from bywords.training.callback import Callback

if TYPE_CHECKING:
    from bywords.records.base import EpochRecord


Part = TypeVar("Part")


def print_json(value: Any) -> None:
    """One JSON object and a line end. NaN, which JSON does not have, becomes null."""
    typer.echo(json.dumps(without_nan(value), ensure_ascii=False, allow_nan=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, may_leave_out: Sequence[str] = ()) -> None:
    """A table; all columns but the first are set to the right. In a pipe it is as wide as it needs.

    Where a terminal is too narrow, the columns of `may_leave_out` go, the first named first, until it fits.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    widths = [max(map(len, cells)) + 2 for cells in zip(columns, *rows, strict=True)]
    room = Console().width if sys.stdout.isatty() else sum(widths)
    shown = list(range(len(columns)))
    for name in may_leave_out:
        if sum(widths[index] for index in shown) > room and name in columns:
            shown.remove(columns.index(name))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index in shown:
        table.add_column(columns[index], justify="left" if index == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(row[index]) for index in shown))
    Console(width=max(room, 40), highlight=False).print(table)


def say(text: str = "") -> None:
    """A sentence for the person, on standard output."""
    typer.echo(text)


def one_line(text: str, limit: int) -> str:
    """A text of unknown origin as a terminal can show it: no control signs, on one line, at most so many characters."""
    from bywords.report.formats import shorten

    return shorten(text, limit)


def tell_aside(text: str) -> None:
    """A sentence for the person, on standard error, beside what goes to standard output."""
    typer.echo(text, err=True)


def tell_skipped(n_skipped: int, first: str) -> None:
    """How many rows of a file were left out, on standard error; nothing where none were."""
    if n_skipped:
        rows = "row" if n_skipped == 1 else "rows"
        typer.echo(f"Skipped {n_skipped:,} {rows} that could not be read; the first is {first}", err=True)


def tell_notes(notes: Iterable[str]) -> None:
    """What was guessed about files when they were read, on standard error."""
    for note in dict.fromkeys(notes):
        tell_aside(f"Note: {one_line(note, 400)}.")


def tell_read(*corpora: Any) -> None:
    """What was guessed about files when they were read, and how many rows were left out, on standard error."""
    tell_notes(note for corpus in corpora for note in corpus.notes)
    for corpus in corpora:
        tell_skipped(corpus.n_skipped, corpus.first_skipped)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something is going on, with the time it has taken; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{what} …"):
        yield


def counted(parts: Iterable[tuple[int, Part]], done: str) -> Iterator[Part]:
    """The second of each pair; meanwhile, how many documents the first ones are together, and how many a second."""
    total, started = 0, time.perf_counter()
    is_shown = sys.stderr.isatty()
    for n_documents, part in parts:
        yield part
        total += n_documents
        if is_shown:
            speed = total / (time.perf_counter() - started)
            _show(f"{total:,} documents {done}, {speed:,.0f} a second")
    if is_shown:
        _show("")


class ProgressLines(Callback):
    """A callback of training that writes a line an epoch, and between them how far the epoch is.

    Quiet when standard error is not a terminal. The estimate is an upper bound: training stops early.
    """

    def __init__(self) -> None:
        self.name = ""
        self.is_shown = sys.stderr.isatty()
        self._started = self._epoch_started = time.perf_counter()
        self._last_shown = 0.0
        self._n_read = 0

    def start(self, name: str) -> None:
        """Something new starts: show its name until there is more to show."""
        self.name = f"{name}:"
        self._started = time.perf_counter()
        if self.is_shown:
            _show(f"{name} …")

    def end(self) -> None:
        """Take away what has not become a line."""
        if self.is_shown:
            _show("")

    def vectors_epoch(self, epoch: int, n_epochs: int, loss: float | None, seconds: float) -> None:
        shown = "" if loss is None else f" · loss {loss:.4f}"
        self._line(
            f"vectors: epoch {epoch} of {n_epochs}{shown} · {rough_time(seconds / epoch * (n_epochs - epoch))} left"
        )

    def epoch(self, record: EpochRecord, max_epochs: int) -> None:
        left = record.seconds * (max_epochs - record.epoch)
        judged = "all documents"
        if record.valid_loss is not None and record.valid_accuracy is not None:
            judged = f"validation loss {record.valid_loss:.4f}, accuracy {record.valid_accuracy:.1%}"
        self._line(
            f"epoch {record.epoch} of at most {max_epochs} · train loss {record.train_loss:.4f} · {judged} · "
            f"{record.seconds:.1f} s · {rough_time(left)} left at most"
        )
        self._epoch_started = time.perf_counter()

    def step(self, n_done: int, n_steps: int, what: str) -> None:
        now = time.perf_counter()
        left = ""
        if n_steps:
            left = f" · {rough_time((now - self._started) / n_done * (n_steps - n_done))} left"
        self._line(f"{what}{left}")

    def block(self, what: str, n_documents: int, share: float | None) -> None:
        """A block of a file has been read, `share` of all there is to read; None where that is not known."""
        now = time.perf_counter()
        if n_documents < self._n_read:  # a new reading
            self._started = now
        self._n_read = n_documents
        if not self.is_shown or now - self._last_shown < 0.5:
            return
        self._last_shown = now
        left = f" · {share:.0%}, {rough_time((now - self._started) / share * (1 - share))} left in it" if share else ""
        _show(f"{self.name} {what}: {n_documents:,} documents{left}")

    def batch(self, epoch: int, n_done: int, n_batches: int) -> None:
        now = time.perf_counter()
        if not self.is_shown or now - self._last_shown < 0.5:
            return
        self._last_shown = now
        if n_done == 1:
            self._epoch_started = now
        left = (now - self._epoch_started) / n_done * (n_batches - n_done)
        _show(f"{self.name} epoch {epoch}: {n_done / n_batches:.0%}, {rough_time(left)} left in it")

    def _line(self, text: str) -> None:
        if self.is_shown:
            _show(f"{self.name} {text}\n")


def _show(text: str) -> None:
    """Put a text into the last line of the terminal, instead of what is there."""
    sys.stderr.write(f"\r\x1b[K{text}")
    sys.stderr.flush()


def rough_time(seconds: float) -> str:
    """87 s, 4 min."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def without_nan(value: Any) -> Any:
    """The same JSON value with None for NaN."""
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return value
