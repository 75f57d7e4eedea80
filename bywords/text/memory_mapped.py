"""Documents of ids ⇄ files of plain numbers, mapped into memory: read when they are needed, some at a time.

    NAME.ids.i32           the ids of all documents, one after the other
    NAME.offsets.i64       where each document starts, and where the last ends
    NAME.in_vocabulary_share.f32   each document's in-vocabulary share

What was read is released again, so that memory holds a part of the files, whatever their size.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import itertools
import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from bywords.files import replacing
from bywords.text.bags import Bags, Floats, inverse_document_frequency
from bywords.text.ragged import UNKNOWN, Ragged, are_neighbours, offsets_of, ragged_positions
from bywords.text.threads import in_threads

Rows = npt.NDArray[np.int64]
CHUNK_IDS = 1 << 19  # 2 MB: ids of neighbouring documents that are read one after the other
CHUNKS_TOGETHER = 16  # among which documents are shuffled
MOST_HELD_IDS = CHUNK_IDS * CHUNKS_TOGETHER  # that are read before their memory is released
ENDINGS = (".ids.i32", ".offsets.i64", ".in_vocabulary_share.f32")


class MappedDocuments:
    """N documents as `Ragged` has them, in the files that a `DocumentWriter` wrote."""

    def __init__(self, stem: Path) -> None:
        """`stem` is the path of the files without their endings."""
        self._ids, self._offsets, self._in_vocabulary_share = (
            MappedNumbers(Path(f"{stem}{ending}"), dtype)
            for ending, dtype in zip(ENDINGS, (np.int32, np.int64, np.float32), strict=True)
        )
        self._n_held = 0
        self.folder = stem.parent
        self._new_ids: npt.NDArray[np.int32] | None = None
        self._keeps_unknown = False

    def renumbered(self, new_ids: npt.NDArray[np.int32], *, keep_unknown: bool) -> MappedDocuments:
        """The same documents as another vocabulary would have them: `new_ids[i]` for the id i, of words alone, and 1
        for one that it does not have. `lengths` stay those of the files.
        """
        other = copy.copy(self)
        other._new_ids, other._keeps_unknown = new_ids, keep_unknown
        return other

    def __len__(self) -> int:
        return len(self._offsets.array) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Ids of each document in the files, int64 (N,), all ≥ 1."""
        return np.diff(self._offsets.array)

    def select(self, rows: npt.NDArray[np.integer[Any]]) -> Ragged:
        """Only these documents (int, any order, repeats allowed), in this order, in memory."""
        positions: Rows | slice
        if are_neighbours(rows):
            offsets = self._offsets.array[int(rows[0]) : int(rows[-1]) + 2]
            positions, offsets = slice(int(offsets[0]), int(offsets[-1])), offsets - offsets[0]
        else:
            positions, offsets = ragged_positions(self._offsets.array, rows)
        n_ids = int(offsets[-1])
        if self._n_held + n_ids > MOST_HELD_IDS:
            self.release()
        self._n_held += n_ids
        found = Ragged(np.array(self._ids.array[positions]), offsets, self._in_vocabulary_share.array[rows])
        return found if self._new_ids is None else _renumbered(found, self._new_ids, self._keeps_unknown)

    def batches(self, batch_size: int) -> Iterator[Ragged]:
        """All documents in their order, at most `batch_size` and about CHUNK_IDS ids at a time."""
        for first, last in itertools.pairwise(self.chunks().tolist()):
            for start in range(first, last, batch_size):
                yield self.select(np.arange(start, min(start + batch_size, last)))
        self._ids.release()

    def chunks(self) -> Rows:
        """Where to cut so that the parts have about CHUNK_IDS ids each, int64 (C + 1,)."""
        return _chunks(self._offsets.array)

    def release(self) -> None:
        """Release the memory of what was read, where the system allows it; it is read again when it is needed."""
        self._ids.release()
        self._n_held = 0

    def will_read(self, first: int, last: int) -> None:
        """Announce that the documents from `first` to `last` will be needed, so that they are read in one go."""
        offsets = self._offsets.array
        self._ids.will_read(int(offsets[first]), int(offsets[last]))


def _chunks(offsets: Rows) -> Rows:
    cuts = np.searchsorted(offsets, np.arange(0, offsets[-1], CHUNK_IDS))
    return np.unique(np.append(cuts, len(offsets) - 1))


