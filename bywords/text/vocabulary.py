"""Tokens in, word ids out: which words there are, how often they occur, and what share of other texts they cover."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.errors import ModelFolderError, SettingError, check_range
from bywords.text.ragged import PADDING, UNKNOWN, Ragged
from bywords.text.tokenizer import Tokens
from bywords.text.word_table import Words, WordTable

Features = Literal["words", "ngrams", "all"]
MARKERS = ("<pad>", "<unk>")  # how rows 0 and 1 are shown; never looked up, so a real word may be spelt like them


@dataclass(frozen=True, kw_only=True)
class VocabularyConfig:
    """Which words get a row, and what becomes of a document's other words."""

    max_size: int | None = None  # words, the most frequent first; None keeps all
    min_count: int = 1  # running words of the training texts
    max_length: int | None = None  # words of a document; what comes later is cut off
    keep_unknown: bool = False  # False leaves unknown words out, True puts the unknown word in their place
    ngrams: int = 1  # the longest run of words that gets a row of its own, for models that do not see the order
    ngram_min_count: int = 2
    char_ngrams: tuple[int, int] | None = None  # shortest and longest run of characters that gets a row of its own
    char_ngram_min_count: int = 2

    def __post_init__(self) -> None:
        for name in ("max_size", "min_count", "max_length", "ngrams", "ngram_min_count", "char_ngram_min_count"):
            check_range(name, getattr(self, name), least=1)
        if self.char_ngrams is not None and not 1 <= self.char_ngrams[0] <= self.char_ngrams[1]:
            raise SettingError(f"pieces is {self.char_ngrams}, expected a shortest length of 1 or more and a longest.")


