"""Encoded documents and the vectors that come with the package → a linear model on what texts mean.

Vectors of words are averaged, frequent words counting less, so that all that was learned folds into one table of words
by classes. It has rows for words that no training text has: their vectors say what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_fields
from bywords.data.targets import Rows, Targets
from bywords.errors import SettingError, check_range
from bywords.evaluation.calibration import sigmoid
from bywords.evaluation.metrics import softmax
from bywords.forks import cached_property
from bywords.models.base import Arrays, FittedModel, Growth, LinearModel, ModelConfig, Shapes
from bywords.models.counted import CountedTable
from bywords.text.bags import Bags, Floats, weighed_rows
from bywords.text.ragged import Ragged
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from bywords.vectors.english import EnglishVectors

LEAST_KNOWN = 0.6  # of the words in texts: of English ones more than .85 are known, of Indonesian ones .23
MOST_STEPS = 100
LEAST_SPREAD = 1e-6  # of features that differ among documents
ENOUGH = 3e-3  # nats: a step that moves no weight of features of variance 1 by more is the last
DOCUMENTS_AT_MEAN = 1.0  # that each class is taken to have at the mean of all, beside its own: it may have two or three
Numbers = npt.NDArray[np.float64]
Head = Literal["regression", "discriminant"]


@dataclass(frozen=True, kw_only=True)
class StaticVectorsConfig(ModelConfig):
    """A linear model on the weighted mean of word vectors: those of English words that come with the package.

    It is a logistic regression, or a discriminant analysis, which knows the classes by their means alone.
    """

    head: Head = "regression"
    C: float = (
        10.0  # the inverse of the regularisation, of features of variance 1: beside the mean log loss or the covariance
    )
    smoothing: float = 1e-3  # the less, the less frequent words count: 1e-4 of topics, 1e-2 of kinds of questions
    label_names: tuple[str, ...] = ()  # in the order of the classes: what their words mean counts as one document each
    most_documents: int = 5_000  # with more it is left out: their own words say as much
    knows_unseen = True
    features = "words"

    def __post_init__(self) -> None:
        check_fields(self)
        check_range("C", self.C, above=0, below=float("inf"))
        check_range("smoothing", self.smoothing, above=0, most=1)
        check_range("most_documents", self.most_documents, least=1)
        if self.label_names and self.head != "discriminant":
            raise SettingError("label_names are of use to the head 'discriminant' alone: leave one of the two out.")

    @property
    def title(self) -> str:
        kind = "logistic regression" if self.head == "regression" else "discriminant analysis"
        return f"{kind} on English word vectors{' and label names' if self.label_names else ''}"

    def with_label_names(self, names: tuple[str, ...]) -> Self | None:
        return replace(self, label_names=names) if self.head == "discriminant" else None

    def with_strength(self, C: float) -> Self:
        return replace(self, C=C)

    def numbers_per_row(self, n_classes: int) -> int:
        return n_classes

    def unsuitable(self, vocabulary: Vocabulary, n_documents: int) -> str | None:
        if n_documents > self.most_documents:
            return f"{n_documents:,} documents are more than the {self.most_documents:,} up to which it is of use"
        known = _known_share(vocabulary)
        if known < LEAST_KNOWN:
            return f"{known:.0%} of the words of the texts have a vector, and {LEAST_KNOWN:.0%} have to"
        return None

    def widened(self, vocabulary: Vocabulary) -> Vocabulary:
        return vocabulary.with_unseen(_english().words)


@dataclass(frozen=True, eq=False)
class MeanFeatures:
    """The weighted means of word vectors of some documents, float32 (N, D), without `centre` and divided by `scale`.

    They are those of `bags`, of which the weights sum to 1. `matrix` float32 (S, D) are the vectors of the words seen,
    0 for none; `in_file` int64 (V,) is the row of each word of the vocabulary in the file of vectors, -1 for none.
    `rows`, int64 (N,), says which of the means they are; None all.
    """

    bags: Bags
    means: Floats
    centre: Floats
    scale: np.float32
    matrix: Floats
    in_file: Rows
    rows: Rows | None = None

    def select(self, rows: npt.NDArray[np.integer[Any]]) -> MeanFeatures:
        """The features of these documents only."""
        chosen = rows.astype(np.int64, copy=False) if self.rows is None else self.rows[rows]
        return replace(self, rows=chosen)

    @property
    def selected(self) -> Floats:
        return self.means if self.rows is None else self.means[self.rows]

    @cached_property
    def turned(self) -> Turned:
        """What a regression needs of documents that count the same, whatever its strength."""
        features = self.selected
        return Turned.of(features, np.full(len(features), 1 / len(features)))


@dataclass(frozen=True, eq=False)
class Turned:
    """Features (N, D) and a column of ones, turned to the R directions in which they differ, float64.

    `rotated` are the documents (N, R), `vectors` the directions (D + 1, R), `values` (R,) the mean squares in these.
    """

    rotated: Numbers
    vectors: Numbers
    values: Numbers

    @classmethod
    def of(cls, features: Floats, counts: Numbers) -> Turned:
        """`counts`, (N,), is the share of each document in the means."""
        with_bias = np.concatenate([features, np.ones((len(features), 1), dtype=np.float32)], axis=1).astype(np.float64)
        weighed = with_bias * np.sqrt(counts)[:, np.newaxis]
        is_wide = weighed.shape[0] < weighed.shape[1]
        values, vectors = np.linalg.eigh(weighed @ weighed.T if is_wide else weighed.T @ weighed)
        used = values > 1e-9 * values.max()
        values, vectors = values[used], vectors[:, used]
        if is_wide:
            vectors = weighed.T @ vectors / np.sqrt(values)
        return cls(with_bias @ vectors, vectors, values)


class StaticVectors(LinearModel):
    """The mean of the vectors of a document's words, those of frequent words counting less, and one linear layer.

    Both are one table of words by classes. A word without a vector plays no part; a document without others has the
    bias alone, how common each class is.
    Source: Arora, Liang, Ma (2017), "A Simple but Tough-to-Beat Baseline for Sentence Embeddings" (SIF).
    """

    Config = StaticVectorsConfig
    row_arrays = ("weights", "shares")
    rarities = ("shares",)

    def __init__(self, config: StaticVectorsConfig, shares: Floats, weights: Floats, bias: Floats) -> None:
        """`shares` float32 (V,) is how much each word counts in a mean, 0 without a vector."""
        super().__init__(config, weights, bias)
        self.shares = shares

    @classmethod
    def prepare(cls, config: StaticVectorsConfig, documents: Ragged, vocabulary: Vocabulary) -> MeanFeatures:
        english, in_file = _english(), _in_file(vocabulary)
        seen = in_file[: vocabulary.n_seen]
        matrix = np.zeros((len(seen), len(english.scales)), dtype=np.float32)
        matrix[seen >= 0] = english.vectors(seen[seen >= 0])
        bags = Bags.of(documents, len(seen)).weighed("idf", _shares(seen, config.smoothing))
        means = bags.times(matrix)
        is_known = means.any(axis=1)
        some = means[is_known] if is_known.any() else means[:1]
        centre, scale = some.mean(axis=0), np.maximum(np.sqrt(some.var(axis=0).mean()), np.float32(LEAST_SPREAD))
        means[is_known] = (means[is_known] - centre) / scale
        return MeanFeatures(bags, means, centre, scale, matrix, in_file)

    @classmethod
    def prepared_by(cls, config: StaticVectorsConfig, vocabulary: Vocabulary) -> Hashable:
        return "mean vectors", config.smoothing

    @classmethod
    def fit(
        cls, config: StaticVectorsConfig, prepared: MeanFeatures, targets: Targets, *, vocabulary: Vocabulary, **_: Any
    ) -> tuple[Self, list[str]]:
        """Fit to the features of N documents. Where they are some of all only, words never seen have no rows."""
        if config.head == "regression":
            turned = None if targets.is_weighed else prepared.turned
            layer, bias = logistic_regression(prepared.selected, targets, C=config.C, turned=turned)
        else:
            named = directions_of_names(config.label_names) if config.label_names else None
            layer, bias = discriminant_analysis(prepared.selected, targets, C=config.C, named=named)
        return cls.of_layer(config, prepared, layer, bias), []

    @classmethod
    def of_layer(cls, config: StaticVectorsConfig, prepared: MeanFeatures, layer: Floats, bias: Floats) -> Self:
        """The model with this layer, float32 (D, K) and (K,), on the features."""
        scaled = layer / prepared.scale
        n_seen = len(prepared.matrix)
        in_file = prepared.in_file if prepared.rows is None else prepared.in_file[:n_seen]
        table = np.concatenate([prepared.matrix @ scaled, _english().times(in_file[n_seen:], scaled)])
        weights = np.where(in_file[:, np.newaxis] >= 0, table - prepared.centre @ scaled, np.float32(0))
        return cls(config, _shares(in_file, config.smoothing), weights, bias)

    def logits_of(self, prepared: MeanFeatures) -> Floats:
        bags = prepared.bags if prepared.rows is None else prepared.bags.select(prepared.rows)
        return bags.times(self.weights[: bags.n_rows]) + self.bias

    def bags(self, documents: Ragged) -> Bags:
        return Bags.of(documents, len(self.shares)).weighed("idf", self.shares)

    def logits(self, documents: Ragged) -> Floats:
        return weighed_rows(documents, self.weights, "idf", self.shares, ()) + self.bias

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {"shares": self.shares, "weights": self.weights, "bias": self.bias}

    @classmethod
    def from_arrays(cls, config: Any, arrays: Arrays, *, vocabulary: Vocabulary, n_classes: int) -> Self:
        return cls(config, arrays["shares"], arrays["weights"], arrays["bias"])

    @classmethod
    def expected_shapes(cls, config: Any, vocabulary: Vocabulary, n_classes: int) -> Shapes:
        n_rows = vocabulary.n_words
        return {"shares": (n_rows,), "weights": (n_rows, n_classes), "bias": (n_classes,)}

    def with_output_layer(self, weights: Floats, bias: Floats) -> Self:
        return type(self)(self.config, self.shares, weights, bias)

    def grown(self, growth: Growth) -> Self:
        n_rows = growth.vocabulary.n_words
        weights, bias = growth.classes(growth.table(self.weights, n_rows)), growth.classes(self.bias)
        return type(self)(self.config, growth.table(self.shares, n_rows), weights, bias)

    def counted_tables(self) -> list[CountedTable]:
        return [
            CountedTable(weighting="share", idf=self.shares, rows=self.weights, bias=self.bias, stored_as="weights")
        ]

    def added_to(self, other: FittedModel) -> FittedModel | None:
        """One table: what both see are the same means. The first's settings stand for both."""
        if not isinstance(other, StaticVectors) or not np.array_equal(self.shares, other.shares):
            return None
        return self.with_output_layer(self.weights + other.weights, self.bias + other.bias)

    @property
    def knows_by_vector(self) -> npt.NDArray[np.bool_]:
        return self.shares > 0


