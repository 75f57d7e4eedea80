"""Tokens → for each id that a model sees of them, the tokens that it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.text.ragged import UNKNOWN, Ragged, ragged_positions
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import Vocabulary

NO_TOKEN = -1
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TokenAlignment:
    """N encoded documents of T' ids, and where each id comes from.

    Id i comes from the tokens `first[i]` to `last[i]`, both int64 (T',), indices of `Tokens.codes`: a word from itself,
    an n-gram from all of its words, a character n-gram from the word that it was cut from. The unknown word of a
    document in which nothing is known comes from NO_TOKEN.
    """

    documents: Ragged
    first: Indices
    last: Indices

    @classmethod
    def of(cls, vocabulary: Vocabulary, tokens: Tokens) -> TokenAlignment:
        """Those of what `vocabulary.encode(tokens)` gives, in the same order."""
        documents = vocabulary.encode(tokens)
        most = vocabulary.config.max_length or int(tokens.lengths.max(initial=0))
        read = np.minimum(tokens.lengths, most)
        is_nothing = np.repeat(documents.all_out_of_vocabulary, read)
        indices = _cut(tokens.offsets, read)[~is_nothing]  # of all tokens that are read, in documents that have some
        of_document = np.repeat(np.arange(len(tokens)), read)[~is_nothing]
        blocks = [
            _words(vocabulary, tokens, indices, of_document),
            *_ngrams(vocabulary, tokens, read, documents.all_out_of_vocabulary),
            _char_ngrams(vocabulary, tokens, indices, of_document),
        ]
        nothing = np.flatnonzero(documents.all_out_of_vocabulary)
        blocks.append((nothing, np.full(len(nothing), NO_TOKEN), np.full(len(nothing), NO_TOKEN)))
        owner, first, last = (np.concatenate(column) for column in zip(*blocks, strict=True))
        order = np.argsort(owner, kind="stable")  # of each document its words, its n-grams, its character n-grams
        return cls(documents, first[order], last[order])


Block = tuple[Indices, Indices, Indices]  # of each id: its document, its first and its last token


def _words(vocabulary: Vocabulary, tokens: Tokens, indices: Indices, of_document: Indices) -> Block:
    is_seen = vocabulary.config.keep_unknown | (vocabulary.token_ids(tokens)[indices] != UNKNOWN)
    return of_document[is_seen], indices[is_seen], indices[is_seen]


def _ngrams(vocabulary: Vocabulary, tokens: Tokens, read: Indices, is_nothing: npt.NDArray[np.bool_]) -> list[Block]:
    """Those of two words, of three, … The positions before and behind a document belong to no token."""
    from bywords.kernels.ids import NOT_THERE

    (_, *ngrams), offsets = vocabulary.ngrams_of(tokens)
    is_whole = read == tokens.lengths  # else the position behind the document is cut off with its end
    blocks = []
    for more, found in enumerate(ngrams, start=1):
        starts = np.where((read > 0) & ~is_nothing, np.maximum(read + 1 + is_whole - more, 0), 0)
        of_document = np.repeat(np.arange(len(read)), starts)
        indices = _cut(offsets, starts)
        is_there = found[indices] != NOT_THERE
        of_document, indices = of_document[is_there], indices[is_there]
        start = tokens.offsets[of_document]
        first = indices - 2 * of_document - 1  # as if there were no positions beside the tokens
        last = np.minimum(first + more, start + read[of_document] - 1)
        blocks.append((of_document, np.maximum(first, start), last))
    return blocks


def _char_ngrams(vocabulary: Vocabulary, tokens: Tokens, indices: Indices, of_document: Indices) -> Block:
    _, offsets = vocabulary.char_ngrams_of(tokens.words)
    n_char_ngrams = np.diff(offsets)[tokens.codes[indices]]
    repeated = np.repeat(indices, n_char_ngrams)
    return np.repeat(of_document, n_char_ngrams), repeated, repeated


def _cut(offsets: npt.NDArray[np.int64], lengths: npt.NDArray[np.integer[Any]]) -> Indices:
    """The indices of the first `lengths` of each document."""
    bounds = np.stack([offsets[:-1], offsets[:-1] + lengths], axis=1).ravel()
    positions, _ = ragged_positions(bounds, 2 * np.arange(len(lengths)))
    return positions
