"""Labelled texts, some of them drawn at random → how good a model of all is, by those that it has not learned from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bywords.data.targets import Targets
from bywords.evaluation.calibration import fit_temperature
from bywords.experiments.forecast import forecast
from bywords.labelling.estimates import FEWEST_TESTED, Accuracy, Estimate, Forecast
from bywords.labelling.pool import given

if TYPE_CHECKING:
    from bywords.labelling.pool import PoolModel, Rows

AHEAD = 100  # answers that are forecast
SHARES = (0.25, 0.35, 0.5, 0.7)  # of what was learned, the first of it: how accuracy grew says how it will
STABLE = 0.99  # of the answers on other texts are those of the model before, of a tenth fewer labels


def estimated(
    model: PoolModel,
    rows: Rows,
    targets: Targets,
    tested: Rows,
    truth: npt.NDArray[np.bool_],
    is_known: npt.NDArray[np.bool_],
    *,
    seed: int = 0,
) -> Estimate:
    """How good a model of the texts in these rows (n,) with targets (n,), in the order they came, is.

    `tested` (m,) are rows that were drawn at random, and that neither this model nor the choice of what it learned has
    seen: a text with a label makes people be asked for others than those like it, so that what a model says of it when
    it is left out is worse than of others. `truth` bool (m, K) is which of the K classes they have, `is_known` (m,)
    whether the model can have learned all of these. Of several labels an answer is right where all are.
    """
    if len(tested) < FEWEST_TESTED:
        return Estimate(len(rows))
    sizes = [round(share * len(rows)) for share in SHARES]
    models = [
        model.pool.fit(rows[:size], targets.select(np.arange(size)), unlabelled=model.unlabelled, seed=seed)
        for size in sizes
    ]
    logits = [one.logits(tested) for one in (*models, model)]
    found = np.stack([given(some, is_multilabel=model.is_multilabel) for some in logits])
    right = ((found == truth).all(axis=2) & is_known)[np.newaxis]
    n_right = int(right[0, -1].sum())
    accuracy = Accuracy(n_right / len(tested), *exact_interval(n_right, len(tested)), n=len(tested))
    law = forecast([*sizes, len(rows)], right, len(rows) + AHEAD, seed=seed, since=len(rows))
    ahead = Forecast(AHEAD, law.gain, *law.gain_interval)
    temperature = None
    if not model.is_multilabel and is_known.any():
        codes = truth[is_known].argmax(axis=1)
        temperature = fit_temperature(logits[-1][is_known], Targets.of(codes, truth.shape[1]))
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
