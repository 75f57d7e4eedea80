"""Documents of ids → bags: each id of a document once, with a weight; the order of the tokens is lost.

The weighting is decided here, for the averaging models and the linear ones alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from bywords.kernels.bags import count, weigh, weighed_sums
from bywords.kernels.rows import add_rows
from bywords.kernels.words import count_codes
from bywords.text.ragged import UNKNOWN, Ragged, ragged_positions

Places = npt.NDArray[np.int64] | slice  # of documents among those that were asked for; a slice is all of them
Weighting = Literal["uniform", "idf", "tfidf", "log-tfidf"]
Floats = npt.NDArray[np.float32]
WEIGHTINGS = get_args(Weighting)  # in the order of the constants of `bywords.kernels.bags`


@dataclass(frozen=True)
class Bags:
    """Distinct ids of N documents with their weights.

    `ids` is int32 (T,), all below `n_rows`; `weights` float32 (T,); document i is `ids[offsets[i]:offsets[i + 1]]`;
    `offsets` is int64 (N + 1,). Every document has at least one id.
    """

    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    weights: Floats
    n_rows: int

    @classmethod
    def of(cls, documents: Ragged, n_rows: int) -> Bags:
        """Each id with its count. Ids at or above `n_rows` are left out; a document without others is unknown."""
        ids, offsets, counts = count(documents.ids, documents.offsets, n_rows, UNKNOWN)
        return cls(ids, offsets, counts, n_rows)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Distinct ids of each document, int64 (N,), all ≥ 1."""
        return np.diff(self.offsets)

    def select(self, rows: npt.NDArray[np.integer[Any]]) -> Bags:
        """Only these documents (int, any order, repeats allowed), in this order."""
        positions, offsets = ragged_positions(self.offsets, rows)
        return Bags(self.ids[positions], offsets, self.weights[positions], self.n_rows)

    def blocks(
        self, rows: npt.NDArray[np.int64], generator: np.random.Generator | None = None
    ) -> Iterator[tuple[Places, Bags, npt.NDArray[np.int64]]]:
        """These documents, as many at a time as are in memory together: all.

        Of each part: where its documents are among those of `rows`, bags, and their rows of the bags.
        """
        yield slice(None), self, rows

    def scratch(self, shape: tuple[int, ...]) -> Floats:
        """Room for numbers of all documents, float32, 0 at first."""
        return np.zeros(shape, dtype=np.float32)

    def inverse_document_frequency(self) -> Floats:
        """How rare each id is: ln((1 + N) / (1 + documents with it)) + 1, float32 (V,), all ≥ 1.

        Source: scikit-learn's smoothed idf, after Spärck Jones (1972), "A Statistical Interpretation of Term
        Specificity".
        """
        return inverse_document_frequency(self.document_frequency(), len(self))

    def document_frequency(self) -> npt.NDArray[np.int64]:
        """How many documents have each id, int64 (V,)."""
        return count_codes(self.ids, self.n_rows)

    def without_unknown(self) -> Bags:
        """The unknown word stays, with a weight of 0."""
        return replace(self, weights=self.weights * (self.ids != UNKNOWN))

    def weighed(self, weighting: Weighting, idf: Floats, *, blocks: Sequence[int] = ()) -> Bags:
        """Counts → weights; `idf` is float32 (V,).

        uniform: the mean over the tokens, so that weights sum to 1; idf: the same, each token times its idf; tfidf:
        counts times idf, scaled to length 1; log-tfidf: the same with 1 + ln(count). In the last two the unknown word
        has weight 0, and the ids below the first of `blocks`, from there to the second, … are each scaled to length 1
        before the whole is, so that many ids of one kind do not drown few of another.
        Source: Salton and Buckley (1988), "Term-Weighting Approaches in Automatic Text Retrieval".
        """
        weights = self.weights.copy()
        weigh(self.ids, self.offsets, idf, blocks, WEIGHTINGS.index(weighting), weights)
        return replace(self, weights=weights)

    def times(self, matrix: Floats) -> Floats:
        """Σ weight · matrix[id] over the ids of each document: (V, D) → float32 (N, D)."""
        sums = np.empty((len(self), matrix.shape[1]), dtype=np.float32)
        add_rows(matrix, self.ids, self.offsets, self.weights, sums)
        return sums

    def products(self, rows: npt.NDArray[np.int64] | None, matrix: Floats) -> Floats:
        """`times`, of these documents only; of all where none are given."""
        return (self if rows is None else self.select(rows)).times(matrix)


def weighed_rows(documents: Ragged, matrix: Floats, weighting: Weighting, idf: Floats, blocks: Sequence[int]) -> Floats:
    """`Bags.of(documents, V).weighed(weighting, idf, blocks=blocks).times(matrix)`, in one pass: float32 (N, D)."""
    number = WEIGHTINGS.index(weighting)
    return weighed_sums(documents.ids, documents.offsets, idf, blocks, number, matrix)


def inverse_document_frequency(frequency: npt.NDArray[np.int64], n_documents: int) -> Floats:
    """As `Bags` have it, from the number of documents, of N, that have each id, int64 (V,)."""
    return (np.log((1 + n_documents) / (1 + frequency)) + 1).astype(np.float32)
