"""Encoded documents and labels in, a linear model out: what the neural models have to beat.

Each is fitted by scikit-learn and kept as plain arrays, so that it saves without pickle and predicts by one product:
`TfidfLinear` (TF-IDF with a linear SVM or complement naive Bayes) and `MeanVector` (pooled word vectors with logistic
regression).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from bywords.errors import check_choice, check_range
from bywords.metrics import Labels
from bywords.ragged import UNKNOWN, Ragged, inverse_document_frequency

Floats = npt.NDArray[np.float32]
Estimator = Literal["svc", "nb"]
Pooling = Literal["mean", "sum", "max", "idf"]


@dataclass(frozen=True, kw_only=True)
class TfidfConfig:
    """TF-IDF (Salton and Buckley 1988) and the linear model on it."""

    estimator: Estimator = "svc"  # linear SVM (Fan et al. 2008), or complement naive Bayes (Rennie et al. 2003)
    strength: float = 1.0  # svc: C, the inverse of the regularisation; nb: alpha, the additive smoothing
    sublinear: bool = False  # a word that occurs n times counts 1 + ln n

    def __post_init__(self) -> None:
        check_range("strength", self.strength, above=0, below=float("inf"))
        check_choice("estimator", self.estimator, get_args(Estimator))


@dataclass(frozen=True, kw_only=True)
class MeanVectorConfig:
    """How word vectors become a document vector, and the logistic regression on it."""

    pooling: Pooling = "idf"  # idf: the mean weighted by inverse document frequency
    strength: float = 1.0  # C, the inverse of the regularisation, on features of variance 1
    max_iterations: int = 2000  # of L-BFGS; it converges long before

    def __post_init__(self) -> None:
        check_range("strength", self.strength, above=0, below=float("inf"))
        check_range("max_iterations", self.max_iterations, least=1)
        check_choice("pooling", self.pooling, get_args(Pooling))


class TfidfLinear:
    """TF-IDF vectors of length 1, and one linear layer.

    The features are those of scikit-learn's `TfidfVectorizer`: counts times smoothed idf, scaled to length 1;
    unknown words play no part.
    """

    def __init__(self, config: TfidfConfig, idf: Floats, weights: Floats, bias: Floats) -> None:
        """`idf` is float32 (V,), `weights` (V, K), `bias` (K,)."""
        self.config = config
        self.idf, self.weights, self.bias = idf, weights, bias

    @classmethod
    def fit(cls, config: TfidfConfig, documents: Ragged, labels: Labels, *, n_words: int, seed: int) -> TfidfLinear:
        """Fit to N documents with labels int64 (N,)."""
        from sklearn.naive_bayes import ComplementNB
        from sklearn.svm import LinearSVC

        idf = inverse_document_frequency(documents, n_words)
        n_markers = UNKNOWN + 1  # padding and the unknown word are no features: they would share in the smoothing
        features = tfidf(documents, idf, sublinear=config.sublinear)[:, n_markers:]
        if config.estimator == "nb":
            naive_bayes = ComplementNB(alpha=config.strength).fit(features, labels)
            weights = naive_bayes.feature_log_prob_.T
            bias = np.zeros(weights.shape[1])
        else:
            machine = LinearSVC(C=config.strength, dual="auto", random_state=seed).fit(features, labels)
            weights, bias = _one_column_a_class(machine.coef_, machine.intercept_)
        weights = np.concatenate([np.zeros((n_markers, weights.shape[1])), weights])
        return cls(config, idf, weights.astype(np.float32), bias.astype(np.float32))

    def logits(self, documents: Ragged) -> Floats:
        """Float32 (N, K)."""
        features = tfidf(documents, self.idf, sublinear=self.config.sublinear)
        result: Floats = features @ self.weights + self.bias
        return result

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {"idf": self.idf, "weights": self.weights, "bias": self.bias}


class MeanVector:
    """Pooled word vectors, and one linear layer."""

    def __init__(self, config: MeanVectorConfig, vectors: Floats, idf: Floats, weights: Floats, bias: Floats) -> None:
        """`vectors` is float32 (V, D), `idf` (V,), `weights` (D, K), `bias` (K,)."""
        self.config = config
        self.vectors, self.idf, self.weights, self.bias = vectors, idf, weights, bias

    @classmethod
    def fit(
        cls, config: MeanVectorConfig, documents: Ragged, labels: Labels, *, vectors: Floats
    ) -> tuple[MeanVector, list[str]]:
        """Fit to N documents with labels int64 (N,); also what there is to say of it: that it did not converge.

        Features are centred and scaled to variance 1; the layer that is kept takes them as they are.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        idf = inverse_document_frequency(documents, len(vectors))
        features = pool(documents, vectors, idf, config.pooling).astype(np.float64)
        centre, spread = features.mean(axis=0), features.std(axis=0)
        spread[spread == 0] = 1.0
        regression = LogisticRegression(C=config.strength, max_iter=config.max_iterations)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # said in the notes instead
            regression.fit((features - centre) / spread, labels)
        coefficients, intercept = _one_column_a_class(regression.coef_, regression.intercept_)
        weights = coefficients / spread[:, np.newaxis]
        bias = intercept - centre @ weights
        n_iterations = int(regression.n_iter_.max())
        notes = []
        if n_iterations >= config.max_iterations:
            notes.append(f"The logistic regression did not converge in {n_iterations} iterations.")
        return cls(config, vectors, idf, weights.astype(np.float32), bias.astype(np.float32)), notes

    def logits(self, documents: Ragged) -> Floats:
        """Float32 (N, K)."""
        return pool(documents, self.vectors, self.idf, self.config.pooling) @ self.weights + self.bias

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {"vectors": self.vectors, "idf": self.idf, "weights": self.weights, "bias": self.bias}


