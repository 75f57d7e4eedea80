"""Texts, some at a time → the distinct ones, each as a set of numbers, in memory or on disk."""

from __future__ import annotations

import itertools
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.kernels.overlap import occurrences, sort_each
from bywords.text.normalization import normalized
from bywords.text.ragged import offsets_of, ragged_positions
from bywords.text.tokenizer import Tokenizer, TokenizerConfig, Tokens
from bywords.text.word_table import WordTable

BYTES_PER_WORD = 64  # what a word of a text takes, about, while pairs are looked for among those that have it
MOST_WORDS = 1 << 27  # that are looked at at a time, however much memory there is

Indices = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
Map = Callable[[Callable[[Any, Any], Any], Any, Iterable[Any]], Iterator[Any]]  # a function, what is shared, and chunks


@dataclass(frozen=True, eq=False)
class DistinctTexts:
    """The M distinct texts of each part, by the number of their words, then by the first document that has them.

    Document i has the text `of_document[i]`, -1 where its own is empty.
    """

    keys: Indices  # (M,): the same text has the same number in both parts
    part: Indices  # (M,)
    firsts: Indices  # (M,), the first document with the text
    n_copies: Indices  # (M,), how many documents have it
    offsets: Indices  # (M + 1,), of its words
    n_elements: int  # each occurrence of a word in a text is an element of its own
    of_document: Indices  # (N,)
    numbers: NumberFile
    most_words: int  # to read at a time

    def __len__(self) -> int:
        return len(self.keys)

    def elements(self, first: int, last: int) -> Numbers:
        """The words of the texts from `first` to `last` as numbers, each text's ascending, the rarest the smallest."""
        return self.numbers.read(int(self.offsets[first]), int(self.offsets[last]))

    def elements_of(self, texts: Indices) -> tuple[Numbers, Indices]:
        """Those of these texts, ascending, one after the other; and their offsets, int64."""
        found = [np.zeros(0, dtype=np.int32)]
        for first, last in self.blocks(0, len(self)):
            if len(its := texts[slice(*np.searchsorted(texts, [first, last]))]):
                begin, end = int(its[0]), int(its[-1]) + 1
                positions, _ = ragged_positions(self.offsets[begin : end + 1] - self.offsets[begin], its - begin)
                found.append(self.elements(begin, end)[positions])
        return np.concatenate(found), offsets_of(np.diff(self.offsets)[texts])

    def blocks(self, first: int, last: int) -> list[tuple[int, int]]:
        """Where to cut the texts from `first` to `last` so that the parts have `most_words` words each, or one text."""
        cuts = _cuts(self.offsets[first : last + 1], self.most_words)
        return list(itertools.pairwise((first + cuts).tolist()))


