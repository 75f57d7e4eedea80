"""Encoded documents, word vectors and targets → a linear model: pooled word vectors with logistic regression.

Fitted by scikit-learn and kept as plain arrays, so that it saves without pickle and predicts by one product.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_fields
from bywords.data.label_sets import LabelSets
from bywords.data.targets import Targets
from bywords.errors import SettingError, check_range
from bywords.extras import needed
from bywords.models.base import Arrays, FittedModel, ModelConfig, Shapes, last_layer, strength_of_table
from bywords.models.counted import CountedTable
from bywords.models.linear_terms import LinearTerms, terms_of_bags
from bywords.text.bags import Bags, Floats
from bywords.text.ragged import UNKNOWN, Ragged
from bywords.text.vocabulary import Vocabulary
from bywords.vectors.word_vectors import Aligned

UNSEEN = -30.0  # the logit of a class that no training document has
Pooling = Literal["mean", "sum", "max", "idf"]


@dataclass(frozen=True, kw_only=True)
class MeanVectorConfig(ModelConfig):
    """How word vectors become a document vector, and the logistic regression on it."""

    pooling: Pooling = "idf"  # idf: the mean weighted by inverse document frequency
    C: float = 1.0  # the inverse of the regularisation, on features of variance 1
    max_iterations: int = 2000  # of L-BFGS; it converges long before
    title, library = "logistic regression on mean word vectors", "scikit-learn"

    def __post_init__(self) -> None:
        check_fields(self)
        check_range("C", self.C, above=0, below=float("inf"))
        check_range("max_iterations", self.max_iterations, least=1)


class MeanVector(FittedModel):
    """Pooled word vectors, and one linear layer."""

    Config = MeanVectorConfig
    row_arrays = ("vectors", "idf")
    rarities = ("idf",)
    is_linear = True
    idf: Floats

    def __init__(self, config: MeanVectorConfig, vectors: Floats, idf: Floats, weights: Floats, bias: Floats) -> None:
        """`vectors` is float32 (V, D), `idf` (V,), `weights` (D, K), `bias` (K,)."""
        self.config = config
        self.vectors, self.idf, self.weights, self.bias = vectors, idf, weights, bias

    @classmethod
    def fit(
        cls,
        config: MeanVectorConfig,
        prepared: Ragged,
        targets: Targets,
        *,
        aligned: Aligned | None = None,
        **_: Any,
    ) -> tuple[Self, list[str]]:
        """Fit to N documents; also what there is to say of it: that it did not converge.

        Features are centred and scaled to variance 1; the layer that is kept takes them as they are.
        Raises: SettingError without `aligned` word vectors, and for some with numbers too large to be summed up.
        """
        if aligned is None:
            raise SettingError("a mean of word vectors needs word vectors: give the system `vectors`.")
        needed("sklearn.linear_model", what="a mean of word vectors, by logistic regression,")
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        vectors = aligned.matrix
        idf = Bags.of(prepared, len(vectors)).inverse_document_frequency()
        features = pool(prepared, vectors, idf, config.pooling).astype(np.float64)
        centre, spread = features.mean(axis=0), features.std(axis=0)
        spread[spread == 0] = 1.0
        scaled = (features - centre) / spread
        if not np.isfinite(scaled).all():
            raise SettingError("the word vectors have numbers too large to be summed up. Check where they come from.")
        n_classes = targets.n_classes
        coefficients, intercept = np.zeros((n_classes, scaled.shape[1])), np.full(n_classes, UNSEEN)
        n_iterations = 0
        for classes, labels in _problems(targets):
            regression = LogisticRegression(C=config.C, max_iter=config.max_iterations)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # said in the notes instead
                regression.fit(scaled, labels, sample_weight=targets.weights if targets.is_weighed else None)
            found, shift = regression.coef_, regression.intercept_
            if len(shift) < len(classes):  # one score z for two classes: a softmax over -z/2 and z/2 gives its sigmoid
                found, shift = np.concatenate([-found, found]) / 2, np.concatenate([-shift, shift]) / 2
            coefficients[classes], intercept[classes] = found, shift
            n_iterations = max(n_iterations, int(regression.n_iter_.max()))
        weights = coefficients.T / spread[:, np.newaxis]
        bias = intercept - centre @ weights
        notes = []
        if n_iterations >= config.max_iterations:
            notes.append(f"The logistic regression did not converge in {n_iterations} iterations.")
        return cls(config, vectors, idf, weights.astype(np.float32), bias.astype(np.float32)), notes

    def features(self, documents: Ragged) -> Floats:
        """The pooled word vectors, float32 (N, D)."""
        return pool(documents, self.vectors, self.idf, self.config.pooling)

    def logits(self, documents: Ragged) -> Floats:
        """Float32 (N, K)."""
        return last_layer(self.features(documents), self.weights, self.bias)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {"vectors": self.vectors, "idf": self.idf, "weights": self.weights, "bias": self.bias}

    @classmethod
    def from_arrays(cls, config: MeanVectorConfig, arrays: Arrays, *, vocabulary: Vocabulary, n_classes: int) -> Self:
        return cls(config, arrays["vectors"], arrays["idf"], arrays["weights"], arrays["bias"])

    @classmethod
    def expected_shapes(cls, config: MeanVectorConfig, vocabulary: Vocabulary, n_classes: int) -> Shapes:
        n_rows = len(vocabulary)
        return {"vectors": (n_rows, "D"), "idf": (n_rows,), "weights": ("D", n_classes), "bias": (n_classes,)}

    def row_strength(self) -> npt.NDArray[np.float64]:
        return strength_of_table(self.vectors @ self.weights)

    def linear_terms(self, documents: Ragged) -> LinearTerms:
        if self.config.pooling == "max":
            return self._terms_of_maxima(documents)
        bags, totals = weigh(documents, self.idf, self.config.pooling)
        weights: Any = bags.weights / np.repeat(totals, bags.lengths)
        means = Bags(bags.ids, bags.offsets, weights, bags.n_rows)
        return terms_of_bags(
            documents, means, lambda rows: self.vectors[rows].astype(np.float64) @ self.weights, self.bias
        )  # fmt: skip

    def counted_tables(self) -> list[CountedTable]:
        if self.config.pooling == "max":
            return super().counted_tables()
        idf = self.idf.copy() if self.config.pooling == "idf" else np.ones_like(self.idf)
        idf[UNKNOWN] = 0
        return [
            CountedTable(
                weighting="count" if self.config.pooling == "sum" else "share", idf=idf, rows=self.vectors,
                bias=self.bias, layer=self.weights, stored_as="vectors",
            )
        ]  # fmt: skip

    def _terms_of_maxima(self, documents: Ragged) -> LinearTerms:
        """Each dimension of a document's vector is the highest among its words: the word that has it adds all of it.

        Where several have it, they share it.
        """
        gathered = np.where((documents.ids == UNKNOWN)[:, np.newaxis], -np.inf, self.vectors[documents.ids])  # (T', D)
        starts = documents.offsets[:-1]
        highest = np.repeat(np.maximum.reduceat(gathered, starts, axis=0), documents.lengths, axis=0)
        has_it = (gathered == highest) & np.isfinite(gathered)
        n_sharing = np.repeat(np.add.reduceat(has_it, starts, axis=0, dtype=np.int64), documents.lengths, axis=0)
        positions, dimensions = np.nonzero(has_it)
        values = gathered[positions, dimensions].astype(np.float64) / n_sharing[positions, dimensions]
        bias = self.bias.astype(np.float64)
        return LinearTerms(positions, dimensions, values, len(self.weights), lambda rows: self.weights[rows], bias)


def _problems(targets: Targets) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[Any]]]:
    """What logistic regressions there are to fit: the classes that each gives logits of, and its labels of all texts.

    Of one label a document one, for the classes that occur; of any number, one for each label that some have and some
    have not.
    """
    if not isinstance(targets.codes, LabelSets):
        yield np.unique(targets.codes), targets.codes
        return
    counts = targets.counts()
    for label in np.flatnonzero((counts > 0) & (counts < len(targets))).tolist():
        yield np.array([label]), targets.codes.has(label)


def pool(documents: Ragged, vectors: Floats, idf: Floats, pooling: Pooling) -> Floats:
    """One vector a document from the vectors of its known words, float32 (N, D); 0 where nothing is known."""
    if pooling == "max":
        return np.concatenate([_highest(batch, vectors) for batch in documents.batches(1024)])  # (T, D) does not fit
    bags, totals = weigh(documents, idf, pooling)
    means: Floats = bags.times(vectors) / totals[:, np.newaxis]
    return means


def weigh(documents: Ragged, idf: Floats, pooling: Pooling) -> tuple[Bags, Floats]:
    """What each word counts in the sum of its document, and what to divide the sum by, float32 (N,); not for "max"."""
    bags = Bags.of(documents, len(idf)).without_unknown()
    if pooling == "idf":
        bags = Bags(bags.ids, bags.offsets, bags.weights * idf[bags.ids], bags.n_rows)
    if pooling == "sum":
        return bags, np.ones(len(bags), dtype=np.float32)
    totals = np.add.reduceat(bags.weights, bags.offsets[:-1])
    return bags, np.where(totals > 0, totals, 1).astype(np.float32)


def _highest(documents: Ragged, vectors: Floats) -> Floats:
    gathered = np.where((documents.ids == UNKNOWN)[:, np.newaxis], -np.inf, vectors[documents.ids])  # (T, D)
    highest = np.maximum.reduceat(gathered, documents.offsets[:-1], axis=0)  # (N, D)
    return np.where(np.isfinite(highest), highest, 0).astype(np.float32)
