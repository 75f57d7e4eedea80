"""The answers of several systems to the same test documents → each two of them compared: better, or undecided."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from bywords.data.label_sets import LabelSets
from bywords.errors import SettingError
from bywords.evaluation.metrics import ClassCounts, Labels, label_f1
from bywords.evaluation.ranking import AT
from bywords.evaluation.significance import (
    Difference,
    bootstrap_interval,
    bootstrap_p_value,
    holm,
    label_f1_draws,
    macro_f1_draws,
    paired_difference,
    paired_overlap_difference,
)
from bywords.evaluation.top_scores import TopScores
from bywords.records.run import MetricDifference, SystemPair
from bywords.validation import check_ids

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
    level = LEVEL / len(pairs)
    accuracy = _corrected([paired_difference(right[one], right[other], level=level) for one, other in pairs])
    macro_f1 = _macro_f1_differences(pairs, f1, draws)
    compared = []
    for (one, other), by_accuracy, by_macro_f1 in zip(pairs, accuracy, macro_f1, strict=True):
        is_better, sentence = _decided(one, other, by_accuracy, len(labels), n_pairs=len(pairs))
        compared.append(
            SystemPair(
                one=one, other=other, n_documents=len(labels), accuracy=by_accuracy, macro_f1=by_macro_f1,
                is_better=is_better, sentence=sentence,
            )
        )  # fmt: skip
    return compared


@dataclass(frozen=True, eq=False)
class SetAnswers:
    """What a system gave N documents with any number of labels, with each of its S seeds."""

    given: Sequence[LabelSets]
    first_right: npt.NDArray[np.int64]  # (S, N), as `first_right` has them
    macro_f1: float
    macro_f1_draws: npt.NDArray[np.float64]  # (B,), means over the seeds, paired with those of other systems

    @classmethod
    def of(cls, labels: LabelSets, given: Sequence[LabelSets], first_right: npt.NDArray[np.int64]) -> SetAnswers:
        """With the macro F1 and its draws, which are worked out once a system."""
        draws = [label_f1_draws(labels, sets, is_paired=True)["macro_f1"][0] for sets in given]
        macro_f1 = np.mean([label_f1(labels, sets)["macro_f1"] for sets in given])
        return cls(given, first_right, float(macro_f1), np.mean(draws, axis=0))

    def overlap(self, labels: LabelSets) -> npt.NDArray[np.float64]:
        """Of each document how many labels are right and how many were given, the means over the seeds: (2, N)."""
        parts = [np.stack([labels.both(sets).lengths, sets.lengths]) for sets in self.given]
        return np.asarray(np.mean(parts, axis=0))


def compare_label_pairs(labels: LabelSets, answers: Mapping[str, SetAnswers]) -> list[SystemPair]:
    """Compare each two systems on documents with any number of labels, the one with the higher micro F1 first.

    Micro F1 decides, by a paired test over documents (`paired_overlap_difference`, seeds together). The share of
    documents that are right in all labels, and the precision of the first k, are compared by the sign-flip test, macro
    F1 by the paired bootstrap. P-values are corrected after Holm for all pairs, each measure for itself.
    """
    overlaps = {name: its.overlap(labels) for name, its in answers.items()}
    has, is_filled = labels.lengths.astype(np.float64), labels.lengths > 0
    sums = {name: its.sum(axis=1) for name, its in overlaps.items()}
    ranked = sorted(answers, key=lambda name: -float(2 * sums[name][0] / max(sums[name][1] + has.sum(), 1)))
    pairs, level = list(combinations(ranked, 2)), LEVEL / max(len(answers) * (len(answers) - 1) // 2, 1)
    if not pairs:
        return []

    def by_shares(shares: Mapping[str, npt.NDArray[np.float64]]) -> list[MetricDifference]:
        return _corrected([paired_difference(shares[one], shares[other], level=level) for one, other in pairs])

    micro_f1 = _corrected(
        [paired_overlap_difference(overlaps[one], overlaps[other], has, level=level) for one, other in pairs]
    )
    is_right = {
        name: np.mean([labels.are_equal(sets) for sets in its.given], axis=0) for name, its in answers.items()
    }  # fmt: skip
    accuracy = by_shares(is_right)
    precision = {
        str(k): by_shares({name: precisions(its.first_right, k)[is_filled] for name, its in answers.items()})
        for k in AT
        if k < labels.n_labels
    }
    f1, draws = (
        {name: getattr(its, which) for name, its in answers.items()} for which in ("macro_f1", "macro_f1_draws")
    )
    macro_f1 = _macro_f1_differences(pairs, f1, draws)
    compared = []
    for index, (one, other) in enumerate(pairs):
        is_better, sentence = _decided(one, other, micro_f1[index], len(labels), n_pairs=len(pairs), of=" of micro F1")
        compared.append(
            SystemPair(
                one=one, other=other, n_documents=len(labels), accuracy=accuracy[index], micro_f1=micro_f1[index],
                macro_f1=macro_f1[index], precision={k: rows[index] for k, rows in precision.items()},
                is_better=is_better, sentence=sentence,
            )
        )  # fmt: skip
    return compared


def first_right(labels: LabelSets, top: TopScores) -> npt.NDArray[np.int64]:
    """Which of the likeliest labels of N documents are right: int64 (N,), bit i for the one in place i, from 0."""
    hits = top.best(max(AT)).hits(labels)
    return np.asarray(hits @ (1 << np.arange(hits.shape[1])), dtype=np.int64)


def precisions(first: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.float64]:
    """The share of the first k labels that are right, float64 (N,), from what S seeds got right, int64 (S, N)."""
    return np.asarray(np.mean([(first >> place) & 1 for place in range(k)], axis=(0, 1)))


def _corrected(found: Sequence[Difference]) -> list[MetricDifference]:
    """The differences of all pairs by one measure, corrected for all of them."""
    p_values = holm([each.p_value for each in found]).tolist()
    return [MetricDifference(**vars(each), p_holm=p_holm) for each, p_holm in zip(found, p_values, strict=True)]


def _macro_f1_differences(
    pairs: Sequence[tuple[str, str]], f1: Mapping[str, float], draws: Mapping[str, npt.NDArray[np.float64]]
) -> list[MetricDifference]:
    """By the paired bootstrap."""
    found = []
    for one, other in pairs:
        difference, drawn = f1[one] - f1[other], draws[one] - draws[other]
        interval = bootstrap_interval(drawn, difference)
        found.append(
            Difference(difference=difference, interval=interval, p_value=bootstrap_p_value(drawn), n_needed=None)
        )
    return _corrected(found)


def _decided(
    one: str, other: str, found: MetricDifference, n_documents: int, *, n_pairs: int, of: str = ""
) -> tuple[bool, str]:
    """Whether the first is better, and what the difference says in words."""
    is_better = found.p_holm < LEVEL and found.interval[0] > 0
    return is_better, _sentence(one, other, found, n_documents, is_better=is_better, n_pairs=n_pairs, of=of)


def _sentence(
    one: str, other: str, found: MetricDifference, n_documents: int, *, is_better: bool, n_pairs: int, of: str
) -> str:
    """What the difference says in words; `of` says of what the points are, where they are not those of accuracy."""
    low, high = (100 * bound for bound in found.interval)
    if is_better:
        return f"{one} is better than {other} by {100 * found.difference:.1f} points{of} ({low:.1f} to {high:.1f})."
    among = f" among {n_pairs:,} pairs" if n_pairs > 1 else ""
    documents = "1 test document" if n_documents == 1 else f"{n_documents:,} test documents"
    said = f"{one} and {other} cannot be told apart{among} with {documents} ({low:+.1f} to {high:+.1f} points{of})"
    if found.n_needed is None:
        return f"{said}: they are right equally often." if not of else f"{said}: they are equally good."
    if found.n_needed > MANY:
        return f"{said}; more than a million test documents would be needed."
    if found.n_needed > n_documents:
        return f"{said}; about {rounded(found.n_needed):,} test documents would be needed."
    return f"{said}."


def rounded(number: float) -> int:
    """Two digits and zeros: no more of a number of documents is known."""
    step = 10 ** max(0, math.floor(math.log10(max(number, 1))) - 1)
    return int(math.ceil(number / step) * step)


def as_text(codes: Sequence[int] | npt.NDArray[np.int64] | LabelSets) -> str:
    """Class numbers as a record keeps them: one line, with spaces between; of any number, 0,3 or - for none."""
    if isinstance(codes, LabelSets):
        return " ".join(",".join(map(str, row)) or "-" for row in codes.lists())
    return " ".join(map(str, np.asarray(codes).tolist()))


def from_text(text: str) -> npt.NDArray[np.int64]:
    """The class numbers again, int64 (N,)."""
    return np.array(text.split(), dtype=np.int64)


def sets_from_text(text: str, n_labels: int) -> LabelSets:
    """The labels again, of K that there are. Raises SettingError for others, and for ones written in another way."""
    rows = [[] if row == "-" else row.split(",") for row in text.split()]
    labels = np.array([label for row in rows for label in row], dtype=np.int64)
    check_ids("answers", labels, n_labels)
    documents = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    sets = LabelSets.of_pairs(documents, labels, len(rows), n_labels)
    if not np.array_equal(sets.labels, labels):
        raise SettingError("answers have labels that are not ascending, or there twice")
    return sets


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
