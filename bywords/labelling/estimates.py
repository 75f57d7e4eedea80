"""How good a model is, what more labels would bring, and the sentence that says whether to stop."""

from __future__ import annotations

from dataclasses import dataclass

FEWEST_TESTED = 20  # texts drawn at random, before anything is said of the accuracy
SMALL_GAIN = 0.005  # of accuracy, that 100 more answers would bring: less is not worth them


@dataclass(frozen=True)
class Accuracy:
    """On what share of texts the model is right: of `n` drawn at random that it has not learned from; 95 % interval."""

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
    """What is known of the model that has learned from `n_learned` labelled texts."""

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


def sentence_of(n_labelled: int, estimate: Estimate | None) -> tuple[str, bool]:
    """What to tell a person, and whether they may stop."""
    found = None if estimate is None else estimate.accuracy
    if estimate is None or found is None:
        return (
            f"{n_labelled:,} labelled: not enough yet to say how good a model is. That takes {FEWEST_TESTED} texts to"
            " test on, which come among the others.",
            False,
        )
    drawn = f"{found.n:,} drawn at random that it has not learned from"
    model = f"A model of {estimate.n_learned:,} labels is right on"
    said = (
        f"{model} {found.low:.0%} of texts like these or more (95 % interval, by all of {drawn})."
        if found.value == 1
        else f"{model} {found.value:.0%} of texts like these (95 % interval {found.low:.0%} to {found.high:.0%}, by "
        f"{drawn})."
    )
    forecast = estimate.forecast
    if forecast is None:
        return f"{said} What more labels would bring is not known yet.", False
    points, high = 100 * forecast.gain, 100 * forecast.high
    more = f"{forecast.n_more:,} more would bring about {points:+.1f} points (at most {high:+.1f})"
    if estimate.is_stable and forecast.gain < SMALL_GAIN:
        return f"Stop here: {said[0].lower()}{said[1:]} {more}.", True
    return f"{said} {more}: go on.", False
