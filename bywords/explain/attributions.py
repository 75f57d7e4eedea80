"""Encoded documents and a model without a hidden layer in, what each token adds to each logit out: exactly.

Such a model's logits are a bias and a sum over features of weight times row of a table. What a feature adds is shared
equally among its occurrences in the document, and by a run of words equally among its words; a piece of a word is
that word's. Nothing is left over.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.errors import SettingError
from bywords.explain.parts import Numbers
from bywords.explain.token_alignment import NO_TOKEN, Indices, TokenAlignment
from bywords.models.averaging import TrainedAveraging
from bywords.models.mean_vector import MeanVector, weigh
from bywords.models.tfidf_linear import TfidfLinear
from bywords.systems import FittedModel
from bywords.text.bags import Bags
from bywords.text.ragged import UNKNOWN
from bywords.text.tokenizer import Tokens

RowsOf = Callable[[Indices], npt.NDArray[np.floating[Any]]]


@dataclass(frozen=True, eq=False)
class Terms:
    """The logits of some documents taken apart: each term is a weight times a row of a table, at one token.

    `tokens` int64 (M,), NO_TOKEN where it is none's; `rows` int64 (M,), below `n_rows`; `weights` float64 (M,);
    `table` gives the rows that it is asked for, (R,) → (R, K).
    """

    tokens: Indices
    rows: Indices
    weights: Numbers
    n_rows: int
    table: RowsOf

    def by_token(self, n_tokens: int) -> tuple[Numbers, Numbers]:
        """What each of T tokens adds, float64 (T, K), and what is no token's, (K,)."""
        sums = self._summed(np.where(self.tokens == NO_TOKEN, n_tokens, self.tokens), n_tokens + 1)
        return sums[:-1], sums[-1]

    def by_word(self, tokens: Tokens) -> Numbers:
        """What all tokens of each distinct word add, float64 (U, K)."""
        n_words = len(tokens.words)
        codes = np.append(tokens.codes, n_words)  # NO_TOKEN is the last
        return self._summed(codes[self.tokens], n_words + 1)[:-1]

    def _summed(self, indices: npt.NDArray[np.integer[Any]], n_indices: int) -> Numbers:
        """The terms added up by their places, int (M,): float64 (n_places, K)."""
        from scipy.sparse import csr_matrix

        is_asked = np.zeros(self.n_rows, dtype=bool)
        is_asked[self.rows] = True
        columns = np.cumsum(is_asked)[self.rows] - 1
        matrix = csr_matrix((self.weights, (indices, columns)), shape=(n_indices, int(is_asked.sum())))
        sums: Numbers = matrix @ self.table(np.flatnonzero(is_asked)).astype(np.float64)
        return sums


def linear_terms(model: FittedModel, alignment: TokenAlignment) -> tuple[Terms, Numbers]:
    """All terms of a model's logits for some documents, and its bias, float64 (K,).

    Raises: SettingError for a model with a hidden layer.
    """
    documents = alignment.documents
    if isinstance(model, TfidfLinear):
        weights = model.weights
        return terms_of_bags(alignment, model.bags(documents), lambda rows: weights[rows]), _numbers(model.bias)
    if isinstance(model, TrainedAveraging) and not model.config.hidden_layers:
        folded = model.rows
        return terms_of_bags(alignment, model.bags(documents), lambda rows: folded[rows]), _numbers(model.output_bias)
    if isinstance(model, MeanVector):
        return _of_vectors(alignment, model), _numbers(model.bias)
    raise SettingError("the logits of a model with a hidden layer are no sum over words.")