class Vocabulary:
    """V rows: row 0 is padding, row 1 the unknown word, then real words by (-count, word).

    After them come runs of words, the shorter first, and pieces of words, where `config` asks for them, each sort by
    (-count, its ids or its spelling).
    """

    def __init__(
        self,
        words: pl.Series,
        counts: npt.NDArray[np.int64],
        *,
        config: VocabularyConfig | None = None,
        ngrams: npt.NDArray[np.int32] | None = None,
        char_ngrams: Words | None = None,
    ):
        """`words` is a string Series of the W real words, `counts` int64 (W + 2,), counts[1] that of other words.

        `runs` is int32 (G, 2): of each run, the id of all but its last word, which may be a run, and that of its last.
        """
        self.config = config or VocabularyConfig()
        self.words = words.rename("word")
        self.counts = counts
        self.ngrams = np.zeros((0, 2), dtype=np.int32) if ngrams is None else ngrams
        self.char_ngrams = Words.of([]) if char_ngrams is None else char_ngrams

    @functools.cached_property
    def _table(self) -> WordTable:
        return WordTable.of(Words.of(self.words.to_list()))

    @classmethod
    def of(cls, tokens: Tokens, config: VocabularyConfig | None = None) -> Vocabulary:
        """Count the words of `tokens` and keep those that `config` asks for; the documents' order plays no part."""
        word_counts = tokens.counts()
        vocabulary = cls.of_counts(tokens.words, word_counts, len(tokens.codes), config)
        vocabulary._add_ngrams(tokens)
        vocabulary._add_char_ngrams(tokens.words, word_counts)
        return vocabulary

    @classmethod
    def of_counts(
        cls, words: Words, word_counts: npt.NDArray[np.int64], n_tokens: int, config: VocabularyConfig | None = None
    ) -> Vocabulary:
        """The words that `config` asks for, of U distinct ones that occur so often, int64 (U,), in `n_tokens` tokens.

        It has no runs or pieces of words.
        """
        config = config or VocabularyConfig()
        frequent = np.flatnonzero(word_counts >= config.min_count)
        counted = pl.DataFrame(
            {"word": words.strings(frequent), "count": word_counts[frequent], "place": frequent},
            schema={"word": pl.String, "count": pl.Int64, "place": pl.Int64},
        )
        kept = counted.sort(["count", "word"], descending=[True, False]).head(config.max_size or len(counted))
        counts = np.zeros(len(kept) + 2, dtype=np.int64)
        counts[2:] = kept["count"].to_numpy()
        counts[UNKNOWN] = n_tokens - counts.sum()
        vocabulary = cls(kept["word"], counts, config=config)
        vocabulary._table = WordTable.of(words.select(kept["place"].to_numpy()))
        return vocabulary

    def keep(self, is_kept: npt.NDArray[np.bool_]) -> Vocabulary:
        """Only the rows that are true in `is_kept` (V,), and the markers; the others' counts go to the unknown word.

        Raises: SettingError when there are runs or pieces of words: they may be made of what would go.
        """
        if len(self) != self.n_words:
            raise SettingError("words cannot be left out of a vocabulary that has runs or pieces of words.")
        return self.keep_rows(is_kept)[0]

    def keep_rows(self, is_kept: npt.NDArray[np.bool_]) -> tuple[Vocabulary, npt.NDArray[np.int64]]:
        """The rows that are true in `is_kept` (V,), and the markers, in their order; runs of what goes, go too.

        Returns: the smaller vocabulary of V' rows, and which row of this one each of them was, int64 (V',).
        """
        is_kept = is_kept.copy()
        is_kept[: len(MARKERS)] = True
        first, last = self.n_words, self.n_rows("ngrams")
        while True:  # a run may be made of a run: a pass for each length
            is_whole = is_kept[self.ngrams].all(axis=1)
            if not (is_kept[first:last] & ~is_whole).any():
                break
            is_kept[first:last] &= is_whole
        new_ids = np.cumsum(is_kept, dtype=np.int32) - np.int32(1)
        is_word = is_kept[:first]
        counts = self.counts[is_word]
        counts[UNKNOWN] += self.counts[~is_word].sum()
        smaller = Vocabulary(
            self.words.filter(pl.Series(is_word[len(MARKERS) :], dtype=pl.Boolean)),
            counts,
            config=self.config,
            ngrams=new_ids[self.ngrams[is_kept[first:last]]],
            char_ngrams=self.char_ngrams.select(np.flatnonzero(is_kept[last:])),
        )
        return smaller, np.flatnonzero(is_kept)

    def __len__(self) -> int:
        """V, the rows of a matrix for it: the real words and the two markers."""
        return self.n_words + len(self.ngrams) + len(self.char_ngrams)

    @property
    def n_words(self) -> int:
        """The rows of the markers and the real words, which come first."""
        return len(self.words) + len(MARKERS)

    def n_rows(self, features: Features) -> int:
        """The rows of the words, of the words and runs, or of all; what a model does not see comes behind them."""
        return {"words": self.n_words, "ngrams": self.n_words + len(self.ngrams), "all": len(self)}[features]

    @property
    def blocks(self) -> tuple[int, ...]:
        """Where rows of another kind begin, which are to be weighed apart: the pieces."""
        return (self.n_rows("ngrams"),) if len(self.char_ngrams) else ()

    def ids(self, words: Words | Sequence[str]) -> npt.NDArray[np.int32]:
        """The id of each word, int32 (U,); 1 where the vocabulary does not have it."""
        indices = self._table.find(words if isinstance(words, Words) else Words.of(words))
        return np.where(indices < 0, np.int32(UNKNOWN), indices + np.int32(len(MARKERS)))

    def token_ids(self, tokens: Tokens) -> npt.NDArray[np.int32]:
        """The id of each token, int32 (T,); 1 where the vocabulary does not have it."""
        return self.ids(tokens.words)[tokens.codes]

    def encode(self, tokens: Tokens) -> Ragged:
        """Documents of words → documents of ids, cut at `config.max_length`.

        A document in which nothing is known becomes one unknown word with a in_vocabulary_share of 0.
        """
        from bywords.kernels.ids import encode

        longest = self.config.max_length or np.iinfo(np.int32).max
        ngrams, with_edges = self.ngrams_of(tokens)
        encoded = encode(
            np.stack(ngrams), with_edges is not tokens.offsets, tokens.offsets, tokens.codes,
            *self.char_ngrams_of(tokens.words), UNKNOWN, longest, self.config.keep_unknown,
        )  # fmt: skip
        return Ragged(*encoded)

    def _indices(self, tokens: Tokens) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """The id of each token, int32 (T,), NOT_THERE where there is none, and offsets int64 (N + 1,).

        Where runs are asked for, PADDING stands before and behind each document: to begin it is worth knowing.
        """
        from bywords.kernels.ids import NOT_THERE, with_edges

        indices = self._table.find(tokens.words)
        indices = np.where(indices < 0, np.int32(NOT_THERE), indices + np.int32(len(MARKERS)))[tokens.codes]
        return (indices, tokens.offsets) if self.config.ngrams == 1 else with_edges(indices, tokens.offsets, PADDING)

    def ngrams_of(self, tokens: Tokens) -> tuple[list[npt.NDArray[np.int32]], npt.NDArray[np.int64]]:
        """At each place, the id of the word, of the run of two words, … that begins there, int32 (T,) each; offsets."""
        from bywords.kernels.ids import find_pairs

        indices, offsets = self._indices(tokens)
        found = [indices]
        for length in range(1, self.config.ngrams):
            found.append(find_pairs(found[-1], indices, offsets, length, *self._pair_table))
        return found, offsets

    @functools.cached_property
    def _pair_table(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
        from bywords.kernels.ids import table_of_pairs

        return table_of_pairs(self.ngrams, self.n_words)

    def pairs_in(self, tokens: Tokens) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """The ids of words that follow each other in these documents, int32 (P, 2), each pair once; how often, (P,)."""
        from bywords.kernels.ids import count_pairs

        indices, offsets = self._indices(tokens)
        return count_pairs(indices, indices, offsets, 1, 1)

    def _add_ngrams(self, tokens: Tokens) -> None:
        from bywords.kernels.ids import count_pairs, find_pairs, table_of_pairs

        indices, offsets = self._indices(tokens)
        lefts = indices
        for length in range(1, self.config.ngrams):
            pairs, counts = count_pairs(lefts, indices, offsets, length, self.config.ngram_min_count)
            pairs = pairs[np.lexsort([pairs[:, 1], pairs[:, 0], -counts])]
            lefts = find_pairs(lefts, indices, offsets, length, *table_of_pairs(pairs, len(self)))
            self.ngrams = np.concatenate([self.ngrams, pairs])

    def _add_char_ngrams(self, words: Words, word_counts: npt.NDArray[np.int64]) -> None:
        from bywords.kernels.words import cut

        if self.config.char_ngrams is None:
            return
        codes, offsets, *table = cut(words.data, words.starts, *self.config.char_ngrams)
        char_ngrams = Words(*table)
        counts = np.bincount(codes, weights=np.repeat(word_counts, np.diff(offsets)), minlength=len(char_ngrams))
        frequent = np.flatnonzero(counts >= self.config.char_ngram_min_count)
        spelled = pl.DataFrame({"piece": char_ngrams.strings(frequent), "count": counts[frequent]})
        self.char_ngrams = Words.of(spelled.sort(["count", "piece"], descending=[True, False])["piece"].to_list())

    def char_ngrams_of(self, words: Words) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """The ids of the pieces of each word that have one: int32 (P,), and offsets int64 (U + 1,)."""
        from bywords.kernels.words import cut

        if self.config.char_ngrams is None:
            return np.zeros(0, dtype=np.int32), np.zeros(len(words) + 1, dtype=np.int64)
        codes, offsets, *table = cut(words.data, words.starts, *self.config.char_ngrams)
        indices = self._char_ngram_table.find(Words(*table))[codes]
        is_known = indices >= 0
        before = np.concatenate([[0], np.cumsum(is_known)])
        return indices[is_known] + np.int32(self.n_words + len(self.ngrams)), before[offsets]

    @functools.cached_property
    def _char_ngram_table(self) -> WordTable:
        return WordTable.of(self.char_ngrams)

    def coverage(self, tokens: Tokens, sizes: Sequence[int]) -> list[float]:
        """The share of the running words of `tokens` that the `size` most frequent words of this vocabulary cover.

        One number from 0 to 1 for each size; NaN where `tokens` is empty.
        """
        counted = np.zeros(self.n_words, dtype=np.int64)
        np.add.at(counted, self.ids(tokens.words), tokens.counts())
        counted = counted[len(MARKERS) :]
        total = len(tokens.codes)
        covered = np.concatenate([[0], np.cumsum(counted)])
        return [float(covered[min(size, len(counted))] / total) if total else float("nan") for size in sizes]

    def text(self) -> bytes:
        """The words as plain text: a line a row, its count, a tab, the word; tabs, line ends, backslashes escaped."""
        words = [*MARKERS, *self.words]
        for index in self.words.str.contains(r"[\\\t\n\r]").arg_true():
            words[index + len(MARKERS)] = words[index + len(MARKERS)].translate(_ESCAPES)
        lines = [f"{count}\t{word}\n" for count, word in zip(self.counts.tolist(), words, strict=True)]
        return "".join(lines).encode()

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The runs and pieces of words, as plain arrays of the narrowest dtypes that hold them."""
        lengths = np.diff(self.char_ngrams.starts)
        return {
            "ngrams": _narrow(self.ngrams),
            "char_ngrams": self.char_ngrams.data,
            "char_ngram_lengths": _narrow(lengths),
        }

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        config: VocabularyConfig | None = None,
        arrays: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> Vocabulary:
        """Read a file of what `text()` gave; `arrays` as `arrays()` gave them.

        Raises: ModelFolderError, naming the line, where it is of another form.
        """
        lines = pl.Series("line", path.read_bytes().decode("utf-8").split("\n")[:-1], dtype=pl.String)
        parts = lines.str.splitn("\t", 2).struct.rename_fields(["count", "word"]).struct.unnest()
        counts = parts["count"].str.extract(r"^(\d+)$").cast(pl.Int64, strict=False)
        if (is_wrong := counts.is_null() | parts["word"].is_null()).any():
            index = is_wrong.arg_max() or 0
            raise ModelFolderError(
                f"{path}, line {index + 1}: expected a count, a tab and a word, found {lines[index]!r}."
            )
        if len(counts) < len(MARKERS):
            raise ModelFolderError(
                f"{path}: expected the rows {MARKERS[0]} and {MARKERS[1]} first, found {len(counts)} rows."
            )
        words = parts["word"].to_list()
        for index in parts["word"].str.contains("\\", literal=True).arg_true():
            words[index] = _unescape(words[index])
        real = pl.Series(words[len(MARKERS) :], dtype=pl.String)
        vocabulary = cls(real, counts.to_numpy().copy(), config=config)
        if arrays:
            vocabulary.ngrams = arrays["ngrams"].astype(np.int32)
            starts = np.concatenate([[0], np.cumsum(arrays["char_ngram_lengths"], dtype=np.int64)])
            vocabulary.char_ngrams = Words.from_arrays(arrays["char_ngrams"], starts)
        return vocabulary


def _narrow(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same numbers, none negative, in the narrowest dtype of uint8, uint16 and int32."""
    largest = numbers.max(initial=0)
    dtype = np.uint8 if largest < 1 << 8 else np.uint16 if largest < 1 << 16 else np.int32
    return numbers.astype(dtype)


_UNESCAPES = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}
_ESCAPES = str.maketrans({sign: escaped for escaped, sign in _UNESCAPES.items()})


def _unescape(word: str) -> str:
    if "\\" not in word:
        return word
    parts, index = [], 0
    while index < len(word):
        width = 2 if word[index] == "\\" else 1
        char_ngram = word[index : index + width]
        parts.append(_UNESCAPES.get(char_ngram, char_ngram))
        index += width
    return "".join(parts)
