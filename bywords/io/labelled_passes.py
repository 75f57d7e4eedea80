"""A file of labelled documents → what some work makes of each block of it, in one pass after the other.

Work is a function at the top of a module. Without workers, blocks are read and worked at here. With them, all that can
be are read where they are worked at: in the first pass a worker guesses where its block begins, and it counts if it
begins where the one before it ends; after it all that is known, and each pass takes the same blocks again. The others
are read here, as without workers: the first, what is not clean, and whatever only one reader from the beginning can
read. So the blocks are the same whoever reads them, and however many do.
"""

from __future__ import annotations

import dataclasses
import platform
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bywords.data.corpus import Corpus
from bywords.errors import BywordsError, DataError
from bywords.io.corpus_record import OnBlock
from bywords.io.pieces import Piece, UnseenError, Window
from bywords.io.read_options import ReadOptions
from bywords.io.readers import LabelledBlock, LabelledReader, read_labelled_blocks, skipped_rows
from bywords.io.split import Split
from bywords.io.streams import Position, Skipped

if TYPE_CHECKING:
    from bywords.cluster import Executor

Work = Callable[[Any, Corpus, Any], Any]  # of what all blocks share, a block, and what belongs to it
Of = Callable[[int, int], Any]  # documents from one on up to another -> what belongs to them


@dataclass(frozen=True)
class _Block:
    """A block that was read once."""

    n_documents: int
    window: Window | None  # of just its bytes, where workers can read it
    at: Position | None = None  # where the file is told to go on for it, if not behind the one before


@dataclass(frozen=True, eq=False)
class _Task:
    """What is worked at in one go."""

    given: Corpus | Window
    more: Any
    share: float | None  # of the file that is read with it
    at: Position | None = None
    n_documents: int | None = None  # that a window has, where that is known


@dataclass(frozen=True, eq=False)
class _Done:
    """What has come of a task."""

    n_documents: int
    result: Any  # None without documents
    piece: Piece | None  # of a window, without texts


