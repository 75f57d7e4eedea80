"""What is labelled, and how right a model of it was on texts drawn at random → how good it is, and whether to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bywords.data.targets import Targets
from bywords.evaluation.calibration import fit_temperature
from bywords.evaluation.metrics import wilson_interval
from bywords.experiments.forecast import forecast
from bywords.labelling.pool import given

if TYPE_CHECKING:
    from bywords.labelling.pool import Pool, Rows

SMALL_GAIN = 0.005  # of accuracy, that 100 more answers would bring: less is not worth them
FEWEST_TESTED = 20  # texts drawn at random, before anything is said of the accuracy
AHEAD = 100  # answers that are forecast
N_FOLDS = 5  # of the texts drawn at random: who is asked has learned from all labels but those of a fold
SHARES = (0.3, 0.5, 0.75, 1.0)  # of what is learned from: how the accuracy grew says how it will
STABLE = 0.99  # of the answers on other texts are those of the model before, of a tenth fewer labels


@dataclass(frozen=True)
class Accuracy:
    """On what share of texts the model is right: of `n` labelled ones drawn at random, and its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Forecast:
    """What so many more answers would add to the accuracy, and its 95 % interval."""

    n_more: int
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """What is known of the model that was made of `n_learned` labelled texts."""

    n_learned: int
    accuracy: Accuracy | None = None
    forecast: Forecast | None = None
    temperature: float | None = None  # that makes its probabilities right on the tested texts
    is_stable: bool = False  # its answers on texts without labels have hardly changed


@dataclass(frozen=True)
class Status:
    """What was done so far, and what is said of it. Texts are counted once, however many people labelled them."""

    n_texts: int
    n_labelled: int
    n_skipped: int
    n_unsure: int
    n_disagreements: int
    counts: dict[str, int]
    accuracy: Accuracy | None
    forecast: Forecast | None
    sentence: str
    may_stop: bool


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
    value = float(right[0, -1].mean())
    accuracy = Accuracy(value, *wilson_interval(value, len(tested)), n=len(tested))
    law = forecast(sizes, right, len(rows) + AHEAD, seed=seed, since=len(rows))
    ahead = Forecast(AHEAD, law.gain, *law.gain_interval)
    temperature = None
    if not targets.is_multilabel:
        temperature = fit_temperature(logits, targets.select(np.concatenate(folds)))
    return Estimate(len(rows), accuracy, ahead, temperature)


def unchanged(before: npt.NDArray[np.bool_], now: npt.NDArray[np.bool_]) -> bool:
    """Whether two models give nearly all of N texts the same labels, bool (N, K).

    Source: Bloodgood, Vijay-Shanker (2009), "A Method for Stopping Active Learning Based on Stabilizing Predictions".
    """
    return before.shape == now.shape and bool((before == now).all(axis=1).mean() >= STABLE)


def sentence_of(n_labelled: int, estimate: Estimate | None) -> tuple[str, bool]:
    """What to tell a person, and whether they may stop."""
    found = None if estimate is None else estimate.accuracy
    if estimate is None or found is None:
        return f"{n_labelled:,} labelled: not enough yet to say how good a model is.", False
    said = (
        f"A model of {estimate.n_learned:,} labels is right on {found.value:.0%} of texts like these (95 % interval "
        f"{found.low:.0%} to {found.high:.0%}, by {found.n:,} drawn at random)."
    )
    forecast = estimate.forecast
    if forecast is None:
        return f"{said} What more labels would bring is not known yet.", False
    points, high = 100 * forecast.gain, 100 * forecast.high
    more = f"{forecast.n_more:,} more would bring about {points:+.1f} points (at most {high:+.1f})"
    if estimate.is_stable and forecast.gain < SMALL_GAIN:
        return f"Stop here: {said[0].lower()}{said[1:]} {more}.", True
    return f"{said} {more}: go on.", False