def logistic_regression(
    features: Floats, targets: Targets, *, C: float, turned: Turned | None = None
) -> tuple[Floats, Floats]:
    """Least mean log loss + Σ weights² / 2C, of features (N, D) of mean 0: float32 (D, K) and (K,).

    Newton's steps with a bound of the Hessian that stays the same, which makes each of them go down: no step has to be
    tried twice. The bias is drawn, as weakly, to how common each class is. `turned` is what `Turned.of` the features
    gives, where it is there already.
    Source: Böhning (1992), "Multinomial Logistic Regression Algorithm".
    """
    counts = (targets.weights / targets.weights.sum()).astype(np.float64)
    has = targets.one_hot().astype(np.float64)
    prior = _log_prior(counts, has, targets)
    turned = turned or Turned.of(features, counts)
    rotated, vectors, values = turned.rotated, turned.vectors, turned.values
    link, bound = (sigmoid, 0.25) if targets.is_multilabel else (softmax, 0.5)
    curvature = (bound * values + 1 / C)[:, np.newaxis]
    layer = ahead = np.zeros((len(values), targets.n_classes))
    for step in range(MOST_STEPS):
        wrong = (link(rotated @ ahead + prior) - has) * counts[:, np.newaxis]
        before, layer = layer, ahead - (rotated.T @ wrong + ahead / C) / curvature
        moved = layer - before
        ahead = layer + moved * (step / (step + 3))
        if np.abs(moved).max(initial=0) < ENOUGH:
            break
    found = vectors @ layer
    return found[:-1].astype(np.float32), (found[-1] + prior).astype(np.float32)


