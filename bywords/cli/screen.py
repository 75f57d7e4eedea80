"""What a person sees: progress on standard error if it is a terminal, tables and sentences on standard output.

Whatever is shown may hold anything: here it is made visible, so that those who call need not think of it.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from bywords.io import stores
from bywords.io.read_options import ReadOptions
from bywords.terminal import shorten, visible, visible_line
from bywords.training.callback import Callback

if TYPE_CHECKING:
    from bywords.data.columns import Columns
    from bywords.data.corpus import Corpus, Split
    from bywords.io.on_disk import PartFacts
    from bywords.records.base import EpochRecord


Part = TypeVar("Part")
MOST_NAMED = 500  # characters of the names of columns


def print_json(value: Any) -> None:
    """One JSON object and a line end. NaN, which JSON does not have, becomes null."""
    _write_line(visible(json.dumps(without_nan(value), ensure_ascii=False, allow_nan=False)))


def print_data(content: Any) -> None:
    """Data in UTF-8 to standard output: byte for byte, but to a terminal as it can be shown."""
    if sys.stdout.isatty():
        sys.stdout.write(visible(content.decode()))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, may_leave_out: Sequence[str] = ()) -> None:
    """A table; all columns but the first are set to the right. In a pipe it is as wide as it needs.

    Where a terminal is too narrow, the columns of `may_leave_out` go, the first named first, until it fits.
    """
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    header, *lines = [[Text(visible_line(cell)) for cell in row] for row in (columns, *rows)]
    widths = [max(cell_len(cell.plain) for cell in cells) + 2 for cells in zip(header, *lines, strict=True)]
    room = Console().width if sys.stdout.isatty() else sum(widths)
    shown = list(range(len(columns)))
    for name in may_leave_out:
        if sum(widths[index] for index in shown) > room and name in columns:
            shown.remove(columns.index(name))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index in shown:
        table.add_column(header[index], justify="left" if index == 0 else "right", no_wrap=True)
    for line in lines:
        table.add_row(*(line[index] for index in shown))
    Console(width=max(room, 40), highlight=False).print(table)
    sys.stdout.flush()


def say(text: str = "") -> None:
    """A sentence for the person, on a line of standard output."""
    _write_line(visible_line(text))


def tell_aside(text: str) -> None:
    """A sentence for the person, on a line of standard error, beside what goes to standard output."""
    if sys.stderr.isatty():
        _show("")  # of progress
    sys.stderr.write(f"{visible_line(text)}\n")
    sys.stderr.flush()


def _write_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def tell_columns(*parts: Corpus | PartFacts) -> None:
    """What was read as what, on one line, first of all; nothing of a file without columns."""
    read = parts[0]
    if read.read_as is not None:
        n_rows = sum(map(len, parts)) if all(part.name == read.name for part in parts) else len(read)
        say(columns_line(read.read_as, read.not_read, f"{n_rows:,} {'row' if n_rows == 1 else 'rows'}"))


def columns_line(columns: Columns, not_read: Sequence[str], n_rows: str = "") -> str:
    """text: subject + body · label: queue · 10,003 rows · not read: id"""
    rest = f"not read: {', '.join(not_read)}" if not_read else ""
    return " · ".join(shorten(part, MOST_NAMED) for part in (columns.described(), n_rows, rest) if part)


def asked_again(read_as: Columns | None, options: ReadOptions) -> list[str]:
    """The options, and their values, by which other commands read the file as these options do."""
    named = list[tuple[str, str]]()
    if read_as is not None and (options.texts or options.labels or options.side):
        named += [("--text", name) for name in read_as.text] + [("--column", column.name) for column in read_as.side]
        named += [("--label", name) for name in read_as.label]
    default = ReadOptions()
    for name in ("label_hierarchy", "label_separator", "label_prefix", "bad_rows", "encoding"):
        if (value := getattr(options, name)) != getattr(default, name):
            named.append((f"--{name.replace('_', '-')}", value))
    named += [("--map-label", name) for name in options.map_label]
    named += [("--exclude-label", label) for label in options.exclude_labels]
    return [word for pair in named for word in pair]


def columns_as_json(columns: Columns | None) -> dict[str, Any] | None:
    """What was read as what, as JSON values; None for files without columns."""
    return None if columns is None else dataclasses.asdict(columns)


def tell_skipped(n_skipped: int, first: str) -> None:
    """How many rows of a file were left out, on standard error; nothing where none were."""
    if n_skipped:
        rows = "row" if n_skipped == 1 else "rows"
        tell_aside(f"Skipped {n_skipped:,} {rows} that could not be read; the first is {first}")


def tell_about(split: Split) -> None:
    """What is odd about the labels that were read, and whether test documents are in training too; a line each."""
    from bywords.data.groups import is_also_in
    from bywords.data.label_names import remarks_on_labels

    for remark in remarks_on_labels(split.whole if split.train.name == split.test.name else split.train):
        say(remark)
    n_there = int(is_also_in(split.test.texts, split.train.texts).sum())
    if n_there:
        say(
            f"{n_there:,} of the {len(split.test):,} test documents {'is' if n_there == 1 else 'are'} also among the "
            "training documents, so that the scores are better than they would be on others. `bywords audit` says more."
        )


def tell_notes(notes: Iterable[str]) -> None:
    """What was guessed about files when they were read, on standard error."""
    for note in dict.fromkeys(notes):
        tell_aside(f"Note: {shorten(note, 400)}.")


def tell_read(*corpora: Any) -> None:
    """What was guessed about files when they were read, and how many rows were left out, on standard error."""
    tell_notes(note for corpus in corpora for note in corpus.notes)
    for corpus in corpora:
        tell_skipped(corpus.n_skipped, corpus.first_skipped)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something is going on; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.text import Text

    turning = Spinner("dots", Text(visible_line(f"{what} …")), style="status.spinner")

    def shown() -> Spinner:
        if (coming := stores.share_arrived()) is not None:
            turning.update(text=Text(visible_line(f"{what}: {coming[1]:.0%} of {coming[0]} fetched …")))
        return turning

    console = Console(stderr=True)
    with Live(get_renderable=shown, console=console, transient=True, redirect_stdout=False, redirect_stderr=False):
        yield


def counted(
    parts: Iterable[tuple[int, Part]], done: str, share_of: Callable[[Part], float | None] = lambda part: None
) -> Iterator[Part]:
    """The second of each pair; meanwhile, how many documents the first ones are together, and how many a second.

    `share_of` says how much of all is done with a part, so that it can be said how long the rest takes.
    """
    total, started = 0, time.perf_counter()
    is_shown = sys.stderr.isatty()
    for n_documents, part in parts:
        yield part
        total += n_documents
        if is_shown:
            took, share = time.perf_counter() - started, share_of(part)
            left = f" · {share:.0%}, {rough_time(took / share * (1 - share))} left" if share else ""
            _show(f"{total:,} documents {done}, {total / took:,.0f} a second{left}")
    if is_shown:
        _show("")


class ProgressLines(Callback):
    """A callback of training that writes a line an epoch, and between them how far the epoch is.

    Quiet when standard error is not a terminal. The estimate is an upper bound: training stops early.
    """

    def __init__(self) -> None:
        self.name = ""
        self.is_shown = sys.stderr.isatty()
        self._started = self._epoch_started = self._part_started = time.perf_counter()
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

    def part(self, n_done: int, n_parts: int, what: str) -> None:
        now = time.perf_counter()
        if n_done == 1:
            self._part_started = now
        if self.is_shown and now - self._last_shown >= 0.5:
            self._last_shown = now
            took = now - self._part_started
            left = f" · {rough_time(took / (n_done - 1) * (n_parts - n_done))} left in it" if n_done > 1 else ""
            _show(f"{self.name} {what}{left}")

    def fold(self, n_done: int, n_folds: int) -> None:
        """One of several models that are fitted to say how good another will be is there."""
        if self.is_shown:
            _show(f"{self.name} {n_done} of {n_folds}")

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
        self._share(f"epoch {epoch}", n_done, n_batches)

    def piece(self, n_done: int, n_pieces: int) -> None:
        self._share("documents to the parts", n_done, n_pieces)
        if n_done == n_pieces:
            self._epoch_started = time.perf_counter()

    def _share(self, what: str, n_done: int, n_all: int) -> None:
        now = time.perf_counter()
        if not self.is_shown or now - self._last_shown < 0.5:
            return
        self._last_shown = now
        if n_done == 1:
            self._epoch_started = now
        left = (now - self._epoch_started) / n_done * (n_all - n_done)
        _show(f"{self.name} {what}: {n_done / n_all:.0%}, {rough_time(left)} left in it")

    def _line(self, text: str) -> None:
        if self.is_shown:
            _show(f"{self.name} {text}", end="\n")


def _show(text: str, *, end: str = "") -> None:
    """Put a text into the last line of the terminal, instead of what is there."""
    as_it_is: Any = getattr(sys.stderr, "rich_proxied_file", sys.stderr)  # see `streams.standard_streams`
    as_it_is.write(f"\r\x1b[K{visible_line(text)}{end}")
    as_it_is.flush()


def rough_size(n_bytes: int) -> str:
    """870 kB, 1.6 MB."""
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes >= 999_500 else f"{n_bytes / 1e3:,.0f} kB"


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
