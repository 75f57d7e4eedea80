"""An evaluation of labels that are paths → the scores at each level, and those of whole paths with their ancestors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from bywords.data.hierarchy import Hierarchy
from bywords.data.label_sets import Codes, LabelSets
from bywords.evaluation import metrics, significance

if TYPE_CHECKING:
    from bywords.evaluation.evaluation import AnyEvaluation

R = TypeVar("R")
Labels = npt.NDArray[np.int64]  # (N,)


def hierarchy_scores(evaluation: AnyEvaluation, hierarchy: Hierarchy) -> dict[str, Any]:
    """The scores of answers that are paths, ready for JSON; labels and answers are cut to the same number of levels.

    `levels` has a row for each level: `level`, how many `n_labels` there are, and `accuracy` and `macro_f1` with their
    95 % intervals; of documents with any number of labels `micro_f1` instead of `accuracy`. `precision`, `recall` and
    `f1` are hierarchical: of the nodes of all answers, those above them included, which share is right; of those of all
    labels, which is found.
    Source: Kiritchenko, Matwin, Nock, Famili (2006), "Learning and Evaluation in the Presence of Class Hierarchies:
    Application to Text Categorization", section 3.
    """
    true, given = evaluation.labels, evaluation.predicted
    score: Callable[..., dict[str, Any]] = _many_at if evaluation.is_multilabel else _one_at
    overlap: Callable[..., Iterator[Labels]] = _overlap_of_sets if evaluation.is_multilabel else _overlap
    rows: list[dict[str, Any]] = []
    for n, level in enumerate(hierarchy.levels, start=1):
        if rows and rows[-1]["n_labels"] == len(level):  # no node is divided
            rows.append({**rows[-1], "level": n})
        else:
            found = score(cut(true, hierarchy, n), cut(given, hierarchy, n), len(level))
            rows.append({"level": n, "n_labels": len(level), **found})
    return {
        "separator": hierarchy.separator,
        "levels": rows,
        **significance.overlap_scores(*overlap(true, given, hierarchy)),
    }


def distinct_levels(rows: Iterable[R], n_labels: Callable[[R], int]) -> list[tuple[str, R]]:
    """Rows of `levels`, one where several have the same labels but for their names, each with its level or levels."""
    groups = [list(its) for _, its in groupby(enumerate(rows, start=1), key=lambda row: n_labels(row[1]))]
    spans = [(its[0][0], its[-1][0], its[0][1]) for its in groups]
    return [(f"{first}" if first == last else f"{first} to {last}", row) for first, last, row in spans]


def cut(codes: Codes, hierarchy: Hierarchy, n_levels: int) -> Codes:
    """Classes → nodes of a level: int64 (N,), or the nodes that each document has some label of."""
    level = hierarchy.level(n_levels)
    return codes.renumbered(level.codes, len(level)) if isinstance(codes, LabelSets) else level.codes[codes]


def _one_at(true: Labels, given: Labels, n_nodes: int) -> dict[str, Any]:
    accuracy = metrics.accuracy(true, given)
    macro = metrics.ClassCounts.of(true, given, n_nodes).macro_f1
    draws = significance.macro_f1_draws(true, given[np.newaxis], n_nodes)[0]
    return {
        "accuracy": accuracy,
        "accuracy_interval": list(metrics.wilson_interval(accuracy, len(true))),
        "macro_f1": macro,
        "macro_f1_interval": significance.interval_or_none(draws, macro, len(true) / n_nodes),
    }


def _many_at(true: LabelSets, given: LabelSets, n_nodes: int) -> dict[str, Any]:
    scores, draws = metrics.label_f1(true, given), significance.label_f1_draws(true, given)
    found: dict[str, Any] = {}
    for name, n_documents in (("micro_f1", len(true)), ("macro_f1", len(true) / n_nodes)):
        interval = significance.interval_or_none(draws[name][0], scores[name], n_documents)
        found |= {name: scores[name], f"{name}_interval": interval}
    return found


def _overlap(true: Labels, given: Labels, hierarchy: Hierarchy) -> Iterator[Labels]:
    """Of each document how many nodes are in both paths, in the answer's and in the label's: int64 (N,) each."""
    both = np.zeros(len(true), dtype=np.int64)
    for n, level in enumerate(hierarchy.levels, start=1):
        both += (level.codes[true] == level.codes[given]) & (hierarchy.lengths[true] >= n)
    yield from (both, hierarchy.lengths[given], hierarchy.lengths[true])


def _overlap_of_sets(true: LabelSets, given: LabelSets, hierarchy: Hierarchy) -> Iterator[Labels]:
    """The same of documents with any number of labels, each node once."""
    both, got, has = (np.zeros(len(true), dtype=np.int64) for _ in range(3))
    for n, level in enumerate(hierarchy.levels, start=1):
        nodes = np.where(hierarchy.lengths >= n, level.codes, -1)  # a shorter path is counted where it ends
        of_given, of_true = (sets.renumbered(nodes, len(level)) for sets in (given, true))
        both, got, has = both + of_given.both(of_true).lengths, got + of_given.lengths, has + of_true.lengths
    yield from (both, got, has)