def discriminant_analysis(
    features: Floats, targets: Targets, *, C: float, named: Floats | None = None, are_equal: bool = False
) -> tuple[Floats, Floats]:
    """Normal distributions with one covariance in all classes, of features (N, D) of mean 0: float32 (D, K) and (K,).

    To the variances 1 / C of their mean is added, and each class has DOCUMENTS_AT_MEAN more at the mean of all, and one
    more at what its name says, where `named`, float32 (K, D), has a row that is not 0. Where
    documents have any number of labels, each label is told from its absence, with the covariance of all documents.
    With `are_equal` each class is taken to be as common as the others.
    Source: Friedman (1989), "Regularized Discriminant Analysis".
    """
    counts = (targets.weights / targets.weights.mean()).astype(np.float64)
    has, rows = targets.one_hot().astype(np.float64), features.astype(np.float64)
    prior = _log_prior(counts / counts.sum(), has, targets)
    centre = counts @ rows / counts.sum()

    def means(members: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        weighed = members * counts[:, np.newaxis]
        total = weighed.sum(axis=0)[:, np.newaxis]
        return np.asarray((weighed.T @ rows + DOCUMENTS_AT_MEAN * centre) / (total + DOCUMENTS_AT_MEAN))

    of_class = means(has)
    if named is not None:
        total = (counts @ has)[:, np.newaxis] + DOCUMENTS_AT_MEAN
        of_class = np.where(named.any(axis=1, keepdims=True), (of_class * total + named) / (total + 1), of_class)
    apart = rows - (centre if targets.is_multilabel else has @ of_class)
    covariance = (apart * (counts / counts.sum())[:, np.newaxis]).T @ apart
    covariance[np.diag_indices_from(covariance)] += max(covariance.trace() / len(covariance), LEAST_SPREAD) / C
    others = means(1 - has) if targets.is_multilabel else np.zeros_like(of_class)
    layer = np.linalg.solve(covariance, (of_class - others).T)
    bias = (0 if are_equal else prior) - 0.5 * (layer.T * (of_class + others)).sum(axis=1)
    return layer.astype(np.float32), bias.astype(np.float32)


def words_of_names(names: Sequence[str]) -> list[Rows]:
    """The rows of the words of each name among the English vectors, int64 (n,): none of those without a vector."""
    tokens = Tokenizer()([re.sub(r"[\W_]+", " ", name) for name in names])
    rows = _english().rows_of(tokens.words)[tokens.codes]
    return [found[found >= 0] for found in np.split(rows, tokens.offsets[1:-1])]


def directions_of_names(names: Sequence[str]) -> Floats:
    """What each name says beside all others, as long as features of variance 1, float32 (K, D): 0 for nothing."""
    english = _english()
    dimension, weights = len(english.scales), english.weights(StaticVectorsConfig.smoothing)
    vectors = np.zeros((len(names), dimension), dtype=np.float32)
    for vector, rows in zip(vectors, words_of_names(names), strict=True):
        if len(rows):
            vector[:] = np.average(english.vectors(rows), axis=0, weights=weights[rows])
    is_said = vectors.any(axis=1)
    if is_said.sum() > 1:
        vectors[is_said] -= vectors[is_said].mean(axis=0)
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), LEAST_SPREAD)
    return np.asarray(vectors / lengths * np.float32(np.sqrt(dimension)))


