"""What several systems answered to the same test documents in, one claim for each two of them out: better, or not told.

A claim is JSON: two names, the differences with intervals and p-values, and one sentence that says no more than these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.evaluation.metrics import Labels, confusion_matrix, macro_f1
from bywords.evaluation.significance import (
    bootstrap_interval,
    bootstrap_p_value,
    holm,
    macro_f1_draws,
    paired_difference,
)

LEVEL = 0.05  # the chance that any of the claims is wrong where no system is better than another
MANY = 1_000_000  # test documents that nobody has

Claim = dict[str, Any]


def pairwise_tests(labels: Labels, answers: Mapping[str, npt.NDArray[np.int64]], n_classes: int) -> list[Claim]:
    """Compare each two systems; of a pair the one with the higher accuracy comes first, the best pair at the top.

    `answers` are the predicted classes of each system, int64 (S, N), a row for each of its S seeds. Accuracy is
    compared by the exact sign-flip test (McNemar's for one seed), macro F1 by the paired bootstrap, both for the mean
    over the seeds; p-values are corrected after Holm for all pairs. An accuracy is called better where the corrected
    p-value is below LEVEL and the interval lies above 0.

    Returns: `one`, `other`, `n_documents`, `accuracy` (a `Difference` and `p_holm`), `macro_f1` (`difference`,
    `interval`, `p_value`, `p_holm`), `is_better` and `sentence`. Nothing for fewer than two systems.
    """
    if len(answers) < 2:
        return []
    right = {name: (rows == labels).mean(axis=0) for name, rows in answers.items()}
    f1 = {name: _macro_f1(labels, rows, n_classes) for name, rows in answers.items()}
    draws = _mean_draws(labels, answers, n_classes)
    ranked = sorted(answers, key=lambda name: -float(right[name].mean()))
    n_pairs = math.comb(len(ranked), 2)
    pairwise: list[Claim] = []
    for one, other in combinations(ranked, 2):
        accuracy = asdict(paired_difference(right[one], right[other], level=LEVEL / n_pairs))
        drawn, difference = draws[one] - draws[other], f1[one] - f1[other]
        pairwise.append(
            {
                "one": one,
                "other": other,
                "n_documents": len(labels),
                "accuracy": {**accuracy, "interval": list(accuracy["interval"])},
                "macro_f1": {
                    "difference": difference,
                    "interval": list(bootstrap_interval(drawn, difference)),
                    "p_value": bootstrap_p_value(drawn),
                },
            }
        )
    for metric in ("accuracy", "macro_f1"):
        adjusted = holm([claim[metric]["p_value"] for claim in pairwise])
        for claim, p_holm in zip(pairwise, adjusted.tolist(), strict=True):
            claim[metric]["p_holm"] = p_holm
    for claim in pairwise:
        claim["is_better"] = claim["accuracy"]["p_holm"] < LEVEL and claim["accuracy"]["interval"][0] > 0
        claim["sentence"] = sentence(claim, n_claims=len(pairwise))
    return pairwise


def sentence(claim: Claim, *, n_claims: int) -> str:
    """The claim in words."""
    one, other, found, n_documents = claim["one"], claim["other"], claim["accuracy"], claim["n_documents"]
    low, high = (100 * bound for bound in found["interval"])
    if claim["is_better"]:
        return f"{one} is better than {other} by {100 * found['difference']:.1f} points ({low:.1f} to {high:.1f})."
    among = f" among {n_claims:,} pairs" if n_claims > 1 else ""
    said = (
        f"{one} and {other} cannot be told apart{among} with {n_documents:,} test documents "
        f"({low:+.1f} to {high:+.1f} points)"
    )
    needed = found["n_needed"]
    if needed is None:
        return f"{said}: they are right equally often."
    if needed > MANY:
        return f"{said}; more than a million would be needed."
    if needed > n_documents:
        return f"{said}; about {rounded(needed):,} would be needed."
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
    return float(np.mean([macro_f1(confusion_matrix(labels, row, n_classes)) for row in rows]))
