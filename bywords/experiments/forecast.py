"""How good the answers were after how many training documents → what more would bring, with an interval.

The curve is an inverse power law, error(n) = a + b * n ** -c: what no documents take away, what they do, and how fast.
Sources: Cortes et al. (1993), "Learning Curves: Asymptotic Values and Rate of Convergence", equation 1; fitted with
weights as Figueroa et al. (2012), "Predicting sample size required for classification performance", section "Methods".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.errors import DataError
from bywords.records.curve import Backtest, CurveMetric, Forecast, ForecastPoint, PowerLaw

Floats = npt.NDArray[np.float64]
# (S, P, N), of test document n with seed s and training size p: bool, whether the answer is right; or int64, twice the
# labels that are right, beside so many labels given and true, as `of`. The score is the sum of the first by that of
# the second, accuracy or micro F1.
Right = npt.NDArray[np.bool_] | npt.NDArray[np.int64]

LEAST_SIZES = 3  # for a fit: the law has three numbers
N_DRAWS = 1_000  # of seeds and test documents
RATES = np.geomspace(0.02, 2.0, 93)  # c that are tried
# Where the points do not say, c is about 0.3, within a factor of e: Hestness et al. (2017), "Deep Learning Scaling is
# Predictable, Empirically", find 0.07 to 0.35 on text; `benchmarks/learning_curve.py` measures what comes of it.
USUAL_RATE, RATE_SPREAD = 0.3, 1.0
USUAL_MISS = 0.003  # of the next doubling beside all chance; with it, `benchmarks/learning_curve.py` sees twice as much
CHANGES_LITTLE = 0.01  # of accuracy: a gain that is surely less
_DRAWN_TOGETHER = 8_000_000  # numbers in memory at a time
_N_BAND = 33  # sizes at which the band is drawn


def fit_power_law(sizes: npt.ArrayLike, errors: npt.ArrayLike, n_test: int) -> PowerLaw:
    """The law that suits the errors (P,) after so many training documents (P,) best, by weighted least squares.

    An error counts by 1 / its variance with `n_test` test documents. A rate c far from the usual one costs as points
    that miss do, so that few points do not make a wild one.
    """
    a, b, c = _fit(np.asarray(sizes, np.float64), np.asarray(errors, np.float64)[np.newaxis], n_test)
    return PowerLaw(a=float(a[0]), b=float(b[0]), c=float(c[0]))


def forecast(
    sizes: npt.ArrayLike,
    right: Right,
    n_documents: int,
    *,
    of: Right | None = None,
    since: int | None = None,
    share: float = 1.0,
    seed: int = 0,
) -> Forecast:
    """The score after `n_documents`, more than the largest of the P sizes, ascending.

    `interval` is where the score on other documents like the tested ones would be in 95 % of cases: the law is
    fitted anew to draws of seeds and test documents, and what it may miss beside chance is added. That is as much as it
    misses on the largest size when it does not see it, and USUAL_MISS. `gain` and its interval are against the score
    with the largest size, on the same test documents, or that of the law after `since` documents, where it is given.
    Intervals are as wide as if one test document counted for `share` of one, as `InTurn` has it. `band` has the curve
    and its interval from the smallest size on.

    Raises: DataError for fewer sizes than `sizes_needed`.
    """
    counts = np.asarray(sizes, dtype=np.float64)
    if len(counts) < sizes_needed(len(right)):
        raise DataError(f"a forecast needs {sizes_needed(len(right))} sizes, found {len(counts)}. Add some.")
    n_test = right.shape[2]
    errors = 1 - scores(right, of)
    law = fit_power_law(counts, errors, n_test)
    generator = np.random.default_rng(seed)
    drawn = 1 - drawn_scores(right, generator, of=of)  # (B, P)
    a, b, c = (numbers[:, np.newaxis] for numbers in _fit(counts, drawn, n_test))
    shown = np.geomspace(counts[0], n_documents, _N_BAND).round()
    shown = np.unique(shown if since is None else np.append(shown, since))
    miss = float(np.hypot(_missed(counts, errors, n_test), USUAL_MISS))
    doublings = np.maximum(np.log2(shown / counts[-1]), 0.0)
    missed = miss * doublings * generator.standard_normal((len(drawn), 1))
    accuracies = np.clip(1 - (a + b * shown**-c) + missed, 0.0, 1.0)  # (B, shown)
    expected, then = 1 - law.errors(shown), float(1 - law.errors(n_documents))
    before = 1 - drawn[:, -1] if since is None else accuracies[:, np.searchsorted(shown, since)]
    now = float(1 - errors[-1]) if since is None else float(1 - law.errors(since))
    gains = np.quantile(accuracies[:, -1] - before, [0.025, 0.975])
    low, high = np.quantile(accuracies, [0.025, 0.975], axis=0)
    if share < 1:
        low, high = (np.clip(expected + (end - expected) / np.sqrt(share), 0.0, 1.0) for end in (low, high))
        gains = then - now + (gains - (then - now)) / np.sqrt(share)
    return Forecast(
        n_documents=int(n_documents),
        score=then,
        interval=(float(low[-1]), float(high[-1])),
        now=now,
        gain=then - now,
        gain_interval=(float(gains[0]), float(gains[1])),
        law=law,
        band=[
            ForecastPoint(n_documents=int(n), score=float(1 - law.errors(n)), low=float(bottom), high=float(top))
            for n, bottom, top in zip(shown, low, high, strict=True)
        ],
    )


def backtest(sizes: npt.ArrayLike, right: Right, *, of: Right | None = None) -> Backtest | None:
    """What all sizes but the largest forecast of the largest, beside what it is; None where they are too few.

    `error` is forecast less score; `interval` is that of the score on these test documents, as forecast.
    """
    counts = np.asarray(sizes, dtype=np.float64)
    if len(counts) <= sizes_needed(len(right)):
        return None
    found = forecast(counts[:-1], right[:, :-1], int(counts[-1]), of=None if of is None else of[:, :-1])
    score = float(scores(right, of)[-1])
    low, high = (found.now + bound for bound in found.gain_interval)
    return Backtest(
        from_documents=int(counts[-2]),
        n_documents=int(counts[-1]),
        forecast=found.score,
        interval=(low, high),
        score=score,
        error=found.score - score,
        holds=bool(low <= score <= high),
    )


def sizes_needed(n_seeds: int) -> int:
    """How many sizes a forecast needs: with one seed one more, as there is no spread that says how much is chance."""
    return LEAST_SIZES if n_seeds > 1 else LEAST_SIZES + 1


def in_words(score: float, metric: CurveMetric) -> str:
    """An accuracy as a percentage, a micro F1 as a number."""
    return f"{score:.1%}" if metric == "accuracy" else f"{score:.3f}"


def _difference(difference: float, metric: CurveMetric) -> str:
    return f"{100 * difference:.1f}" if metric == "accuracy" else f"{difference:.3f}"


def sentence(found: Forecast, metric: CurveMetric = "accuracy") -> str:
    """What a forecast of twice the documents says, in words."""
    score, points = ("Accuracy", " points") if metric == "accuracy" else ("Micro F1", "")
    now = in_words(found.now, metric)
    if not found.law.b:
        return (
            f"{score} does not rise with the documents at hand, {now} with all of them: nothing says that more texts "
            "like these would help."
        )
    low, high = found.interval
    least, most = found.gain_interval
    if most < CHANGES_LITTLE:
        advice = "more texts like these will help little"
    elif least > 0:
        advice = "more texts like these will help"
    else:
        advice = "more texts like these may help"
    return (
        f"With twice the documents ({found.n_documents:,}) {'' if points else 'a micro F1 of '}about "
        f"{in_words(found.score, metric)} ({in_words(low, metric)} to {in_words(high, metric)}) instead of {now}, a "
        f"gain of {_difference(found.gain, metric)}{points} ({_difference(least, metric)} to "
        f"{_difference(most, metric)}): {advice}."
    )


def next_sentence(found: Forecast, n_more: int, metric: CurveMetric = "accuracy") -> str:
    """What a forecast of `n_more` documents more than there are says, in words."""
    points = " points" if metric == "accuracy" else ""
    (least, most), (low, high) = found.gain_interval, found.interval
    score = "an accuracy" if metric == "accuracy" else "a micro F1"
    gain = f"{_difference(found.gain, metric)}{points} ({_difference(least, metric)} to {_difference(most, metric)})"
    then = f"{in_words(found.score, metric)} ({in_words(low, metric)} to {in_words(high, metric)})"
    there = found.n_documents - n_more
    return (
        f"The next {n_more:,} labels would bring {gain}: {score} of about {then} with {found.n_documents:,} documents "
        f"to learn from, {in_words(found.now, metric)} with {there:,}."
    )


def backtest_sentence(found: Backtest, metric: CurveMetric = "accuracy") -> str:
    """What came of the forecast that could be checked, in words."""
    low, high = found.interval
    return (
        f"Checked: from up to {found.from_documents:,} documents, {in_words(found.forecast, metric)} "
        f"({in_words(low, metric)} to {in_words(high, metric)}) would have been forecast for {found.n_documents:,}; it "
        f"is {in_words(found.score, metric)}, {_difference(abs(found.error), metric)}"
        f"{' points' if metric == 'accuracy' else ''} off{'' if found.holds else ' and outside of the interval'}."
    )


def drawn_scores(right: Right, generator: np.random.Generator, *, of: Right | None = None) -> Floats:
    """The mean score at each size in draws, with replacement, of test documents and of seeds, float64 (B, P).

    A draw has the same documents and seeds for all sizes. S seeds drawn from S spread too little, by (S - 1) / S; that
    is made good. One seed says nothing of the spread over seeds.
    Source: Efron, Tibshirani (1993), "An Introduction to the Bootstrap", chapters 6 and 8.
    """
    n_seeds, n_sizes, n_test = right.shape
    flat = right.reshape(n_seeds * n_sizes, n_test).astype(np.float32).T
    flat_of = None if of is None else of.reshape(n_seeds * n_sizes, n_test).astype(np.float32).T
    together = max(1, _DRAWN_TOGETHER // n_test)
    parts = []
    for start in range(0, N_DRAWS, together):
        times = generator.multinomial(n_test, np.full(n_test, 1 / n_test), size=min(together, N_DRAWS - start))
        counted = times.astype(np.float32)
        parts.append(counted @ flat / n_test if flat_of is None else _shares(counted @ flat, counted @ flat_of))
    by_seed = np.concatenate(parts).astype(np.float64).reshape(N_DRAWS, n_seeds, n_sizes)
    means = by_seed.mean(axis=1)
    if n_seeds == 1:
        return means
    times = generator.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=N_DRAWS) / n_seeds
    drawn = (times[:, :, np.newaxis] * by_seed).sum(axis=1)
    return np.clip(means + np.sqrt(n_seeds / (n_seeds - 1)) * (drawn - means), 0.0, 1.0)


def scores(right: Right, of: Right | None) -> Floats:
    """The mean score of each size, float64 (P,)."""
    if of is None:
        return np.asarray(right.mean(axis=(0, 2)))
    return np.asarray(_shares(right.sum(axis=2, dtype=np.float64), of.sum(axis=2, dtype=np.float64)).mean(axis=0))


def _shares(parts: npt.NDArray[Any], wholes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Quotients; 0 of nothing, as scikit-learn's `f1_score` has it."""
    return np.divide(parts, wholes, out=np.zeros_like(parts), where=wholes > 0)


