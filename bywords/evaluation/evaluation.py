"""Probabilities and true labels → scores, and rows of examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.data.hierarchy import Hierarchy
from bywords.data.label_sets import Codes, LabelSets
from bywords.display import shown_table
from bywords.errors import DataError
from bywords.evaluation import metrics, reliability, significance
from bywords.evaluation.levels import hierarchy_scores
from bywords.evaluation.ranking import AT, ranking_scores
from bywords.evaluation.ranking import NAMES as RANKING_NAMES
from bywords.evaluation.top_scores import TopScores
from bywords.extras import needed
from bywords.forks import cached_property

MOST_DRAWN = 20  # classes in a picture of the confusion matrix
COVERAGES = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)  # of the documents, the surest answers first
TOP_K = (2, 3, 5)  # how many of the likeliest labels may hold the right one, where there are more classes
MOST_RANKED = max(*TOP_K, *AT)  # likeliest labels of a document that are kept
EXAMPLE_CHARACTERS = 300  # of a text that is shown as an example
LEAST_AGREEMENT = 0.3  # below which another division of the documents would make others right
SPREAD_IN_TURN = 2.0  # of the error of calibration where all are held out in turn: each model has one of its own


Numbers = npt.NDArray[np.float64]
Table = npt.NDArray[np.float64]  # of documents by classes, (N, K)


@dataclass(frozen=True, eq=False)
class KeptAnswers:
    """What is kept of the answers for N documents, instead of a probability for each of K classes.

    Of a model that finds the best classes alone, log losses and bins are not known, and None.
    """

    top: TopScores  # the most probable labels
    log_losses: Numbers | None = None  # (N,)
    confidence_before: Numbers | None = None  # (N,), of the likeliest class, uncalibrated
    bins: reliability.Bins | None = None  # of all decisions on labels
    bins_before: reliability.Bins | None = None  # the same, uncalibrated

    @classmethod
    def of(cls, labels: Codes, probabilities: Table, before: Table | None) -> KeptAnswers:
        """From a table (N, K), and one of the probabilities before they were calibrated."""
        losses = metrics.log_losses(labels, probabilities)
        if not isinstance(labels, LabelSets):
            highest = None if before is None else before.max(axis=1, initial=0.0)
            return cls(TopScores.of_table(probabilities, MOST_RANKED), losses, highest)
        has = labels.table().ravel()
        bins_before = None if before is None else reliability.Bins.of(before.ravel(), has)
        bins = reliability.Bins.of(probabilities.ravel(), has)
        return cls(TopScores.of_table(probabilities, MOST_RANKED), losses, None, bins, bins_before)

    @classmethod
    def joined(cls, parts: Sequence[KeptAnswers]) -> KeptAnswers:
        """Those of several parts of the documents, one at least."""

        def together(name: str, join: Callable[[list[Any]], Any]) -> Any:
            values = [getattr(part, name) for part in parts]
            return None if any(value is None for value in values) else join(values)

        return cls(
            together("top", TopScores.joined),
            *(together(name, np.concatenate) for name in ("log_losses", "confidence_before")),
            *(together(name, lambda bins: sum(bins[1:], bins[0])) for name in ("bins", "bins_before")),
        )


@dataclass(frozen=True, kw_only=True)
class InTurn:
    """How documents were held out in turn: in so many folds, from models that learned the others, so many times."""

    n_folds: int
    n_repeats: int
    n_done: int  # of all these models; fewer where Ctrl-C came first
    agreement: float  # the correlation, over documents, of how right one time and the other, 0 to 1

    @property
    def is_whole(self) -> bool:
        """Whether all models have answered."""
        return self.n_done == self.n_folds * self.n_repeats

    @property
    def share(self) -> float:
        """How many test documents one counts for in an interval: the square of `agreement`.

        Where another division of the documents makes others right, what is found is as much about the division as about
        the system, and the model of all documents is yet another one. The square was chosen, and is checked, by
        `benchmarks/small_samples.py`.
        """
        return max(self.agreement, LEAST_AGREEMENT) ** 2

    def widened(self, interval: significance.Interval, score: float, *, most: float = 1.0) -> significance.Interval:
        """The interval of a score of 0 to `most` for as many documents as are independent."""
        low, high = (score + (end - score) / np.sqrt(self.share) for end in interval)
        return float(max(low, 0.0)), float(min(high, most))


def models_lacking(in_turn: Mapping[str, Any] | None) -> tuple[int, int] | None:
    """Of an `InTurn` as a summary has it, how many models have answered of how many; None where all have."""
    if in_turn is None:
        return None
    n_models = in_turn["n_folds"] * in_turn["n_repeats"]
    n_done = in_turn.get("n_done", n_models)
    return None if n_done == n_models else (n_done, n_models)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a classifier did on N labelled documents with K classes. Every document counts the same."""

    label_names: tuple[str, ...]
    labels: metrics.Labels  # int64 (N,), the true ones
    table: Table | None  # `probabilities`, where they are kept
    in_vocabulary_share: npt.NDArray[np.float32]  # (N,), share of the tokens that the vocabulary has
    all_out_of_vocabulary: npt.NDArray[np.bool_]  # (N,), where no word or character n-gram is known
    uncalibrated: Table | None = None  # (N, K), a softmax of the logits as they are, where it is kept
    kept: KeptAnswers | None = None  # what is known of the answers where there is no table
    hierarchy: Hierarchy | None = None  # of the labels, where they are paths
    in_turn: InTurn | None = None  # where the answers are of several models, which had learned from other documents
    is_multilabel: ClassVar[bool] = False

    @property
    def probabilities(self) -> Table:
        """The probability of each class, float64 (N, K). Raises DataError where such a table would be too large."""
        return _table_of(self)

    @cached_property
    def top(self) -> TopScores:
        """The likeliest classes of each document and their probabilities."""
        return TopScores.of_table(self.probabilities, MOST_RANKED) if self.kept is None else self.kept.top

    @cached_property
    def log_losses(self) -> Numbers | None:
        """Nats of each document, (N,); None where the probability of what is true is not known of all."""
        return metrics.log_losses(self.labels, self.probabilities) if self.kept is None else self.kept.log_losses

    @cached_property
    def predicted(self) -> metrics.Labels:
        """The likeliest class of each document, int64 (N,); of equals the first."""
        return self.top.labels[:, 0].astype(np.int64)

    @cached_property
    def counts(self) -> metrics.ClassCounts:
        """Documents of each class that are right, that got it and that have it."""
        return metrics.ClassCounts.of(self.labels, self.predicted, len(self.label_names))

    @cached_property
    def confusion(self) -> npt.NDArray[np.int64]:
        """Documents by true class (rows) and predicted class (columns), int64 (K, K): for few classes."""
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
    def share(self) -> float:
        """How many independent test documents one counts for: 1, or less where they were held out in turn."""
        return _share(self)

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the accuracy."""
        return metrics.wilson_interval(self.accuracy, self.share * len(self.labels))

    @property
    def macro_f1(self) -> float:
        return self.counts.macro_f1

    @cached_property
    def macro_f1_interval(self) -> significance.Interval:
        """The 95 % interval of macro F1, bootstrapped over documents."""
        draws = significance.macro_f1_draws(self.labels, self.predicted[np.newaxis], len(self.label_names))
        n_of_each = len(self.labels) / len(self.label_names)
        return _widened(self, significance.bootstrap_interval(draws[0], self.macro_f1, n_of_each), self.macro_f1)

    @property
    def log_loss(self) -> float:
        """Nats a document; NaN where it is not known."""
        return _mean(self.log_losses)

    @property
    def log_loss_interval(self) -> significance.Interval:
        """The 95 % interval of the log loss."""
        if self.log_losses is None:
            return np.nan, np.nan
        return _widened(self, significance.mean_interval(self.log_losses), self.log_loss, most=np.inf)

    @cached_property
    def confidence(self) -> npt.NDArray[np.float64]:
        """The probability of the likeliest class of each document, (N,)."""
        return self.top.scores[:, 0].astype(np.float64)

    @property
    def is_right(self) -> npt.NDArray[np.bool_]:
        """Whether the likeliest class of each document is its label, (N,)."""
        return self.predicted == self.labels

    def reliability(self) -> dict[str, Any]:
        """How probable the answers were and how often right, before and after calibration; ready for JSON.

        `bins` as `reliability_bins` has them, `error`, the expected calibration error, and its `error_interval`; and,
        where it is known what the probabilities were without calibration, `bins_before` and `error_before`.
        """
        found: dict[str, Any] = {
            "bins": reliability.reliability_bins(self.confidence, self.is_right),
            "error": reliability.expected_calibration_error(self.confidence, self.is_right),
            "error_interval": reliability.Bins.of(self.confidence, self.is_right).error_interval(
                spread=1.0 if self.in_turn is None else SPREAD_IN_TURN / np.sqrt(self.share)
            ),
        }
        before = None if self.kept is None else self.kept.confidence_before
        if self.uncalibrated is not None:
            before = self.uncalibrated.max(axis=1, initial=0.0)
        if before is not None:
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
                "interval": list(metrics.wilson_interval(right, self.share * round(share * len(self.labels)))),
            }
            for confidence, share, right in reliability.selection_curve(self.confidence, self.is_right, shares)
        ]

    def per_class(self) -> list[dict[str, Any]]:
        """Label, precision, recall, f1 and support of each class, ready for JSON."""
        return [{"label": name, **vars(row)} for name, row in zip(self.label_names, self.counts.scores(), strict=True)]

    def to_frame(self) -> pl.DataFrame:
        """`per_class` as a frame of polars."""
        return pl.DataFrame(self.per_class(), infer_schema_length=None)

    def _repr_html_(self) -> str:
        low, high = self.accuracy_interval
        title = f"Right on {self.accuracy:.1%} of {len(self.labels):,} documents ({low:.1%} to {high:.1%})"
        said = [
            f"{row['share']:.1%} of {row['true']} ({row['count']:,}) are taken for {row['predicted']}."
            for row in self.hardest_confusions(3)
        ]
        return shown_table(title, sorted(self.per_class(), key=lambda row: row["f1"]), notes=said)

    def plot(self, axes: Any = None) -> Any:
        """Draw the confusion matrix, of the MOST_DRAWN commonest classes where there are more; matplotlib's axes."""
        if axes is None:
            axes = needed("matplotlib.pyplot", what="to draw a confusion matrix").subplots()[1]
        counts = np.bincount(self.labels, minlength=len(self.label_names))
        chosen = np.sort(np.argsort(-counts, kind="stable")[:MOST_DRAWN])
        table = metrics.confusion_matrix(self.labels, self.predicted, len(counts))[np.ix_(chosen, chosen)]
        names = [self.label_names[index] for index in chosen.tolist()]
        axes.imshow(table, cmap="Blues")
        for row, column in np.argwhere(table > 0).tolist():
            colour = "white" if table[row, column] > table.max() / 2 else "black"
            axes.text(column, row, f"{table[row, column]:,}", ha="center", va="center", color=colour)
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        left = "" if len(chosen) == len(counts) else f", the {len(chosen)} commonest of {len(counts)} classes"
        axes.set(xlabel=f"predicted{left}", ylabel="true")
        return axes

    def hardest_confusions(self, n: int = 5) -> list[dict[str, Any]]:
        """The n commonest mistakes: true and predicted label, how many, and their share of the true class."""
        return [
            {
                "true": self.label_names[true],
                "predicted": self.label_names[predicted],
                "count": count,
                "share": count / int(self.counts.has[true]),
            }
            for true, predicted, count in metrics.hardest_confusions(self.labels, self.predicted, n)
        ]

    def confusion_examples(
        self, texts: Sequence[str] | pl.Series, rows: npt.NDArray[np.int64], examples: int = 3
    ) -> list[dict[str, Any]]:
        """`hardest_confusions`, each with the mistakes of its kind that were surest: row, text, and the probability.

        Texts are cut behind a word, at EXAMPLE_CHARACTERS at most, and end with … then.
        """
        found = self.hardest_confusions()
        surest = self.wrong(len(self.labels))
        for mistake in found:
            true, predicted = (self.label_names.index(mistake[key]) for key in ("true", "predicted"))
            its = surest[(self.labels[surest] == true) & (self.predicted[surest] == predicted)][:examples]
            mistake["examples"] = [
                {
                    "row": int(rows[index]),
                    "text": _cut(texts[index]),
                    "probability": float(self.confidence[index]),
                }
                for index in its.tolist()
            ]
        return found

    def wrong(self, n: int = 10) -> npt.NDArray[np.int64]:
        """The indices of the n documents that got a wrong label with the highest probability, int64 (≤ n,)."""
        order = np.argsort(-self.confidence, kind="stable")
        return order[self.predicted[order] != self.labels[order]][:n]

    def summary(self) -> dict[str, Any]:
        """The scores, ready for JSON."""
        reliability = self.reliability()
        return {
            "n_documents": len(self.labels),
            "n_all_out_of_vocabulary": int(self.all_out_of_vocabulary.sum()),
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "balanced_accuracy": self.counts.balanced_accuracy,
            "top_k_accuracy": {
                str(k): metrics.top_k_accuracy(self.labels, self.top, k) for k in TOP_K if k < len(self.label_names)
            },
            "macro_f1": self.macro_f1,
            "macro_f1_interval": _known(self.macro_f1_interval),
            "log_loss": _known(self.log_loss),
            "log_loss_interval": _known(self.log_loss_interval),
            "calibration_error": _known(reliability["error"]),
            "calibration_error_interval": _known(reliability["error_interval"]),
            "calibration_error_before": _known(reliability.get("error_before")),
            "coverage": self.coverage(),
            "per_class": self.per_class(),
            **_held_out(self),
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
                "probability": float(self.confidence[index]),
            }
            for index in self.wrong(n).tolist()
        ]


