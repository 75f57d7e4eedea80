"""Encoded documents, word vectors and targets → a linear model: pooled word vectors with logistic regression.

Fitted by scikit-learn, or in parts, and kept as plain arrays, so that it saves without pickle and predicts by one
product.
"""

from __future__ import annotations

import functools
import itertools
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_fields
from bywords.cluster import Holder, HolderHere
from bywords.data.label_sets import LabelSets
from bywords.data.targets import Targets
from bywords.errors import SettingError, check_range
from bywords.extras import needed
from bywords.models.bags_in_parts import Tell
from bywords.models.base import Arrays, FittedModel, ModelConfig, Shapes, last_layer, strength_of_table
from bywords.models.counted import CountedTable
from bywords.models.linear_terms import LinearTerms, terms_of_bags
from bywords.models.logistic_in_parts import Doubles, Moments, Wanted, classes_of, logistic_in_parts
from bywords.models.tfidf_linear import MOST_PARTS
from bywords.text.bags import Bags, Floats
from bywords.text.memory_mapped import MappedBags, MappedDocuments
from bywords.text.ragged import UNKNOWN, Ragged
from bywords.text.vocabulary import Vocabulary
from bywords.vectors.word_vectors import Aligned

UNSEEN = -30.0  # the logit of a class that no training document has
PART_BYTES = 1 << 25  # of a part of documents on disk, where it is not said how many there are: about 100 are held
BYTES_OF_ID, BYTES_OF_NUMBER = 20, 8  # that a part takes while its features are made
TOO_LARGE = "the word vectors have numbers too large to be summed up. Check where they come from."
Pooling = Literal["mean", "sum", "max", "idf"]


@dataclass(frozen=True, kw_only=True)
class MeanVectorConfig(ModelConfig):
    """How word vectors become a document vector, and the logistic regression on it."""

    pooling: Pooling = "idf"  # idf: the mean weighted by inverse document frequency
    C: float = 1.0  # the inverse of the regularisation, on features of variance 1
    max_iterations: int = 2000  # of L-BFGS; it converges long before
    parts: int = 1  # of the documents, which are learned from one beside the other
    title, library = "logistic regression on mean word vectors", "scikit-learn"

    def __post_init__(self) -> None:
        check_fields(self)
        check_range("C", self.C, above=0, below=float("inf"))
        check_range("max_iterations", self.max_iterations, least=1)
        check_range("parts", self.parts, least=1, most=MOST_PARTS)

    def in_parts(self, n_parts: int) -> Self | None:
        return replace(self, parts=n_parts)


@dataclass(frozen=True, eq=False)
class DocumentsInParts:
    """Documents whose features are made and learned from in parts, by a holder; `n_parts` is None where all that counts
    is that a part has room in memory.
    """

    documents: Ragged | MappedDocuments
    n_parts: int | None
    holder: Holder
    tell: Tell

    def inverse_document_frequency(self, n_rows: int) -> Floats:
        """As that of `Bags`."""
        kind = Bags if isinstance(self.documents, Ragged) else MappedBags
        return kind.of(self.documents, n_rows).inverse_document_frequency()  # type: ignore[arg-type]

    def cuts(self, dimension: int) -> list[int]:
        """Where each part begins, and where the last ends: parts are about as large, and none is empty.

        Unless it is said how many there are, one takes PART_BYTES at most while its features are made, or is one text.
        """
        sizes = np.cumsum(self.documents.lengths * BYTES_OF_ID + dimension * BYTES_OF_NUMBER)
        n_parts = self.n_parts or math.ceil(sizes[-1] / PART_BYTES)
        cuts = np.searchsorted(sizes, np.arange(1, n_parts) * (sizes[-1] / n_parts))
        return [0, *np.unique(cuts[cuts > 0]).tolist(), len(sizes)]


class MeanVector(FittedModel):
    """Pooled word vectors, and one linear layer."""

    Config = MeanVectorConfig
    row_arrays = ("vectors", "idf")
    rarities = ("idf",)
    trains_on_disk = fits_in_parts = True
    is_linear = True
    idf: Floats

    def __init__(self, config: MeanVectorConfig, vectors: Floats, idf: Floats, weights: Floats, bias: Floats) -> None:
        """`vectors` is float32 (V, D), `idf` (V,), `weights` (D, K), `bias` (K,)."""
        self.config = config
        self.vectors, self.idf, self.weights, self.bias = vectors, idf, weights, bias

    @classmethod
    def prepare(
        cls,
        config: MeanVectorConfig,
        documents: Ragged | MappedDocuments,
        vocabulary: Vocabulary,
        holder: Holder | None = None,
        tell: Tell = lambda n_done, n_rounds, what: None,
    ) -> Ragged | DocumentsInParts:
        """As of any model. Where it learns in parts, `holder` has them, else this process or a folder on its disk."""
        if isinstance(documents, Ragged) and config.parts == 1:
            return documents
        holder = holder or HolderHere(None if isinstance(documents, Ragged) else documents.folder)
        return DocumentsInParts(documents, config.parts if config.parts > 1 else None, holder, tell)

    @classmethod
    def fit(
        cls,
        config: MeanVectorConfig,
        prepared: Ragged | DocumentsInParts,
        targets: Targets,
        *,
        aligned: Aligned | None = None,
        **_: Any,
    ) -> tuple[Self, list[str]]:
        """Fit to N documents; also what there is to say of it: in how many parts and rounds, that it did not converge.

        Features are centred and scaled to variance 1; the layer that is kept takes them as they are.
        Raises: SettingError without `aligned` word vectors, and for some with numbers too large to be summed up.
        """
        if aligned is None:
            raise SettingError("a mean of word vectors needs word vectors: give the system `vectors`.")
        fitted = _fitted_in_parts if isinstance(prepared, DocumentsInParts) else _fitted
        found = fitted(config, prepared, targets, aligned.matrix)  # type: ignore[arg-type]
        weights = found.coefficients.T / found.spread[:, np.newaxis]
        bias = found.intercept - found.centre @ weights
        if found.n_iterations >= config.max_iterations:
            found.notes.append(f"The logistic regression did not converge in {found.n_iterations} iterations.")
        model = cls(config, aligned.matrix, found.idf, weights.astype(np.float32), bias.astype(np.float32))
        return model, found.notes

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