def _log_prior(
    counts: npt.NDArray[np.float64], has: npt.NDArray[np.float64], targets: Targets
) -> npt.NDArray[np.float64]:
    """How common each class is as logits (K,); half a document more of each, so that none is impossible."""
    n_classes, n_documents = targets.n_classes, len(targets)
    common = (counts @ has * n_documents + 0.5) / (n_documents + (1 if targets.is_multilabel else 0.5 * n_classes))
    return np.asarray(np.log(common / (1 - common)) if targets.is_multilabel else np.log(common))


def _english() -> EnglishVectors:
    from bywords.vectors.english import english_vectors

    return english_vectors()


def _in_file(vocabulary: Vocabulary) -> Rows:
    """The row of each word of a vocabulary among the English vectors, int64 (V,), -1 for none."""
    return np.concatenate([np.full(2, -1), _english().rows_of(vocabulary.spellings)])


def _shares(in_file: Rows, smoothing: float) -> Floats:
    return np.where(in_file >= 0, _english().weights(smoothing)[np.maximum(in_file, 0)], np.float32(0))


def _known_share(vocabulary: Vocabulary) -> float:
    """What part of the words of the texts, without signs and numbers, have an English vector; 0 without any."""
    counts, is_known = vocabulary.counts[2:], _in_file(vocabulary)[2:] >= 0
    words = vocabulary.spellings
    starts = words.data[np.minimum(words.starts[:-1], max(0, len(words.data) - 1))]
    is_word = (starts >= 0x80) | ((starts | 0x20) - ord("a") < 26)
    total = int(counts[is_word].sum())
    return float(counts[is_word & is_known].sum() / total) if total else 0.0
