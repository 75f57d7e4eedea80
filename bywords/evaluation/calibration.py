"""Logits → calibrated probabilities and decisions; fitted to documents that the model has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from bywords.config import typed
from bywords.data.label_sets import LabelSets
from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.evaluation.metrics import Labels, Scores, softmax
from bywords.evaluation.minimum import convex_minimum
from bywords.kernels import calibration as kernels
from bywords.validation import LARGEST, check_finite, check_shapes, check_within

FLAT = 1e-6  # standard deviation of logits, below which they are taken as all the same
HOTTEST = 1e3  # temperature; the lowest is one over it
STEEPEST = 1e3  # of a label's scale: a few documents without a mistake prove no certainty
FEWEST_WITH_LABEL = 5  # documents: a label with fewer takes the threshold of all labels together
STRAIGHT = (1.0, 1.0, 0.0)  # the curve that changes nothing
TOWARDS_STRAIGHT = 10.0  # documents' worth of log loss that a curve has to save to be one off; fewer: less sure answers


@dataclass(frozen=True)
class Temperature:
    """For one label a document: a softmax of the logits divided by one number, and a curve for the highest probability.

    One number cannot mend a model that is too sure where it is sure and not sure enough where it is not, as sums of
    one-against-all classifiers are: `curve`, (a, b, c), makes of the highest probability p one with the log-odds
    a ln p - b ln(1 - p) + c, and the others share the rest as before. (1, 1, 0) leaves all as it is. No label changes.
    Source: Kull, Silva Filho, Flach (2017), "Beta Calibration: a Well-Founded and Easily Implemented Improvement on
    Logistic Calibration for Binary Classifiers", equation 3.
    """

    temperature: float
    curve: tuple[float, float, float] = STRAIGHT

    def probabilities(self, logits: Scores) -> npt.NDArray[np.float64]:
        """Logits (N, K) → float64 (N, K), each row sums to 1."""
        scaled = np.array(logits, dtype=np.float64, order="C")
        return kernels.calibrate(scaled, self.temperature, None if self.curve == STRAIGHT else self.curve)

    def predict(self, probabilities: Scores) -> Labels:
        """The likeliest class of each document, int64 (N,); of equals the first."""
        return probabilities.argmax(axis=1)

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {"temperature": self.temperature, "curve": list(self.curve)}


@dataclass(frozen=True, eq=False)
class Sigmoids:
    """For any number of labels a document: for each a sigmoid, and the probability at or above which it is given."""

    scales: npt.NDArray[np.float64]  # (K,), above 0
    offsets: npt.NDArray[np.float64]  # (K,)
    thresholds: npt.NDArray[np.float64]  # (K,)

    def probabilities(self, logits: Scores) -> npt.NDArray[np.float64]:
        """Logits (N, K) → float64 (N, K), each from 0 to 1 for itself."""
        return sigmoid(np.asarray(logits, dtype=np.float64) * self.scales + self.offsets)

    def predict(self, probabilities: Scores) -> LabelSets:
        """The labels that each document gets, from probabilities (N, K)."""
        return LabelSets.of_table(probabilities >= self.thresholds)

    def keeping(self, labels: npt.NDArray[np.int64], thresholds: npt.NDArray[np.float64]) -> Sigmoids:
        """The same, but the logits of these labels are log-odds already, given at or above these thresholds."""
        scales, offsets, own = self.scales.copy(), self.offsets.copy(), self.thresholds.copy()
        scales[labels], offsets[labels], own[labels] = 1, 0, thresholds
        return Sigmoids(scales, offsets, own)

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: getattr(self, name).tolist() for name in ("scales", "offsets", "thresholds")}


Calibration = Temperature | Sigmoids


class _PlainTemperature(TypedDict):
    temperature: float
    curve: tuple[float, float, float]


class _PlainSigmoids(TypedDict):
    scales: list[float]
    offsets: list[float]
    thresholds: list[float]


def restored(plain: Mapping[str, Any], n_classes: int, *, is_multilabel: bool) -> Calibration:
    """The calibration with these JSON values, of K classes.

    Raises: SettingError where they are of something else, or make probabilities of numbers that are none.
    """
    where = "the calibration"
    if is_multilabel:
        found = typed(_PlainSigmoids, plain, where=where)
        arrays = {name: np.array(found[name], dtype=np.float64) for name in _PlainSigmoids.__annotations__}  # type: ignore[literal-required]
        check_shapes(arrays, dict.fromkeys(arrays, (n_classes,)), no_others=True)
        check_within(f"{where}: scales", arrays["scales"], float(np.finfo(np.float64).tiny), LARGEST)
        check_finite(f"{where}: offsets", arrays["offsets"])
        check_within(f"{where}: thresholds", arrays["thresholds"], 0, 1)
        return Sigmoids(**arrays)
    one = typed(_PlainTemperature, plain, where=where)
    check_within(f"{where}: temperature", np.array([one["temperature"]]), HOTTEST**-2, HOTTEST**2)
    check_within(f"{where}: curve", np.array(one["curve"]), -HOTTEST, HOTTEST)
    check_within(f"{where}: curve, which has to rise", np.array(one["curve"][:2]), 0, HOTTEST)
    return Temperature(**one)


def fit_calibration(logits: Scores, targets: Targets) -> Calibration:
    """The calibration that suits these documents best; logits are (N, K).

    Raises: SettingError where some are not finite: probabilities of such a model are no numbers.
    """
    if not np.isfinite(logits).all():
        raise SettingError(
            "the answers of the model are not finite numbers: its weights have become too large. Lower the learning "
            "rate, or take another system."
        )
    if not targets.is_multilabel:
        temperature = fit_temperature(logits, targets)
        return Temperature(temperature, fit_curve(softmax(logits / temperature), targets))
    scales, offsets = fit_sigmoids(logits, targets)
    plain = Sigmoids(scales, offsets, np.full(len(scales), 0.5))
    thresholds = best_thresholds(targets.one_hot(), plain.probabilities(logits))
    return Sigmoids(scales, offsets, thresholds)


def sigmoid(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 / (1 + exp(-value)), without overflow."""
    small = np.exp(-np.abs(values))
    return np.where(values < 0, small, 1) / (1 + small)