@dataclass(frozen=True, eq=False)
class ManyLabelsEvaluation:
    """How a classifier did on N documents that have any number of K labels each. Every document counts the same."""

    label_names: tuple[str, ...]
    labels: LabelSets  # the true ones of N documents
    predicted: LabelSets  # those that the thresholds gave
    table: Table | None  # `probabilities`, where they are kept
    thresholds: npt.NDArray[np.float64]  # (K,)
    in_vocabulary_share: npt.NDArray[np.float32]  # (N,), share of the tokens that the vocabulary has
    all_out_of_vocabulary: npt.NDArray[np.bool_]  # (N,), where no word or character n-gram is known
    uncalibrated: Table | None = None  # (N, K), sigmoids of the logits as they are, where it is kept
    kept: KeptAnswers | None = None  # what is known of the answers where there is no table
    n_by_label: npt.NDArray[np.int64] | None = None  # (K,), documents of each label that were learned from
    n_learned: int = 0  # documents that were learned from
    hierarchy: Hierarchy | None = None  # of the labels, where they are paths
    in_turn: InTurn | None = None  # where the answers are of several models, which had learned from other documents
    is_multilabel: ClassVar[bool] = True

    @property
    def probabilities(self) -> Table:
        """The probability of each label for itself, (N, K). Raises DataError where such a table would be too large."""
        return _table_of(self)

    @cached_property
    def _kept(self) -> KeptAnswers:
        return self.kept or KeptAnswers.of(self.labels, self.probabilities, self.uncalibrated)

    @property
    def top(self) -> TopScores:
        """The most probable labels of each document and their probabilities."""
        return self._kept.top

    @cached_property
    def ranking(self) -> dict[str, Any]:
        """How many of the first labels are right, as `ranking_scores` has it."""
        found = ranking_scores(self.labels, self.top, self.n_by_label, self.n_learned)
        for row in found.values() if self.in_turn is not None else ():
            for name in RANKING_NAMES if isinstance(row, dict) else ():
                if row[name] is not None:
                    row[f"{name}_interval"] = list(_widened(self, tuple(row[f"{name}_interval"]), row[name]))
        return found

    @property
    def share(self) -> float:
        """How many independent test documents one counts for: 1, or less where they were held out in turn."""
        return _share(self)

    def select(self, is_in: npt.NDArray[np.bool_]) -> ManyLabelsEvaluation:
        """Of documents of which all probabilities are kept, or the likeliest labels alone, those where it is true."""
        top = None if self.table is not None else KeptAnswers(self.top[np.flatnonzero(is_in)])
        return replace(
            self, labels=self.labels[is_in], predicted=self.predicted[is_in], kept=top,
            table=None if self.table is None else self.table[is_in],
            in_vocabulary_share=self.in_vocabulary_share[is_in],
            all_out_of_vocabulary=self.all_out_of_vocabulary[is_in],
            uncalibrated=None if self.uncalibrated is None else self.uncalibrated[is_in],
        )  # fmt: skip

    @property
    def accuracy(self) -> float:
        """The share of documents that are right in all labels."""
        return metrics.accuracy(self.labels, self.predicted)

    @cached_property
    def f1(self) -> dict[str, float]:
        """micro_f1, macro_f1 and samples_f1, as `metrics.label_f1` has them."""
        return metrics.label_f1(self.labels, self.predicted)

    @cached_property
    def f1_intervals(self) -> dict[str, Any]:
        """The 95 % interval of each of `f1`, bootstrapped over documents: micro_f1_interval and so on."""
        draws = significance.label_f1_draws(self.labels, self.predicted)
        found = {}
        for name, drawn in draws.items():
            n_documents = len(self.labels) / (len(self.label_names) if name == "macro_f1" else 1)
            interval = significance.bootstrap_interval(drawn[0], self.f1[name], n_documents)
            found[f"{name}_interval"] = _known(_widened(self, interval, self.f1[name]))
        return found

    def to_frame(self) -> pl.DataFrame:
        """`per_class` as a frame of polars."""
        return pl.DataFrame(self.per_class(), infer_schema_length=None)

    def _repr_html_(self) -> str:
        shares = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in self.f1.items())
        title = f"On {len(self.labels):,} documents: {shares}"
        rows = sorted(self.per_class(), key=lambda row: row["f1"])
        return shown_table(title, rows, notes=[f"All labels are right for {self.accuracy:.1%}."])

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
        """The scores, ready for JSON; None is what a model that finds the best labels alone does not know."""
        losses, bins, before = self._kept.log_losses, self._kept.bins, self._kept.bins_before
        return {
            "n_documents": len(self.labels),
            "n_all_out_of_vocabulary": int(self.all_out_of_vocabulary.sum()),
            "n_without_labels": int((self.labels.lengths == 0).sum()),
            **self.f1,
            **self.f1_intervals,
            "accuracy": self.accuracy,
            "accuracy_interval": list(metrics.wilson_interval(self.accuracy, self.share * len(self.labels))),
            "log_loss": _known(_mean(losses)),
            "log_loss_interval": None
            if losses is None
            else _known(_widened(self, significance.mean_interval(losses), _mean(losses), most=np.inf)),
            "calibration_error": None if bins is None else _known(bins.error),
            "calibration_error_before": None if before is None else _known(before.error),
            "ranking": self.ranking,
            "per_class": self.per_class(),
            **_held_out(self),
            **_by_level(self),
        }


