"""How sure answers were and whether they were right → how far to trust such answers: reliability and coverage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.errors import SettingError
from bywords.evaluation.metrics import wilson_interval
from bywords.evaluation.profile import Profile
from bywords.text.bags import Bags
from bywords.text.ragged import UNKNOWN, Ragged
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import Vocabulary
from bywords.validation import check_count, check_within

N_BINS = 15  # of probabilities, all as wide; the number that is usual since Guo et al. (2017)
N_POINTS = 40  # of the curve of coverage that a model keeps
FEWEST_ANSWERED = 30  # documents: an accuracy of fewer is nothing to choose a threshold by
OUTSIDE_SHARE = 0.01  # of the training documents have a lower in-vocabulary share than a text out of distribution
N_DRAWS = 1_000  # of the bins of an error of calibration
WIDE = 0.1  # of an interval of the error of calibration: it says too little to give the error by itself
MOST_ASKED = 2_000  # documents, whose in-vocabulary share is looked at: enough to know its first percentile
FEWEST_NEW = 500  # documents: the first percentile of fewer says nothing of what is rare
HIGHEST_FLOOR = 0.75  # in-vocabulary share: with more known, no text is called out of distribution

Probabilities = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """What the answers for documents held out say of a model's answers to come; kept with the model."""

    n_documents: int = 0  # held out
    selection: list[list[float]] = field(default_factory=list)  # `selection_curve`; empty for several labels
    in_vocabulary_floor: float = 0.0  # a text with a lower in-vocabulary share is out of distribution
    back_off: list[list[float | None]] = field(default_factory=list)  # of labels that are paths: `back_off_table`
    profile: Profile = field(default_factory=Profile)  # what `drift` compares new texts with

    def __post_init__(self) -> None:
        """Raises SettingError for what no answers give: shares beyond 0 and 1, and a curve that does not rise."""
        check_count("the number of documents held out", self.n_documents)
        check_within("the floor of the in-vocabulary share", np.array([self.in_vocabulary_floor]), 0, 1)
        if any(len(point) != len(("confidence", "coverage", "accuracy")) for point in self.selection):
            raise SettingError("a point of the curve of coverage has other than three numbers")
        curve = np.array(self.selection, dtype=np.float64).reshape(-1, 3)
        check_within("the curve of coverage", curve, 0, 1)
        steps = np.diff(curve[:, :2], axis=0)
        if (steps[:, 0] > 0).any() or (steps[:, 1] < 0).any():
            raise SettingError("the curve of coverage does not rise from the surest answers to all")

    @classmethod
    def of(cls, confidence: Probabilities, is_right: npt.NDArray[np.bool_], in_vocabulary_floor: float) -> Reliability:
        """From how sure the answers for N documents held out were, (N,), and whether they were right.

        Kept to four digits, so that it takes little room in a small model; probabilities are rounded down, so that the
        same answers reach them.
        """
        curve = [
            [math.floor(least * 1e4) / 1e4, round(coverage, 4), round(accuracy, 4)]
            for least, coverage, accuracy in selection_curve(confidence, is_right)
        ]
        return cls(n_documents=len(confidence), selection=curve, in_vocabulary_floor=in_vocabulary_floor)

    def is_out_of_distribution(
        self, in_vocabulary_share: Probabilities, all_out_of_vocabulary: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Which texts are unlike the training documents, (N,), by how much of each is known, (N,) both."""
        return np.asarray(all_out_of_vocabulary | (in_vocabulary_share < self.in_vocabulary_floor))

    def min_confidence_for(self, accuracy: float) -> float:
        """The lowest probability at or above which such a share of the answers held out was right.

        Raises: SettingError where there is none, or there were too few answers to find it by.
        """
        enough = [point for point in self.selection if round(point[1] * self.n_documents) >= FEWEST_ANSWERED]
        if not enough:
            raise SettingError(
                f"the model has answers for {self.n_documents:,} documents held out, and it takes {FEWEST_ANSWERED} to "
                "choose a probability by. Give --min-confidence instead, or train on more documents."
            )
        for confidence, _, right in reversed(enough):  # from the largest coverage on
            if right >= accuracy:
                return confidence
        best = max(right for _, _, right in enough)
        raise SettingError(
            f"no probability makes {accuracy:.1%} of the answers right: of the surest answers for documents held out "
            f"{best:.1%} were. Ask for less."
        )


@dataclass(frozen=True, eq=False)
class Bins:
    """Probabilities in N_BINS bins, all as wide: how many, their sum, and of how many what they are of happened."""

    counts: npt.NDArray[np.int64]
    sums: npt.NDArray[np.float64]
    n_happened: npt.NDArray[np.int64]

    @classmethod
    def of(cls, probabilities: Probabilities, happened: npt.NDArray[np.bool_]) -> Bins:
        """Of probabilities (P,) and whether what they are of happened (P,)."""
        bins = np.minimum((np.asarray(probabilities) * N_BINS).astype(np.int64), N_BINS - 1)
        sums = np.bincount(bins, probabilities, minlength=N_BINS).astype(np.float64, copy=False)
        return cls(np.bincount(bins, minlength=N_BINS), sums, np.bincount(bins[happened], minlength=N_BINS))

    def __add__(self, others: Bins) -> Bins:
        return Bins(self.counts + others.counts, self.sums + others.sums, self.n_happened + others.n_happened)

    @property
    def error(self) -> float:
        """How far the probabilities are from how often it happened: the mean over bins; NaN without any.

        Source: Naeini, Cooper, Hauskrecht (2015), "Obtaining Well Calibrated Probabilities Using Bayesian Binning"; of
        the likeliest class of each document, Guo et al. (2017), "On Calibration of Modern Neural Networks", equation 3.
        """
        total = int(self.counts.sum())
        return float(np.abs(self.sums - self.n_happened).sum()) / total if total else float("nan")

    def error_interval(self, *, spread: float = 1.0) -> tuple[float, float]:
        """The 95 % interval of `error`, `spread` times as wide as the chance in these bins makes it; NaN without any.

        Chance alone makes probabilities look off, in bins of few the more: the interval is moved down by as much, and
        begins at 0 where they are off by no more than is usual for such as are not.
        Source: Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 10 on bias and section 13.4 on
        the basic interval; the sum in a bin is drawn from the normal law of its variance.
        """
        total = int(self.counts.sum())
        if not total:
            return float("nan"), float("nan")
        means = self.sums / np.maximum(self.counts, 1)
        variances = self.n_happened * (1 - means) ** 2 + (self.counts - self.n_happened) * means**2
        noise = np.random.default_rng(0).standard_normal((N_DRAWS, len(self.counts))) * np.sqrt(variances)
        drawn = np.abs(self.sums - self.n_happened + noise).sum(axis=1) / total
        middle = 2 * self.error - float(drawn.mean())
        low, high = (middle + spread * (float(drawn.mean()) - end) for end in np.quantile(drawn, [0.975, 0.025]))
        by_chance = spread * float(np.quantile(np.abs(noise).sum(axis=1), 0.975)) / total
        low = 0.0 if self.error <= by_chance else min(max(low, 0.0), self.error)
        return float(low), float(min(max(high, self.error), 1.0))


def expected_calibration_error(probabilities: Probabilities, happened: npt.NDArray[np.bool_]) -> float:
    """How far probabilities, (N,), are from how often what they are of happened, as `Bins.error` has it."""
    return Bins.of(probabilities, happened).error


def calibration_sentence(error: float | None, interval: Sequence[float] | None, what: str = "an answer") -> str:
    """How far the probability of `what` can be trusted, in words; or that there are too few documents to say."""
    if error is None:
        return f"How far the probability of {what} is off is not known."
    if interval is None:
        return f"The probability of {what} is off by {100 * error:.1f} points on average."
    low, high = (100 * end for end in interval)
    if high - low > 100 * WIDE:
        return (
            f"There are not enough documents to say how far the probability of {what} can be trusted: on average it "
            f"may be off by {low:.0f} to {high:.0f} points (95 % interval)."
        )
    off = f"The probability of {what} is off by {100 * error:.1f} points on average"
    return f"{off} (95 % interval {low:.1f} to {high:.1f})."


def reliability_bins(probabilities: Probabilities, happened: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
    """One row for each of N_BINS bins of probability that has any: how probable, and how often it happened.

    JSON-ready: `from`, `to`, `n_documents`, `probability` (the mean), `share` (that happened) and its 95 % `interval`.
    """
    bins = Bins.of(probabilities, happened)
    rows = []
    for index in np.flatnonzero(bins.counts).tolist():
        n_documents = int(bins.counts[index])
        share = int(bins.n_happened[index]) / n_documents
        rows.append(
            {
                "from": index / N_BINS,
                "to": (index + 1) / N_BINS,
                "n_documents": n_documents,
                "probability": float(bins.sums[index]) / n_documents,
                "share": share,
                "interval": list(wilson_interval(share, n_documents)),
            }
        )
    return rows


def selection_curve(
    confidence: Probabilities, is_right: npt.NDArray[np.bool_], shares: Sequence[float] | None = None
) -> list[list[float]]:
    """If only the surest answers are given: at or above which probability, what share of all, how often right.

    One row [confidence, coverage, accuracy] for each of `shares`, by default N_POINTS from few to all; answers that
    are as sure as the last are given too. None without documents.
    Source: El-Yaniv and Wiener (2010), "On the Foundations of Noise-free Selective Classification", section 2.
    """
    n_documents = len(confidence)
    if not n_documents:
        return []
    order = np.argsort(-confidence, kind="stable")
    ordered, n_right = confidence[order], np.cumsum(is_right[order])
    wanted = np.arange(1, N_POINTS + 1) / N_POINTS if shares is None else np.asarray(shares)
    lowest = ordered[np.maximum(np.ceil(wanted * n_documents).astype(np.int64), 1) - 1]
    n_given = np.searchsorted(-ordered, -np.unique(lowest)[::-1], side="right")
    return [[float(ordered[n - 1]), n / n_documents, float(n_right[n - 1] / n)] for n in n_given.tolist()]


def in_vocabulary_share_elsewhere(
    vocabulary: Vocabulary, tokens: Tokens, knows_by_vector: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.float64]:
    """The share of a document's tokens that the vocabulary has, and more often than the document does, (N,).

    Of more than MOST_ASKED documents it is that of so many, evenly spaced.
    It is the share of words that would be known of a document, had it not been among those that the vocabulary is of:
    they are counted in the vocabulary, and in these documents, where it is of a part of them only. Words that are true
    in `knows_by_vector`, bool (W + 2,), would be known anyway. Every document has tokens.
    """
    if len(tokens) > MOST_ASKED:
        tokens = tokens.select(np.linspace(0, len(tokens) - 1, MOST_ASKED).round().astype(np.int64))
    ids = vocabulary.token_ids(tokens)
    bags = Bags.of(Ragged(ids, tokens.offsets, np.zeros(len(tokens), dtype=np.float32)), vocabulary.n_words)
    everywhere = np.maximum(np.bincount(ids, minlength=vocabulary.n_words), vocabulary.counts)
    is_elsewhere = (everywhere[bags.ids] > bags.weights) & (bags.ids != UNKNOWN)
    if knows_by_vector is not None:
        is_elsewhere |= knows_by_vector[bags.ids]
    known = np.add.reduceat(bags.weights.astype(np.float64) * is_elsewhere, bags.offsets[:-1])
    return known / tokens.lengths


def lower_floor(before: float, in_vocabulary_shares: Probabilities) -> float:
    """The floor of a model that learns more: lower where new documents, FEWEST_NEW at least, ask for it."""
    return before if len(in_vocabulary_shares) < FEWEST_NEW else min(before, floor_of(in_vocabulary_shares))


def floor_of(in_vocabulary_shares: Probabilities) -> float:
    """The share of known words that all but OUTSIDE_SHARE of them reach, HIGHEST_FLOOR at most; 0 for none."""
    if not len(in_vocabulary_shares):
        return 0.0
    return min(float(np.quantile(in_vocabulary_shares, OUTSIDE_SHARE, method="lower")), HIGHEST_FLOOR)
