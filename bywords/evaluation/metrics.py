"""Labels and probabilities → numbers: scores, an interval, a table by class.

Labels are int64 (N,), indices into the label names, or `LabelSets` where a document has any number of them;
probabilities are (N, K). Every document counts the same where no weights are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from bywords.data.label_sets import Codes, LabelSets
from bywords.errors import SettingError, check_choice
from bywords.evaluation.top_scores import TopScores

Labels = npt.NDArray[np.int64]
Weights = npt.NDArray[np.floating[Any]]  # (N,)
Scores = npt.NDArray[np.floating[Any]]

Z = 1.9599639845400536  # standard deviations within which 95 % of a normal distribution are


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F1 of one class, each from 0 to 1 (0 where it is 0/0), and its true documents."""

    precision: float
    recall: float
    f1: float
    support: int


def are_right(labels: Codes, predicted: Codes) -> npt.NDArray[np.bool_]:
    """Which documents have the right label, or all the right ones, bool (N,)."""
    if isinstance(labels, LabelSets) and isinstance(predicted, LabelSets):
        return labels.are_equal(predicted)
    return np.asarray(labels == predicted)


def accuracy(labels: Codes, predicted: Codes) -> float:
    """The share of documents whose label is right, of several labels all; NaN without documents."""
    return float(np.mean(are_right(labels, predicted))) if len(labels) else float("nan")


def wilson_interval(share: float, n_documents: float) -> tuple[float, float]:
    """The 95 % interval around a share of independent documents, from 0 to 1; (0, 1) without documents.

    Source: Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference".

    >>> from bywords import wilson_interval
    >>> [round(end, 3) for end in wilson_interval(0.9, 100)]
    [0.826, 0.945]
    """
    low, high = wilson_bounds(share, n_documents)
    return float(low), float(high)


