"""A fitted model and tokenized documents → what each token adds to each logit: exactly, where the model is linear.

A linear model's logits are a bias and a sum of terms, each at an id (`bywords.models.linear_terms`). An n-gram shares
what it adds equally among its words; a character n-gram's is that of its word. Nothing is left over.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bywords.explain.token_alignment import NO_TOKEN, TokenAlignment
from bywords.models.base import FittedModel
from bywords.models.linear_terms import LinearTerms, Numbers
from bywords.text.tokenizer import Tokens


def at_tokens(terms: LinearTerms, alignment: TokenAlignment) -> LinearTerms:
    """The same terms with the tokens that their ids come from for positions; NO_TOKEN where it is none's."""
    first, last = np.append(alignment.first, NO_TOKEN), np.append(alignment.last, NO_TOKEN)  # NO_ID is the last
    n_tokens = (last - first + 1)[terms.positions]
    which = np.repeat(np.arange(len(n_tokens)), n_tokens)
    within = np.arange(len(which)) - np.repeat(np.cumsum(n_tokens) - n_tokens, n_tokens)
    parts = terms.weights[which] * (1 / n_tokens)[which]
    return replace(terms, positions=first[terms.positions][which] + within, rows=terms.rows[which], weights=parts)


def by_token(terms: LinearTerms, n_tokens: int) -> tuple[Numbers, Numbers]:
    """What each of T tokens adds by terms `at_tokens`, float64 (T, K), and what is no token's, (K,)."""
    sums = terms.added_up(np.where(terms.positions == NO_TOKEN, n_tokens, terms.positions), n_tokens + 1)
    return sums[:-1], sums[-1]


def by_word(terms: LinearTerms, tokens: Tokens) -> Numbers:
    """What all tokens of each distinct word add, float64 (U, K)."""
    n_words = len(tokens.words)
    codes = np.append(tokens.codes, n_words)  # NO_TOKEN is the last
    return terms.added_up(codes[terms.positions], n_words + 1)[:-1]


def linear_attributions(model: FittedModel, alignment: TokenAlignment, n_tokens: int) -> tuple[Numbers, Numbers]:
    """What each token of one document adds to a linear model's logits, float64 (T, K), and what no token does, (K,)."""
    terms = model.linear_terms(alignment.documents)
    found, rest = by_token(at_tokens(terms, alignment), n_tokens)
    return found, terms.bias + rest
