"""Distinct words as arrays, and a table that finds a word's place. Neither makes a Python string of a word unasked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Words:
    """U words as UTF-8: word u is `data[begins[u]:begins[u + 1]]`.

    `data` is uint8, `begins` int64 (U + 1,), `hashes` uint64 (U,).
    """

    data: npt.NDArray[np.uint8]
    begins: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, words: Sequence[str]) -> Words:
        encoded = [word.encode() for word in words]
        begins = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)), out=begins[1:])
        return cls.from_arrays(np.frombuffer(b"".join(encoded), dtype=np.uint8), begins)

    @classmethod
    def from_arrays(cls, data: npt.NDArray[np.uint8], begins: npt.NDArray[np.int64]) -> Words:
        """From the bytes of all words and where each begins."""
        from bywords.compiled.words import hashes_of

        return cls(data, begins, hashes_of(data, begins))

    def __len__(self) -> int:
        return len(self.hashes)

    def select(self, places: npt.NDArray[np.integer[Any]]) -> Words:
        """Only these words, in this order."""
        lengths = np.diff(self.begins)[places]
        begins = np.zeros(len(places) + 1, dtype=np.int64)
        np.cumsum(lengths, out=begins[1:])
        positions = np.arange(begins[-1]) + np.repeat(self.begins[:-1][places] - begins[:-1], lengths)
        return Words(self.data[positions], begins, self.hashes[places])

    def strings(self, places: npt.NDArray[np.integer[Any]] | None = None) -> list[str]:
        """The words at `places`, or all in their order."""
        whole = self.data.tobytes()
        begins, ends = self.begins[:-1], self.begins[1:]
        if places is not None:
            begins, ends = begins[places], ends[places]
        return [whole[begin:end].decode() for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]


class WordTable:
    """Words that can be found, and added to. A word's place is the number of words that came before it."""

    def __init__(self) -> None:
        self._data = np.empty(1 << 12, dtype=np.uint8)
        self._begins = np.zeros((1 << 9) + 1, dtype=np.int64)
        self._hashes = np.empty(1 << 9, dtype=np.uint64)
        self._slots = np.zeros((1 << 10, 2), dtype=np.uint64)
        self._n_words = 0

    @classmethod
    def of(cls, words: Words) -> WordTable:
        table = cls()
        table.add(words)
        return table

    def add(self, words: Words) -> npt.NDArray[np.int32]:
        """The place of each word, int32 (U,); those that the table does not have yet are put behind the others."""
        from bywords.compiled.words import add

        self._data = _with_room(self._data, int(self._begins[self._n_words]) + len(words.data))
        self._begins = _with_room(self._begins, self._n_words + len(words) + 1)
        self._hashes = _with_room(self._hashes, self._n_words + len(words))
        places, self._slots, self._n_words = add(
            words.data, words.begins, words.hashes,
            self._data, self._begins, self._hashes, self._slots, self._n_words,
        )  # fmt: skip
        return places

    def find(self, words: Words) -> npt.NDArray[np.int32]:
        """The place of each word, int32 (U,); -1 where the table does not have it."""
        from bywords.compiled.words import find

        return find(words.data, words.begins, words.hashes, self._data, self._begins, self._slots)

    def words(self) -> Words:
        """All that were added, once each."""
        n_words = self._n_words
        return Words(self._data[: self._begins[n_words]], self._begins[: n_words + 1], self._hashes[:n_words])


def _with_room(array: npt.NDArray[Any], n_needed: int) -> npt.NDArray[Any]:
    """The same numbers first, and at least `n_needed` places; twice as many as before, where it has to grow."""
    if n_needed <= len(array):
        return array
    larger = np.zeros(max(n_needed, 2 * len(array)), dtype=array.dtype)
    larger[: len(array)] = array
    return larger