def _missed(sizes: Floats, errors: Floats, n_test: int) -> float:
    """How far a fit to all sizes but the largest is from it; 0 where they are too few."""
    if len(sizes) <= LEAST_SIZES:
        return 0.0
    law = fit_power_law(sizes[:-1], errors[:-1], n_test)
    return float(abs(law.errors(sizes[-1]) - errors[-1]))


def _fit(sizes: Floats, errors: Floats, n_test: int) -> tuple[Floats, Floats, Floats]:
    """a, b and c, each (B,), for B rows of errors (B, P), as `fit_power_law`: c is tried, a and b are solved for."""
    shares = np.clip(errors, 0.5 / n_test, 1 - 0.5 / n_test)
    w = (n_test / (shares * (1 - shares)))[:, np.newaxis]  # (B, 1, P)
    y = errors[:, np.newaxis]
    x = (sizes / sizes[-1]) ** -RATES[:, np.newaxis]  # (C, P), 1 at the largest size
    sw, swx, swxx = w.sum(axis=-1), (w * x).sum(axis=-1), (w * x * x).sum(axis=-1)  # (B, C)
    swy, swxy = (w * y).sum(axis=-1), (w * x * y).sum(axis=-1)
    b = np.maximum((sw * swxy - swx * swy) / (sw * swxx - swx * swx), 0.0)  # more documents do no harm
    a = (swy - b * swx) / sw
    b = np.where(a < 0, swxy / swxx, b)
    a = np.maximum(a, 0.0)
    loss = (w * (y - a[..., np.newaxis] - b[..., np.newaxis] * x) ** 2).sum(axis=-1)
    best = (loss + (np.log(RATES / USUAL_RATE) / RATE_SPREAD) ** 2).argmin(axis=1)
    rows, c = np.arange(len(errors)), RATES[best]
    return a[rows, best], b[rows, best] * sizes[-1] ** c, c
