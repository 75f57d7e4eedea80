"""Texts in, their tokens out: which word stands where, as numbers, and the distinct words beside them.

There is no Python loop over words here. Threads read the texts as bytes, a chunk each: every word is made lower-case,
looked up in a table of the words so far and written down as its place there (`bywords.kernels.words`). A pattern of
one's own is matched by polars instead, which is slower.
"""

from __future__ import annotations

import functools
import itertools
import os
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.errors import DataError, SettingError
from bywords.text.word_table import Words, WordTable

# The scripts that are written without spaces between words, as a set of characters in Rust's regular expressions.
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}&&[\w--[\p{Nd}\p{M}]]]"
CHUNK_SIZE = 1 << 20  # characters that a thread reads at a time

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """What counts as a token.

    Without a `pattern`: a run of letters, digits and combining marks of any script, single apostrophes within it, so
    that don't is one word; and any other visible sign. Of scripts without spaces (Chinese, Japanese, Thai, Lao,
    Khmer, Burmese) each character and each pair of neighbours. Texts are brought to Unicode's form NFC before.
    """

    lowercase: bool = True
    punctuation: bool = True  # keep punctuation marks as tokens of their own
    pattern: str | None = None  # every match is a token, in Rust's syntax; overrides `punctuation`


@dataclass(frozen=True)
class Tokens:
    """The tokens of N documents, one after the other: T running words of U distinct ones.

    `codes` is int32 (T,), places in `words`; document i is `codes[offsets[i]:offsets[i + 1]]`; `offsets` is int64
    (N + 1,). A document may have no tokens, and after a selection `words` may have some that no document has.
    """

    codes: npt.NDArray[np.int32]
    words: Words
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each document, int64 (N,)."""
        return np.diff(self.offsets)

    def counts(self) -> npt.NDArray[np.int64]:
        """How often each of `words` occurs, int64 (U,)."""
        return np.bincount(self.codes, minlength=len(self.words))

    def distinct(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Each word of each document once: codes int32 (T',), and the documents they are of, int64 (T',), ascending."""
        from bywords.kernels.ids import count

        codes, offsets, _ = count(self.codes, self.offsets, len(self.words), 0)
        documents = np.repeat(np.arange(len(self)), np.diff(offsets))
        has_words = (self.lengths > 0)[documents]  # `count` gives a document without words the first one
        return codes[has_words], documents[has_words]

    def document_frequency(self) -> npt.NDArray[np.int64]:
        """How many documents have each of `words`, int64 (U,)."""
        return np.bincount(self.distinct()[0], minlength=len(self.words))

    def select(self, rows: npt.NDArray[np.integer[Any]]) -> Tokens:
        """Only these documents (int, any order, repeats allowed), in this order."""
        positions, offsets = ragged_positions(self.offsets, rows)
        return Tokens(self.codes[positions], self.words, offsets)

    def joined(self, others: Tokens) -> Tokens:
        """These documents, then the others."""
        offsets = np.concatenate([self.offsets, others.offsets[1:] + self.offsets[-1]])
        if others.words is self.words:
            return Tokens(np.concatenate([self.codes, others.codes]), self.words, offsets)
        table = WordTable.of(self.words)
        codes = table.add(others.words)[others.codes]
        return Tokens(np.concatenate([self.codes, codes]), table.words(), offsets)

    def documents(self) -> list[list[str]]:
        """One list of words a document, for libraries that want it so. Slow: a Python object a word."""
        strings = self.words.strings()
        words = [strings[code] for code in self.codes.tolist()]
        return [words[start:stop] for start, stop in itertools.pairwise(self.offsets.tolist())]


class Tokenizer:
    """Cuts texts into tokens. Holds nothing but its settings."""

    def __init__(self, config: TokenizerConfig | None = None) -> None:
        """Raises SettingError when the pattern is not a regular expression, or matches the empty string."""
        self.config = config or TokenizerConfig()
        if self.config.pattern is not None:
            _check_pattern(self.config.pattern)

    @property
    def what(self) -> str:
        """What a token is, for a message."""
        if self.config.pattern is not None:
            return f"token that matches {self.config.pattern!r}"
        return "token: a word or a sign" if self.config.punctuation else "token: a word"

    def __call__(self, texts: Any) -> Tokens:
        """Cut each text into its tokens. An empty text has none.

        Raises: DataError, naming the place counted from 0, when a text is missing or not a string.
        """
        checked = checked_texts(texts)
        if self.config.pattern is not None:
            return self._matches(checked, self.config.pattern)
        chunks = chunks_of(checked)
        if len(chunks) == 1:
            codes, lengths, words = self._scan(checked)
        else:
            table, parts = WordTable(), []
            for part_codes, part_lengths, part_words in in_threads(
                self._scan, (checked[start:stop] for start, stop in chunks)
            ):
                parts.append((table.add(part_words)[part_codes], part_lengths))
            codes, lengths = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
            words = table.words()
        return Tokens(codes, words, _offsets(lengths))

    def _scan(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], Words]:
        from bywords.kernels.words import scan

        is_ascii = True
        encoded = []
        for text in texts:
            if not text.isascii():
                is_ascii = False
                text = unicodedata.normalize("NFC", text.lower() if self.config.lowercase else text)
            # Half of a surrogate pair has no place in UTF-8 and carries no meaning: a question mark stands in.
            encoded.append(text.encode("utf-8", "replace"))
        ends = np.cumsum(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)))
        whole = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        kinds = kinds_of_characters()[:128] if is_ascii else kinds_of_characters()
        codes, lengths, *words = scan(whole, ends, kinds, self.config.lowercase, self.config.punctuation)
        return codes, lengths, Words(*words)

    def _matches(self, texts: Sequence[str], pattern: str) -> Tokens:
        column = pl.Series([text.encode("utf-8", "replace").decode() for text in texts], dtype=pl.String)
        column = column.str.normalize("NFC")
        if self.config.lowercase:
            column = column.str.to_lowercase()
        lists = column.str.extract_all(pattern)
        offsets = _offsets(lists.list.len().to_numpy().astype(np.int64))
        flat = lists.explode(empty_as_null=False, keep_nulls=False) if len(lists) else column
        distinct = flat.unique(maintain_order=True)
        indices = pl.Series(np.arange(len(distinct), dtype=np.int32))
        codes = flat.replace_strict(distinct, indices, return_dtype=pl.Int32) if len(flat) else indices
        return Tokens(codes.to_numpy(), Words.of(distinct.to_list()), offsets)


