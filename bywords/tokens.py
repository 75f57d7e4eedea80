"""Texts in, one column of tokens out: lower-case, then every match of a pattern, for all documents at once.

There is no Python loop over words here. Polars lower-cases, matches and flattens whole columns on all cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.errors import DataError, SettingError

WORDS = r"\w+(?:['’]\w+)*"  # letters, digits and combining marks of any script; don't stays one word
PUNCTUATION = r"[^\w\s]"  # any other visible sign, one at a time


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """What counts as a token. `pattern` (Rust regular expression syntax) replaces the other choice of signs."""

    lowercase: bool = True
    punctuation: bool = True  # keep punctuation marks as tokens of their own
    pattern: str | None = None  # every match is a token; overrides `punctuation`


@dataclass(frozen=True)
class Tokens:
    """The tokens of N documents, one after the other.

    `column` is a string Series (T,) without nulls; document i is `column[offsets[i]:offsets[i + 1]]`;
    `offsets` is int64 (N + 1,). A document may have no tokens.
    """

    column: pl.Series
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each document, int64 (N,)."""
        return np.diff(self.offsets)

    def select(self, rows: npt.NDArray[np.integer[Any]]) -> Tokens:
        """Only these documents (int, any order, repeats allowed), in this order."""
        positions, offsets = ragged_positions(self.offsets, rows)
        return Tokens(self.column.gather(positions), offsets)

    def documents(self) -> list[list[str]]:
        """One list of words a document, for libraries that want it so. Slow: a Python object a word."""
        words = self.column.to_list()
        return [words[start:stop] for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True)]


class Tokenizer:
    """Cuts texts into tokens. Holds nothing but its settings."""

    def __init__(self, config: TokenizerConfig | None = None) -> None:
        """Raises SettingError when the pattern is not a regular expression, or matches the empty string."""
        self.config = config or TokenizerConfig()
        pattern = self.config.pattern
        if pattern is None:
            pattern = f"{WORDS}|{PUNCTUATION}" if self.config.punctuation else WORDS
        self.pattern = pattern
        try:
            matches = pl.Series(["a", ""]).str.extract_all(pattern)
        except pl.exceptions.PolarsError as error:
            raise SettingError(
                f"pattern {pattern!r} is not a regular expression that can be used: {error}. "
                "It is read in Rust's syntax, which has no look-around and no back-references."
            ) from error
        if matches.explode(empty_as_null=False).eq("").any():
            raise SettingError(f"pattern {pattern!r} matches the empty string. Let it match at least one character.")

    def __call__(self, texts: Sequence[str] | pl.Series) -> Tokens:
        """Cut each text into its tokens. An empty text has none.

        Raises: DataError, naming the place counted from 0, when a text is missing or not a string.
        """
        column = texts if isinstance(texts, pl.Series) else _text_column(texts)
        if column.dtype != pl.String:
            raise DataError(f"expected texts, found a column of {column.dtype}.")
        if column.null_count():
            place = column.is_null().arg_max()
            raise DataError(f"text {place} is missing. Drop the row, or give it an empty text.")
        if self.config.lowercase:
            column = column.str.to_lowercase()
        lists = column.str.extract_all(self.pattern)
        offsets = np.zeros(len(lists) + 1, dtype=np.int64)
        np.cumsum(lists.list.len().to_numpy(), out=offsets[1:])
        flat = lists.explode(empty_as_null=False, keep_nulls=False) if len(lists) else pl.Series([], dtype=pl.String)
        return Tokens(flat, offsets)


def ragged_positions(
    offsets: npt.NDArray[np.int64], rows: npt.NDArray[np.integer[Any]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the elements of `rows` stand in a flat column, and the offsets of the selection.

    Returns: positions int64 (T',) and offsets int64 (N' + 1,).
    """
    starts = offsets[:-1][rows]
    lengths = offsets[1:][rows] - starts
    selected = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=selected[1:])
    positions = np.arange(selected[-1], dtype=np.int64)
    positions += np.repeat(starts - selected[:-1], lengths)
    return positions, selected


def _text_column(texts: Sequence[str]) -> pl.Series:
    if isinstance(texts, str):
        raise DataError("expected a sequence of texts, found one text. Put it into a list.")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"text {place} is {text!r} of type {type(text).__name__}, expected a string.")
    try:
        return pl.Series("text", list(texts), dtype=pl.String)
    except UnicodeEncodeError as error:
        # Half of a surrogate pair cannot be stored as UTF-8. It carries no meaning: the replacement sign stands in.
        del error
        return pl.Series("text", [text.encode("utf-8", "replace").decode() for text in texts], dtype=pl.String)
