"""A file of labelled documents → what some work makes of each block of it, in one pass after the other.

Work is a function at the top of a module, of texts that are cut. Without workers, blocks are read, cut and worked at
here. With them, all that can be are read where they are worked at: in the first pass a worker guesses where its block
begins, and it counts if it begins where the one before it ends; after it all that is known, and each pass takes the
same blocks again. The others are read here, as without workers: the first, what is not clean, and whatever only one
reader from the beginning can read. So the blocks are the same whoever reads them, and however many do.

The first pass keeps what it has cut in a folder (`bywords.io.cut_texts`), and later ones take it from there. A worker
on another machine does not see that folder, and reads its blocks again.
"""

from __future__ import annotations

import contextlib
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
from bywords.io.cut_texts import CutTexts, kept
from bywords.io.pieces import Piece, UnseenError, Window
from bywords.io.read_options import ReadOptions
from bywords.io.readers import LabelledBlock, LabelledReader, read_labelled_blocks, skipped_rows
from bywords.io.split import Split
from bywords.io.streams import Position, Skipped
from bywords.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from bywords.cluster import Executor

Work = Callable[[Any, CutTexts, Any], Any]  # of what all blocks share, a block, and what belongs to it
Of = Callable[[int, int], Any]  # documents from one on up to another -> what belongs to them


@dataclass(frozen=True)
class _Block:
    """A block that was read once."""

    n_documents: int
    name: str  # under which it is kept
    window: Window | None  # of just its bytes, where workers can read it
    at: Position | None = None  # where the file is told to go on for it, if not behind the one before


@dataclass(frozen=True, eq=False)
class _Task:
    """What is worked at in one go."""

    given: Corpus | CutTexts | Window
    name: str  # under which it is kept; that of a window is its place, once that is known
    more: Any
    share: float | None  # of the file that is read with it
    at: Position | None = None
    n_documents: int | None = None  # that a window has, where that is known


@dataclass(frozen=True, eq=False)
class _Shared:
    """What all tasks of a pass share."""

    work: Work
    its: Any
    reader: LabelledReader | None
    tokenizer: Tokenizer
    folder: Path  # where blocks are kept, if it is there
    is_first: bool


@dataclass(frozen=True, eq=False)
class _Done:
    """What has come of a task."""

    n_documents: int
    result: Any  # None without documents
    piece: Piece | None  # of a window, without texts


