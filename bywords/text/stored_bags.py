"""Mapped documents → bags in files without names: counted once, weighed once, read some at a time by every pass."""

from __future__ import annotations

import itertools
import math
import mmap
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bywords.kernels.bags import weigh
from bywords.kernels.words import count_codes
from bywords.text.bags import WEIGHTINGS, Bags, Floats, Weighting, inverse_document_frequency
from bywords.text.memory_mapped import CHUNKS_TOGETHER, JoinedDocuments, MappedDocuments, Rows
from bywords.text.ragged import are_neighbours, ragged_positions
from bywords.text.threads import in_threads


@dataclass(frozen=True, eq=False)
class StoredBags:
    """N bags as `Bags` has them, the ids and the weights in files beside the documents. All ids are below `n_rows`."""

    ids: npt.NDArray[np.int32]  # mapped
    offsets: npt.NDArray[np.int64]
    weights: Floats  # mapped
    n_rows: int
    frequency: npt.NDArray[np.int64]  # (V,), how many documents have each id
    cuts: Rows  # the chunks of the documents
    folder: Path

    @classmethod
    def of(cls, documents: MappedDocuments | JoinedDocuments, n_rows: int) -> StoredBags:
        """As those of `Bags`. They take 8 bytes an id while they are there."""
        cuts, frequency = documents.chunks(), np.zeros(n_rows, dtype=np.int64)
        lengths = [np.zeros(1, dtype=np.int64)]

        def counted(span: tuple[int, int]) -> Bags:
            return Bags.of(documents.select(np.arange(*span)), n_rows)

        with (
            tempfile.TemporaryFile(dir=documents.folder) as ids,
            tempfile.TemporaryFile(dir=documents.folder) as counts,
        ):
            for its in in_threads(counted, itertools.pairwise(cuts.tolist())):
                ids.write(its.ids.data)
                counts.write(its.weights.data)
                lengths.append(its.lengths)
                count_codes(its.ids, n_rows, frequency)
            return cls(
                _mapped(ids, np.int32), np.cumsum(np.concatenate(lengths)), _mapped(counts, np.float32, "r+"), n_rows,
                frequency, cuts, documents.folder,
            )  # fmt: skip

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Rows:
        """Distinct ids of each document, int64 (N,), all ≥ 1."""
        return np.diff(self.offsets)

    def document_frequency(self) -> npt.NDArray[np.int64]:
        """How many documents have each id, int64 (V,)."""
        return self.frequency

    def inverse_document_frequency(self) -> Floats:
        """As those of `Bags`."""
        return inverse_document_frequency(self.frequency, len(self))

    def weighed(self, weighting: Weighting, idf: Floats, *, blocks: Sequence[int] = ()) -> StoredBags:
        """As those of `Bags`, but in the file of the counts, which are there no longer: these bags have no weights."""
        weights = self.weights

        def weigh_some(span: tuple[int, int]) -> None:
            offsets = self.offsets[span[0] : span[1] + 1]
            its = slice(int(offsets[0]), int(offsets[-1]))
            weigh(self.ids[its], offsets - offsets[0], idf, blocks, WEIGHTINGS.index(weighting), weights[its])
            self._release()

        deque(in_threads(weigh_some, itertools.pairwise(self.cuts.tolist())), maxlen=0)
        object.__setattr__(self, "weights", np.zeros(0, dtype=np.float32))
        return replace(self, weights=weights)

    def select(self, rows: npt.NDArray[np.integer[Any]]) -> Bags:
        """Only these documents (int, any order, repeats allowed), in this order, in memory."""
        if are_neighbours(rows):
            return self._slice(int(rows[0]), int(rows[-1]) + 1)
        positions, offsets = ragged_positions(self.offsets, rows)
        found = Bags(self.ids[positions], offsets, self.weights[positions], self.n_rows)
        self._release()
        return found

    def blocks(self, rows: Rows, generator: np.random.Generator | None = None) -> Iterator[tuple[Rows, Bags, Rows]]:
        """These documents (ascending), as many at a time as CHUNKS_TOGETHER chunks have, where they lie in the files.

        In their order; or chunks that are drawn from `generator`, so that documents that lie together are apart. Of
        each part: where its documents are among those of `rows`, bags of all, and their rows of the bags. What was read
        is released before the next part, which is announced to the system meanwhile.
        """
        bags = Bags(self.ids, self.offsets, self.weights, self.n_rows)
        spans = list(itertools.pairwise(np.unique(np.searchsorted(rows, self.cuts)).tolist()))
        order = np.arange(len(spans)) if generator is None else generator.permutation(len(spans))
        together = [np.sort(order[start : start + CHUNKS_TOGETHER]) for start in range(0, len(spans), CHUNKS_TOGETHER)]
        for following, numbers in itertools.zip_longest(together[1:], together):
            for number in [] if following is None else following.tolist():
                self._will_read(int(rows[spans[number][0]]), int(rows[spans[number][1] - 1]) + 1)
            places = np.concatenate([np.arange(*spans[number]) for number in numbers.tolist()])
            yield places, bags, rows[places]
            self._release()

    def scratch(self, shape: tuple[int, ...]) -> Floats:
        """Room for numbers of all documents, float32, 0 at first: in a file without a name beside the documents."""
        if not math.prod(shape):
            return np.zeros(shape, dtype=np.float32)
        with tempfile.TemporaryFile(dir=self.folder) as file:
            return np.memmap(file, dtype=np.float32, mode="w+", shape=shape)

    def products(self, rows: Rows | None, matrix: Floats) -> Floats:
        """As those of `Bags`."""
        rows = np.arange(len(self)) if rows is None else rows
        found = np.empty((len(rows), matrix.shape[1]), dtype=np.float32)
        spans = list(itertools.pairwise(np.unique(np.searchsorted(rows, self.cuts)).tolist()))
        products = in_threads(lambda span: self.select(rows[slice(*span)]).times(matrix), spans)
        for span, its in zip(spans, products, strict=True):
            found[slice(*span)] = its
        return found

    def _slice(self, first: int, last: int) -> Bags:
        """The documents from `first` to `last`, in memory."""
        start, end = int(self.offsets[first]), int(self.offsets[last])
        ids, weights = np.array(self.ids[start:end]), np.array(self.weights[start:end])
        self._release()
        return Bags(ids, self.offsets[first : last + 1] - start, weights, self.n_rows)

    def _will_read(self, first: int, last: int) -> None:
        """Announce that the documents from `first` to `last` will be needed, so that they are read in one go."""
        start, end = 4 * int(self.offsets[first]), 4 * int(self.offsets[last])
        start -= start % mmap.PAGESIZE
        for numbers in (self.ids, self.weights):
            mapped = getattr(numbers, "_mmap", None)
            if mapped is not None and hasattr(mmap, "MADV_WILLNEED"):
                mapped.madvise(mmap.MADV_WILLNEED, start, end - start)

    def _release(self) -> None:
        """Release the memory of what was read, where the system allows it; it is read again when it is needed."""
        for numbers in (self.ids, self.weights):
            mapped = getattr(numbers, "_mmap", None)
            if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
                mapped.madvise(mmap.MADV_DONTNEED)


def _mapped(file: Any, dtype: Any, mode: Literal["r", "r+"] = "r") -> npt.NDArray[Any]:
    """The numbers in a file as an array that takes no memory until it is read."""
    file.flush()
    return np.memmap(file, dtype=dtype, mode=mode) if file.tell() else np.zeros(0, dtype=dtype)
