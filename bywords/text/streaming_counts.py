"""Words and n-grams of more documents than memory holds → their counts; rare ones are forgotten in between."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.kernels.ids import add_counts
from bywords.text.tokenizer import Tokens
from bywords.text.word_table import Words, WordTable

MOST_WORDS = 2_000_000  # distinct ones that are counted at a time: about 150 MB
MOST_NGRAMS = 4_000_000  # 64 MB, three times that while they are merged
Counts = npt.NDArray[np.int64]


class WordCounter:
    """How often each word occurs; exact as long as there are no more than `most` distinct ones.

    When there are more, the rarest are forgotten, so many that at least half of `most` are free again. A word that
    comes back starts from 0, so that its count may be too low: by `n_forgotten` at most, the sum of the highest counts
    that were forgotten each time. A word that is frequent throughout loses nothing. Which of the rare words are left
    depends on the order of the documents. Source: Manku and Motwani (2002), "Approximate Frequency Counts over Data
    Streams", whose bound this is, with a limit on the table instead of one on the error.
    """

    def __init__(self, *, most: int = MOST_WORDS) -> None:
        self.most = most
        self.n_tokens = 0
        self.n_forgotten = self.n_pruned = 0  # occurrences at most of a word; how often a word was forgotten
        self._table = WordTable()
        self._counts = np.zeros(0, dtype=np.int64)

    def add(self, words: Words, counts: Counts) -> None:
        """Count distinct words with their counts, int64 (U,), as those of `words_in` some documents."""
        self.n_tokens += int(counts.sum())
        indices = self._table.add(words)
        n_new = len(self._table.words()) - len(self._counts)
        if n_new:
            self._counts = np.concatenate([self._counts, np.zeros(n_new, dtype=np.int64)])
        self._counts[indices] += counts  # each word is there once
        if len(self._counts) > self.most:
            least = _least_to_keep(self._counts, self.most // 2)
            kept = np.flatnonzero(self._counts >= least)
            self.n_forgotten += least - 1
            self.n_pruned += len(self._counts) - len(kept)
            self._table, self._counts = WordTable.of(self._table.words().select(kept)), self._counts[kept]

    def counted(self) -> tuple[Words, Counts]:
        """The words that are left, and their counts, int64 (U,)."""
        return self._table.words(), self._counts


def words_in(tokens: Tokens) -> tuple[Words, Counts]:
    """The distinct words of these documents, and their counts, int64 (U,)."""
    counts = tokens.counts()
    present = np.flatnonzero(counts)
    return tokens.words.select(present), counts[present]


class NgramCounter:
    """How often each pair of ids occurs, counted as `WordCounter` counts words."""

    def __init__(self, *, most: int = MOST_NGRAMS) -> None:
        self.most = most
        self.n_forgotten = self.n_pruned = 0
        self._keys = np.zeros(0, dtype=np.uint64)  # ascending
        self._counts = np.zeros(0, dtype=np.int64)
        self._waiting: list[tuple[npt.NDArray[np.uint64], Counts]] = []

    def add(self, keys: npt.NDArray[np.uint64], counts: Counts) -> None:
        """Count pairs of ids, left << 32 | right, uint64 (P,) ascending, with their counts, int64 (P,)."""
        if not len(keys):
            return
        self._waiting.append((keys, counts))
        if sum(len(its) for its, _ in self._waiting) > self.most // 2:
            self._merge()

    def counted(self) -> tuple[npt.NDArray[np.int32], Counts]:
        """The pairs that are left, int32 (P, 2), by descending count, then ascending ids; and their counts."""
        self._merge()
        order = np.lexsort([self._keys, -self._counts])
        keys = self._keys[order]
        pairs = np.stack([keys >> np.uint64(32), keys & np.uint64(0xFFFFFFFF)], axis=1).astype(np.int32)
        return pairs, self._counts[order]

    def _merge(self) -> None:
        if not self._waiting:
            return
        while len(self._waiting) > 1:  # two and two, so that none is merged often
            halves = zip(self._waiting[::2], self._waiting[1::2], strict=False)
            odd = self._waiting[len(self._waiting) // 2 * 2 :]
            self._waiting = [*(add_counts(*one, *other) for one, other in halves), *odd]
        self._keys, self._counts = add_counts(self._keys, self._counts, *self._waiting.pop())
        if len(self._keys) > self.most:
            least = _least_to_keep(self._counts, self.most // 2)
            is_kept = self._counts >= least
            self.n_forgotten += least - 1
            self.n_pruned += int((~is_kept).sum())
            self._keys, self._counts = self._keys[is_kept], self._counts[is_kept]


def told_of_pruned(what: str, counter: WordCounter | NgramCounter) -> list[str]:
    """A sentence on the words or n-grams that were forgotten; none where none were."""
    if not counter.n_pruned:
        return []
    return [
        f"More {what} than the {counter.most:,} that are counted at a time: {counter.n_pruned:,} times a rare one was "
        f"forgotten, so that the count of one may be too low by {counter.n_forgotten:,}, and rare ones may be missing."
    ]


def _least_to_keep(counts: Counts, n_most: int) -> int:
    """The lowest count that at most `n_most` of these reach."""
    return int(np.partition(counts, len(counts) - n_most - 1)[len(counts) - n_most - 1]) + 1
