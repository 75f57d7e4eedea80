"""Probabilities and true labels → scores, and rows of examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.data.hierarchy import Hierarchy
from bywords.evaluation import metrics, reliability, significance
from bywords.evaluation.levels import hierarchy_scores
from bywords.forks import cached_property

COVERAGES = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)  # of the documents, the surest answers first
TOP_K = (2, 3, 5)  # how many of the likeliest labels may hold the right one, where there are more classes
EXAMPLE_CHARACTERS = 300  # of a text that is shown as an example


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a classifier did on N labelled documents with K classes. Every document counts the same."""

    label_names: tuple[str, ...]
    labels: metrics.Labels  # int64 (N,), the true ones
    probabilities: npt.NDArray[np.float64]  # (N, K)
    in_vocabulary_share: npt.NDArray[np.float32]  # (N,), share of the tokens that the vocabulary has
    all_out_of_vocabulary: npt.NDArray[np.bool_]  # (N,), where no word or character n-gram is known
    uncalibrated: npt.NDArray[np.float64] | None = None  # (N, K), a softmax of the logits as they are
    hierarchy: Hierarchy | None = None  # of the labels, where they are paths
    is_multilabel: ClassVar[bool] = False

    @cached_property
    def predicted(self) -> metrics.Labels:
        """The likeliest class of each document, int64 (N,); of equals the first."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def confusion(self) -> npt.NDArray[np.int64]:
        """Documents by true class (rows) and predicted class (columns), int64 (K, K)."""
        return metrics.confusion_matrix(self.labels, self.predicted, len(self.label_names))

    @property
    def accuracy(self) -> float:
        return metrics.accuracy(self.labels, self.predicted)

    def answered(self, least: float, is_out_of_distribution: npt.NDArray[np.bool_]) -> dict[str, Any]:
        """How often right, if answers less probable than `least` and texts unlike the training, (N,), are left open.

        Ready for JSON: `min_confidence`, `n_documents` that get an answer, their share as `coverage`, and `accuracy`
        with its 95 % `interval`.
        """
        is_given = (self.confidence >= least) & ~is_out_of_distribution
        n_given = int(is_given.sum())
        right = metrics.accuracy(self.labels[is_given], self.predicted[is_given])
        return {
            "min_confidence": least,
            "n_documents": n_given,
            "coverage": n_given / max(len(self.labels), 1),
            "accuracy": _known(right),
            "interval": list(metrics.wilson_interval(right, n_given)),
        }

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the accuracy."""
        return metrics.wilson_interval(self.accuracy, len(self.labels))

    @property
    def macro_f1(self) -> float:
        return metrics.macro_f1(self.confusion)

    @cached_property
    def macro_f1_interval(self) -> significance.Interval:
        """The 95 % interval of macro F1, bootstrapped over documents."""
        draws = significance.macro_f1_draws(self.labels, self.predicted[np.newaxis], len(self.label_names))
        return significance.bootstrap_interval(draws[0], self.macro_f1)

    @property
    def log_loss(self) -> float:
        """Nats a document."""
        return metrics.log_loss(self.labels, self.probabilities)

    @property
    def log_loss_interval(self) -> significance.Interval:
        """The 95 % interval of the log loss."""
        return significance.mean_interval(metrics.log_losses(self.labels, self.probabilities))

    @cached_property
    def confidence(self) -> npt.NDArray[np.float64]:
        """The probability of the likeliest class of each document, (N,)."""
        return self.probabilities.max(axis=1, initial=0.0)

    @property
    def is_right(self) -> npt.NDArray[np.bool_]:
        """Whether the likeliest class of each document is its label, (N,)."""
        return self.predicted == self.labels

    def reliability(self) -> dict[str, Any]:
        """How probable the answers were and how often right, before and after calibration; ready for JSON.

        `bins` as `reliability_bins` has them and `error`, the expected calibration error; and, where it is known what
        the probabilities were without calibration, `bins_before` and `error_before`.
        """
        found: dict[str, Any] = {
            "bins": reliability.reliability_bins(self.confidence, self.is_right),
            "error": reliability.expected_calibration_error(self.confidence, self.is_right),
        }
        if self.uncalibrated is not None:
            before = self.uncalibrated.max(axis=1, initial=0.0)
            found["bins_before"] = reliability.reliability_bins(before, self.is_right)
            found["error_before"] = reliability.expected_calibration_error(before, self.is_right)
        return found

    def coverage(self, shares: Sequence[float] | None = COVERAGES) -> list[dict[str, Any]]:
        """How often right, if only the surest answers were given; a row for each of `shares`, ready for JSON."""
        return [
            {
                "min_confidence": confidence,
                "coverage": share,
                "accuracy": right,
                "interval": list(metrics.wilson_interval(right, round(share * len(self.labels)))),
            }
            for confidence, share, right in reliability.selection_curve(self.confidence, self.is_right, shares)
        ]

    def per_class(self) -> list[dict[str, Any]]:
        """Label, precision, recall, f1 and support of each class, ready for JSON."""
        rows = metrics.per_class(self.confusion)
        return [{"label": name, **vars(row)} for name, row in zip(self.label_names, rows, strict=True)]

    def hardest_confusions(self, n: int = 5) -> list[dict[str, Any]]:
        """The n commonest mistakes: true and predicted label, how many, and their share of the true class."""
        support = self.confusion.sum(axis=1)
        return [
            {
                "true": self.label_names[true],
                "predicted": self.label_names[predicted],
                "count": count,
                "share": count / int(support[true]),
            }
            for true, predicted, count in metrics.hardest_confusions(self.confusion, n)
        ]

    def confusion_examples(
        self, texts: Sequence[str] | pl.Series, rows: npt.NDArray[np.int64], examples: int = 3
    ) -> list[dict[str, Any]]:
        """`hardest_confusions`, each with the mistakes of its kind that were surest: row, text, and the probability.

        Texts are cut at EXAMPLE_CHARACTERS.
        """
        found = self.hardest_confusions()
        surest = self.wrong(len(self.labels))
        for mistake in found:
            true, predicted = (self.label_names.index(mistake[key]) for key in ("true", "predicted"))
            its = surest[(self.labels[surest] == true) & (self.predicted[surest] == predicted)][:examples]
            mistake["examples"] = [
                {
                    "row": int(rows[index]),
                    "text": texts[index][:EXAMPLE_CHARACTERS],
                    "probability": float(self.probabilities[index].max()),
                }
                for index in its.tolist()
            ]
        return found

    def wrong(self, n: int = 10) -> npt.NDArray[np.int64]:
        """The indices of the n documents that got a wrong label with the highest probability, int64 (≤ n,)."""
        chosen = self.probabilities.max(axis=1)
        order = np.argsort(-chosen, kind="stable")
        return order[self.predicted[order] != self.labels[order]][:n]

    def summary(self) -> dict[str, Any]:
        """The scores, ready for JSON."""
        reliability = self.reliability()
        return {
            "n_documents": len(self.labels),
            "n_all_out_of_vocabulary": int(self.all_out_of_vocabulary.sum()),
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "balanced_accuracy": metrics.balanced_accuracy(self.confusion),
            "top_k_accuracy": {
                str(k): metrics.top_k_accuracy(self.labels, self.probabilities, k)
                for k in TOP_K
                if k < len(self.label_names)
            },
            "macro_f1": self.macro_f1,
            "macro_f1_interval": _known(self.macro_f1_interval),
            "log_loss": self.log_loss,
            "log_loss_interval": _known(self.log_loss_interval),
            "calibration_error": _known(reliability["error"]),
            "calibration_error_before": _known(reliability.get("error_before")),
            "coverage": self.coverage(),
            "per_class": self.per_class(),
            **_by_level(self),
        }

    def wrong_documents(self, texts: Sequence[str], rows: npt.NDArray[np.int64], n: int = 10) -> list[dict[str, Any]]:
        """The n documents of `wrong`, with row, text, both labels and the probability of the wrong one."""
        return [
            {
                "row": int(rows[index]),
                "text": texts[index],
                "label": self.label_names[self.labels[index]],
                "predicted": self.label_names[self.predicted[index]],
                "probability": float(self.probabilities[index].max()),
            }
            for index in self.wrong(n).tolist()
        ]


