"""Distinct words as arrays, and the tables that find a word's index; no Python string is made of a word unasked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.forks import cached_property
from bywords.kernels.words import add, find, hashes_of, select_words
from bywords.text.ragged import offsets_of

Indices = npt.NDArray[np.int32]
Arrays = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.uint64]]


@dataclass(frozen=True)
class Words:
    """U words as UTF-8: word u is `data[starts[u]:starts[u + 1]]`; `data` is uint8, `starts` int64 (U + 1,)."""

    data: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    known_hashes: npt.NDArray[np.uint64] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, words: Sequence[str]) -> Words:
        encoded = [word.encode() for word in words]
        starts = offsets_of(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)))
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def hashes(self) -> npt.NDArray[np.uint64]:
        """The hash of each word, uint64 (U,)."""
        return hashes_of(self.data, self.starts) if self.known_hashes is None else self.known_hashes

    def arrays(self) -> Arrays:
        """Its data, starts and hashes."""
        return self.data, self.starts, self.hashes

    def select(self, indices: npt.NDArray[np.integer[Any]]) -> Words:
        """Only these words, in this order."""
        hashes = None if self.known_hashes is None else self.known_hashes[indices]
        return Words(*select_words(self.data, self.starts, indices.astype(np.int64, copy=False)), hashes)

    def strings(self, indices: npt.NDArray[np.integer[Any]] | None = None) -> list[str]:
        """The words at `indices`, or all in their order."""
        starts, ends = self.starts[:-1], self.starts[1:]
        if indices is not None:
            starts, ends = starts[indices], ends[indices]
        whole = self.data.tobytes()
        return [whole[start:end].decode() for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


class WordTable:
    """Words that can be found, and added to. A word's index is the number of words that came before it."""

    def __init__(self) -> None:
        self._data = np.empty(1 << 12, dtype=np.uint8)
        self._starts = np.zeros((1 << 9) + 1, dtype=np.int64)
        self._hashes = np.empty(1 << 9, dtype=np.uint64)
        self._slots = np.zeros((1 << 10, 2), dtype=np.uint64)
        self._n_words = 0

    @classmethod
    def of(cls, words: Words) -> WordTable:
        table = cls()
        table.add(words)
        return table

    def add(self, words: Words) -> Indices:
        """The index of each word, int32 (U,); those that the table does not have yet are put behind the others."""
        self._data = _with_room(self._data, int(self._starts[self._n_words]) + len(words.data))
        self._starts = _with_room(self._starts, self._n_words + len(words) + 1)
        self._hashes = _with_room(self._hashes, self._n_words + len(words))
        indices, self._slots, self._n_words = add(
            words.data, words.starts, words.hashes,
            self._data, self._starts, self._hashes, self._slots, self._n_words,
        )  # fmt: skip
        return indices

    def find(self, words: Words) -> Indices:
        """The index of each word, int32 (U,); -1 where the table does not have it."""
        return find(words.data, words.starts, words.hashes, self._data, self._starts, self._slots)

    def arrays(self) -> Arrays:
        """Its data, starts and slots, as `bywords.kernels.words` has them."""
        return self._data, self._starts, self._slots

    def first_again(self, words: Words) -> str | None:
        """Of the words that this table was made of, the first that is there twice; None where there is none."""
        if self._n_words == len(words):
            return None
        index = int((self.find(words) != np.arange(len(words))).argmax())
        return words.strings(np.array([index]))[0]

    def words(self) -> Words:
        """All that were added, once each."""
        n_words = self._n_words
        return Words(self._data[: self._starts[n_words]], self._starts[: n_words + 1], self._hashes[:n_words])


def _with_room(array: npt.NDArray[Any], n_needed: int) -> npt.NDArray[Any]:
    """The same numbers first, and room for at least `n_needed`; twice as much as before, where it has to grow."""
    if n_needed <= len(array):
        return array
    larger = np.zeros(max(n_needed, 2 * len(array)), dtype=array.dtype)
    larger[: len(array)] = array
    return larger
