"""A fitted classifier and many texts → the words that speak for each class over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.explain.attributions import at_tokens, by_word
from bywords.explain.explanation import attributions
from bywords.explain.token_alignment import TokenAlignment
from bywords.fitted import FittedClassifier
from bywords.models.linear_terms import Numbers
from bywords.text.tokenizer import Tokens, shown_token

MOST_BY_GRADIENTS = 100  # documents, where a model has a hidden layer
MOST_IN_ORDER = 30  # where it reads them word by word
TOKENS_AT_ONCE = 100_000


def class_words(classifier: FittedClassifier, texts: Sequence[str], *, n: int = 15) -> dict[str, list[dict[str, Any]]]:
    """The words that add most to each class, those of the largest sum over all texts first: JSON values.

    For each label at most `n` words: `word`; `attribution`, to the logit of the class in a document that has the word,
    on average, on the scale of `Explanation`; `n_documents` that have it. The order is by their product.

    A model with a hidden layer is asked about `n_documents_used(classifier, len(texts))` of the texts, evenly spaced.
    """
    n_used = n_documents_used(classifier, len(texts))
    used = [texts[index] for index in np.linspace(0, len(texts) - 1, n_used).round().astype(int)]
    tokens = classifier.tokenizer(used)
    sums_of = _sums_of_linear if classifier.model.is_linear else _sums_by_gradients
    sums = classifier.scaled(sums_of(classifier, tokens))
    n_documents = tokens.document_frequency()
    words = list(map(shown_token, tokens.words.strings()))
    found = {}
    for label, column, order in zip(classifier.classes.tolist(), sums.T, most(sums, n), strict=True):
        found[str(label)] = [
            {
                "word": words[word],
                "attribution": float(column[word] / n_documents[word]),
                "n_documents": int(n_documents[word]),
            }
            for word in order.tolist()
        ]
    return found


def most(sums: Numbers, n: int) -> Iterator[npt.NDArray[np.int64]]:
    """Of each of K columns the rows of its n largest numbers above 0, largest first, of equals the first."""
    columns = np.ascontiguousarray(sums.T)
    at = max(columns.shape[1] - n, 0)
    for column in columns:
        least = np.partition(column, at)[at] if 0 < n <= len(column) else -np.inf
        rows = np.flatnonzero((column > 0) & (column >= least))  # to sort these alone is many times as fast
        yield rows[np.argsort(-column[rows], kind="stable")][:n]


def n_documents_used(classifier: FittedClassifier, n_documents: int) -> int:
    """How many documents `class_words` looks at: all, unless the model has a hidden layer."""
    if classifier.model.is_linear:
        return n_documents
    in_order = any(member.reads_in_order for member in classifier.model.members.values())
    return min(n_documents, MOST_IN_ORDER if in_order else MOST_BY_GRADIENTS)


def _sums_of_linear(classifier: FittedClassifier, tokens: Tokens) -> Numbers:
    """What each distinct word adds to each logit, over all documents: float64 (U, K)."""
    sums = np.zeros((len(tokens.words), len(classifier.classes)))
    for rows in _chunks(tokens):
        chunk = tokens.select(rows)
        alignment = TokenAlignment.of(classifier.vocabulary, chunk)
        for member in classifier.model.members.values():
            sums += by_word(at_tokens(member.linear_terms(alignment.documents), alignment), chunk)
    return sums


def _sums_by_gradients(classifier: FittedClassifier, tokens: Tokens) -> Numbers:
    sums = np.zeros((len(tokens.words), len(classifier.classes)))
    for row in range(len(tokens)):
        document = tokens.select(np.array([row]))
        of_tokens, _ = attributions(classifier, TokenAlignment.of(classifier.vocabulary, document), len(document.codes))
        np.add.at(sums, document.codes, of_tokens)
    return sums


def _chunks(tokens: Tokens) -> list[npt.NDArray[np.int64]]:
    """The rows of neighbouring documents with about TOKENS_AT_ONCE tokens together."""
    cuts = np.searchsorted(tokens.offsets, np.arange(TOKENS_AT_ONCE, tokens.offsets[-1], TOKENS_AT_ONCE))
    return [rows for rows in np.split(np.arange(len(tokens)), np.unique(cuts)) if len(rows)]