def _table_of(evaluation: AnyEvaluation) -> Table:
    if evaluation.table is None:
        raise DataError(
            f"the probabilities of {len(evaluation.labels):,} documents for {len(evaluation.label_names):,} labels are "
            "not kept: they would take too much memory. The highest of each document are in `top`."
        )
    return evaluation.table


def _share(evaluation: AnyEvaluation) -> float:
    return 1.0 if evaluation.in_turn is None else evaluation.in_turn.share


def _widened(
    evaluation: AnyEvaluation, interval: significance.Interval, score: float, *, most: float = 1.0
) -> significance.Interval:
    """The interval as it is, or of documents held out in turn as `InTurn.widened` has it."""
    return interval if evaluation.in_turn is None else evaluation.in_turn.widened(interval, score, most=most)


def _held_out(evaluation: AnyEvaluation) -> dict[str, Any]:
    """How the documents were held out in turn; nothing where they were a test part."""
    return {} if evaluation.in_turn is None else {"held_out_in_turn": asdict(evaluation.in_turn)}


def _mean(losses: Numbers | None) -> float:
    return float("nan") if losses is None or not len(losses) else float(np.average(losses))


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


def _cut(text: str) -> str:
    if len(text) <= EXAMPLE_CHARACTERS:
        return text
    return f"{text[: EXAMPLE_CHARACTERS - 1].rpartition(' ')[0] or text[: EXAMPLE_CHARACTERS - 1]}…"
