"""The record of a learning curve: one system fitted to growing parts of the training documents, and a forecast."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from bywords.display import shown_table
from bywords.extras import needed
from bywords.records.base import ExperimentRecord, Interval, RecordPart, Spread, scalars

NEXT_LABELS = 100  # that somebody may give next
CurveMetric = Literal["accuracy", "micro_f1"]


class CurvePoint(RecordPart):
    """One fit to a part of the training documents, tested."""

    n_documents: int
    seed: int
    accuracy: float  # of documents with any number of labels the share that is right in all of them
    macro_f1: float
    log_loss: float | None  # None where a model finds the best labels alone
    fit_seconds: float
    right: str  # base64, a bit for each test document
    micro_f1: float | None = None  # of documents with any number of labels
    label_counts: str = ""  # of these, base64: labels of each test document that are right, given and true, as `<u4`

    @property
    def score(self) -> float:
        """What the curve is of: accuracy, or micro F1 where documents have any number of labels."""
        return self.accuracy if self.micro_f1 is None else self.micro_f1


class CurveSize(RecordPart):
    """All fits to as many documents: means over the seeds."""

    n_documents: int
    share: float  # of the training documents
    accuracy: float
    accuracy_interval: Interval
    accuracy_spread: Spread
    macro_f1: float
    log_loss: float | None
    fit_seconds: float
    micro_f1: float | None = None
    micro_f1_interval: Interval | None = None
    micro_f1_spread: Spread | None = None

    @property
    def score(self) -> float:
        """As of a point."""
        return self.accuracy if self.micro_f1 is None else self.micro_f1

    @property
    def score_interval(self) -> Interval:
        """The interval of the score."""
        return self.micro_f1_interval or self.accuracy_interval

    @property
    def score_spread(self) -> Spread:
        """How far apart the seeds' scores are."""
        return self.micro_f1_spread or self.accuracy_spread


class PowerLaw(RecordPart):
    """error(n) = a + b * n ** -c; a, b and c of 0 or more. An error is what the score is short of 1."""

    a: float
    b: float
    c: float

    def errors(self, sizes: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """What is short of 1 after so many training documents, float64 as `sizes`, at most 1."""
        return np.minimum(self.a + self.b * np.asarray(sizes, dtype=np.float64) ** -self.c, 1.0)


class ForecastPoint(RecordPart):
    """The fitted curve at one size, and its interval."""

    n_documents: int
    score: float
    low: float
    high: float


class Forecast(RecordPart):
    """The score with more documents, against `now`, that with the largest size."""

    n_documents: int
    score: float
    interval: Interval
    now: float
    gain: float
    gain_interval: Interval
    law: PowerLaw
    band: list[ForecastPoint]


class Backtest(RecordPart):
    """What the smaller sizes forecast for the largest, beside what it is; `error` is forecast less score."""

    from_documents: int
    n_documents: int
    forecast: float
    interval: Interval
    score: float
    error: float
    holds: bool


class CurveRecord(ExperimentRecord):
    """One system fitted to growing parts of the training documents; `sizes` are those that all seeds have."""

    FORMAT: ClassVar[str] = "bywords-curve/4"
    MADE_BY: ClassVar[str] = "bywords curve"
    PAGE: ClassVar[str] = "bywords.report.curve:render_curve"

    system: str
    metric: CurveMetric = "accuracy"  # what the forecast is of; micro F1 where documents have any number of labels
    vectors: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    points: list[CurvePoint] = field(default_factory=list)
    sizes: list[CurveSize] = field(default_factory=list)
    forecast: Forecast | None = None
    backtest: Backtest | None = None
    next_labels: Forecast | None = None  # NEXT_LABELS more than all that there are, where these are few
    n_folds: int = 0  # in which all documents were held out in turn, instead of a test part

    def rows(self) -> list[dict[str, Any]]:
        """The scores of each size."""
        return [scalars(size) for size in self.sizes]

    def _repr_html_(self) -> str:
        notes = []
        if self.forecast is not None:
            low, high = self.forecast.interval
            score = "accuracy" if self.metric == "accuracy" else "micro F1"
            notes = [
                f"With {self.forecast.n_documents:,} documents the {score} would be about {self.forecast.score:.3f} "
                f"({low:.3f} to {high:.3f})."
            ]
        return shown_table(f"{self.system} on growing parts of {self.corpus.name}", self.rows(), notes=notes)

    def plot(self, axes: Any = None) -> Any:
        """Draw the score of each size with its interval, and the forecast; matplotlib's axes."""
        if axes is None:
            axes = needed("matplotlib.pyplot", what="to draw a learning curve").subplots()[1]
        sizes, accuracies = [size.n_documents for size in self.sizes], [size.score for size in self.sizes]
        low, high = zip(*(size.score_interval for size in self.sizes), strict=True)
        axes.plot(sizes, accuracies, marker="o", label=self.system)
        axes.fill_between(sizes, low, high, alpha=0.2)
        if self.forecast is not None:
            band = self.forecast.band
            at = [point.n_documents for point in band]
            axes.plot(at, [point.score for point in band], linestyle=":", label="forecast")
            axes.fill_between(at, [point.low for point in band], [point.high for point in band], alpha=0.1)
        axes.set(xlabel="training documents", ylabel=self.metric.replace("_f1", " F1"), xscale="log")
        axes.legend()
        return axes
