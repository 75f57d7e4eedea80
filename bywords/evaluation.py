"""Probabilities and true labels in, scores and one row per document out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords import metrics

TOP_K = (2, 3, 5)  # how many of the likeliest labels may hold the right one, where there are more classes
EXAMPLE_CHARACTERS = 300  # of a text that is shown as an example


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a classifier did on N labelled documents with K classes. Every document counts the same."""

    label_names: tuple[str, ...]
    labels: metrics.Labels  # int64 (N,), the true ones
    probabilities: npt.NDArray[np.float64]  # (N, K)
    known_share: npt.NDArray[np.float32]  # (N,), share of the tokens that the vocabulary has
    nothing_known: npt.NDArray[np.bool_]  # (N,), true where no word is known, nor a piece of one
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

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the accuracy."""
        return metrics.wilson_interval(self.accuracy, len(self.labels))

    @property
    def macro_f1(self) -> float:
        return metrics.macro_f1(self.confusion)

    @property
    def log_loss(self) -> float:
        """Nats a document."""
        return metrics.log_loss(self.labels, self.probabilities)

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
        self, texts: Sequence[str] | pl.Series, rows: npt.NDArray[np.int64], n: int = 5, examples: int = 3
    ) -> list[dict[str, Any]]:
        """`hardest_confusions`, each with the mistakes of its kind that were surest: row, text, and the probability.

        Texts are cut at EXAMPLE_CHARACTERS.
        """
        found = self.hardest_confusions(n)
        surest = self.wrong(len(self.labels))
        for mistake in found:
            true, predicted = (self.label_names.index(mistake[key]) for key in ("true", "predicted"))
            its = surest[(self.labels[surest] == true) & (self.predicted[surest] == predicted)][:examples]
            mistake["examples"] = [
                {
                    "row": int(rows[place]),
                    "text": texts[place][:EXAMPLE_CHARACTERS],
                    "probability": float(self.probabilities[place].max()),
                }
                for place in its.tolist()
            ]
        return found

    def wrong(self, n: int = 10) -> npt.NDArray[np.int64]:
        """The places of the n documents that got a wrong label with the highest probability, int64 (≤ n,)."""
        chosen = self.probabilities.max(axis=1)
        order = np.argsort(-chosen, kind="stable")
        return order[self.predicted[order] != self.labels[order]][:n]

    def summary(self) -> dict[str, Any]:
        """The scores, ready for JSON."""
        return {
            "n_documents": len(self.labels),
            "n_nothing_known": int(self.nothing_known.sum()),
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "balanced_accuracy": metrics.balanced_accuracy(self.confusion),
            "top_k_accuracy": {
                str(k): metrics.top_k_accuracy(self.labels, self.probabilities, k)
                for k in TOP_K
                if k < len(self.label_names)
            },
            "macro_f1": self.macro_f1,
            "log_loss": self.log_loss,
            "per_class": self.per_class(),
        }

    def wrong_documents(self, texts: Sequence[str], rows: npt.NDArray[np.int64], n: int = 10) -> list[dict[str, Any]]:
        """The n documents of `wrong`, with row, text, both labels and the probability of the wrong one."""
        return [
            {
                "row": int(rows[place]),
                "text": texts[place],
                "label": self.label_names[self.labels[place]],
                "predicted": self.label_names[self.predicted[place]],
                "probability": float(self.probabilities[place].max()),
            }
            for place in self.wrong(n).tolist()
        ]


@dataclass(frozen=True, eq=False)
class ManyLabelsEvaluation:
    """How a classifier did on N documents that have any number of K labels each. Every document counts the same."""

    label_names: tuple[str, ...]
    labels: metrics.ManyLabels  # bool (N, K), the true ones
    predicted: metrics.ManyLabels  # bool (N, K), those that the thresholds gave
    probabilities: npt.NDArray[np.float64]  # (N, K), each for itself
    thresholds: npt.NDArray[np.float64]  # (K,)
    known_share: npt.NDArray[np.float32]  # (N,), share of the tokens that the vocabulary has
    nothing_known: npt.NDArray[np.bool_]  # (N,), true where no word is known, nor a piece of one
    is_multilabel: ClassVar[bool] = True

    @property
    def accuracy(self) -> float:
        """The share of documents that are right in all labels."""
        return metrics.score("accuracy", self.labels, self.probabilities, self.predicted)

    @cached_property
    def f1(self) -> dict[str, float]:
        """micro_f1, macro_f1 and samples_f1, as `metrics.label_f1` has them."""
        return metrics.label_f1(self.labels, self.predicted)

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
        self, texts: Sequence[str] | pl.Series, rows: npt.NDArray[np.int64], n: int = 5, examples: int = 3
    ) -> list[dict[str, Any]]:
        """None, as there are no confusions."""
        return []

    def summary(self) -> dict[str, Any]:
        """The scores, ready for JSON."""
        return {
            "n_documents": len(self.labels),
            "n_nothing_known": int(self.nothing_known.sum()),
            "n_without_labels": int((~self.labels.any(axis=1)).sum()),
            **self.f1,
            "accuracy": self.accuracy,
            "accuracy_interval": list(metrics.wilson_interval(self.accuracy, len(self.labels))),
            "log_loss": metrics.log_loss(self.labels, self.probabilities),
            "per_class": self.per_class(),
        }


AnyEvaluation = Evaluation | ManyLabelsEvaluation
