"""Answers to N test documents → intervals and tests: what chance could have done to a score or a difference.

Chance here is that of the test documents: others of the same kind might have been drawn. That of training is seen by
training with other seeds. Documents are taken as independent of each other, and each counts the same.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bywords.data.label_sets import LabelSets
from bywords.evaluation.metrics import Labels, Z, wilson_interval
from bywords.text.bags import Bags
from bywords.text.ragged import offsets_of

if TYPE_CHECKING:
    from statistics import NormalDist

N_DRAWS = 1000  # bootstrap test sets
MOST_DRAWN = 50_000_000  # documents in all draws together: of very large test parts there are fewer draws
FEWEST_DRAWS = 200
DRAWN_TOGETHER = 5_000_000  # numbers of draws in memory at a time
MOST_EXACT = 20_000  # documents that two classifiers differ on
FAR_OFF = 0.01  # share of the draws on one side of the estimate, below which they are off
POWER = 0.8  # the chance to find a difference that is there

Interval = tuple[float, float]
Draws = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much better one classifier is than another on the same documents, and whether chance explains it."""

    difference: float  # of two shares, from -1 to 1
    interval: Interval  # 95 %
    p_value: float  # of a difference as large or larger where there is none
    n_needed: int | None  # test documents to find such a difference 4 times of 5; None where there is no difference


def paired_difference(
    one: npt.NDArray[np.floating[Any]], other: npt.NDArray[np.floating[Any]], *, level: float = 0.05
) -> Difference:
    """Compare two classifiers by whether each of N documents is right, (N,) each: 0 or 1, or the mean over S seeds.

    The interval is that of Bonett and Price, which adds a document for either side. The p-value is that of the exact
    sign-flip test: were the two as good as each other, each document could as well have turned out the other way
    round. With one seed it is McNemar's exact test; of more than MOST_EXACT documents that differ it is the normal law
    of that test. `level` is the p-value that `n_needed` documents would bring. No
    documents give (-1, 1) and a p-value of 1.
    Sources: McNemar (1947), "Note on the Sampling Error of the Difference Between Correlated Proportions"; Pitman
    (1937), "Significance Tests Which May Be Applied to Samples from Any Populations"; Bonett and Price (2012),
    "Adjusted Wald Confidence Interval for a Difference of Binomial Proportions Based on Paired Data"; for `n_needed`,
    Connor (1987), "Sample Size for Testing Differences in Proportions for the Paired-Sample Design", equation 2.

    >>> import numpy as np
    >>> from bywords import paired_difference
    >>> found = paired_difference(np.array([1.0] * 18 + [0.0] * 2), np.array([1.0] * 10 + [0.0] * 10))
    >>> round(found.difference, 2), round(found.p_value, 4)
    (0.4, 0.0078)
    """
    apart = np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    n_documents = len(apart)
    if not n_documents:
        return Difference(difference=float("nan"), interval=(-1.0, 1.0), p_value=1.0, n_needed=None)
    added = np.append(apart, [1.0, -1.0])
    centre, half = float(added.mean()), Z * float(added.std()) / math.sqrt(len(added))
    return Difference(
        difference=float(apart.mean()),
        interval=(max(-1.0, centre - half), min(1.0, centre + half)),
        p_value=_sign_flip(apart),
        n_needed=_n_needed(float(apart.mean()), float((apart**2).mean()), level),
    )


def paired_overlap_difference(one: Draws, other: Draws, has: Draws, *, level: float = 0.05) -> Difference:
    """Compare two classifiers by the micro F1 of what they gave N documents, each any number of labels.

    `one` and `other` are float64 (2, N): of each document how many labels are right and how many were given, the means
    over seeds; `has` (N,) is how many it has. The difference is the mean of what each document adds to it at the F1 of
    both together; were the two as good as each other, each such number could as well have had the other sign. P-value
    and interval are those of the normal law of their sum, the interval with a document for either side added, as in
    `paired_difference`, which says what `level` is.
    Source: Yeh (2000), "More Accurate Tests for the Statistical Significance of Result Differences", section 3.
    """
    first, second = (float(got.sum() + has.sum()) for _, got in (one, other))
    if not first or not second:
        return Difference(difference=0.0, interval=(-1.0, 1.0), p_value=1.0, n_needed=None)
    f1 = 2 * float(one[0].sum() + other[0].sum()) / (first + second)
    size = 2 * first * second / (first + second)  # so that the mean is the difference exactly
    apart = (2 * (one[0] - other[0]) - f1 * (one[1] - other[1])) * (len(has) / size)
    mean, square = float(apart.mean()), float((apart**2).mean())
    half = Z * float(np.append(apart, [1.0, -1.0]).std()) / math.sqrt(len(has) + 2)
    p_value = math.erfc(abs(mean) * math.sqrt(len(has) / (2 * square))) if square else 1.0
    interval = max(-1.0, mean - half), min(1.0, mean + half)
    needed = _n_needed(mean, square, level)
    return Difference(difference=mean, interval=interval, p_value=p_value, n_needed=needed)


