"""Logits → calibrated probabilities and decisions; fitted to documents that the model has not seen."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
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
from bywords.evaluation.top_scores import MOST_SCORES, TopScores
from bywords.kernels import calibration as kernels
from bywords.text.ragged import offsets_of
from bywords.validation import LARGEST, check_finite, check_shapes, check_within

MOST_NEWTON_STEPS = 50
FLAT = 1e-6  # standard deviation of logits, below which they are taken as all the same
HOTTEST = 1e3  # temperature; the lowest is one over it
STEEPEST = 1e3  # of a label's scale: a few documents without a mistake prove no certainty
FEWEST_WITH_LABEL = 5  # documents: a label with fewer takes the threshold of all labels together
MANY_LABELS = 100  # of more, a label with fewer than FEWEST_OF_MANY documents shares a sigmoid with others
FEWEST_OF_MANY = 100  # with fewer it would change which label is best more often for the worse than for the better
N_SHARED_BINS = 2048  # of the logits of labels that share a sigmoid
FAR_BELOW = 30.0  # nats, of a class that a model has not found
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

    def top_probabilities(self, top: TopScores) -> TopScores:
        """Logits of the classes that a model has found → probabilities, as if there were no others."""
        return TopScores(top.labels, np.where(top.is_there, self.probabilities(_with_floor(top)), -np.inf)).ordered()

    def predict_top(self, top: TopScores) -> Labels:
        """The likeliest class of each document, int64 (N,)."""
        return top.labels[:, 0].astype(np.int64)

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

    def top_probabilities(self, top: TopScores) -> TopScores:
        """Logits of the labels that a model has found → probabilities, the highest first."""
        odds = np.where(top.is_there, top.scores, 0) * self.scales[top.labels] + self.offsets[top.labels]
        return TopScores(top.labels, np.where(top.is_there, sigmoid(odds), -np.inf)).ordered()

    def predict_top(self, top: TopScores) -> LabelSets:
        """The labels that each document gets, from the probabilities of those that a model has found."""
        return top.sets(top.scores >= self.thresholds[top.labels], len(self.thresholds))

    def narrowed(self, labels: npt.NDArray[np.int64]) -> Sigmoids:
        """Those of these labels alone."""
        return Sigmoids(self.scales[labels], self.offsets[labels], self.thresholds[labels])

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


def fit_calibration(logits: Scores | TopScores, targets: Targets) -> Calibration:
    """The calibration that suits these documents best; logits are (N, K), or the best of a model that `is_ranked`.

    Of the best alone, what is fitted says how likely such a label is, given that it was found.
    Raises: SettingError where some are not finite: probabilities of such a model are no numbers.
    """
    if not np.isfinite(logits.scores[logits.is_there] if isinstance(logits, TopScores) else logits).all():
        raise SettingError(
            "the answers of the model are not finite numbers: its weights have become too large. Lower the learning "
            "rate, or take another system."
        )
    if not isinstance(targets.codes, LabelSets):
        if isinstance(logits, TopScores):
            is_label = logits.labels == targets.codes[:, np.newaxis]
            is_found, columns = is_label.any(axis=1), is_label.argmax(axis=1)
            logits = _with_floor(logits)
            found = Targets.of(columns[is_found], logits.shape[1], weights=targets.weights[is_found])
            temperature = fit_temperature(logits[is_found], found)
            targets = Targets.of(np.where(is_found, columns, -1), logits.shape[1], weights=targets.weights)
        else:
            temperature = fit_temperature(logits, targets)
        return Temperature(temperature, fit_curve(softmax(logits / temperature), targets))
    scales, offsets = fit_sigmoids(logits, targets)
    plain = Sigmoids(scales, offsets, np.full(len(scales), 0.5))
    if isinstance(logits, TopScores):
        thresholds = best_thresholds(targets.codes, plain.top_probabilities(logits))
    else:
        thresholds = best_thresholds(targets.codes, plain.probabilities(logits))
    return Sigmoids(scales, offsets, thresholds)


def _with_floor(top: TopScores) -> npt.NDArray[np.float64]:
    """Logits as a table, float64 (N, m): what is not there is far below what is."""
    floor = np.where(top.is_there, top.scores, np.inf).min(axis=1, keepdims=True, initial=0.0) - FAR_BELOW
    return np.where(top.is_there, top.scores, floor).astype(np.float64)


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


def fit_sigmoids(
    logits: Scores | TopScores, targets: Targets
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How to scale and to shift the logits of each label so that its sigmoid has the least log loss, float64 (K,) each.

    A label is taken as right with (n + 1) / (n + 2) of its n documents only, and so is its absence. Where there are
    more than MANY_LABELS, those with fewer than FEWEST_OF_MANY documents share a sigmoid.
    Source: Platt (1999), "Probabilistic Outputs for Support Vector Machines", sections 2.1 and 2.2; by Newton's method,
    as in Lin, Lin, Weng (2007), "A Note on Platt's Probabilistic Outputs for Support Vector Machines".
    """
    assert isinstance(targets.codes, LabelSets)
    if isinstance(logits, TopScores):
        return _fit_found(logits, targets.codes, targets)
    n_documents, n_labels = logits.shape
    is_own = np.full(n_labels, n_labels <= MANY_LABELS) | (targets.counts() >= FEWEST_OF_MANY)
    own, step = np.flatnonzero(is_own), max(1, MOST_SCORES // max(n_documents, 1))
    scales, offsets = np.ones(n_labels), np.zeros(n_labels)
    weights = targets.weights.astype(np.float64)[:, np.newaxis]
    for start in range(0, len(own), step):
        labels = own[start : start + step]
        has = _columns_of(targets.codes, labels).table()
        z = np.ascontiguousarray(logits[:, labels], dtype=np.float64)
        scales[labels], offsets[labels] = kernels.fit_sigmoids(z, has, targets.weights, FLAT, STEEPEST)
    if not is_own.all():
        scales[~is_own], offsets[~is_own] = _fit_shared(logits, np.flatnonzero(~is_own), targets.codes, weights[:, 0])
    return scales, offsets


def _columns_of(sets: LabelSets, labels: npt.NDArray[np.int64]) -> LabelSets:
    """The same documents with these labels alone, numbered in their order."""
    new = np.full(sets.n_labels, -1, dtype=np.int64)
    new[labels] = np.arange(len(labels))
    return sets.renumbered(new, len(labels))


def _fit_shared(
    logits: Scores, labels: npt.NDArray[np.int64], sets: LabelSets, weights: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """One sigmoid for all decisions on these labels together; their logits are put into bins of equal width."""
    low, high = float(logits[:, labels].min(initial=np.inf)), float(logits[:, labels].max(initial=-np.inf))
    if not high - low > FLAT:
        low, high = min(low, 0.0), max(high, 0.0) + 1.0
    width = (high - low) / N_SHARED_BINS
    rows, columns = _columns_of(sets, labels).pairs()

    def binned(values: Scores) -> npt.NDArray[np.int64]:
        return np.minimum(((values - low) / width).astype(np.int64), N_SHARED_BINS - 1)

    n_with = np.bincount(binned(logits[rows, labels[columns]]), weights[rows], minlength=N_SHARED_BINS)
    n_all = np.zeros(N_SHARED_BINS)
    step = max(1, MOST_SCORES // max(len(labels), 1))
    for start in range(0, len(logits), step):
        part = binned(logits[start : start + step][:, labels])
        its = np.broadcast_to(weights[start : start + step, np.newaxis], part.shape)
        n_all += np.bincount(part.ravel(), its.ravel(), minlength=N_SHARED_BINS)
    centres = low + width * (np.arange(N_SHARED_BINS) + 0.5)
    z = np.concatenate([centres, centres])[:, np.newaxis]
    has = np.arange(len(z))[:, np.newaxis] < N_SHARED_BINS
    counted = np.concatenate([n_with, np.maximum(n_all - n_with, 0)])[:, np.newaxis]
    total = max(float(counted.sum()), 1e-9)
    mean = float((counted * z).sum()) / total
    spread = np.sqrt((counted * (z - mean) ** 2).sum(axis=0) / total)
    scale, offset = _newton(z, has, counted, spread)
    return scale.item(), offset.item()


def _fit_found(
    top: TopScores, sets: LabelSets, targets: Targets
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The same from the labels that were found for each document: float64 (K,) each."""
    documents, columns = np.nonzero(top.is_there)
    labels, z = top.labels[documents, columns].astype(np.int64), top.scores[documents, columns].astype(np.float64)
    has, weights = top.hits(sets)[documents, columns], targets.weights.astype(np.float64)[documents]
    n_labels = sets.n_labels
    n_with = np.bincount(labels, has, minlength=n_labels)
    n_without = np.bincount(labels, ~has, minlength=n_labels)
    least = FEWEST_WITH_LABEL if n_labels <= MANY_LABELS else FEWEST_OF_MANY
    own = np.flatnonzero(np.minimum(n_with, n_without) >= least)
    group_of = np.full(n_labels, len(own))  # that of the labels which share a sigmoid is the last
    group_of[own] = np.arange(len(own))
    group = group_of[labels]

    def sums(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        return np.bincount(group, values, minlength=len(own) + 1).astype(np.float64, copy=False)

    n_pairs = np.maximum(sums(np.ones(len(z))), 1)
    means = sums(z) / n_pairs
    spread = np.sqrt(sums((z - means[group]) ** 2) / n_pairs)
    scales, offsets = _newton(z, has, weights, spread, group)
    return scales[group_of], offsets[group_of]


@dataclass(frozen=True, eq=False)
class _Decisions:
    """Logits of G labels and what is wanted of their probabilities, each with a weight.

    They are tables (N, G), with weights (N, 1); or of some documents for each label, (P,) all, where `group`, int64
    (P,), says which of the labels each is of.
    """

    z: npt.NDArray[np.float64]
    wanted: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    n_labels: int
    group: npt.NDArray[np.int64] | None = None

    def sums(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Numbers of the logits added up over those of each label, (G,)."""
        if self.group is None:
            return np.asarray(values.sum(axis=0))
        return np.bincount(self.group, values, minlength=self.n_labels).astype(np.float64, copy=False)

    def each(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Numbers of the labels (G,), for their logits."""
        return values if self.group is None else values[self.group]

    def of(self, labels: npt.NDArray[np.int64]) -> _Decisions:
        """Those on some of the labels."""
        if len(labels) == self.n_labels:
            return self
        if self.group is None:
            z, wanted = (np.take(table, labels, axis=1) for table in (self.z, self.wanted))
            return _Decisions(z, wanted, self.weights, len(labels))
        new = np.full(self.n_labels, -1)
        new[labels] = np.arange(len(labels))
        group = new[self.group]
        z, wanted, weights = (part[group >= 0] for part in (self.z, self.wanted, self.weights))
        return _Decisions(z, wanted, weights, len(labels), group[group >= 0])

    def losses(self, scales: npt.NDArray[np.float64], offsets: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The log loss of each label, (G,)."""
        odds = self.z * self.each(scales) + self.each(offsets)
        return self.sums(self.weights * (np.logaddexp(0, odds) - self.wanted * odds))

    def step(
        self, scales: npt.NDArray[np.float64], offsets: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Newton's, for the scale and the offset of each label, (G,) both."""
        probabilities = sigmoid(self.z * self.each(scales) + self.each(offsets))
        errors, curve = self.weights * (probabilities - self.wanted), self.weights * probabilities * (1 - probabilities)
        gradient_a, gradient_b = self.sums(errors * self.z), self.sums(errors)
        aa, ab, bb = self.sums(curve * self.z * self.z) + 1e-9, self.sums(curve * self.z), self.sums(curve) + 1e-9
        determinant = np.maximum(aa * bb - ab * ab, 1e-18)
        return (bb * gradient_a - ab * gradient_b) / determinant, (aa * gradient_b - ab * gradient_a) / determinant


def _newton(
    z: npt.NDArray[np.float64],
    has: npt.NDArray[np.bool_],
    weights: npt.NDArray[np.float64],
    spread: npt.NDArray[np.float64],
    group: npt.NDArray[np.int64] | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Scale and offset of each of G labels, from logits as `_Decisions` have them and where the label is right.

    `spread` (G,) is the standard deviation of the logits of each label. A label that a step does not help is done.
    """
    given = _Decisions(z, z, weights, len(spread), group)
    n_with, n_without = given.sums(weights * has), given.sums(weights * ~has)
    spread = np.where(spread < FLAT, 1 / FLAT, spread)  # logits that tell no document from another: the offset says all
    wanted = np.where(has, given.each((n_with + 1) / (n_with + 2)), given.each(1 / (n_without + 2)))
    given = _Decisions(z / given.each(spread), wanted, weights, len(spread), group)
    scales, offsets = np.ones(len(spread)), np.log((n_with + 1) / (n_without + 1))
    loss, going, its = given.losses(scales, offsets), np.arange(len(spread)), given
    for _ in range(MOST_NEWTON_STEPS):
        step_a, step_b = its.step(scales[going], offsets[going])
        new_a, new_b, new = scales[going], offsets[going], np.full(len(going), np.inf)
        worse, size = np.arange(len(going)), 1.0
        for _ in range(12):  # half the step of those labels that it would not help
            new_a[worse] = np.clip(scales[going][worse] - size * step_a[worse], 1e-6, STEEPEST)
            new_b[worse] = offsets[going][worse] - size * step_b[worse]
            new[worse] = its.of(worse).losses(new_a[worse], new_b[worse])
            worse, size = np.flatnonzero(new > loss[going] + 1e-12), size / 2
            if not len(worse):
                break
        better = np.flatnonzero(new < loss[going])
        gained = float((loss[going] - new)[better].sum())
        its, going = its.of(better), going[better]
        scales[going], offsets[going], loss[going] = new_a[better], new_b[better], new[better]
        if gained < 1e-9 * max(1.0, float(loss.sum())):
            break
    return scales / spread, offsets


def best_thresholds(sets: LabelSets, probabilities: Scores | TopScores) -> npt.NDArray[np.float64]:
    """Of each label, the probability at or above which to give it, for a high F1 on such documents, float64 (K,).

    `probabilities` are (N, K), or the highest of each document. Halfway, in log-odds, between the threshold of the
    highest F1 of the label and that of all decisions together: a label's own is drawn from few documents and alone
    gives too much away. A label with fewer than FEWEST_WITH_LABEL documents takes that of all.
    Source: Lipton, Elkan, Naryanaswamy (2014), "Optimal Thresholding of Classifiers to Maximize F1 Measure".
    """
    n_with = sets.counts()
    odds = np.full(len(n_with), np.nan)
    own = np.flatnonzero(n_with >= FEWEST_WITH_LABEL)
    if isinstance(probabilities, TopScores):
        documents, columns = np.nonzero(probabilities.is_there)
        found, chances = probabilities.labels[documents, columns], probabilities.scores[documents, columns]
        has = probabilities.hits(sets)[documents, columns]
        together = _threshold_of_all(chances, lambda chosen: has[chosen], len(sets.labels))
        own = np.intersect1d(own, found)
        chosen = np.flatnonzero(np.isin(found, own))
        group = np.searchsorted(own, found[chosen])
        odds[own] = _log_odds(_thresholds(chances[chosen], has[chosen], group, n_with[own]))
    else:
        if not len(sets) or not len(n_with):
            return np.full(len(n_with), 0.5)
        keys = sets.keys
        together = _threshold_of_all(
            np.ravel(probabilities), lambda chosen: np.isin(chosen, keys, assume_unique=True), len(keys)
        )
        step = max(1, MOST_SCORES // len(sets))
        for start in range(0, len(own), step):
            labels = own[start : start + step]
            has = _columns_of(sets, labels).table()
            best = [_best_threshold(has[:, index], probabilities[:, label]) for index, label in enumerate(labels)]
            odds[labels] = _log_odds(np.array(best))
    of_all = _log_odds(np.array([together]))
    return sigmoid((np.where(np.isnan(odds), of_all, odds) + of_all) / 2)


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


def _log_odds(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    bounded = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return np.log(bounded / (1 - bounded))


def _threshold_of_all(
    probabilities: Scores, are_right: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.bool_]], n_right: int
) -> float:
    """The threshold of the highest F1 of P decisions together, of which `n_right` are right where they are given.

    The most probable of them are looked at first: given to n, F1 is at most 2 · n_right / (n + n_right).
    """
    n_first = max(4 * n_right, 1000)
    while n_right:
        if n_first >= len(probabilities):
            chosen = np.arange(len(probabilities))
        else:
            chosen = np.flatnonzero(probabilities >= np.partition(probabilities, -n_first)[-n_first])
        ordered, f1 = _f1_of_cuts(
            probabilities[chosen], are_right(chosen), np.zeros(len(chosen), dtype=np.int64), n_right
        )
        is_all = len(chosen) == len(probabilities)
        if is_all and f1.max(initial=0) <= 0:
            break
        if is_all or f1.max() > 2 * n_right / (len(chosen) + n_right):
            best = int(f1.argmax())
            return float((ordered[best] + (ordered[best + 1] if best + 1 < len(ordered) else 0.0)) / 2)
        n_first *= 4
    return 0.5


def _thresholds(
    probabilities: Scores, has: npt.NDArray[np.bool_], group: npt.NDArray[np.int64], n_with: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """The threshold of the highest F1 of each of G labels; `group`, int64 (P,), says which label a decision is on."""
    ordered, f1 = _f1_of_cuts(probabilities, has, group, n_with[group])
    starts = offsets_of(np.bincount(group, minlength=len(n_with)))
    thresholds = np.empty(len(n_with))
    for label, (start, stop) in enumerate(itertools.pairwise(starts.tolist())):
        best = start + int(f1[start:stop].argmax())
        below = ordered[best + 1] if best + 1 < stop else 0.0
        thresholds[label] = (ordered[best] + below) / 2 if f1[best] > 0 else 0.5
    return thresholds


def _f1_of_cuts(
    probabilities: Scores, has: npt.NDArray[np.bool_], group: npt.NDArray[np.int64], n_with: npt.ArrayLike
) -> tuple[Scores, npt.NDArray[np.float64]]:
    """Decisions by group, the most probable first, and the F1 of giving so many of the group; -1 between equals."""
    order = np.lexsort((-probabilities, group))
    ordered, its = probabilities[order], group[order]
    right = np.cumsum(has[order])
    first = np.searchsorted(its, its)  # of each decision, the first of its group
    right = right - np.where(first > 0, right[first - 1], 0)
    f1 = 2 * right / (np.arange(len(order)) - first + 1 + np.broadcast_to(n_with, len(order))[order])
    is_cut = np.append((ordered[:-1] > ordered[1:]) | (its[:-1] != its[1:]), True)  # between equals nothing is to cut
    return ordered, np.where(is_cut, f1, -1)
