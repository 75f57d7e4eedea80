"""Probabilities of labels that are paths → the deepest node of the hierarchy that is sure enough.

At each level the answer is its likeliest node, which is not always above the likeliest label: two labels of one node
may each be less probable than a third, and more probable together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.data.hierarchy import Hierarchy
from bywords.errors import SettingError
from bywords.evaluation.metrics import wilson_interval
from bywords.evaluation.reliability import FEWEST_ANSWERED, selection_curve

RATES = (*(percent / 100 for percent in range(50, 100)), 0.995, 0.999, 1.0)  # of right answers, that may be asked for
Numbers = npt.NDArray[np.float64]
Thresholds = Sequence[float | None]  # of each level from the first; None where no answer of that level is given


@dataclass(frozen=True, eq=False)
class NodeAnswers:
    """Answers for N texts at any level: the whole label, a node above it, or none.

    >>> from bywords import TextClassifier
    >>> paths = [f"support/{label}" if label == "office" else f"sales/{label}/car" for label in labels]
    >>> classifier = TextClassifier(label_hierarchy="/").fit(texts, paths)
    >>> classifier.back_off(["the printer is on fire"], min_confidence=0.5).labels.tolist()
    ['support/office']
    """

    labels: npt.NDArray[Any]  # object (N,): strings, None where no level is sure enough
    levels: npt.NDArray[np.int64]  # (N,), how many levels each has; 0 for None
    are_whole: npt.NDArray[np.bool_]  # (N,), true of whole labels, false of nodes of several and of None
    probabilities: Numbers  # (N,), of the node; of None that of the likeliest node of the first level


@dataclass(frozen=True, eq=False)
class BackOff:
    """Gives the answer of the deepest level that is sure enough by its threshold."""

    hierarchy: Hierarchy
    thresholds: Thresholds

    @property
    def least(self) -> float:
        """How probable a whole label has to be; more than 1 where none is given."""
        deepest = self.thresholds[-1]
        return 2.0 if deepest is None else deepest

    def __call__(self, probabilities: Numbers, is_open: npt.NDArray[np.bool_] | None = None) -> NodeAnswers:
        """The answers from the probabilities of the classes, (N, K); none where `is_open`, (N,)."""
        n_texts = len(probabilities)
        left = np.ones(n_texts, dtype=bool) if is_open is None else ~is_open
        labels, levels = np.full(n_texts, None, dtype=object), np.zeros(n_texts, dtype=np.int64)
        chosen, are_whole = np.zeros(n_texts), np.zeros(n_texts, dtype=bool)
        for number in range(self.hierarchy.depth, 0, -1):
            level = self.hierarchy.levels[number - 1]
            best, confidence = likeliest(self.hierarchy, number, probabilities)
            given = given_at(self.thresholds[number - 1], confidence, left)
            labels[given] = np.array(level.names, dtype=object)[best[given]]
            levels[given], chosen[given] = level.lengths[best[given]], confidence[given]
            are_whole[given] = (np.bincount(level.codes) == 1)[best[given]]
            left = left & ~given
            if number == 1:
                chosen[levels == 0] = confidence[levels == 0]
        return NodeAnswers(labels, levels, are_whole, chosen)

    def scores(
        self, codes: npt.NDArray[np.int64], probabilities: Numbers, is_open: npt.NDArray[np.bool_]
    ) -> dict[str, Any]:
        """How many of N documents with these classes, (N,), get an answer at each level and how often it is right.

        Ready for JSON: `n_documents` that get one, their share as `coverage`, `accuracy` with its 95 % `interval`; the
        same of those that get a `whole_label`, and of nodes of several labels under `levels`, the deepest first. An
        answer is right where the true label is it or in it.
        """
        answers = self(probabilities, is_open)
        true = (self.hierarchy.paths[code] for code in codes.tolist())
        separator = self.hierarchy.separator
        is_right = np.array(
            [
                answer is not None and separator.join(path[:n]) == answer
                for path, answer, n in zip(true, answers.labels, answers.levels.tolist(), strict=True)
            ],
            dtype=bool,
        )
        backed_off = np.where(answers.are_whole, 0, answers.levels)
        return {
            **_share(is_right[answers.levels > 0], len(codes)),
            "whole_label": _share(is_right[answers.are_whole], len(codes)),
            "levels": [
                {"level": n, **_share(is_right[backed_off == n], len(codes))}
                for n in range(self.hierarchy.depth - 1, 0, -1)
            ],
        }


def _share(is_right: npt.NDArray[np.bool_], n_documents: int) -> dict[str, Any]:
    n_given = len(is_right)
    accuracy = float(is_right.mean()) if n_given else None
    return {
        "n_documents": n_given,
        "coverage": n_given / max(n_documents, 1),
        "accuracy": accuracy,
        "interval": list(wilson_interval(accuracy or 0.0, n_given)),
    }


def likeliest(hierarchy: Hierarchy, number: int, probabilities: Numbers) -> tuple[npt.NDArray[np.int64], Numbers]:
    """The likeliest node of a level for each of N documents, int64 (N,), and its probability, float64 (N,)."""
    nodes = hierarchy.probabilities_at(hierarchy.level(number), probabilities)
    best = nodes.argmax(axis=1)
    return best, np.minimum(nodes[np.arange(len(nodes)), best], 1.0)


def given_at(threshold: float | None, confidence: Numbers, left: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which of the documents that are left get an answer at a level, (N,)."""
    return left & (confidence >= threshold) if threshold is not None else np.zeros(len(left), dtype=bool)