@dataclass(frozen=True, eq=False, kw_only=True)
class _Regressions:
    """What was found: `coefficients` float64 (K, D) of features of mean 0 and variance 1, and `intercept` (K,)."""

    idf: Floats
    centre: Doubles
    spread: Doubles
    coefficients: Doubles
    intercept: Doubles
    n_iterations: int
    notes: list[str]

    @classmethod
    def start(cls, n_classes: int, n_features: int) -> tuple[Doubles, Doubles]:
        """The coefficients and the intercept of classes that nothing is learned of."""
        return np.zeros((n_classes, n_features)), np.full(n_classes, UNSEEN)


def _fitted(config: MeanVectorConfig, documents: Ragged, targets: Targets, vectors: Floats) -> _Regressions:
    """By scikit-learn, with all features in memory."""
    needed("sklearn.linear_model", what="a mean of word vectors, by logistic regression,")
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    idf = Bags.of(documents, len(vectors)).inverse_document_frequency()
    features = pool(documents, vectors, idf, config.pooling).astype(np.float64)
    centre, spread = features.mean(axis=0), features.std(axis=0)
    spread[spread == 0] = 1.0
    scaled = (features - centre) / spread
    if not np.isfinite(scaled).all():
        raise SettingError(TOO_LARGE)
    coefficients, intercept = _Regressions.start(targets.n_classes, scaled.shape[1])
    n_iterations = 0
    for classes, labels in _problems(targets):
        regression = LogisticRegression(C=config.C, max_iter=config.max_iterations)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # said in the notes instead
            regression.fit(scaled, labels, sample_weight=targets.weights if targets.is_weighed else None)
        coefficients[classes], intercept[classes] = _of_all(regression.coef_, regression.intercept_, len(classes))
        n_iterations = max(n_iterations, int(regression.n_iter_.max()))
    return _Regressions(
        idf=idf, centre=centre, spread=spread, coefficients=coefficients, intercept=intercept,
        n_iterations=n_iterations, notes=[],
    )  # fmt: skip


def _fitted_in_parts(
    config: MeanVectorConfig, prepared: DocumentsInParts, targets: Targets, vectors: Floats
) -> _Regressions:
    """The same regressions, whose sums are made by the parts."""
    holder, classes = prepared.holder, classes_of(targets)
    idf = prepared.inverse_document_frequency(len(vectors))
    parts = list(itertools.pairwise(prepared.cuts(vectors.shape[1])))
    shared = holder.hold((vectors, idf, config.pooling))
    chunks = (
        (prepared.documents.select(rows), Wanted.of(targets.select(rows), classes), shared)
        for rows in itertools.starmap(np.arange, parts)
    )
    each, held = [], []
    for n_done, (its_moments, *its) in enumerate(holder.map_held(_pooled, chunks, 2), start=1):
        each.append(its_moments)
        held.append(tuple(its))
        prepared.tell(n_done, len(parts), f"features of part {n_done} of {len(parts)}")
    moments = functools.reduce(Moments.joined, each)
    if not (np.isfinite(moments.mean).all() and np.isfinite(moments.squares).all()):
        raise SettingError(TOO_LARGE)
    coefficients, intercept = _Regressions.start(targets.n_classes, len(moments.mean))
    found, shift, n_rounds, n_iterations = logistic_in_parts(
        held, moments, targets, holder, C=config.C, max_iterations=config.max_iterations, tell=prepared.tell
    )  # fmt: skip
    coefficients[classes], intercept[classes] = _of_all(found, shift, len(classes))
    return _Regressions(
        idf=idf, centre=moments.mean, spread=moments.spread, coefficients=coefficients, intercept=intercept,
        n_iterations=n_iterations, notes=[f"Trained in {len(parts)} parts, {n_rounds} rounds."],
    )  # fmt: skip


def _pooled(
    documents: Ragged, wanted: Wanted, shared: tuple[Floats, Floats, Pooling]
) -> tuple[Moments, Floats, Wanted]:
    """Of one part: the moments of its features, these, and what is to be learned of it."""
    with np.errstate(over="ignore", invalid="ignore"):  # said of the moments of all
        features = pool(documents, *shared)
        return Moments.of(features), features, wanted


def _of_all(found: Doubles, shift: Doubles, n_classes: int) -> tuple[Doubles, Doubles]:
    """Of two classes both: one score z is a softmax over -z/2 and z/2, which gives its sigmoid."""
    if len(shift) == n_classes:
        return found, shift
    return np.concatenate([-found, found]) / 2, np.concatenate([-shift, shift]) / 2


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