def _renumbered(documents: Ragged, new_ids: npt.NDArray[np.int32], keep_unknown: bool) -> Ragged:
    """What `Vocabulary.encode` gives of the texts of these documents, which are ids of words, for fewer words.

    The share of a document says how many tokens it has, as far as its words are fewer than 8 million.
    """
    starts, lengths = documents.offsets[:-1], documents.lengths
    ids = new_ids[documents.ids]
    is_known = ids > UNKNOWN
    n_before, n_known = (np.add.reduceat(its, starts, dtype=np.int64) for its in (documents.ids > UNKNOWN, is_known))
    share = documents.in_vocabulary_share.astype(np.float64)
    n_tokens = np.rint(np.divide(n_before, share, out=np.ones_like(share), where=share > 0))
    is_kept = np.repeat(n_known > 0, lengths) if keep_unknown else is_known
    is_kept[starts[n_known == 0]] = True
    n_kept = np.add.reduceat(is_kept, starts, dtype=np.int64)
    return Ragged(ids[is_kept], offsets_of(n_kept), (n_known / n_tokens).astype(np.float32))


@dataclass(frozen=True)
class EpochRows:
    """The rows of each batch of one epoch: every document once, in an order drawn from `generator`.

    Chunks of neighbouring documents come in a random order, CHUNKS_TOGETHER at a time, and the documents of these are
    shuffled: the disk is read in long stretches, and batch mates change from epoch to epoch.
    """

    documents: MappedDocuments
    batch_size: int
    generator: np.random.Generator

    def __len__(self) -> int:
        return -(-len(self.documents) // self.batch_size)

    def __iter__(self) -> Iterator[Rows]:
        bounds = self.documents.chunks()
        order = self.generator.permutation(len(bounds) - 1)
        waiting = np.zeros(0, dtype=np.int64)
        for start in range(0, len(order), CHUNKS_TOGETHER):
            together = [(bounds[chunk], bounds[chunk + 1]) for chunk in order[start : start + CHUNKS_TOGETHER]]
            for first, last in together:
                self.documents.will_read(first, last)
            rows = np.concatenate([np.arange(first, last) for first, last in together])
            waiting = np.concatenate([waiting, self.generator.permutation(rows)])
            n_whole = len(waiting) // self.batch_size
            for number in range(n_whole):
                yield waiting[number * self.batch_size : (number + 1) * self.batch_size]
            waiting = waiting[n_whole * self.batch_size :]
        if len(waiting):
            yield waiting


class JoinedDocuments:
    """Mapped documents, then others, as if they were in one file; they are selected in ascending order."""

    def __init__(self, first: MappedDocuments, second: MappedDocuments, rows: Rows | None = None) -> None:
        """With `rows`, int64 ascending, only these of them."""
        self._first, self._second, self._rows = first, second, rows
        self.folder = first.folder

    def __len__(self) -> int:
        return len(self._first) + len(self._second) if self._rows is None else len(self._rows)

    @property
    def lengths(self) -> Rows:
        """Ids of each document, int64 (N,), all ≥ 1."""
        lengths = np.concatenate([self._first.lengths, self._second.lengths])
        return lengths if self._rows is None else lengths[self._rows]

    def select(self, rows: npt.NDArray[np.integer[Any]]) -> Ragged:
        """Only these documents (ascending), in memory."""
        rows = rows if self._rows is None else self._rows[rows]
        cut = np.searchsorted(rows, len(self._first))
        parts = [self._first.select(rows[:cut]), self._second.select(rows[cut:] - len(self._first))]
        if self._rows is not None:  # they lie apart, and what lies around them is read with them
            self._first.release()
        parts = [part for part in parts if len(part)] or parts[:1]
        return parts[0] if len(parts) == 1 else Ragged.joined(parts)

    def chosen(self, rows: Rows) -> JoinedDocuments:
        """Only these documents (int64, ascending), which stay in their files."""
        return JoinedDocuments(self._first, self._second, rows if self._rows is None else self._rows[rows])

    def chunks(self) -> Rows:
        """As those of either."""
        if self._rows is not None:
            return _chunks(offsets_of(self.lengths))
        return np.concatenate([self._first.chunks(), self._second.chunks()[1:] + len(self._first)])


@dataclass(frozen=True)
class MappedBags:
    """Mapped documents as bags: some are counted and weighed when they are asked for. All ids are below `n_rows`."""

    documents: MappedDocuments | JoinedDocuments
    weigh: Callable[[Ragged], Bags]
    n_rows: int

    @classmethod
    def of(cls, documents: MappedDocuments | JoinedDocuments, n_rows: int) -> MappedBags:
        """As those of `Bags`."""
        return cls(documents, lambda some: Bags.of(some, n_rows), n_rows)

    def __len__(self) -> int:
        return len(self.documents)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Ids of each document, int64 (N,); repeated ones count repeatedly."""
        return self.documents.lengths

    def select(self, rows: npt.NDArray[np.integer[Any]]) -> Bags:
        """Only these documents (int, any order, repeats allowed), in this order."""
        return self.weigh(self.documents.select(rows))

    def document_frequency(self) -> npt.NDArray[np.int64]:
        """How many documents have each id, int64 (V,)."""
        frequency = np.zeros(self.n_rows, dtype=np.int64)
        spans = [np.arange(*span) for span in itertools.pairwise(self.documents.chunks().tolist())]
        for its in in_threads(self.select, spans):
            frequency += its.document_frequency()
        return frequency

    def inverse_document_frequency(self) -> Floats:
        """As those of `Bags`."""
        return inverse_document_frequency(self.document_frequency(), len(self))


class MappedNumbers:
    """The numbers in a file as an array (T,) of `dtype` that takes no memory until it is read."""

    def __init__(self, path: Path, dtype: Any, *, may_change: bool = False) -> None:
        """The array is read-only; with `may_change` it can be written to, and the file stays as it is."""
        if not path.stat().st_size:  # an empty file cannot be mapped
            self._map, self.array = None, np.zeros(0, dtype=dtype)
            return
        with path.open("rb") as file:
            access = mmap.ACCESS_COPY if may_change else mmap.ACCESS_READ
            self._map = mmap.mmap(file.fileno(), 0, access=access)
        self.array = np.frombuffer(self._map, dtype=dtype)

    def release(self) -> None:
        """Release the memory of what was read, where the system allows it; it is read again when it is needed.

        Not for an array that may change.
        """
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def will_read(self, first: int, last: int) -> None:
        """Announce that the numbers from `first` to `last` will be needed."""
        if self._map is not None and hasattr(mmap, "MADV_WILLNEED") and last > first:
            size = self.array.itemsize
            start = first * size // mmap.PAGESIZE * mmap.PAGESIZE
            self._map.madvise(mmap.MADV_WILLNEED, start, last * size - start)


@dataclass(frozen=True)
class FileSum:
    """By what a file is known again."""

    n_bytes: int
    sha256: str


class NumberWriter:
    """Writes arrays of any shape one after the other into an open file, and sums up what it wrote."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._hashed, self._n_bytes = file, hashlib.sha256(), 0

    def __call__(self, numbers: npt.NDArray[Any]) -> None:
        content = np.ascontiguousarray(numbers).data
        self._file.write(content)
        self._hashed.update(content)
        self._n_bytes += content.nbytes

    @property
    def sum(self) -> FileSum:
        """That of all that was written so far."""
        return FileSum(self._n_bytes, self._hashed.hexdigest())


class DocumentWriter(contextlib.ExitStack):
    """Writes documents of ids, some at a time, into the files that `MappedDocuments` reads.

    Used in a `with` block: at its end the files get their names, unless there was an error. `writers` are those of the
    files by their names.
    """

    def __init__(self, stem: Path) -> None:
        super().__init__()
        self.writers: dict[str, NumberWriter] = {}
        for ending in ENDINGS:
            self.writers[f"{stem.name}{ending}"] = self.enter_context(number_writer(Path(f"{stem}{ending}")))
        self._write_ids, self._write_offsets, self._write_shares = self.writers.values()
        self._n_ids = 0
        self._write_offsets(np.zeros(1, dtype=np.int64))

    def write(self, documents: Ragged) -> None:
        """Append these documents."""
        self._write_ids(documents.ids)
        self._write_offsets(documents.offsets[1:] + self._n_ids)
        self._write_shares(documents.in_vocabulary_share)
        self._n_ids += len(documents.ids)


@contextlib.contextmanager
def number_writer(path: Path) -> Iterator[NumberWriter]:
    """Writes arrays into a file, which gets its name once all are written."""
    with replacing(path) as beside, beside.open("wb") as file:
        yield NumberWriter(file)
