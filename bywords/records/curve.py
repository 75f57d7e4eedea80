"""The record of a learning curve: one system fitted to growing parts of the training documents, and a forecast."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from bywords.display import shown_table
from bywords.extras import needed
from bywords.records.base import ExperimentRecord, Interval, RecordPart, Spread, scalars


class CurvePoint(RecordPart):
    """One fit to a part of the training documents, tested."""

    n_documents: int
    seed: int
    accuracy: float
    macro_f1: float
    log_loss: float
    fit_seconds: float
    right: str  # base64, a bit for each test document


class CurveSize(RecordPart):
    """All fits to as many documents: means over the seeds."""

    n_documents: int
    share: float  # of the training documents
    accuracy: float
    accuracy_interval: Interval
    accuracy_spread: Spread
    macro_f1: float
    log_loss: float
    fit_seconds: float


class PowerLaw(RecordPart):
    """error(n) = a + b * n ** -c; a, b and c of 0 or more."""

    a: float
    b: float
    c: float

    def errors(self, sizes: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The share of wrong answers after so many training documents, float64 as `sizes`, at most 1."""
        return np.minimum(self.a + self.b * np.asarray(sizes, dtype=np.float64) ** -self.c, 1.0)


class ForecastPoint(RecordPart):
    """The fitted curve at one size, and its interval."""

    n_documents: int
    accuracy: float
    low: float
    high: float


class Forecast(RecordPart):
    """The accuracy with more documents, against `now`, that with the largest size."""

    n_documents: int
    accuracy: float
    interval: Interval
    now: float
    gain: float
    gain_interval: Interval
    law: PowerLaw
    band: list[ForecastPoint]


class Backtest(RecordPart):
    """What the smaller sizes forecast for the largest, beside what it is; `error` is forecast less accuracy."""

    from_documents: int
    n_documents: int
    forecast: float
    interval: Interval
    accuracy: float
    error: float
    holds: bool


class CurveRecord(ExperimentRecord):
    """One system fitted to growing parts of the training documents; `sizes` are those that all seeds have."""

    FORMAT: ClassVar[str] = "bywords-curve/2"
    MADE_BY: ClassVar[str] = "bywords curve"
    PAGE: ClassVar[str] = "bywords.report.curve:render_curve"

    system: str
    vectors: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    points: list[CurvePoint] = field(default_factory=list)
    sizes: list[CurveSize] = field(default_factory=list)
    forecast: Forecast | None = None
    backtest: Backtest | None = None

    def rows(self) -> list[dict[str, Any]]:
        """The scores of each size."""
        return [scalars(size) for size in self.sizes]

    def _repr_html_(self) -> str:
        notes = []
        if self.forecast is not None:
            low, high = self.forecast.interval
            notes = [
                f"With {self.forecast.n_documents:,} documents about {self.forecast.accuracy:.1%} would be right "
                f"({low:.1%} to {high:.1%})."
            ]
        return shown_table(f"{self.system} on growing parts of {self.corpus.name}", self.rows(), notes=notes)

    def plot(self, axes: Any = None) -> Any:
        """Draw the accuracy of each size with its interval, and the forecast; matplotlib's axes."""
        if axes is None:
            axes = needed("matplotlib.pyplot", what="to draw a learning curve").subplots()[1]
        sizes, accuracies = [size.n_documents for size in self.sizes], [size.accuracy for size in self.sizes]
        low, high = zip(*(size.accuracy_interval for size in self.sizes), strict=True)
        axes.plot(sizes, accuracies, marker="o", label=self.system)
        axes.fill_between(sizes, low, high, alpha=0.2)
        if self.forecast is not None:
            band = self.forecast.band
            at = [point.n_documents for point in band]
            axes.plot(at, [point.accuracy for point in band], linestyle=":", label="forecast")
            axes.fill_between(at, [point.low for point in band], [point.high for point in band], alpha=0.1)
        axes.set(xlabel="training documents", ylabel="accuracy", xscale="log")
        axes.legend()
        return axes
