"""Texts → tokens: the index of the word of each token, and the distinct words beside them.

There is no Python loop over words here. Threads read the texts as bytes, a chunk each: every word is made lower-case,
looked up in a table of the words so far and replaced by its index there (`bywords.kernels.words`). A custom pattern is
matched by polars instead, which is slower.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.errors import SettingError
from bywords.kernels.ids import count
from bywords.kernels.words import scan
from bywords.text.characters import kinds_of_characters
from bywords.text.inputs import checked_texts
from bywords.text.ragged import offsets_of, ragged_positions
from bywords.text.threads import chunks_of, in_threads
from bywords.text.word_table import Words, WordTable


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """What counts as a token.

    Without a `pattern`: a sequence of letters, digits and combining marks of any script, single apostrophes within it,
    so that don't is one word; and any other visible sign. Of scripts without spaces (Chinese, Japanese, Thai, Lao,
    Khmer, Burmese) each character and each pair of neighbours. Texts are brought to Unicode's form NFC before.

    >>> from bywords import Tokenizer, TokenizerConfig
    >>> Tokenizer(TokenizerConfig(punctuation=False, lowercase=False))(["The fire!"]).words.strings()
    ['The', 'fire']
    """

    lowercase: bool = True
    punctuation: bool = True  # keep punctuation marks as separate tokens
    pattern: str | None = None  # every match is a token, in Rust's syntax; overrides `punctuation`


@dataclass(frozen=True)
class Tokens:
    """The tokens of N documents, one after the other: T tokens of U distinct words.

    `codes` is int32 (T,), indices in `words`; document i is `codes[offsets[i]:offsets[i + 1]]`; `offsets` is int64
    (N + 1,). A document may have no tokens, and after a selection `words` may include some that no document has.
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
        """One list of words per document, for libraries that need it. Slow: a Python object per token."""
        strings = self.words.strings()
        words = [strings[code] for code in self.codes.tolist()]
        return [words[start:stop] for start, stop in itertools.pairwise(self.offsets.tolist())]


class Tokenizer:
    """Cuts texts into tokens. Holds nothing but its settings.

    >>> from bywords import Tokenizer
    >>> tokens = Tokenizer()(["The printer's on fire!"])
    >>> tokens.words.strings()
    ['the', "printer's", 'on', 'fire', '!']
    """

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

        Raises: DataError, naming the index, when a text is missing or not a string.
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
        return Tokens(codes, words, offsets_of(lengths))

    def _scan(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], Words]:
        is_ascii = True
        encoded = []
        for text in texts:
            if not text.isascii():
                is_ascii = False
                text = unicodedata.normalize("NFC", text.lower() if self.config.lowercase else text)
            # Half of a surrogate pair is no valid UTF-8 and has no meaning: it becomes a question mark.
            encoded.append(text.encode("utf-8", "replace"))
        ends = np.cumsum(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)))
        whole = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        kinds = kinds_of_characters()[:128] if is_ascii else kinds_of_characters()
        codes, lengths, data, starts, hashes = scan(whole, ends, kinds, self.config.lowercase, self.config.punctuation)
        return codes, lengths, Words(data, starts, hashes)

    def _matches(self, texts: Sequence[str], pattern: str) -> Tokens:
        import polars as pl

        column = pl.Series([text.encode("utf-8", "replace").decode() for text in texts], dtype=pl.String)
        column = column.str.normalize("NFC")
        if self.config.lowercase:
            column = column.str.to_lowercase()
        lists = column.str.extract_all(pattern)
        offsets = offsets_of(lists.list.len().to_numpy().astype(np.int64))
        flat = lists.explode(empty_as_null=False, keep_nulls=False) if len(lists) else column
        distinct = flat.unique(maintain_order=True)
        indices = pl.Series(np.arange(len(distinct), dtype=np.int32))
        codes = flat.replace_strict(distinct, indices, return_dtype=pl.Int32) if len(flat) else indices
        return Tokens(codes.to_numpy(), Words.of(distinct.to_list()), offsets)


def _check_pattern(pattern: str) -> None:
    import polars as pl

    try:
        matches = pl.Series(["a", ""]).str.extract_all(pattern)
    except pl.exceptions.PolarsError as error:
        raise SettingError(
            f"pattern {pattern!r} is not a valid regular expression: {error}. "
            "It is read in Rust's syntax, which has no look-around and no back-references."
        ) from error
    if matches.explode(empty_as_null=False).eq("").any():
        raise SettingError(f"pattern {pattern!r} matches the empty string. Let it match at least one character.")
