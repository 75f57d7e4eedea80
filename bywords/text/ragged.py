"""Lists of word ids → documents of any length as two arrays: all ids, one after the other, and where each starts.

No document is padded, so no padding can be averaged in or remembered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

PADDING = 0  # no document contains it; files and users expect the row
UNKNOWN = 1  # stands for every word that the vocabulary does not have


@dataclass(frozen=True)
class Ragged:
    """Word ids of N documents; every document has at least one.

    `ids` is int32 (T,); document i is `ids[offsets[i]:offsets[i + 1]]`; `offsets` is int64 (N + 1,);
    `in_vocabulary_share` is float32 (N,): the share of the document's tokens that the vocabulary has. Id 1 stands for
    words that it does not have; a document without any other is one of these. No document has id 0, which is padding.
    `Vocabulary.encode` makes one of tokens.

    >>> from bywords import Ragged
    >>> documents = Ragged.of([[2, 3], [], [4, 4, 2]])
    >>> documents.ids.tolist(), documents.offsets.tolist()
    ([2, 3, 1, 4, 4, 2], [0, 2, 3, 6])
    >>> [batch.lengths.tolist() for batch in documents.batches(2)]
    [[2, 1], [3]]
    """

    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    in_vocabulary_share: npt.NDArray[np.float32]

    @classmethod
    def of(cls, documents: Sequence[Sequence[int]]) -> Ragged:
        """From lists of ids, for small cases. An empty document becomes one unknown word."""
        filled = [list(document) or [UNKNOWN] for document in documents]
        offsets = np.cumsum([0, *map(len, filled)], dtype=np.int64)
        ids = np.array([number for document in filled for number in document], dtype=np.int32)
        known = [sum(number != UNKNOWN for number in document) / len(document) for document in filled]
        return cls(ids, offsets, np.array(known, dtype=np.float32))

    @classmethod
    def joined(cls, parts: Sequence[Ragged], *, ids: npt.NDArray[np.int32] | None = None) -> Ragged:
        """The documents of all parts, one part after the other. `ids` are theirs, where these are one array already."""
        lengths = np.concatenate([part.lengths for part in parts])
        shares = np.concatenate([part.in_vocabulary_share for part in parts])
        return cls(np.concatenate([part.ids for part in parts]) if ids is None else ids, offsets_of(lengths), shares)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Ids of each document, int64 (N,), all ≥ 1."""
        return np.diff(self.offsets)

    @property
    def all_out_of_vocabulary(self) -> npt.NDArray[np.bool_]:
        """True where a document is one unknown word: nothing in it has a row, no character n-gram either; bool (N,)."""
        starts = self.offsets[:-1]
        return (self.offsets[1:] - starts == 1) & (self.ids[starts] == UNKNOWN)

    def select(self, rows: npt.NDArray[np.integer[Any]]) -> Ragged:
        """Only these documents (int, any order, repeats allowed), in this order."""
        positions, offsets = ragged_positions(self.offsets, rows)
        return Ragged(self.ids[positions], offsets, self.in_vocabulary_share[rows])

    def batches(self, batch_size: int) -> Iterator[Ragged]:
        """All documents in their order, at most `batch_size` at a time, without copying."""
        for start in range(0, len(self), batch_size):
            stop = min(start + batch_size, len(self))
            first, last = self.offsets[start], self.offsets[stop]
            yield Ragged(
                self.ids[first:last], self.offsets[start : stop + 1] - first, self.in_vocabulary_share[start:stop]
            )


def shuffled_rows(n_documents: int, batch_size: int, generator: np.random.Generator) -> list[npt.NDArray[np.int64]]:
    """The rows of each batch of one epoch: every document once, in an order drawn from `generator`."""
    order = generator.permutation(n_documents)
    return [order[start : start + batch_size] for start in range(0, n_documents, batch_size)]


def like_length_rows(
    lengths: npt.NDArray[np.int64], batch_size: int, generator: np.random.Generator, *, pool_batches: int = 16
) -> list[npt.NDArray[np.int64]]:
    """Batches of documents of similar length: every document once, batches in an order drawn from `generator`.

    Documents are shuffled, then sorted by length within pools of `pool_batches` batches, so batch mates change
    from epoch to epoch while a batch's longest document is little longer than its others.
    """
    order = generator.permutation(len(lengths))
    batches: list[npt.NDArray[np.int64]] = []
    pool_size = batch_size * pool_batches
    for start in range(0, len(order), pool_size):
        pool = order[start : start + pool_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[first : first + batch_size] for first in range(0, len(pool), batch_size)]
    return [batches[index] for index in generator.permutation(len(batches))]


def offsets_of(lengths: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
    """Where each of N parts of these lengths starts, and where the last ends, int64 (N + 1,)."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def are_neighbours(rows: npt.NDArray[np.integer[Any]]) -> bool:
    """Whether there are some, and each is the one before and 1."""
    return len(rows) > 0 and int(rows[-1]) - int(rows[0]) == len(rows) - 1 and bool((np.diff(rows) == 1).all())


def ragged_positions(
    offsets: npt.NDArray[np.int64], rows: npt.NDArray[np.integer[Any]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the elements of `rows` are in a flat column, and the offsets of the selection.

    Returns: positions int64 (T',) and offsets int64 (N' + 1,).
    """
    starts = offsets[:-1][rows]
    lengths = offsets[1:][rows] - starts
    selected = offsets_of(lengths)
    positions = np.arange(selected[-1], dtype=np.int64)
    positions += np.repeat(starts - selected[:-1], lengths)
    return positions, selected
