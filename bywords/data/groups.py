"""Texts → which of them are the same, so that no split has one of them on each side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from bywords.kernels.ids import Keys, keys_of_documents
from bywords.text.tokenizer import Tokenizer, TokenizerConfig, Tokens
from bywords.text.word_table import Words

if TYPE_CHECKING:
    import polars as pl

Together = Literal["equal", "near"]  # which texts stay on one side: equal ones, or near duplicates too
Groups = npt.NDArray[np.int64]
MOST_SIGN_BYTES = 4  # a sign is one character
ALPHANUMERIC = np.array([byte < 128 and chr(byte).isalnum() for byte in range(256)])


def groups_of(
    texts: Sequence[str] | pl.Series, together: Together = "equal", *, tokens: Tokens | None = None
) -> Groups:
    """The group of each of N texts, int64 (N,), numbered from 0 as they come; a text without words is alone in its own.

    Texts are equal when the default tokenizer finds the same words in them: capitals, blanks, Unicode's form and signs
    do not count, but of texts that have no words, signs do. With `together` "near", texts that
    `bywords.data.duplicates` links are of one group too. `tokens` are those of the default tokenizer, where they are
    there already.
    """
    if tokens is None:
        tokens = Tokenizer(TokenizerConfig())(texts)
    equal = _numbered(_keys(tokens))
    if together == "equal" or not len(equal):
        return equal
    import polars as pl

    from bywords.data.duplicates import find_duplicates

    firsts = np.unique(equal, return_index=True)[1]
    column = texts
    if not isinstance(column, pl.Series):
        column = pl.Series([text.encode("utf-8", "replace").decode() for text in texts], dtype=pl.String)
    return _numbered(find_duplicates(column.gather(firsts)).train.groups[equal])


def is_also_in(texts: Sequence[str] | pl.Series, others: Sequence[str] | pl.Series) -> npt.NDArray[np.bool_]:
    """Which of N texts are among the others too, bool (N,); one without words is not."""
    tokenizer = Tokenizer(TokenizerConfig())
    tokens, there = tokenizer(texts), tokenizer(others)
    keys = _keys(there.joined(tokens))
    return np.isin(keys[len(there) :], keys[: len(there)])


def _keys(tokens: Tokens) -> Keys:
    """As `keys_of`; of a document without words its own index."""
    return np.where(tokens.lengths > 0, keys_of(tokens), np.arange(len(tokens), dtype=np.uint64))


def keys_of(tokens: Tokens) -> Keys:
    """A hash of 64 bits that only documents with the same words have, whatever they came with, uint64 (N,).

    Signs do not count, but in a document that has nothing else.
    """
    return keys_of_documents(tokens.codes, tokens.offsets, tokens.words.hashes, _are_signs(tokens.words))


def _are_signs(words: Words) -> npt.NDArray[np.bool_]:
    """Which words have no letter and no digit, bool (U,)."""
    lengths = np.diff(words.starts)
    may_be = np.flatnonzero((lengths > 0) & (lengths <= MOST_SIGN_BYTES))
    may_be = may_be[~ALPHANUMERIC[words.data[words.starts[may_be]]]]
    are_signs = np.zeros(len(words), dtype=np.bool_)
    are_signs[may_be] = [not any(map(str.isalnum, word)) for word in words.strings(may_be)]
    return are_signs


def _numbered(keys: Keys | Groups) -> Groups:
    """The same groups with numbers in the order of their first members."""
    _, firsts, index = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(firsts), dtype=np.int64)
    rank[np.argsort(firsts)] = np.arange(len(firsts))
    return rank[index]