def fit_temperature(logits: Scores, targets: Targets) -> float:
    """The positive number by which to divide the logits so that the log loss on these documents is least.

    It changes no label. 1.0 without documents, and where the logits of each are all the same. The labels are taken as
    right with (n + 1) / (n + K) only, not with 1: a few documents without a mistake would otherwise make the model
    certain of everything.
    Sources: Guo et al. (2017), "On Calibration of Modern Neural Networks", section 4.2; the targets after Platt (1999),
    "Probabilistic Outputs for Support Vector Machines", section 2.2.
    """
    if not len(targets) or not targets.weights.sum():
        return 1.0
    n_documents, n_classes = logits.shape
    smoothed = np.full(logits.shape, 1 / (n_documents + n_classes))
    smoothed[targets.pairs()] = (n_documents + 1) / (n_documents + n_classes)
    z = np.asarray(logits, dtype=np.float64)
    z = z - z.max(axis=1, keepdims=True)
    if (spread := float(z.std())) < FLAT:
        return 1.0
    z /= spread
    squares, weights = z * z, targets.weights / targets.weights.sum()
    wanted = float(weights @ (smoothed * z).sum(axis=1))

    def cross_entropy(scale: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        odds = np.exp(scale * z)
        sums = odds.sum(axis=1)
        means, mean_squares = (np.einsum("nk,nk->n", odds, part) / sums for part in (z, squares))
        value = float(weights @ np.log(sums)) - float(scale[0]) * wanted
        variance = max(weights @ (mean_squares - means**2), 1e-12)
        return value, np.array([weights @ means - wanted]), np.array([[variance]])

    # Of one over the temperature it is convex.
    (scale,) = convex_minimum(cross_entropy, np.array([spread]), np.array([spread / HOTTEST]))
    return min(max(spread / float(scale), 1 / HOTTEST), HOTTEST)


def fit_curve(probabilities: Scores, targets: Targets) -> tuple[float, float, float]:
    """How to bend the highest probability of each document so that its log loss on these is least: a, b and c.

    `probabilities` are (N, K). Bending the curve costs something, so that few documents leave it straight. In
    cross-validation on held-out parts of six corpora (`benchmarks/calibration.py`) a tenth of what it costs has the
    least log loss on average; this much is safer where there are few documents, and never much worse than no curve.
    Rightness is smoothed as the targets of `fit_sigmoids` are.
    """
    n_documents = len(targets)
    if not n_documents or not targets.weights.sum():
        return STRAIGHT
    documents, labels = np.arange(n_documents), probabilities.argmax(axis=1)
    highest = probabilities[documents, labels]
    others = np.where(np.arange(probabilities.shape[1]) == labels[:, np.newaxis], 0, probabilities).sum(axis=1)
    is_right, weights = labels == targets.codes, targets.weights.astype(np.float64)
    n_right, n_wrong = float(weights[is_right].sum()), float(weights[~is_right].sum())
    wanted = np.where(is_right, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))
    features = np.stack([_log(highest), -_log(others), np.ones(n_documents)])  # (3, N)

    def loss(curve: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        odds, bent = curve @ features, curve - np.array(STRAIGHT)
        likely = sigmoid(odds)
        total = float(weights @ (np.logaddexp(0, odds) - wanted * odds)) + TOWARDS_STRAIGHT * float(bent @ bent)
        gradient = features @ (weights * (likely - wanted)) + 2 * TOWARDS_STRAIGHT * bent
        hessian = features * (weights * likely * (1 - likely)) @ features.T
        return total, gradient, hessian + 2 * TOWARDS_STRAIGHT * np.eye(len(curve))

    least = np.array([0, 0, -np.inf])  # rising: a surer answer stays a surer one
    a, b, c = convex_minimum(loss, np.array(STRAIGHT), least).tolist()
    return a, b, c


def _log(shares: Scores) -> npt.NDArray[np.float64]:
    """The logarithm of probabilities; of less than a millionth that of a millionth: no more is known of them."""
    return np.log(np.maximum(shares, 1e-6))


def fit_sigmoids(logits: Scores, targets: Targets) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How to scale and to shift the logits of each label so that its sigmoid has the least log loss, float64 (K,) each.

    A label is taken as right with (n + 1) / (n + 2) of its n documents only, and so is its absence.
    Source: Platt (1999), "Probabilistic Outputs for Support Vector Machines", sections 2.1 and 2.2; by Newton's method,
    as in Lin, Lin, Weng (2007), "A Note on Platt's Probabilistic Outputs for Support Vector Machines".
    """
    table = np.ascontiguousarray(logits, dtype=np.float64)
    return kernels.fit_sigmoids(table, targets.one_hot(), targets.weights, FLAT, STEEPEST)


def best_thresholds(has: npt.NDArray[np.bool_], probabilities: Scores) -> npt.NDArray[np.float64]:
    """Of each label, the probability at or above which to give it, for a high F1 on such documents, float64 (K,).

    Halfway, in log-odds, between the threshold of the highest F1 of the label and that of all decisions together: a
    label's own is drawn from few documents and alone gives too much away. A label with fewer than FEWEST_WITH_LABEL
    documents takes that of all.
    Source: Lipton, Elkan, Naryanaswamy (2014), "Optimal Thresholding of Classifiers to Maximize F1 Measure".
    """
    if not has.size:
        return np.full(has.shape[1], 0.5)
    together = _best_threshold(has.ravel(), probabilities.ravel())
    own = [
        _best_threshold(has[:, k], probabilities[:, k]) if has[:, k].sum() >= FEWEST_WITH_LABEL else together
        for k in range(has.shape[1])
    ]
    bounded = np.clip([together, *own], 1e-6, 1 - 1e-6)
    odds = np.log(bounded / (1 - bounded))
    return sigmoid((odds[1:] + odds[0]) / 2)


def _best_threshold(has: npt.NDArray[np.bool_], probabilities: Scores) -> float:
    given, right = np.sort(probabilities), np.sort(probabilities[has])
    if not len(right):
        return 0.5
    # The best is the probability of a document that has the label: to go on to one that has not only adds a mistake.
    n_given = len(given) - np.searchsorted(given, right)
    n_right = len(right) - np.searchsorted(right, right)
    f1 = 2 * n_right / (n_given + len(right))
    best = len(f1) - 1 - int(f1[::-1].argmax())
    below = given[-n_given[best] - 1] if n_given[best] < len(given) else 0.0
    return float((right[best] + below) / 2)
