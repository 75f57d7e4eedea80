"""Tokens in, word ids out: which words there are, how often they occur, and what share of other texts they cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.errors import ModelFolderError, SettingError
from bywords.ragged import UNKNOWN, Ragged
from bywords.tokens import Tokens

MARKERS = ("<pad>", "<unk>")  # how rows 0 and 1 are shown; never looked up, so a real word may be spelt like them


@dataclass(frozen=True, kw_only=True)
class VocabularyConfig:
    """Which words get a row, and what becomes of a document's other words."""

    max_size: int | None = None  # words, the most frequent first; None keeps all
    min_count: int = 1  # running words of the training texts
    max_length: int | None = None  # words of a document; what comes later is cut off
    keep_unknown: bool = False  # False leaves unknown words out, True puts the unknown word in their place

    def __post_init__(self) -> None:
        for name in ("max_size", "min_count", "max_length"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingError(f"{name} is {value}, expected 1 or more.")


class Vocabulary:
    """V words with their counts: row 0 is padding, row 1 the unknown word, then real words by (-count, word)."""

    def __init__(self, words: pl.Series, counts: npt.NDArray[np.int64], *, config: VocabularyConfig | None = None):
        """`words` is a string Series of the V - 2 real words; `counts` is int64 (V,), counts[1] that of other words."""
        self.config = config or VocabularyConfig()
        self.words = words.rename("word")
        self.counts = counts
        self._ids = pl.Series("id", np.arange(2, len(words) + 2, dtype=np.int32))

    @classmethod
    def of(cls, tokens: Tokens, config: VocabularyConfig | None = None) -> Vocabulary:
        """Count the words of `tokens` and keep those that `config` asks for; the documents' order plays no part."""
        config = config or VocabularyConfig()
        counted = (
            tokens.column.alias("word")
            .to_frame()
            .group_by("word")
            .len("count")
            .sort(["count", "word"], descending=[True, False])
        )
        kept = counted.filter(pl.col("count") >= config.min_count)
        if config.max_size is not None:
            kept = kept.head(config.max_size)
        counts = np.zeros(len(kept) + 2, dtype=np.int64)
        counts[2:] = kept["count"].to_numpy()
        counts[UNKNOWN] = len(tokens.column) - counts.sum()
        return cls(kept["word"], counts, config=config)

    def keep(self, is_kept: npt.NDArray[np.bool_]) -> Vocabulary:
        """Only the rows that are true in `is_kept` (V,), and the markers; the others' counts go to the unknown word."""
        is_kept = is_kept.copy()
        is_kept[: len(MARKERS)] = True
        counts = self.counts[is_kept]
        counts[UNKNOWN] += self.counts[~is_kept].sum()
        return Vocabulary(self.words.filter(pl.Series(is_kept[len(MARKERS) :])), counts, config=self.config)

    def __len__(self) -> int:
        """V, the rows of a matrix for it: the real words and the two markers."""
        return len(self.words) + 2

    def ids(self, words: pl.Series | Sequence[str]) -> npt.NDArray[np.int32]:
        """The id of each word, int32 (T,); 1 where the vocabulary does not have it."""
        column = words if isinstance(words, pl.Series) else pl.Series(list(words), dtype=pl.String)
        if not len(self.words):
            return np.full(len(column), UNKNOWN, dtype=np.int32)
        found = column.replace_strict(self.words, self._ids, default=UNKNOWN, return_dtype=pl.Int32)
        return found.to_numpy()

    def encode(self, tokens: Tokens) -> Ragged:
        """Documents of words → documents of ids, cut at `config.max_length`.

        A document in which nothing is known becomes one unknown word with a known_share of 0.
        """
        ids = self.ids(tokens.column)
        lengths = tokens.lengths
        is_kept = np.ones(len(ids), dtype=bool)
        if self.config.max_length is not None:
            position = np.arange(len(ids)) - np.repeat(tokens.offsets[:-1], lengths)
            is_kept &= position < self.config.max_length
            lengths = np.minimum(lengths, self.config.max_length)
        is_known = is_kept & (ids != UNKNOWN)
        n_known = _sum_by_document(is_known, tokens.offsets)
        known_share = np.divide(n_known, lengths, out=np.zeros(len(lengths)), where=lengths > 0)
        if self.config.keep_unknown:
            is_kept &= np.repeat(n_known > 0, tokens.lengths)
            n_kept = np.where(n_known > 0, lengths, 0)
        else:
            is_kept, n_kept = is_known, n_known
        offsets = np.zeros(len(tokens) + 1, dtype=np.int64)
        np.cumsum(np.maximum(n_kept, 1), out=offsets[1:])
        encoded = np.full(offsets[-1], UNKNOWN, dtype=np.int32)
        encoded[np.repeat(n_kept > 0, np.maximum(n_kept, 1))] = ids[is_kept]
        return Ragged(encoded, offsets, known_share.astype(np.float32))

    def coverage(self, tokens: Tokens, sizes: Sequence[int]) -> list[float]:
        """The share of the running words of `tokens` that the `size` most frequent words of this vocabulary cover.

        One number from 0 to 1 for each size; NaN where `tokens` is empty.
        """
        counted = np.bincount(self.ids(tokens.column), minlength=len(self))[2:]
        total = len(tokens.column)
        covered = np.concatenate([[0], np.cumsum(counted)])
        return [float(covered[min(size, len(counted))] / total) if total else float("nan") for size in sizes]

    def save(self, path: Path) -> None:
        """Write plain text: a line a row, its count, a tab, the word; tabs, line ends and backslashes are escaped."""
        words = [*MARKERS, *self.words]
        lines = [f"{count}\t{_escape(word)}\n" for count, word in zip(self.counts.tolist(), words, strict=True)]
        path.write_text("".join(lines), encoding="utf-8", newline="")

    @classmethod
    def load(cls, path: Path, *, config: VocabularyConfig | None = None) -> Vocabulary:
        """Read what `save` wrote. Raises ModelFolderError, naming the line, where it is of another form."""
        counts, words = [], []
        for number, line in enumerate(path.read_bytes().decode("utf-8").split("\n")[:-1], start=1):
            count, tab, word = line.partition("\t")
            if not tab or not count.isdecimal():
                raise ModelFolderError(f"{path}, line {number}: expected a count, a tab and a word, found {line!r}.")
            counts.append(int(count))
            words.append(_unescape(word))
        if len(counts) < len(MARKERS):
            raise ModelFolderError(
                f"{path}: expected the rows {MARKERS[0]} and {MARKERS[1]} first, found {len(counts)} rows."
            )
        real = pl.Series(words[len(MARKERS) :], dtype=pl.String)
        return cls(real, np.array(counts, dtype=np.int64), config=config)


def _sum_by_document(flags: npt.NDArray[np.bool_], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many flags of each document are true, int64 (N,); 0 for a document without tokens."""
    before = np.zeros(len(flags) + 1, dtype=np.int64)
    np.cumsum(flags, out=before[1:])
    return np.diff(before[offsets])


_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_UNESCAPES = {escaped: sign for sign, escaped in _ESCAPES.items()}


def _escape(word: str) -> str:
    return "".join(_ESCAPES.get(sign, sign) for sign in word)


def _unescape(word: str) -> str:
    if "\\" not in word:
        return word
    parts, place = [], 0
    while place < len(word):
        width = 2 if word[place] == "\\" else 1
        piece = word[place : place + width]
        parts.append(_UNESCAPES.get(piece, piece))
        place += width
    return "".join(parts)