class LabelledFile:
    """Passes over one file. `start` comes first, then `first`, to its end; then `again`, as often as it is needed."""

    def __init__(
        self,
        path: str,
        options: ReadOptions,
        tokenizer: Tokenizer,
        folder: Path,
        on_block: OnBlock,
        workers: Executor | None,
        tell: Callable[[str], None],
    ) -> None:
        """Blocks that are cut are kept in `folder`, which is new: another machine that has it, too, has the same.

        `on_block` gets what is done, how many documents are, and what share of all; `tell` a sentence where a worker
        does not see the file.
        """
        self.path, self.n_documents = path, 0
        self.reader: LabelledReader | None = None  # what workers read it with, where they can
        self._options, self._tokenizer, self._folder = options, tokenizer, folder
        self._on_block, self._workers, self._tell = on_block, workers, tell
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
        """The results of `work(shared, texts, None)` for all blocks that have documents.

        Raises: as `read_labelled_blocks`, and what `work` and the tokenizer raise.
        """
        split = Split(self._tell)

        def tasks() -> Iterator[_Task | None]:
            block, at, n_here = self._started, None, 0
            while block is not None:
                share, rest = block.share_read, block.rest
                yield _Task(block.corpus, f"here-{n_here}", None, share, at)
                at, n_here = None, n_here + 1
                if rest is not None:
                    for window in split.windows(rest):
                        yield None if window is None else _Task(window, "", None, rest.share_with(window, share))
                    at = split.at
                block = next(self._blocks, None)
            self._end = at

        for task, done in self._worked(work, shared, tasks()):
            if not isinstance(task.given, Window):
                self._read.append(_Block(done.n_documents, task.name, None, task.at))
            elif isinstance(done, str):
                split.refuse(task.given, done)
                continue
            elif not split.takes(task.given, None if done is None else done.piece):
                continue
            elif done.n_documents:
                begins_at, ends_at = done.piece.begins_at, done.piece.ends_at
                window = Window(begins_at, ends_at, task.given.is_end, begins_at)
                self._read.append(_Block(done.n_documents, _place(done.piece), window))
            self.n_documents += done.n_documents
            if done.n_documents:
                yield done.result
                self._on_block(what, self.n_documents, task.share)

    def again(self, what: str, work: Work, shared: Any, of: Of, *, is_last: bool = False) -> Iterator[Any]:
        """The results of `work(shared, texts, of(start, stop))` for the same blocks; what is kept goes with the last.

        Raises: as `first`; DataError where these are others now.
        """
        n_done = 0
        for task, found in self._worked(work, shared, self._tasks_again(of)):
            done = found
            if isinstance(done, str):
                if not self._is_told:
                    self._tell(f"A worker on {done} cannot read {self.path}: it is read here instead.")
                    self._is_told = True
                done = _worked(self._shared(work, shared), task)
            if done is None or isinstance(done, str):
                raise self.has_changed()
            n_done += done.n_documents
            yield done.result
            if is_last:
                (self._folder / task.name).unlink(missing_ok=True)
            self._on_block(what, n_done, n_done / self.n_documents)

    def has_changed(self) -> DataError:
        """The error where what is read is not what was read before."""
        return DataError(f"{self.path} has changed while it was read. Wait until it is whole, and start again.")

    def _tasks_again(self, of: Of) -> Iterator[_Task]:
        here = [its.name for its in self._read if its.window is None and its.n_documents]
        read_again = not all((self._folder / name).exists() for name in here)
        blocks, file, n_before = self._read_blocks(skipped_rows(self._options.bad_rows)), None, 0
        for its in self._read:
            more = of(n_before, n_before + its.n_documents) if its.n_documents else None
            n_before += its.n_documents
            if its.window is not None:
                yield _Task(its.window, its.name, more, None, n_documents=its.n_documents)
                continue
            if not read_again:
                if its.n_documents:
                    yield _Task(kept(self._folder / its.name), its.name, more, None)
                continue
            if its.at is not None and file is not None:
                file.go_on(its.at)
            block = next(blocks, None)
            if block is None or len(block.corpus) != its.n_documents or (its.at is not None and file is None):
                raise self.has_changed()
            if file is None and block.rest is not None:
                file = block.rest.file
            if its.n_documents:
                yield _Task(block.corpus, its.name, more, None)
        if not read_again:
            return
        if self._end is not None and file is not None:
            file.go_on(self._end)
        if any(len(block.corpus) for block in blocks):
            raise self.has_changed()

    def _read_blocks(self, skipped: Skipped | None) -> Iterator[LabelledBlock]:
        may_split = self._workers is not None
        return read_labelled_blocks(Path(self.path), self._options, skipped=skipped, may_split=may_split)

    def _shared(self, work: Work, its: Any) -> _Shared:
        is_first = not self.n_documents
        return _Shared(work, its, self.reader, self._tokenizer, self._folder, is_first)

    def _worked(self, work: Work, shared: Any, tasks: Iterator[_Task | None]) -> Iterator[tuple[_Task, Any]]:
        """Each task with what `_worked` gives for it, by the workers where there are some."""
        all_share = self._shared(work, shared)
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


def _worked(shared: _Shared, task: _Task | None) -> _Done | str | None:
    """What has come of a task; None where its window has to be read elsewhere, or has other documents than it should.

    The name of this machine where there is no such file here.
    """
    if task is None:
        return None
    texts = task.given if isinstance(task.given, CutTexts) else None
    if texts is None and not shared.is_first:
        with contextlib.suppress(OSError):
            texts = kept(shared.folder / task.name)
    if texts is not None:
        return _Done(len(texts), shared.work(shared.its, texts, task.more), None)
    piece: Piece | None = None
    corpus: Corpus | None = None
    if isinstance(task.given, Corpus):
        corpus = task.given
    elif isinstance(task.given, Window):
        try:
            read = None if shared.reader is None else shared.reader.read(task.given)
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
        texts = CutTexts.of(shared.tokenizer, corpus)
        done = _Done(len(texts), shared.work(shared.its, texts, task.more), piece)
    except BywordsError:
        if piece is not None and task.n_documents is None:  # perhaps of texts that are none: a guess was wrong
            return None
        raise
    if shared.is_first:
        texts.keep(shared.folder / (task.name if piece is None else _place(piece)))
    return done


def _place(piece: Piece) -> str:
    """The name under which a piece is kept: the same bytes of a file have the same."""
    return f"{piece.begins_at}-{piece.ends_at}"
