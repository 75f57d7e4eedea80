"""Labelled texts, some of them drawn at random → how good a model of all is, by those that it has not learned from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bywords.data.targets import Targets
from bywords.evaluation.calibration import fit_temperature
from bywords.experiments.forecast import forecast
from bywords.labelling.estimates import Accuracy, Estimate, Forecast
from bywords.labelling.pool import given

if TYPE_CHECKING:
    from bywords.labelling.pool import Pool, Rows

FEWEST_TESTED = 20  # texts drawn at random, before anything is said of the accuracy
AHEAD = 100  # answers that are forecast
N_FOLDS = 5  # of the texts drawn at random: who is asked has learned from all labels but those of a fold
SHARES = (0.3, 0.5, 0.75, 1.0)  # of what is learned from: how the accuracy grew says how it will
STABLE = 0.99  # of the answers on other texts are those of the model before, of a tenth fewer labels


def estimated(pool: Pool, rows: Rows, targets: Targets, tested: Rows, *, seed: int = 0) -> Estimate:
    """How good a model of the texts in these rows (n,) with targets (n,) is: `tested` are indices of them, int64 (m,).

    Those have to be drawn at random; the others may have been chosen. A tested text is answered by a model of all
    others but those of its fold, so that the model that is judged has learned from a few texts less than that which
    people get. Of several labels an answer is right where all are.
    """
    if len(tested) < FEWEST_TESTED or targets.n_classes < 2 - targets.is_multilabel:
        return Estimate(len(rows))
    generator = np.random.default_rng(seed)
    folds = np.array_split(generator.permutation(tested), N_FOLDS)
    truth = targets.one_hot()
    order = generator.permutation(len(rows))
    right = np.zeros((1, len(SHARES), len(tested)), dtype=bool)
    logits = np.zeros((len(tested), targets.n_classes))
    at = 0
    sizes = np.zeros(len(SHARES))
    for fold in folds:
        learned = order[~np.isin(order, fold)]
        for index, share in enumerate(SHARES):
            some = np.sort(learned[: max(2, round(share * len(learned)))])
            model = pool.fit(rows[some], targets.select(some), seed=seed)
            found = model.logits(rows[fold])
            is_right = (given(found, is_multilabel=targets.is_multilabel) == truth[fold]).all(axis=1)
            right[0, index, at : at + len(fold)] = is_right
            sizes[index] += len(some) / N_FOLDS
        logits[at : at + len(fold)] = found
        at += len(fold)
    n_right = int(right[0, -1].sum())
    accuracy = Accuracy(n_right / len(tested), *exact_interval(n_right, len(tested)), n=len(tested))
    law = forecast(sizes, right, len(rows) + AHEAD, seed=seed, since=len(rows))
    ahead = Forecast(AHEAD, law.gain, *law.gain_interval)
    temperature = None
    if not targets.is_multilabel:
        temperature = fit_temperature(logits, targets.select(np.concatenate(folds)))
    return Estimate(len(rows), accuracy, ahead, temperature)


def exact_interval(n_right: int, n_documents: int) -> tuple[float, float]:
    """The 95 % interval around a share of independent documents, which holds at least as often, whatever the share.

    Wilson's holds so often on average, and less near 1, where the accuracy is when people stop.
    Source: Clopper, Pearson (1934), "The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial".

    >>> from bywords.labelling.held_out import exact_interval
    >>> [round(end, 3) for end in exact_interval(45, 50)]
    [0.782, 0.967]
    """
    counts = np.arange(n_documents + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n_documents + 1)))])
    ways = logs[-1] - logs - logs[::-1]

    def end(least: int, tail: float) -> float:
        """The share at which `least` or more are right with this probability, which rises with it."""
        low, high = 0.0, 1.0
        for _ in range(40):
            share = (low + high) / 2
            chances = np.exp(ways + counts * math.log(share) + (n_documents - counts) * math.log1p(-share))
            low, high = (low, share) if chances[least:].sum() > tail else (share, high)
        return (low + high) / 2

    low = 0.0 if n_right == 0 else end(n_right, 0.025)
    return low, 1.0 if n_right == n_documents else end(n_right + 1, 0.975)


def unchanged(before: npt.NDArray[np.bool_], now: npt.NDArray[np.bool_]) -> bool:
    """Whether two models give nearly all of N texts the same labels, bool (N, K).

    Source: Bloodgood, Vijay-Shanker (2009), "A Method for Stopping Active Learning Based on Stabilizing Predictions".
    """
    return before.shape == now.shape and bool((before == now).all(axis=1).mean() >= STABLE)
