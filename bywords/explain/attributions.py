"""A fitted model and tokenized documents → what each token adds to each logit: exactly, where the model is linear.

A linear model's logits are a bias and a sum of terms, each at an id (`bywords.models.linear_terms`). An n-gram shares
what it adds equally among its words; a character n-gram's is that of its word. Nothing is left over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bywords.explain.token_alignment import NO_TOKEN, Indices, TokenAlignment
from bywords.models.base import FittedModel
from bywords.models.linear_terms import NO_ID, LinearTerms, RowsOf
from bywords.text.tokenizer import Tokens

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TokenTerms:
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

    def _summed(self, indices: npt.NDArray[np.integer], n_indices: int) -> Numbers:
        """The terms added up by their indices, int (M,): float64 (n_indices, K)."""
        is_asked = np.zeros(self.n_rows, dtype=bool)
        is_asked[self.rows] = True
        columns = np.cumsum(is_asked)[self.rows] - 1
        table = self.table(np.flatnonzero(is_asked)).astype(np.float64)
        sums = np.zeros((n_indices, table.shape[1]))
        for k in range(table.shape[1]):  # a column at a time: the terms of all classes at once would not fit
            sums[:, k] = np.bincount(indices, self.weights * table[columns, k], minlength=n_indices)
        return sums


def at_tokens(terms: LinearTerms, alignment: TokenAlignment) -> TokenTerms:
    """The terms of a model, at the tokens that its ids come from."""
    is_at_id = terms.positions != NO_ID
    positions, rest = terms.positions[is_at_id], np.flatnonzero(~is_at_id)
    tokens, which, parts = _spread(alignment, positions)
    return TokenTerms(
        np.concatenate([tokens, np.full(len(rest), NO_TOKEN)]),
        np.concatenate([terms.rows[is_at_id][which], terms.rows[rest]]),
        np.concatenate([terms.weights[is_at_id][which] * parts, terms.weights[rest]]),
        terms.n_rows,
        terms.table,
    )


def linear_attributions(model: FittedModel, alignment: TokenAlignment, n_tokens: int) -> tuple[Numbers, Numbers]:
    """What each token of one document adds to a linear model's logits, float64 (T, K), and what no token does, (K,)."""
    terms = model.linear_terms(alignment.documents)
    found, rest = at_tokens(terms, alignment).by_token(n_tokens)
    return found, terms.bias + rest


def _spread(alignment: TokenAlignment, positions: Indices) -> tuple[Indices, Indices, Numbers]:
    """The tokens that the ids at these positions, int64 (A,), come from; of each, which of the A, and its part."""
    n_tokens = alignment.last[positions] - alignment.first[positions] + 1
    which = np.repeat(np.arange(len(positions)), n_tokens)
    within = np.arange(len(which)) - np.repeat(np.cumsum(n_tokens) - n_tokens, n_tokens)
    return alignment.first[positions][which] + within, which, (1 / n_tokens)[which]