def ragged_positions(
    offsets: npt.NDArray[np.int64], rows: npt.NDArray[np.integer[Any]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the elements of `rows` stand in a flat column, and the offsets of the selection.

    Returns: positions int64 (T',) and offsets int64 (N' + 1,).
    """
    starts = offsets[:-1][rows]
    lengths = offsets[1:][rows] - starts
    selected = _offsets(lengths)
    positions = np.arange(selected[-1], dtype=np.int64)
    positions += np.repeat(starts - selected[:-1], lengths)
    return positions, selected


@functools.cache
def kinds_of_characters() -> npt.NDArray[np.uint8]:
    """What each code point is, uint8, by the constants of `bywords.kernels.words`; those beyond its end are signs.

    The classes are those of polars' regular expressions, so that a pattern means the same in both.
    """
    from bywords.kernels.words import MARK, SIGN, SPACE, WORD
    from bywords.kernels.words import UNSPACED as UNSPACED_KIND

    kinds = np.full(0xE0200, SIGN, dtype=np.uint8)
    # Letters of no script that is in use, private characters and unassigned ones lie between.
    points = [*range(0xD800), *range(0xE000, 0x33480), *range(0xE0000, 0xE0200)]
    characters = pl.Series([chr(point) for point in points])
    indices = np.array(points)
    for pattern, kind in ((r"\s", SPACE), (r"\w", WORD), (r"\p{M}", MARK), (UNSPACED, UNSPACED_KIND)):
        kinds[indices[characters.str.contains(pattern).to_numpy()]] = kind
    return kinds


def n_threads() -> int:
    """How many threads this process may run at a time."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(call: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The results of the calls, in the order of the items, which are made as threads become free.

    One item alone is done at once, without a thread. After an error, or Ctrl-C, no more calls are begun.
    """
    items = iter(items)
    first = list(itertools.islice(items, 2))
    if len(first) < 2:
        yield from map(call, first)
        return
    items = itertools.chain(first, items)
    with ThreadPoolExecutor(n_threads()) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(call, item))
                if len(waiting) > n_threads():
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def chunks_of(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Where to cut so that the parts have about CHUNK_SIZE characters each; one part at least."""
    ends = np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)))
    total = int(ends[-1]) if len(ends) else 0
    cuts = np.searchsorted(ends, np.arange(CHUNK_SIZE, total, CHUNK_SIZE)) + 1
    bounds = np.unique(np.concatenate([[0], cuts, [len(texts)]])).tolist()
    return list(itertools.pairwise(bounds)) or [(0, 0)]


def _offsets(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _check_pattern(pattern: str) -> None:
    try:
        matches = pl.Series(["a", ""]).str.extract_all(pattern)
    except pl.exceptions.PolarsError as error:
        raise SettingError(
            f"pattern {pattern!r} is not a regular expression that can be used: {error}. "
            "It is read in Rust's syntax, which has no look-around and no back-references."
        ) from error
    if matches.explode(empty_as_null=False).eq("").any():
        raise SettingError(f"pattern {pattern!r} matches the empty string. Let it match at least one character.")


def checked_texts(texts: Any) -> list[str]:
    """Texts of any kind of sequence, array or column as a list; or the error that says which of them is no string."""
    if isinstance(texts, pl.Series):
        if texts.dtype != pl.String:
            raise DataError(f"expected texts, found a column of {texts.dtype}.")
        if texts.null_count():
            index = texts.is_null().arg_max()
            raise DataError(f"text {index} is missing. Drop the row, or give it an empty text.")
        return texts.to_list()
    if isinstance(texts, str | bytes):
        raise DataError("expected a sequence of texts, found one text. Put it into a list.")
    if hasattr(texts, "columns"):  # a data frame would give the names of its columns
        if len(texts.columns) != 1:
            raise DataError(
                f"expected one column of texts, found a table of {len(texts.columns)}. Choose its text column."
            )
        return checked_texts(texts[texts.columns[0]])
    try:
        listed = texts.tolist() if isinstance(texts, np.ndarray) else list(texts)
    except TypeError as error:
        raise DataError(f"expected a sequence of texts, found {type(texts).__name__}. Put them into a list.") from error
    for index, text in enumerate(listed):
        if not isinstance(text, str):
            raise DataError(f"text {index} is {text!r} of type {type(text).__name__}, expected a string.")
    return listed