class LabelledFile:
    """Passes over one file. `start` comes first, then `first`, to its end; then `again`, as often as it is needed."""

    def __init__(
        self, path: str, options: ReadOptions, on_block: OnBlock, workers: Executor | None, tell: Callable[[str], None]
    ) -> None:
        """`on_block` gets what is done, how many documents are, and what share of all; `tell` a sentence where a worker
        does not see the file.
        """
        self.path, self.n_documents = path, 0
        self.reader: LabelledReader | None = None  # what workers read it with, where they can
        self._options, self._on_block, self._workers, self._tell = options, on_block, workers, tell
        self._read: list[_Block] = []
        self._end: Position | None = None  # where the file has to be told to go on to be at its end
        self._is_told = False

    def start(self, skipped: Skipped | None) -> Corpus | None:
        """Read the first block; None where there is none. Bad rows are counted in `skipped` by the first pass too."""
        self._blocks = self._read_blocks(skipped)
        self._started = next(self._blocks, None)
        if self._started is None:
            return None
        self.reader = None if self._started.rest is None else self._started.rest.reader
        return self._started.corpus

    def first(self, what: str, work: Work, shared: Any) -> Iterator[Any]:
        """The results of `work(shared, corpus, None)` for all blocks that have documents.

        Raises: as `read_labelled_blocks`, and what `work` raises.
        """
        split = Split(self._tell)

        def tasks() -> Iterator[_Task | None]:
            block, at = self._started, None
            while block is not None:
                share, rest = block.share_read, block.rest
                yield _Task(block.corpus, None, share, at)
                at = None
                if rest is not None:
                    for window in split.windows(rest):
                        yield None if window is None else _Task(window, None, rest.share_with(window, share))
                    at = split.at
                block = next(self._blocks, None)
            self._end = at

        for task, done in self._worked(work, shared, tasks()):
            if isinstance(task.given, Corpus):
                self._read.append(_Block(done.n_documents, None, task.at))
            elif isinstance(done, str):
                split.refuse(task.given, done)
                continue
            elif not split.takes(task.given, None if done is None else done.piece):
                continue
            elif done.n_documents:
                begins_at, ends_at = done.piece.begins_at, done.piece.ends_at
                window = Window(begins_at, ends_at, task.given.is_end, begins_at)
                self._read.append(_Block(done.n_documents, window))
            self.n_documents += done.n_documents
            if done.n_documents:
                yield done.result
                self._on_block(what, self.n_documents, task.share)

    def again(self, what: str, work: Work, shared: Any, of: Of) -> Iterator[Any]:
        """The results of `work(shared, corpus, of(start, stop))` for the same blocks.

        Raises: as `first`; DataError where these are others now.
        """
        n_done = 0
        for task, found in self._worked(work, shared, self._tasks_again(of)):
            done = found
            if isinstance(done, str):
                if not self._is_told:
                    self._tell(f"A worker on {done} cannot read {self.path}: it is read here instead.")
                    self._is_told = True
                done = _worked((work, shared, self.reader), task)
            if done is None or isinstance(done, str):
                raise self.has_changed()
            n_done += done.n_documents
            yield done.result
            self._on_block(what, n_done, n_done / self.n_documents)

    def has_changed(self) -> DataError:
        """The error where what is read is not what was read before."""
        return DataError(f"{self.path} has changed while it was read. Wait until it is whole, and start again.")

    def _tasks_again(self, of: Of) -> Iterator[_Task]:
        blocks, file, n_before = self._read_blocks(skipped_rows(self._options.bad_rows)), None, 0
        for its in self._read:
            more = of(n_before, n_before + its.n_documents) if its.n_documents else None
            n_before += its.n_documents
            if its.window is not None:
                yield _Task(its.window, more, None, n_documents=its.n_documents)
                continue
            if its.at is not None and file is not None:
                file.go_on(its.at)
            block = next(blocks, None)
            if block is None or len(block.corpus) != its.n_documents or (its.at is not None and file is None):
                raise self.has_changed()
            if file is None and block.rest is not None:
                file = block.rest.file
            if its.n_documents:
                yield _Task(block.corpus, more, None)
        if self._end is not None and file is not None:
            file.go_on(self._end)
        if any(len(block.corpus) for block in blocks):
            raise self.has_changed()

    def _read_blocks(self, skipped: Skipped | None) -> Iterator[LabelledBlock]:
        may_split = self._workers is not None
        return read_labelled_blocks(Path(self.path), self._options, skipped=skipped, may_split=may_split)

    def _worked(self, work: Work, shared: Any, tasks: Iterator[_Task | None]) -> Iterator[tuple[_Task, Any]]:
        """Each task with what `_worked` gives for it, by the workers where there are some."""
        all_share = work, shared, self.reader
        if self._workers is None:
            for task in tasks:
                if task is not None:
                    yield task, _worked(all_share, task)
            return
        waiting: deque[_Task | None] = deque()

        def sent() -> Iterator[_Task | None]:
            for task in tasks:
                waiting.append(task)
                yield task

        for done in self._workers.map(_worked, all_share, sent()):
            task = waiting.popleft()
            if task is not None:
                yield task, done


def _worked(shared: tuple[Work, Any, LabelledReader | None], task: _Task | None) -> _Done | str | None:
    """What has come of a task; None where its window has to be read elsewhere, or has other documents than it should.

    The name of this machine where there is no such file here.
    """
    work, its_shared, reader = shared
    if task is None:
        return None
    piece: Piece | None = None
    corpus: Corpus | None = None
    if isinstance(task.given, Corpus):
        corpus = task.given
    else:
        try:
            read = None if reader is None else reader.read(task.given)
        except UnseenError:
            return platform.node() or "another machine"
        if read is None:
            return None
        piece, corpus = read
        is_known, found = task.n_documents is not None, (0 if corpus is None else len(corpus), piece.ends_at)
        if is_known and found != (task.n_documents, task.given.stop):
            return None
        piece = dataclasses.replace(piece, texts=None, table=None)
    if corpus is None or not len(corpus):
        return _Done(0, None, piece)
    try:
        return _Done(len(corpus), work(its_shared, corpus, task.more), piece)
    except BywordsError:
        if piece is not None and task.n_documents is None:  # perhaps of texts that are none: a guess was wrong
            return None
        raise
