"""The most probable labels of each document, and its true ones → how many of the first k are right.

For documents with any number of many labels, where a person looks at the first few. Documents without a label are left
out: there is nothing to find in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.data.label_sets import LabelSets
from bywords.evaluation.significance import bootstrap_interval, ratio_draws
from bywords.evaluation.top_scores import TopScores

AT = (1, 3, 5)  # first labels that are looked at
NAMES = ("precision", "recall", "ndcg", "propensity_scored_precision")
MANY_LABELS = 20  # of more, it is said how many of the first are right
A, B = 0.55, 1.5  # of the propensities, as Jain et al. set them for most data
Numbers = npt.NDArray[np.float64]


def propensities(n_by_label: npt.NDArray[np.int64], n_documents: int) -> Numbers:
    """How likely a label that is right for a training document is given to it, float64 (K,): rare ones are forgotten.

    From the training documents of each label, int64 (K,), and how many there are of all: 1 / (1 + C exp(-A ln(n + B)))
    with C = (ln N - 1) (B + 1)^A.
    Source: Jain, Prabhu, Varma (2016), "Extreme Multi-label Loss Functions for Recommendation, Tagging, Ranking &
    Other Missing Label Applications", section 4.
    """
    C = max(np.log(max(n_documents, 1)) - 1, 0.0) * (B + 1) ** A
    return np.asarray(1 / (1 + C * (n_by_label + B) ** -A))


def of_documents(labels: LabelSets, top: TopScores, k: int, weights: Numbers | None = None) -> tuple[Numbers, Numbers]:
    """Of each of N documents that have a label, what NAMES are ratios of: numerators and denominators (N, 3 or 4).

    Precision: the share of the first k labels that are right; recall: the share of the right ones that are among them.
    nDCG: a right label in place i counts 1 / log2(i + 1), divided by what the best order would give. With `weights`,
    (K,), one over the propensities: precision with each right label counted by its weight, as a share of what the best
    k would give, summed over all documents before they are divided.
    Sources: Järvelin and Kekäläinen (2002), "Cumulated Gain-Based Evaluation of IR Techniques"; Prabhu and Varma
    (2014), "FastXML: A Fast, Accurate and Stable Tree-Classifier for Extreme Multi-label Learning", section 5; Jain,
    Prabhu, Varma (2016), section 3.
    """
    top = top.best(k)
    is_right, n_true = top.hits(labels), labels.lengths
    discounts = 1 / np.log2(np.arange(2, k + 2))
    n_right = is_right.sum(axis=1).astype(np.float64)
    gained = is_right @ discounts[: is_right.shape[1]]
    best = np.cumsum(discounts)[np.minimum(n_true, k) - 1]
    numerators, denominators = [n_right / k, n_right / n_true, gained / best], [np.ones(len(labels))] * 3
    if weights is not None:
        numerators.append((is_right * weights[top.labels]).sum(axis=1))
        its = weights[labels.labels]
        order = np.lexsort((-its, labels.rows))  # of each document the heaviest labels first
        is_first = np.arange(len(its)) - labels.offsets[:-1][labels.rows] < k
        sums = np.bincount(labels.rows[is_first], its[order][is_first], minlength=len(labels))
        denominators.append(sums.astype(np.float64, copy=False))
    return np.stack(numerators, axis=1), np.stack(denominators, axis=1)


def ranking_scores(
    labels: LabelSets, top: TopScores, n_by_label: npt.NDArray[np.int64] | None = None, n_learned: int = 0
) -> dict[str, Any]:
    """NAMES at each of AT below the number of labels, with their 95 % intervals, bootstrapped over documents.

    Ready for JSON: `n_documents` that have a label, and by k, as in {"1": {"precision": .8, "precision_interval": [.7,
    .9], …}}. `n_by_label` are the training documents of each label, of `n_learned` in all; without them what is scored
    by propensity is None.
    """
    is_filled = labels.lengths > 0
    labels, top = labels[is_filled], top[is_filled]
    found: dict[str, Any] = {"n_documents": len(labels)}
    weights = None if n_by_label is None else 1 / propensities(n_by_label, n_learned)
    at = [k for k in AT if k < labels.n_labels]
    if not at or not len(labels):
        return found
    parts = [of_documents(labels, top, k, weights) for k in at]
    numerators, denominators = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    scores = (numerators.sum(axis=0) / denominators.sum(axis=0)).tolist()
    draws = iter(zip(scores, ratio_draws(numerators, denominators), strict=True))
    for k in at:
        row: dict[str, Any] = dict.fromkeys([*NAMES, *(f"{name}_interval" for name in NAMES)])
        for name in NAMES[: parts[0][0].shape[1]]:
            score, drawn = next(draws)
            row |= {name: score, f"{name}_interval": list(bootstrap_interval(drawn, score, len(labels)))}
        found[str(k)] = row
    return found


def ranking_of(test: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """How good the first k labels are, by k; none where there are too few labels for that to say something."""
    if len(test.get("per_class") or ()) <= MANY_LABELS:
        return {}
    return {k: row for k, row in (test.get("ranking") or {}).items() if isinstance(row, Mapping)}


def coverage_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many of many labels the test documents have, and how many of those are found at all."""
    tested = [row for row in rows if row["support"]]
    n_found = sum(row["recall"] > 0 for row in tested)
    return f"Of its {len(rows):,} labels {len(tested):,} are those of test documents; {n_found:,} of them it finds."
