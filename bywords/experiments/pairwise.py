"""The answers of several systems to the same test documents → each two of them compared: better, or undecided."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from bywords.evaluation.metrics import ClassCounts, Labels
from bywords.evaluation.significance import (
    bootstrap_interval,
    bootstrap_p_value,
    holm,
    macro_f1_draws,
    paired_difference,
)
from bywords.records.run import MetricDifference, SystemPair

LEVEL = 0.05  # the chance that any system is called better where none is
MANY = 1_000_000  # test documents that nobody has


def compare_pairs(labels: Labels, answers: Mapping[str, npt.NDArray[np.int64]], n_classes: int) -> list[SystemPair]:
    """Compare each two systems; of a pair the one with the higher accuracy comes first, the best pair at the top.

    `answers` are the predicted classes of each system, int64 (S, N), a row for each of its S seeds. Accuracy is
    compared by the exact sign-flip test (McNemar's for one seed), macro F1 by the paired bootstrap, both for the mean
    over the seeds; p-values are corrected after Holm for all pairs. A system is called better where the corrected
    p-value of the accuracy is below LEVEL and its interval above 0. Fewer than two systems give no pairs.
    """
    right = {name: (rows == labels).mean(axis=0) for name, rows in answers.items()}
    ranked = sorted(answers, key=lambda name: -float(right[name].mean()))
    pairs = list(combinations(ranked, 2))
    if not pairs:
        return []
    f1 = {name: _macro_f1(labels, rows, n_classes) for name, rows in answers.items()}
    draws = _mean_draws(labels, answers, n_classes)
    by_accuracy = [paired_difference(right[one], right[other], level=LEVEL / len(pairs)) for one, other in pairs]
    drawn = [draws[one] - draws[other] for one, other in pairs]
    f1_p_values = [bootstrap_p_value(differences) for differences in drawn]
    corrected = zip(holm([found.p_value for found in by_accuracy]), holm(f1_p_values), strict=True)
    compared = []
    for index, ((one, other), (p_holm, f1_p_holm)) in enumerate(zip(pairs, corrected, strict=True)):
        found, f1_difference = by_accuracy[index], f1[one] - f1[other]
        accuracy = MetricDifference(
            difference=found.difference, interval=found.interval, p_value=found.p_value, p_holm=float(p_holm),
            n_needed=found.n_needed,
        )  # fmt: skip
        is_better = accuracy.p_holm < LEVEL and accuracy.interval[0] > 0
        compared.append(
            SystemPair(
                one=one,
                other=other,
                n_documents=len(labels),
                accuracy=accuracy,
                macro_f1=MetricDifference(
                    difference=f1_difference,
                    interval=bootstrap_interval(drawn[index], f1_difference),
                    p_value=f1_p_values[index],
                    p_holm=float(f1_p_holm),
                ),
                is_better=is_better,
                sentence=_sentence(one, other, accuracy, len(labels), is_better=is_better, n_pairs=len(pairs)),
            )
        )
    return compared


def _sentence(one: str, other: str, found: MetricDifference, n_documents: int, *, is_better: bool, n_pairs: int) -> str:
    """What the difference in accuracy says, in words."""
    low, high = (100 * bound for bound in found.interval)
    if is_better:
        return f"{one} is better than {other} by {100 * found.difference:.1f} points ({low:.1f} to {high:.1f})."
    among = f" among {n_pairs:,} pairs" if n_pairs > 1 else ""
    documents = "1 test document" if n_documents == 1 else f"{n_documents:,} test documents"
    said = f"{one} and {other} cannot be told apart{among} with {documents} ({low:+.1f} to {high:+.1f} points)"
    if found.n_needed is None:
        return f"{said}: they are right equally often."
    if found.n_needed > MANY:
        return f"{said}; more than a million test documents would be needed."
    if found.n_needed > n_documents:
        return f"{said}; about {rounded(found.n_needed):,} test documents would be needed."
    return f"{said}."


def rounded(number: float) -> int:
    """Two digits and zeros: no more of a number of documents is known."""
    step = 10 ** max(0, math.floor(math.log10(max(number, 1))) - 1)
    return int(math.ceil(number / step) * step)


def as_text(codes: Sequence[int] | npt.NDArray[np.int64]) -> str:
    """Class numbers as a record keeps them: one line, with spaces between."""
    return " ".join(map(str, np.asarray(codes).tolist()))


def from_text(text: str) -> npt.NDArray[np.int64]:
    """The class numbers again, int64 (N,)."""
    return np.array(text.split(), dtype=np.int64)


def _mean_draws(
    labels: Labels, answers: Mapping[str, npt.NDArray[np.int64]], n_classes: int
) -> dict[str, npt.NDArray[np.float64]]:
    """The macro F1 of each system, the mean over its seeds, on the same drawn test sets, float64 (B,)."""
    drawn = macro_f1_draws(labels, np.concatenate(list(answers.values())), n_classes)
    ends = np.cumsum([len(rows) for rows in answers.values()])
    return {name: rows.mean(axis=0) for name, rows in zip(answers, np.split(drawn, ends[:-1]), strict=True)}


def _macro_f1(labels: Labels, rows: npt.NDArray[np.int64], n_classes: int) -> float:
    """The mean over the seeds."""
    return float(np.mean([ClassCounts.of(labels, row, n_classes).macro_f1 for row in rows]))