def back_off_table(
    hierarchy: Hierarchy, probabilities: Numbers, codes: npt.NDArray[np.int64]
) -> list[list[float | None]]:
    """For each of RATES the thresholds of the levels by which such a share of the answers held out was right.

    A row is the rate and a threshold for each level. They are chosen from the deepest level up, each on the documents
    that no deeper one answers, which are harder than all are: so the answers of every level are right at that rate, not
    only all of them together. A level with fewer than FEWEST_ANSWERED answers has none, nor has one with one node only,
    which says nothing. Rates that no level reaches have no row. Thresholds are kept to four digits, rounded down.
    """
    found = [likeliest(hierarchy, number, probabilities) for number in range(1, hierarchy.depth + 1)]
    rows: list[list[float | None]] = []
    for rate in RATES:
        left = np.ones(len(codes), dtype=bool)
        thresholds: list[float | None] = []
        for level, (best, confidence) in zip(reversed(hierarchy.levels), reversed(found), strict=True):
            is_right = best == level.codes[codes]
            threshold = None
            if len(level) > 1:
                threshold = _lowest(confidence[left], is_right[left], rate)
                left &= ~given_at(threshold, confidence, left)
            thresholds.insert(0, threshold)
        if all(threshold is None for threshold in thresholds):
            break
        rows.append([rate, *thresholds])
    return rows


def _lowest(confidence: Numbers, is_right: npt.NDArray[np.bool_], rate: float) -> float | None:
    """The lowest confidence at or above which such a share is right, of enough answers; None where there is none."""
    for least, coverage, accuracy in reversed(selection_curve(confidence, is_right)):
        if accuracy >= rate and round(coverage * len(confidence)) >= FEWEST_ANSWERED:
            return math.floor(least * 1e4) / 1e4
    return None


def thresholds_for(table: Sequence[Sequence[float | None]], accuracy: float, n_documents: int) -> list[float | None]:
    """The thresholds of the levels for the lowest rate of the table that is as high as asked for.

    Raises: SettingError where there is none, or there were too few documents held out, of which there were so many.
    """
    for rate, *thresholds in table:
        if rate is not None and rate >= accuracy - 1e-9:
            return thresholds
    if not table:
        raise SettingError(
            f"the model has answers for {n_documents:,} documents held out, and at no level can it be said from them "
            "which are right more often than not. Give --min-confidence instead, or train on more documents."
        )
    raise SettingError(
        f"no probability makes {accuracy:.1%} of the answers right: at no level more than {table[-1][0]:.1%} of the "
        "surest answers for documents held out were. Ask for less."
    )


def check_table(table: Sequence[Sequence[float | None]], n_levels: int) -> None:
    """Raise SettingError for a table that `back_off_table` does not give for so many levels."""
    rates = [row[0] if row else None for row in table]
    if any(len(row) != n_levels + 1 for row in table) or rates != list(RATES[: len(rates)]):
        raise SettingError(f"the thresholds of levels are no rows of a rate and {n_levels} numbers, by ascending rate")
    if not all(number is None or 0 <= number <= 1 for row in table for number in row):
        raise SettingError("the thresholds of levels are not from 0 to 1")
