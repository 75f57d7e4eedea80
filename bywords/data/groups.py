"""Texts → which of them are the same, so that no split has one of them on each side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from bywords.text.ragged import offsets_of
from bywords.text.tokenizer import Tokenizer, TokenizerConfig, Tokens

if TYPE_CHECKING:
    import polars as pl

Together = Literal["equal", "near"]  # which texts stay on one side: equal ones, or near duplicates too
Groups = npt.NDArray[np.int64]
N_SAMPLED = 8  # tokens of a document that tell it from most others
MOST_SIGN_BYTES = 4  # a sign is one character


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
    column = pl.Series([text.encode("utf-8", "replace").decode() for text in texts], dtype=pl.String)
    return _numbered(find_duplicates(column.gather(firsts)).train.groups[equal])


def is_also_in(texts: Sequence[str] | pl.Series, others: Sequence[str] | pl.Series) -> npt.NDArray[np.bool_]:
    """Which of N texts are among the others too, bool (N,); one without words is not."""
    tokenizer = Tokenizer(TokenizerConfig())
    tokens, there = tokenizer(texts), tokenizer(others)
    keys = _keys(there.joined(tokens))
    return np.isin(keys[len(there) :], keys[: len(there)])


def _keys(tokens: Tokens) -> npt.NDArray[np.uint64]:
    """A number for each document that only those with the same words have, uint64 (N,): a hash of 64 bits.

    Most differ in their length and some of their tokens already; all tokens are looked at of those that do not.
    Source: Carter and Wegman (1979), "Universal Classes of Hash Functions"; a sum of random numbers of word and place.
    """
    tokens, generator = _without_signs(tokens), np.random.default_rng(0)
    lengths, is_filled = tokens.lengths, tokens.lengths > 0
    of_word = generator.integers(0, 1 << 64, len(tokens.words), dtype=np.uint64)
    of_position = generator.integers(0, 1 << 64, lengths.max(initial=N_SAMPLED), dtype=np.uint64) | np.uint64(1)
    keys = np.arange(len(tokens), dtype=np.uint64)  # of a document without words its own index
    sampled = tokens.offsets[:-1, np.newaxis] + np.arange(N_SAMPLED) * lengths[:, np.newaxis] // N_SAMPLED  # (N, 8)
    some = (of_word[tokens.codes[sampled[is_filled]]] * of_position[:N_SAMPLED]).sum(axis=1, dtype=np.uint64)
    keys[is_filled] = some + lengths[is_filled].astype(np.uint64) * of_position[-1]
    _, index, counts = np.unique(keys, return_inverse=True, return_counts=True)
    alike = np.flatnonzero((counts[index] > 1) & is_filled)
    if len(alike):
        whole = tokens.select(alike)
        position = np.arange(len(whole.codes)) - np.repeat(whole.offsets[:-1], whole.lengths)
        keys[alike] = np.add.reduceat(of_word[whole.codes] * of_position[position], whole.offsets[:-1])
    return keys


def keys_of(tokens: Tokens) -> npt.NDArray[np.uint64]:
    """A number for each document that only those with the same words have, whatever they came with, uint64 (N,)."""
    import polars as pl

    tokens = _without_signs(tokens)
    lengths = tokens.lengths
    of_word = pl.Series(tokens.words.strings(), dtype=pl.String).hash(0).to_numpy()
    of_position = np.random.default_rng(0).integers(0, 1 << 64, lengths.max(initial=0), dtype=np.uint64)
    position = np.arange(len(tokens.codes)) - np.repeat(tokens.offsets[:-1], lengths)
    keys = np.zeros(len(tokens), dtype=np.uint64)
    if len(tokens.codes):
        products = of_word[tokens.codes] * (of_position[position] | np.uint64(1))
        keys[lengths > 0] = np.add.reduceat(products, tokens.offsets[:-1][lengths > 0])
    return keys


def _without_signs(tokens: Tokens) -> Tokens:
    """The documents without the tokens that are signs; those that have nothing else keep them."""
    short = np.flatnonzero(np.diff(tokens.words.starts) <= MOST_SIGN_BYTES)
    is_sign = np.zeros(len(tokens.words), dtype=np.bool_)
    is_sign[short] = [not any(map(str.isalnum, word)) for word in tokens.words.strings(short)]
    document = np.repeat(np.arange(len(tokens)), tokens.lengths)
    is_word = ~is_sign[tokens.codes]
    has_words = np.bincount(document[is_word], minlength=len(tokens)) > 0
    is_kept = is_word | ~has_words[document]
    return Tokens(
        tokens.codes[is_kept], tokens.words, offsets_of(np.bincount(document[is_kept], minlength=len(tokens)))
    )


def _numbered(keys: npt.NDArray[np.uint64] | Groups) -> Groups:
    """The same groups with numbers in the order of their first members."""
    _, firsts, index = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(firsts), dtype=np.int64)
    rank[np.argsort(firsts)] = np.arange(len(firsts))
    return rank[index]
