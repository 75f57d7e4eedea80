"""Labels and probabilities in, numbers out: scores, an interval, a table by class, and a temperature.

Labels are int64 (N,), indices into the label names; probabilities and logits are (N, K). Every document
counts the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]
Scores = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F1 of one class, each from 0 to 1 (0 where it is 0/0), and its true documents."""

    precision: float
    recall: float
    f1: float
    support: int


def accuracy(labels: Labels, predicted: Labels) -> float:
    """The share of documents whose label is right; NaN without documents."""
    return float(np.mean(labels == predicted)) if len(labels) else float("nan")


def wilson_interval(share: float, n_documents: int, *, z: float = 1.959963984540054) -> tuple[float, float]:
    """The interval (95 % by default) around a share of independent documents, from 0 to 1; (0, 1) without documents.

    Source: Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference".
    """
    if n_documents == 0:
        return 0.0, 1.0
    spread = z * z / n_documents
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def confusion_matrix(labels: Labels, predicted: Labels, n_classes: int) -> npt.NDArray[np.int64]:
    """Documents of each true class (rows) by predicted class (columns), int64 (K, K)."""
    return np.bincount(labels * n_classes + predicted, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def per_class(confusion: npt.NDArray[np.int64]) -> list[ClassScores]:
    """Precision, recall and F1 of each class from a confusion matrix (K, K)."""
    right = np.diag(confusion).astype(float)
    support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    return [
        ClassScores(
            precision=_ratio(right[k], predicted[k]),
            recall=_ratio(right[k], support[k]),
            f1=_ratio(2 * right[k], support[k] + predicted[k]),
            support=int(support[k]),
        )
        for k in range(len(confusion))
    ]


def macro_f1(confusion: npt.NDArray[np.int64]) -> float:
    """The mean F1 of the classes that occur, as true or as predicted label; NaN without documents.

    Agrees with scikit-learn's `f1_score(average="macro")`.
    """
    occurs = confusion.sum(axis=0) + confusion.sum(axis=1) > 0
    scores = [score.f1 for score, is_there in zip(per_class(confusion), occurs, strict=True) if is_there]
    return float(np.mean(scores)) if scores else float("nan")


def log_loss(labels: Labels, probabilities: Scores) -> float:
    """The mean negative natural logarithm of the probability given to the true label; NaN without documents."""
    if not len(labels):
        return float("nan")
    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean())


def softmax(logits: Scores) -> npt.NDArray[np.float64]:
    """Logits (N, K) → probabilities float64 (N, K), each row summing to 1."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    odds = np.exp(shifted)
    result: npt.NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return result


def fit_temperature(logits: Scores, labels: Labels) -> float:
    """The positive number by which to divide the logits so that the log loss on these documents is least.

    It changes no label. 1.0 without documents. The labels are taken as right with (n + 1) / (n + K) only, not with 1:
    a few documents without a mistake would otherwise make the model certain of everything.
    Sources: Guo et al. (2017), "On Calibration of Modern Neural Networks", section 4.2; the targets after Platt (1999),
    "Probabilistic Outputs for Support Vector Machines", section 2.2.
    """
    from scipy.optimize import minimize_scalar  # scipy takes a tenth of a second to import

    if not len(labels):
        return 1.0
    n_documents, n_classes = logits.shape
    targets = np.full(logits.shape, 1 / (n_documents + n_classes))
    targets[np.arange(n_documents), labels] = (n_documents + 1) / (n_documents + n_classes)

    def cross_entropy(log_temperature: float) -> float:
        scaled = np.asarray(logits, dtype=np.float64) / math.exp(log_temperature)
        shifted = scaled - scaled.max(axis=1, keepdims=True)
        log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return float(-(targets * log_probabilities).sum(axis=1).mean())

    found = minimize_scalar(cross_entropy, bounds=(math.log(1e-3), math.log(1e3)), method="bounded")
    return float(math.exp(found.x))


def hardest_confusions(confusion: npt.NDArray[np.int64], n: int) -> list[tuple[int, int, int]]:
    """The n commonest mistakes as (true class, predicted class, documents), most documents first, ties by class."""
    mistakes = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-mistakes, axis=None, kind="stable")[:n]
    rows, columns = np.unravel_index(order, mistakes.shape)
    found = [(int(i), int(j), int(mistakes[i, j])) for i, j in zip(rows, columns, strict=True)]
    return [mistake for mistake in found if mistake[2] > 0]


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