def terms_of_bags(alignment: TokenAlignment, bags: Bags, table: RowsOf) -> Terms:
    """Those of a weighted sum of rows: each bag's weights, shared among the occurrences and the tokens of an id."""
    shares = _shares(alignment, bags)
    at = np.flatnonzero(shares)
    tokens, which, parts = spread(alignment, at)
    stand_ins = _stand_ins(alignment, bags)
    return Terms(
        np.concatenate([tokens, np.full(len(stand_ins), NO_TOKEN)]),
        np.concatenate([alignment.documents.ids[at[which]].astype(np.int64), np.full(len(stand_ins), UNKNOWN)]),
        np.concatenate([shares[at[which]] * parts, bags.weights[stand_ins].astype(np.float64)]),
        bags.n_rows,
        table,
    )


def spread(alignment: TokenAlignment, at: Indices) -> tuple[Indices, Indices, Numbers]:
    """The tokens that the ids at these places, int64 (A,), come from; of each, which of the A, and its part of it."""
    n_tokens = alignment.last[at] - alignment.first[at] + 1
    which = np.repeat(np.arange(len(at)), n_tokens)
    within = np.arange(len(which)) - np.repeat(np.cumsum(n_tokens) - n_tokens, n_tokens)
    return alignment.first[at][which] + within, which, (1 / n_tokens)[which]


def _shares(alignment: TokenAlignment, bags: Bags) -> Numbers:
    """The weights of ids that stand once in each bag, shared among their occurrences: float64 (T',)."""
    documents = alignment.documents
    each = bags.weights.astype(np.float64) / Bags.of(documents, bags.n_rows).weights
    scratch = np.zeros(max(bags.n_rows, int(documents.ids.max(initial=0)) + 1))  # by id; others than the bag's stay 0
    shares = np.empty(len(documents.ids))
    bounds = itertools.pairwise(documents.offsets.tolist()), itertools.pairwise(bags.offsets.tolist())
    for (start, stop), (first, end) in zip(*bounds, strict=True):
        scratch[bags.ids[first:end]] = each[first:end]
        shares[start:stop] = scratch[documents.ids[start:stop]]
        scratch[bags.ids[first:end]] = 0
    return shares


def _stand_ins(alignment: TokenAlignment, bags: Bags) -> Indices:
    """Where the unknown word stands in a bag for a document that has other ids, but none that the model sees."""
    documents = alignment.documents
    has_unknown = np.logical_or.reduceat(documents.ids == UNKNOWN, documents.offsets[:-1])
    starts = bags.offsets[:-1]
    return starts[(bags.lengths == 1) & (bags.ids[starts] == UNKNOWN) & ~has_unknown]


def _of_vectors(alignment: TokenAlignment, model: MeanVector) -> Terms:
    if model.config.pooling == "max":
        return _of_maxima(alignment, model)
    bags, totals = weigh(alignment.documents, model.idf, model.config.pooling)
    weights: Any = bags.weights / np.repeat(totals, bags.lengths)
    means = Bags(bags.ids, bags.offsets, weights, bags.n_rows)
    return terms_of_bags(alignment, means, lambda rows: model.vectors[rows].astype(np.float64) @ model.weights)


def _of_maxima(alignment: TokenAlignment, model: MeanVector) -> Terms:
    """Each dimension of a document's vector is the highest among its words: the word that has it adds all of it.

    Where several have it, they share it.
    """
    documents = alignment.documents
    gathered = np.where((documents.ids == UNKNOWN)[:, np.newaxis], -np.inf, model.vectors[documents.ids])  # (T', D)
    starts = documents.offsets[:-1]
    highest = np.repeat(np.maximum.reduceat(gathered, starts, axis=0), documents.lengths, axis=0)
    has_it = (gathered == highest) & np.isfinite(gathered)
    n_sharing = np.repeat(np.add.reduceat(has_it, starts, axis=0, dtype=np.int64), documents.lengths, axis=0)
    at, dimensions = np.nonzero(has_it)
    values = gathered[at, dimensions].astype(np.float64) / n_sharing[at, dimensions]
    tokens, which, parts = spread(alignment, at)
    return Terms(tokens, dimensions[which], values[which] * parts, len(model.weights), lambda rows: model.weights[rows])


def _numbers(values: npt.NDArray[Any]) -> Numbers:
    return values.astype(np.float64)
