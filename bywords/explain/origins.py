"""Tokens in, for each id that a model sees of them the tokens that it comes from out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.ragged import UNKNOWN, Ragged
from bywords.tokens import Tokens, ragged_positions
from bywords.vocabulary import Vocabulary

NO_TOKEN = -1
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Origins:
    """N encoded documents of T' ids, and where each id comes from.

    Id i comes from the tokens `first[i]` to `last[i]`, both int64 (T',), places in `Tokens.codes`: a word from itself,
    a run of words from all of them, a piece from the word that it was cut from. The unknown word of a document in
    which nothing is known comes from NO_TOKEN.
    """

    documents: Ragged
    first: Places
    last: Places

    @classmethod
    def of(cls, vocabulary: Vocabulary, tokens: Tokens) -> Origins:
        """Those of what `vocabulary.encode(tokens)` gives, in the same order."""
        documents = vocabulary.encode(tokens)
        most = vocabulary.config.max_length or int(tokens.lengths.max(initial=0))
        read = np.minimum(tokens.lengths, most)
        is_nothing = np.repeat(documents.nothing_known, read)
        places = _cut(tokens.offsets, read)[~is_nothing]  # of all tokens that are read, in documents that have some
        of_document = np.repeat(np.arange(len(tokens)), read)[~is_nothing]
        blocks = [
            _words(vocabulary, tokens, places, of_document),
            *_runs(vocabulary, tokens, read, documents.nothing_known),
            _pieces(vocabulary, tokens, places, of_document),
        ]
        nothing = np.flatnonzero(documents.nothing_known)
        blocks.append((nothing, np.full(len(nothing), NO_TOKEN), np.full(len(nothing), NO_TOKEN)))
        owner, first, last = (np.concatenate(column) for column in zip(*blocks, strict=True))
        order = np.argsort(owner, kind="stable")  # of each document its words, its runs, its pieces
        return cls(documents, first[order], last[order])


Block = tuple[Places, Places, Places]  # of each id: its document, its first and its last token


def _words(vocabulary: Vocabulary, tokens: Tokens, places: Places, of_document: Places) -> Block:
    is_seen = vocabulary.config.keep_unknown | (vocabulary.running_ids(tokens)[places] != UNKNOWN)
    return of_document[is_seen], places[is_seen], places[is_seen]


def _runs(vocabulary: Vocabulary, tokens: Tokens, read: Places, is_nothing: npt.NDArray[np.bool_]) -> list[Block]:
    """Those of two words, of three, … The places before and behind a document belong to no token."""
    from bywords.compiled.ids import NOT_THERE

    (_, *runs), offsets = vocabulary.runs_of(tokens)
    is_whole = read == tokens.lengths  # else the place behind the document is cut off with its end
    blocks = []
    for more, found in enumerate(runs, start=1):
        starts = np.where((read > 0) & ~is_nothing, np.maximum(read + 1 + is_whole - more, 0), 0)
        of_document = np.repeat(np.arange(len(read)), starts)
        places = _cut(offsets, starts)
        is_there = found[places] != NOT_THERE
        of_document, places = of_document[is_there], places[is_there]
        begin = tokens.offsets[of_document]
        first = places - 2 * of_document - 1  # as if there were no places beside the tokens
        last = np.minimum(first + more, begin + read[of_document] - 1)
        blocks.append((of_document, np.maximum(first, begin), last))
    return blocks


def _pieces(vocabulary: Vocabulary, tokens: Tokens, places: Places, of_document: Places) -> Block:
    _, offsets = vocabulary.pieces_of(tokens.words)
    n_pieces = np.diff(offsets)[tokens.codes[places]]
    repeated = np.repeat(places, n_pieces)
    return np.repeat(of_document, n_pieces), repeated, repeated


def _cut(offsets: npt.NDArray[np.int64], lengths: npt.NDArray[np.integer[Any]]) -> Places:
    """The places of the first `lengths` of each document."""
    bounds = np.stack([offsets[:-1], offsets[:-1] + lengths], axis=1).ravel()
    positions, _ = ragged_positions(bounds, 2 * np.arange(len(lengths)))
    return positions