@dataclass(frozen=True, eq=False)
class ManyLabelsEvaluation:
    """How a classifier did on N documents that have any number of K labels each. Every document counts the same."""

    label_names: tuple[str, ...]
    labels: metrics.ManyLabels  # bool (N, K), the true ones
    predicted: metrics.ManyLabels  # bool (N, K), those that the thresholds gave
    probabilities: npt.NDArray[np.float64]  # (N, K), each for itself
    thresholds: npt.NDArray[np.float64]  # (K,)
    in_vocabulary_share: npt.NDArray[np.float32]  # (N,), share of the tokens that the vocabulary has
    all_out_of_vocabulary: npt.NDArray[np.bool_]  # (N,), where no word or character n-gram is known
    uncalibrated: npt.NDArray[np.float64] | None = None  # (N, K), sigmoids of the logits as they are
    hierarchy: Hierarchy | None = None  # of the labels, where they are paths
    is_multilabel: ClassVar[bool] = True

    @property
    def accuracy(self) -> float:
        """The share of documents that are right in all labels."""
        return metrics.score("accuracy", self.labels, self.probabilities, self.predicted)

    @cached_property
    def f1(self) -> dict[str, float]:
        """micro_f1, macro_f1 and samples_f1, as `metrics.label_f1` has them."""
        return metrics.label_f1(self.labels, self.predicted)

    @cached_property
    def f1_intervals(self) -> dict[str, Any]:
        """The 95 % interval of each of `f1`, bootstrapped over documents: micro_f1_interval and so on."""
        draws = significance.label_f1_draws(self.labels, self.predicted)
        return {
            f"{name}_interval": _known(significance.bootstrap_interval(drawn[0], self.f1[name]))
            for name, drawn in draws.items()
        }

    def _calibration_error(self, probabilities: npt.NDArray[np.float64] | None) -> Any:
        """Of all decisions, each label of each document for itself; None where the probabilities are not known."""
        if probabilities is None:
            return None
        return _known(reliability.expected_calibration_error(probabilities.ravel(), self.labels.ravel()))

    def per_class(self) -> list[dict[str, Any]]:
        """Label, precision, recall, f1, support and threshold of each label, ready for JSON."""
        rows = metrics.per_label(self.labels, self.predicted)
        return [
            {"label": name, **vars(row), "threshold": threshold}
            for name, row, threshold in zip(self.label_names, rows, self.thresholds.tolist(), strict=True)
        ]

    def hardest_confusions(self, n: int = 5) -> list[dict[str, Any]]:
        """None: a label that is missing is not taken for another."""
        return []

    def confusion_examples(
        self, texts: Sequence[str] | pl.Series, rows: npt.NDArray[np.int64], examples: int = 3
    ) -> list[dict[str, Any]]:
        """None, as there are no confusions."""
        return []

    def summary(self) -> dict[str, Any]:
        """The scores, ready for JSON."""
        return {
            "n_documents": len(self.labels),
            "n_all_out_of_vocabulary": int(self.all_out_of_vocabulary.sum()),
            "n_without_labels": int((~self.labels.any(axis=1)).sum()),
            **self.f1,
            **self.f1_intervals,
            "accuracy": self.accuracy,
            "accuracy_interval": list(metrics.wilson_interval(self.accuracy, len(self.labels))),
            "log_loss": metrics.log_loss(self.labels, self.probabilities),
            "log_loss_interval": _known(
                significance.mean_interval(metrics.log_losses(self.labels, self.probabilities))
            ),
            "calibration_error": self._calibration_error(self.probabilities),
            "calibration_error_before": self._calibration_error(self.uncalibrated),
            "per_class": self.per_class(),
            **_by_level(self),
        }


def _by_level(evaluation: AnyEvaluation) -> dict[str, Any]:
    """The scores of labels that are paths; none of others."""
    hierarchy = evaluation.hierarchy
    return {} if hierarchy is None else {"hierarchy": hierarchy_scores(evaluation, hierarchy)}


def _known(value: float | significance.Interval | None) -> Any:
    """As JSON has it: an interval as a list, and None for what is not known."""
    if value is None or np.isnan(value).any():
        return None
    return list(value) if isinstance(value, tuple) else value


AnyEvaluation = Evaluation | ManyLabelsEvaluation