class DistinctTextsBuilder:
    """Takes texts, and finds out which are distinct.

    In memory are the distinct words, about 100 bytes each, and of each document about 150 bytes; of the words of texts
    all or, with a `folder` for the others, as many as `n_bytes` hold.
    """

    def __init__(self, folder: Path | None = None, n_bytes: int = BYTES_PER_WORD * MOST_WORDS) -> None:
        self._tokenizer, self._words = Tokenizer(TokenizerConfig(punctuation=False)), WordTable()
        self._codes, self._elements = NumberFile(folder), NumberFile(folder)
        self._most_words = min(max(n_bytes // BYTES_PER_WORD, 1), MOST_WORDS)
        self._most_in_text = np.zeros(0, dtype=np.int64)  # of each word
        self._keys = [pl.DataFrame(schema={"one": pl.UInt64, "two": pl.UInt64, "is_filled": pl.Boolean})]
        self._sizes, self._stored_of = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        self._n_stored = self._n_train = 0

    def add(self, blocks: Iterable[pl.Series], *, is_test: bool = False, by: Map | None = None) -> None:
        """Take more texts, strings without nulls, some at a time; those of training come first.

        `by` has their words found elsewhere, the `map` of an executor: what it gives is the same.
        """
        tokenizer = self._tokenizer
        found = map(partial(_words_of, tokenizer), blocks) if by is None else by(_words_of, tokenizer, blocks)
        for distinct, stored_of, tokens in found:
            self._merge(distinct, stored_of, tokens, is_test=is_test)

    def _merge(self, distinct: pl.Series, stored_of: Indices, tokens: Tokens, *, is_test: bool) -> None:
        """Give the words their numbers, and the texts, here where all are: machines of other kinds hash otherwise."""
        keys = pl.DataFrame({"one": distinct.hash(0), "two": distinct.hash(1), "is_filled": distinct != ""})
        keys = keys[stored_of]
        codes = self._words.add(tokens.words)[tokens.codes]
        n_new = len(self._words.words()) - len(self._most_in_text)
        self._most_in_text = np.append(self._most_in_text, np.zeros(n_new, dtype=np.int64))
        occurrences(codes, tokens.offsets, self._most_in_text)
        self._codes.append(codes)
        self._keys.append(keys)
        self._sizes.append(tokens.lengths)
        self._stored_of.append(self._n_stored + stored_of)
        self._n_stored += len(tokens)
        self._n_train += 0 if is_test else len(keys)

    def built(self) -> tuple[DistinctTexts, int]:
        """The distinct texts of all that were added, and how many documents are for training. Nothing is added then."""
        keys, sizes = pl.concat(self._keys), np.concatenate(self._sizes)
        stored_of = np.concatenate(self._stored_of)
        self._keys, self._sizes, self._stored_of = [], [], []
        filled = np.flatnonzero(keys["is_filled"].to_numpy())
        one, two = (keys[name].to_numpy()[filled] for name in ("one", "two"))
        of_document = np.full(len(keys), -1, dtype=np.int64)
        del keys
        together = np.lexsort((two, one))  # equal texts, in the order of the documents
        one, two, documents = one[together], two[together], filled[together]
        part = (documents >= self._n_train).astype(np.int64)
        is_other = (one[1:] != one[:-1]) | (two[1:] != two[:-1])
        is_first = np.concatenate([documents[:1] >= 0, is_other | (part[1:] != part[:-1])])
        starts = np.flatnonzero(is_first)
        firsts, text_of = documents[starts], np.cumsum(np.concatenate([documents[:1] < 0, is_other]))[starts]
        stored = stored_of[firsts]
        order = np.lexsort((firsts, sizes[stored]))
        of_document[documents] = np.argsort(order)[np.cumsum(is_first) - 1]
        self._write_elements(sizes, stored[order])
        found = DistinctTexts(
            text_of[order], part[starts][order], firsts[order], np.diff(np.append(starts, len(documents)))[order],
            offsets_of(sizes[stored[order]]), int(self._most_in_text.sum()), of_document, self._elements,
            self._most_words,
        )  # fmt: skip
        return found, self._n_train

    def _write_elements(self, sizes: Indices, stored_of: Indices) -> None:
        """Number the elements of distinct texts, whose words are stored there, and write them in their order."""
        starts, stored = offsets_of(sizes[stored_of]), offsets_of(sizes)
        first = np.cumsum(self._most_in_text) - self._most_in_text
        in_turn = np.argsort(stored_of, kind="stable")
        where = np.append(stored[stored_of[in_turn]], stored[-1])  # ascending
        self._elements.reserve(int(starts[-1]))

        def blocks() -> Iterator[tuple[Indices, Indices, Indices]]:
            for begin, end in itertools.pairwise(_cuts(where, self._most_words).tolist()):
                texts = in_turn[begin:end]
                low, high = int(stored_of[texts[0]]), int(stored_of[texts[-1]]) + 1
                codes, offsets = (
                    self._codes.read(int(stored[low]), int(stored[high])),
                    stored[low : high + 1] - stored[low],
                )
                elements = first[codes] + occurrences(codes, offsets, self._most_in_text)
                texts = np.sort(texts)  # those of a size are neighbours
                positions, offsets = ragged_positions(offsets, stored_of[texts] - low)
                yield texts, elements[positions], offsets

        counts = np.zeros(int(self._most_in_text.sum()), dtype=np.int64)
        for _, elements, _ in blocks():
            counts += np.bincount(elements, minlength=len(counts))
        rank = np.empty(len(counts), dtype=np.int32)
        rank[np.argsort(counts, kind="stable")] = np.arange(len(counts))
        for texts, elements, offsets in blocks():
            ranked = rank[elements]
            sort_each(ranked, offsets)
            cuts = [0, *(np.flatnonzero(np.diff(texts) != 1) + 1).tolist(), len(texts)]
            for begin, end in itertools.pairwise(cuts):
                self._elements.write(int(starts[texts[begin]]), ranked[offsets[begin] : offsets[end]])


def _words_of(tokenizer: Tokenizer, texts: pl.Series) -> tuple[pl.Series, Indices, Tokens]:
    """The texts that differ here, as they are compared; which of them each of N is, int64 (N,); and their tokens."""
    folded = pl.Series(normalized(texts.to_list()), dtype=pl.String).str.replace_all(r"\s+", " ").str.strip_chars()
    table = folded.to_frame("text").with_row_index()
    firsts, stored_of = np.unique(table.select(pl.col("index").min().over("text")).to_series(), return_inverse=True)
    distinct = folded.gather(firsts)
    return distinct, stored_of, tokenizer(distinct)


class NumberFile:
    """Numbers, int32, in memory or, with a folder, in a file there that has no name."""

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 — as long as this is
        self._arrays = [np.zeros(0, dtype=np.int32)]
        if self._file is not None:
            weakref.finalize(self, self._file.close)

    def append(self, numbers: Numbers) -> None:
        """Put these behind all others."""
        if self._file is None:
            self._arrays.append(numbers)
        else:
            self._file.write(np.ascontiguousarray(numbers).data)

    def reserve(self, n_numbers: int) -> None:
        """Make room for so many, which are written in any order."""
        if self._file is None:
            self._arrays = [np.empty(n_numbers, dtype=np.int32)]

    def write(self, start: int, numbers: Numbers) -> None:
        """Put these there, where room was made."""
        if self._file is None:
            self._arrays[0][start : start + len(numbers)] = numbers
        else:
            self._file.seek(4 * start)
            self._file.write(np.ascontiguousarray(numbers).data)

    def read(self, first: int, last: int) -> Numbers:
        """Those from `first` to `last`."""
        if self._file is None:
            if len(self._arrays) > 1:
                self._arrays = [np.concatenate(self._arrays)]
            return self._arrays[0][first:last]
        numbers = np.empty(last - first, dtype=np.int32)
        self._file.seek(4 * first)
        if self._file.readinto(numbers.data.cast("B") if len(numbers) else bytearray()) != numbers.nbytes:
            raise EOFError("a file of numbers is shorter than what was written to it.")
        return numbers


def _cuts(offsets: Indices, most: int) -> Indices:
    """Where to cut so that the parts have at most about `most` numbers each and one text at least."""
    if len(offsets) < 2:
        return np.arange(len(offsets))
    cuts = np.searchsorted(offsets, np.arange(offsets[0] + most, offsets[-1], most))
    return np.unique(np.concatenate([[0], cuts, [len(offsets) - 1]]))