def wilson_bounds(
    shares: npt.ArrayLike, n_documents: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The lower and the upper ends of the same intervals around many shares; the two arguments are broadcast."""
    n_given = np.asarray(n_documents, dtype=np.float64)
    is_known = n_given > 0
    shares = np.where(is_known, np.asarray(shares, dtype=np.float64), 0.5)
    spread = Z * Z / np.where(is_known, n_given, 1)
    centre = (shares + spread / 2) / (1 + spread)
    half = np.sqrt(shares * (1 - shares) * spread + spread * spread / 4) / (1 + spread)
    low, high = np.clip(centre - half, 0, shares), np.clip(centre + half, shares, 1)  # of 0 and 1 but for rounding
    return np.where(is_known, low, 0.0), np.where(is_known, high, 1.0)


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """Documents of each class that are right, that got it and that have it, int64 (K,) each."""

    right: npt.NDArray[np.int64]
    got: npt.NDArray[np.int64]
    has: npt.NDArray[np.int64]

    @classmethod
    def of(cls, labels: Labels, predicted: Labels, n_classes: int) -> ClassCounts:
        """From the classes of N documents and those that they got, int64 (N,) each."""
        counted = (labels[labels == predicted], predicted, labels)
        return cls(*(np.bincount(codes, minlength=n_classes) for codes in counted))

    @classmethod
    def of_matrix(cls, confusion: npt.NDArray[np.int64]) -> ClassCounts:
        """From a confusion matrix (K, K)."""
        return cls(np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1))

    def scores(self) -> list[ClassScores]:
        """Precision, recall and F1 of each class."""
        return _class_scores(self.right, self.got, self.has)

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes that occur, as true or as predicted label; NaN without documents.

        Agrees with scikit-learn's `f1_score(average="macro")`.
        """
        occurs = self.got + self.has > 0
        scores = [score.f1 for score, is_there in zip(self.scores(), occurs, strict=True) if is_there]
        return float(np.mean(scores)) if scores else float("nan")

    @property
    def balanced_accuracy(self) -> float:
        """The mean recall of the classes that there are documents of, each class counting the same; NaN without.

        Source: Brodersen et al. (2010), "The Balanced Accuracy and Its Posterior Distribution".
        """
        recalls = [score.recall for score in self.scores() if score.support]
        return float(np.mean(recalls)) if recalls else float("nan")


def confusion_matrix(labels: Labels, predicted: Labels, n_classes: int) -> npt.NDArray[np.int64]:
    """Documents of each true class (rows) by predicted class (columns), int64 (K, K)."""
    return np.bincount(labels * n_classes + predicted, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def top_k_accuracy(labels: Labels, top: TopScores, k: int) -> float:
    """The share of documents whose label is among the k likeliest; of equals the first ones. NaN without documents."""
    if not len(labels):
        return float("nan")
    return float((top.labels[:, :k] == labels[:, np.newaxis]).any(axis=1).mean())


def confusion_by_label(labels: LabelSets, predicted: LabelSets) -> npt.NDArray[np.int64]:
    """Of each label: documents that have it and got it, that got it, and that have it; int64 (K, 3)."""
    return np.stack([sets.counts() for sets in (labels.both(predicted), predicted, labels)], axis=1)


def per_label(labels: LabelSets, predicted: LabelSets) -> list[ClassScores]:
    """Precision, recall and F1 of each label, for documents with any number of them."""
    return _class_scores(*confusion_by_label(labels, predicted).T)


def label_f1(labels: LabelSets, predicted: LabelSets) -> dict[str, float]:
    """The F1 of all decisions together (micro), the mean of the labels' (macro), the mean of the documents' (samples).

    A label or a document without a true or a given label has an F1 of 0, as in scikit-learn's `f1_score`; NaN without
    documents.
    """
    if not len(labels) or not labels.n_labels:
        return dict.fromkeys(("micro_f1", "macro_f1", "samples_f1"), float("nan"))
    both, got, has = confusion_by_label(labels, predicted).sum(axis=0).tolist()
    of_document = zip(*(sets.lengths.tolist() for sets in (labels.both(predicted), predicted, labels)), strict=True)
    return {
        "micro_f1": _ratio(2 * both, got + has),
        "macro_f1": float(np.mean([score.f1 for score in per_label(labels, predicted)])),
        "samples_f1": float(np.mean([_ratio(2 * both, got + has) for both, got, has in of_document])),
    }


def document_f1(labels: LabelSets, predicted: LabelSets) -> Scores:
    """The F1 of each document's labels, float64 (N,): 1 where it has none and got none."""
    sums = labels.lengths + predicted.lengths
    return np.where(sums > 0, 2 * labels.both(predicted).lengths / np.maximum(sums, 1), 1.0)


def log_loss(labels: Codes, probabilities: Scores, weights: Weights | None = None) -> float:
    """The mean negative natural logarithm of the probability given to what is true; NaN without documents.

    Of documents with any number of labels, summed over the labels.
    """
    return float(np.average(log_losses(labels, probabilities), weights=weights)) if len(labels) else float("nan")


def log_losses(labels: Codes, probabilities: Scores) -> npt.NDArray[np.float64]:
    """The same for each of N documents, in nats, float64 (N,)."""
    if isinstance(labels, LabelSets):
        chosen = 1 - np.asarray(probabilities)
        chosen[labels.pairs()] = probabilities[labels.pairs()]
    else:
        chosen = probabilities[np.arange(len(labels)), labels][:, np.newaxis]
    losses: npt.NDArray[np.float64] = -np.log(np.maximum(chosen.astype(np.float64), np.finfo(np.float32).tiny))
    return losses.sum(axis=1)


def softmax(logits: Scores) -> npt.NDArray[np.float64]:
    """Logits (N, K) → probabilities float64 (N, K), each row summing to 1."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    odds = np.exp(shifted)
    result: npt.NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return result


Metric = Literal["log_loss", "accuracy", "balanced_accuracy", "micro_f1", "macro_f1"]


def check_metric(metric: Metric, *, is_multilabel: bool) -> None:
    """Raise SettingError for an unknown metric, or one that is not for documents with any number of labels."""
    check_choice("metric", metric, get_args(Metric))
    if is_multilabel and metric == "balanced_accuracy":
        raise SettingError(
            "metric is 'balanced_accuracy', which documents with several labels do not have. Take 'macro_f1'."
        )


def score(
    metric: Metric,
    labels: Codes,
    probabilities: Scores,
    predicted: Codes,
    weights: Weights | None = None,
) -> float:
    """How good answers are by a metric; the higher, the better: log loss is taken negative. Only it takes weights.

    For one label a document, micro F1 is accuracy; for any number, accuracy is the share that is right in all of them.
    """
    if metric == "log_loss":
        return -log_loss(labels, probabilities, weights)
    if isinstance(labels, LabelSets) and isinstance(predicted, LabelSets):
        return accuracy(labels, predicted) if metric == "accuracy" else label_f1(labels, predicted)[metric]
    if metric in ("accuracy", "micro_f1"):
        return accuracy(labels, predicted)
    counts = ClassCounts.of(labels, predicted, probabilities.shape[1])  # type: ignore[arg-type]
    return counts.macro_f1 if metric == "macro_f1" else counts.balanced_accuracy


def auc_and_variance(positive: npt.NDArray[Any], negative: npt.NDArray[Any]) -> tuple[float, float]:
    """The share of pairs in which a positive score is above a negative one, ties counting half, and its variance.

    Both take (M,) and (N,) scores, one at least. Source: DeLong et al. (1988), by the ranks of Sun and Xu (2014),
    "Fast Implementation of DeLong's Algorithm".
    """
    n_above = midranks(np.concatenate([positive, negative]))
    m, n = len(positive), len(negative)
    of_positive = (n_above[:m] - midranks(positive)) / n  # (M,): share of the negatives below each positive
    of_negative = 1 - (n_above[m:] - midranks(negative)) / m  # (N,): share of the positives above each negative
    auc = float(of_positive.mean())
    variance = (of_positive.var(ddof=1) / m if m > 1 else 0.0) + (of_negative.var(ddof=1) / n if n > 1 else 0.0)
    return auc, float(variance)


def hardest_confusions(labels: Labels, predicted: Labels, n: int) -> list[tuple[int, int, int]]:
    """The n commonest mistakes as (true class, predicted class, documents), most documents first, ties by class."""
    is_wrong = labels != predicted
    pairs, counts = np.unique(np.stack([labels[is_wrong], predicted[is_wrong]]), axis=1, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:n]
    return [(int(true), int(got), int(count)) for true, got, count in zip(*pairs[:, order], counts[order], strict=True)]


def _class_scores(*counts: npt.NDArray[np.int64]) -> list[ClassScores]:
    """From the documents of each class that are right, that got it and that have it, (K,) each."""
    return [
        ClassScores(_ratio(right, got), _ratio(right, has), _ratio(2 * right, got + has), has)
        for right, got, has in zip(*(count.tolist() for count in counts), strict=True)
    ]


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0


def midranks(scores: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The rank of each score from 1, equal ones sharing the mean of theirs."""
    _, indices, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[indices]