def counts(documents: Ragged, n_words: int) -> csr_array:
    """How often each word occurs in each document, float32 (N, V); the unknown word is left out."""
    ones = (documents.ids != UNKNOWN).astype(np.float32)
    starts = documents.offsets.astype(np.int32)  # scikit-learn takes no other; a batch of 2 billion words is none
    matrix = csr_array((ones, documents.ids.copy(), starts), shape=(len(documents), n_words))
    matrix.sum_duplicates()  # in place: hence the copy
    return matrix


def tfidf(documents: Ragged, idf: Floats, *, sublinear: bool) -> csr_array:
    """Counts times idf, each document scaled to length 1, float32 (N, V); all 0 where nothing is known."""
    matrix = counts(documents, len(idf))
    if sublinear:
        matrix.data = np.where(matrix.data > 0, 1 + np.log(np.maximum(matrix.data, 1)), 0).astype(np.float32)
    matrix.data *= idf[matrix.indices]
    squares = np.add.reduceat(matrix.data * matrix.data, matrix.indptr[:-1])
    norms = np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny))
    matrix.data /= np.repeat(norms, np.diff(matrix.indptr))
    return matrix


def pool(documents: Ragged, vectors: Floats, idf: Floats, pooling: str) -> Floats:
    """One vector a document from the vectors of its known words, float32 (N, D); 0 where nothing is known."""
    if pooling == "max":
        return np.concatenate([_highest(batch, vectors) for batch in documents.batches(1024)])  # (T, D) does not fit
    matrix = counts(documents, len(vectors))
    if pooling == "idf":
        matrix.data *= idf[matrix.indices]
    summed: Floats = matrix @ vectors
    if pooling == "sum":
        return summed
    totals = np.asarray(matrix.sum(axis=1), dtype=np.float32)
    return (summed / np.where(totals > 0, totals, 1)[:, np.newaxis]).astype(np.float32)


def _highest(documents: Ragged, vectors: Floats) -> Floats:
    gathered = np.where((documents.ids == UNKNOWN)[:, np.newaxis], -np.inf, vectors[documents.ids])  # (T, D)
    highest = np.maximum.reduceat(gathered, documents.offsets[:-1], axis=0)  # (N, D)
    return np.where(np.isfinite(highest), highest, 0).astype(np.float32)


def _one_column_a_class(coefficients: npt.NDArray[Any], intercept: npt.NDArray[Any]) -> tuple[Any, Any]:
    """Scikit-learn's (K, D) and (K,) → (D, K) and (K,). For two classes it gives one score z; here -z/2 and z/2.

    A softmax over the pair then gives the sigmoid of z.
    """
    if len(intercept) == 1:
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercept = np.concatenate([-intercept, intercept]) / 2
    return coefficients.T, intercept