def holm(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """P-values of M tests at once, float64 (M,): below .05, no more than one time in twenty is any of them wrong.

    Source: Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure".

    >>> from bywords import holm
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def macro_f1_draws(labels: Labels, predicted: npt.NDArray[np.int64], n_classes: int, *, seed: int = 0) -> Draws:
    """The macro F1 of M classifiers on test sets drawn from the N documents with replacement, float64 (M, B).

    `predicted` is int64 (M, N). All get the same draws, so that differences of rows are paired. As in
    `metrics.macro_f1`, a class counts where it occurs.
    Sources: Efron (1979), "Bootstrap Methods: Another Look at the Jackknife"; Berg-Kirkpatrick, Burkett, Klein (2012),
    "An Empirical Investigation of Statistical Significance in NLP", section 2.
    """
    (true, *given), counts = np.unique(np.vstack([labels, predicted]), axis=1, return_counts=True)  # U distinct answers
    hits = [np.flatnonzero(got == true) for got in given]

    def counted(codes: Labels, drawn: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return np.bincount(codes, weights=drawn, minlength=n_classes).astype(np.float64, copy=False)

    def scores(drawn: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        found = np.empty((len(given), len(drawn)))
        for draw, times in enumerate(drawn):
            has = counted(true, times)
            for index, (got, hit) in enumerate(zip(given, hits, strict=True)):
                found[index, draw] = _macro_f1(counted(true[hit], times[hit]), counted(got, times), has)
        return found

    return _drawn(scores, counts, seed)


def label_f1_draws(labels: LabelSets, predicted: LabelSets, *, is_paired: bool = False) -> dict[str, Draws]:
    """Micro, macro and samples F1, as `metrics.label_f1` has them, on drawn test sets: float64 (1, B) each.

    With `is_paired` the same documents are drawn whatever was answered, so that draws of several classifiers are
    paired; else equal answers are drawn together, which is faster.
    """
    one_each = np.arange(len(labels)), np.ones(len(labels), dtype=np.int64)
    firsts, counts = one_each if is_paired else _kinds(labels, predicted)
    has, got = labels[firsts], predicted[firsts]  # of U kinds of answers
    by_label = [_documents_by_label(sets) for sets in (has.both(got), has, got)]
    both, totals = (lengths.astype(np.float32) for lengths in (has.both(got).lengths, has.lengths + got.lengths))
    of_document = np.divide(2 * both, totals, out=np.zeros_like(totals), where=totals > 0)

    def scores(drawn: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        by_kind = np.ascontiguousarray(drawn.T)  # (U, b)
        hits, n_has, n_got = (np.ascontiguousarray(documents.times(by_kind).T) for documents in by_label)  # (b, K)
        sums = n_has + n_got
        of_label = np.divide(2 * hits, sums, out=np.zeros_like(hits), where=sums > 0)
        together = 2 * hits.sum(axis=1) / np.maximum(sums.sum(axis=1), 1)
        return np.stack([together, of_label.mean(axis=1), drawn @ of_document / drawn.sum(axis=1)])

    micro, macro, samples = _drawn(scores, counts, seed=0, width=labels.n_labels)[:, np.newaxis]
    return {"micro_f1": micro, "macro_f1": macro, "samples_f1": samples}


def _kinds(labels: LabelSets, predicted: LabelSets) -> tuple[Labels, npt.NDArray[np.int64]]:
    """The first document with each pair of true and given labels, int64 (U,), and how many have it.

    They are in the order of the rows of a table of them: a row that has a label is behind one that has not.
    """
    firsts: dict[tuple[int, ...], int] = {}
    counts: Counter[tuple[int, ...]] = Counter()
    for document, (has, got) in enumerate(zip(labels.lists(), predicted.lists(), strict=True)):
        kind = (*(-label for label in has), *(-label - labels.n_labels for label in got))
        firsts.setdefault(kind, document)
        counts[kind] += 1
    in_order = sorted(firsts)
    return (
        np.array([firsts[kind] for kind in in_order], dtype=np.int64),
        np.array([counts[kind] for kind in in_order], dtype=np.int64),
    )


def _documents_by_label(sets: LabelSets) -> Bags:
    """The documents of each of K labels, to sum rows of a table of N documents by."""
    documents = sets.rows[np.argsort(sets.labels, kind="stable")].astype(np.int32)
    return Bags(documents, offsets_of(sets.counts()), np.ones(len(documents), dtype=np.float32), len(sets))


def ratio_draws(numerators: Draws, denominators: Draws) -> Draws:
    """Sums over documents divided by sums, of numbers (N, M) each, on drawn test sets: float64 (M, B)."""
    both = np.concatenate([numerators, denominators], axis=1).astype(np.float32)
    n_ratios = numerators.shape[1]

    def scores(drawn: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        sums = drawn @ both  # (b, 2 M)
        return np.asarray((sums[:, :n_ratios] / sums[:, n_ratios:]).T)

    return _drawn(scores, np.ones(len(both), dtype=np.int64), seed=0)


def overlap_scores(
    both: npt.NDArray[np.int64], got: npt.NDArray[np.int64], has: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """Precision, recall and F1 of all decisions together, and their 95 % intervals, ready for JSON.

    Each of N documents has got so many labels, has so many, and so many of them in both, int64 (N,) each.
    """
    kinds, counts = np.unique(np.stack([both, got, has], axis=1), axis=0, return_counts=True)  # (U, 3)

    def scores(drawn: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        right, given, true = (drawn @ kinds).astype(np.float64).T
        return np.stack([right, right, 2 * right]) / np.maximum([given, true, given + true], 1)

    estimates, draws = scores(counts[np.newaxis].astype(np.float64))[:, 0].tolist(), _drawn(scores, counts, seed=0)
    found: dict[str, Any] = {}
    for name, estimate, drawn in zip(("precision", "recall", "f1"), estimates, draws, strict=True):
        found |= {name: estimate, f"{name}_interval": interval_or_none(drawn, estimate, len(both))}
    return found


def interval_or_none(draws: Draws, estimate: float, n_documents: float = math.inf) -> list[float] | None:
    """`bootstrap_interval` as JSON has it: a list, or None for what is not known."""
    interval = bootstrap_interval(draws, estimate, n_documents)
    return None if math.isnan(interval[0]) else list(interval)


def bootstrap_interval(draws: Draws, estimate: float, n_documents: float = math.inf) -> Interval:
    """The 95 % interval of a score from B draws of it, float64 (B,), and what it is on all documents; bias-corrected.

    Drawn test sets repeat documents, so that small classes drop out and their scores are off to one side; the interval
    is moved by as much. Where nearly all draws are on one side, as of many rare labels, the correction has nothing to
    go by, and the draws are moved so that the estimate is their median. (NaN, NaN) without draws.

    Where all draws are 0, or all are 1, as of documents without a mistake, they cannot say how many mistakes others
    would bring: the interval is Wilson's of `n_documents`, of which the score is a mean.
    Source: Efron (1981), "Nonparametric Standard Errors and Confidence Intervals", section 7.
    """
    if not len(draws) or math.isnan(estimate):
        return float("nan"), float("nan")
    if estimate in (0.0, 1.0) and (draws == estimate).all():
        return wilson_interval(estimate, n_documents)
    below = float((draws < estimate).mean() + (draws == estimate).mean() / 2)
    if not FAR_OFF < below < 1 - FAR_OFF:
        low, high = np.quantile(draws + (estimate - np.median(draws)), [0.025, 0.975])
        return float(low), float(high)
    normal = _normal()
    shift = 2 * normal.inv_cdf(min(max(below, 1 / len(draws)), 1 - 1 / len(draws)))
    low, high = np.quantile(draws, [normal.cdf(shift - Z), normal.cdf(shift + Z)])
    return float(low), float(high)


def bootstrap_p_value(draws: Draws) -> float:
    """How often drawn differences, float64 (B,), are on the other side of 0, both sides; never 0, as B is finite.

    Source: Davison and Hinkley (1997), "Bootstrap Methods and Their Application", section 4.4.
    """
    below, above = int((draws <= 0).sum()), int((draws >= 0).sum())
    return min(1.0, 2 * (1 + min(below, above)) / (1 + len(draws)))


def mean_interval(values: npt.NDArray[np.floating[Any]]) -> Interval:
    """The 95 % interval of the mean of N values, by the central limit theorem; (NaN, NaN) of fewer than two."""
    if len(values) < 2:
        return float("nan"), float("nan")
    mean, half = float(values.mean()), Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return mean - half, mean + half


def _drawn(
    scores: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]],
    counts: npt.NDArray[np.int64],
    seed: int,
    *,
    width: int = 1,
) -> Draws:
    """What `scores` gives for drawn counts of U kinds of documents, float32 (b, U), b draws at a time: (M, B).

    `width` is how many numbers `scores` makes of each draw.
    """
    n_documents, n_kinds = int(counts.sum()), len(counts)
    n_draws = int(np.clip(MOST_DRAWN // max(n_documents, 1), FEWEST_DRAWS, N_DRAWS)) if n_documents else 0
    generator = np.random.default_rng(seed)
    kind_of = np.repeat(np.arange(n_kinds), counts)
    parts = []
    step = max(1, DRAWN_TOGETHER // max(n_kinds, width))
    for start in range(0, max(n_draws, 1), step):
        drawn = np.empty((min(step, n_draws - start), n_kinds), dtype=np.float32)
        for row in drawn:
            chosen = kind_of[generator.integers(n_documents, size=n_documents)]
            row[:] = np.bincount(chosen, minlength=n_kinds)
        parts.append(scores(drawn))
    return np.concatenate(parts, axis=1).astype(np.float64)


def _macro_f1(hits: Draws, got: Draws, has: Draws) -> float:
    """The mean F1 of the classes that occur, from the documents of each that are right, given and true: (K,) each."""
    sums = got + has
    occurs = sums > 0
    return float((2 * hits[occurs] / sums[occurs]).mean()) if occurs.any() else float("nan")


def _sign_flip(apart: npt.NDArray[np.float64]) -> float:
    """The two-sided p-value of the sum of N differences, if each might as well have had the other sign.

    Of the m differences of one size, how many are positive is binomial; the sum's distribution is their convolution.
    That is exact. Of more than MOST_EXACT differences, it is the normal law with the same variance.
    """
    if (n_apart := int((apart != 0).sum())) > MOST_EXACT:
        return math.erfc(abs(float(apart.sum())) / math.sqrt(2 * float((apart**2).sum())))
    if not n_apart:
        return 1.0
    sizes = np.round(np.abs(apart), 9)
    different, counts = np.unique(sizes[sizes > 0], return_counts=True)
    unit = float(different[0]) if len(different) == 1 else _common_unit(different)
    steps = np.rint(different / unit).astype(np.int64)
    distribution = np.ones(1)
    for step, count in zip(steps.tolist(), counts.tolist(), strict=True):
        of_size = np.zeros(step * count + 1)
        of_size[::step] = _half_binomial(count)
        distribution = np.convolve(distribution, of_size)
    most = int((steps * counts).sum())  # the sums are -most, -most + 2, … in units
    sums = np.arange(-most, most + 1, 2)
    found = abs(round(float(apart.sum()) / unit))
    return min(1.0, float(distribution[np.abs(sums) >= found].sum()))


def _half_binomial(n: int) -> npt.NDArray[np.float64]:
    """The probabilities of 0 to n heads in n throws of a fair coin, float64 (n + 1,)."""
    logs = np.array([math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(n + 1)])
    return np.exp(logs - n * math.log(2))


def _common_unit(sizes: npt.NDArray[np.floating[Any]]) -> float:
    """The largest of 1, 1/2, 1/3, … of which all sizes are multiples: one over the number of seeds."""
    for parts in range(1, 1001):
        if np.allclose(sizes * parts, np.rint(sizes * parts), atol=1e-6):
            return 1 / parts
    return 1e-3


def _n_needed(difference: float, disagreement: float, level: float) -> int | None:
    """Test documents to find a difference with the chance POWER, from the mean of its squares."""
    if abs(difference) < 1e-12:  # equal sums of shares differ by what rounding leaves
        return None
    spread = max(disagreement - difference**2, 0.0)
    normal = _normal()
    z = normal.inv_cdf(1 - level / 2)
    wanted = (z * math.sqrt(disagreement) + normal.inv_cdf(POWER) * math.sqrt(spread)) / abs(difference)
    return max(2, math.ceil(wanted**2))


def _normal() -> NormalDist:
    from statistics import NormalDist  # imports decimal and random, which no score needs

    return NormalDist()
