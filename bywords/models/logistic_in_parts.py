"""Features in parts and targets → logistic regressions by L-BFGS, whose values and gradients are summed over the parts.

What is minimised is scikit-learn's: C Σ weight · loss + ½‖w‖², without a penalty of the bias, on features of mean 0 and
variance 1; so are the start, the tolerance and the steps (Byrd, Lu, Nocedal, Zhu 1995, by scipy). Sums are of 64 bits,
so that the number of parts changes rounding alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bywords.cluster import Holder
from bywords.data.label_sets import LabelSets
from bywords.data.targets import Rows, Targets
from bywords.evaluation.calibration import sigmoid
from bywords.extras import needed
from bywords.models.bags_in_parts import Tell
from bywords.text.bags import Floats
from bywords.text.threads import one_thread_a_product

TOLERANCE = 1e-4  # the largest number of the gradient of the mean loss at the end, as of scikit-learn
LEAST_GAINED = 64 * np.finfo(np.float64).eps  # by a step, as a share: else rounding is all that is left; as there
MOST_SEARCHED = 50  # lengths of a step, as there
MOST_TOGETHER = 64  # labels, whose regressions ask for their values together
NUMBERS_AT_ONCE = 1 << 20  # of features or scores, of 64 bits

Doubles = npt.NDArray[np.float64]


class Moments(NamedTuple):
    """How many documents there are, the mean of each feature, and the sum of the squares around it: float64 (D,)."""

    n_documents: int
    mean: Doubles
    squares: Doubles

    @classmethod
    def of(cls, features: Floats) -> Moments:
        """Of features (N, D)."""
        moments = cls(0, np.zeros(features.shape[1]), np.zeros(features.shape[1]))
        for block in _blocks(len(features), features.shape[1]):
            its = features[block].astype(np.float64)
            mean = its.mean(axis=0)
            moments = moments.joined(cls(len(its), mean, np.square(its - mean).sum(axis=0)))
        return moments

    def joined(self, others: Moments) -> Moments:
        """Of both together (Chan, Golub, LeVeque 1979)."""
        n_documents = self.n_documents + others.n_documents
        apart = others.mean - self.mean
        mean = self.mean + apart * (others.n_documents / n_documents)
        both = self.squares + others.squares
        return Moments(n_documents, mean, both + apart**2 * (self.n_documents * others.n_documents / n_documents))

    @property
    def spread(self) -> Doubles:
        """The standard deviation of each feature, 1 of one that is the same everywhere."""
        spread = np.sqrt(self.squares / self.n_documents)
        spread[spread == 0] = 1.0
        return np.asarray(spread)


@dataclass(frozen=True, eq=False)
class Wanted:
    """What is to be learned of a part: the place of each document's class, int64 (N,), or bool (N, n); weights (N,)."""

    labels: npt.NDArray[Any]
    weights: Floats

    @classmethod
    def of(cls, targets: Targets, classes: Rows) -> Wanted:
        """Of one label a document, the place among `classes`; of two of these, and of any number of labels, a table."""
        if isinstance(targets.codes, LabelSets):
            return cls(targets.codes.table()[:, classes], targets.weights)
        if len(classes) == 2:
            return cls((targets.codes == classes[1])[:, np.newaxis], targets.weights)
        return cls(np.searchsorted(classes, targets.codes), targets.weights)


def classes_of(targets: Targets) -> Rows:
    """The classes that there is something to learn of: those that occur; of labels, those that some documents lack."""
    counts = targets.counts()
    return np.flatnonzero((counts > 0) & (counts < len(targets)) if targets.is_multilabel else counts > 0)


def logistic_in_parts(
    held: Sequence[Any],
    moments: Moments,
    targets: Targets,
    holder: Holder,
    *,
    C: float,
    max_iterations: int,
    tell: Tell,
) -> tuple[Doubles, Doubles, int, int]:
    """Weights float64 (n, D) of features of variance 1, bias (n,), how many rounds it took, and how many iterations.

    `held` stands for the features float32 (N, D) and what is `Wanted` of each part, `moments` are of all of them.
    Classes that exclude each other have a row each, two of them one, that of the second; of any number of labels each
    has one, of a regression of its own. Those ask for their values together, so that a round, a pass over all parts, is
    one of all.
    """
    classes = classes_of(targets)
    is_softmax = not targets.is_multilabel and len(classes) > 2
    n_rows = 1 if not targets.is_multilabel and len(classes) == 2 else len(classes)
    n_features, spread = len(moments.mean), moments.spread
    total = float(targets.weights.sum(dtype=np.float64))
    strength = 1.0 / (C * total)
    together = n_rows if is_softmax else MOST_TOGETHER
    groups = [np.arange(start, min(start + together, n_rows)) for start in range(0, n_rows, together)]
    told = _Told(tell, len(groups))

    def values_of(rows: Rows, points: Doubles) -> tuple[Doubles, Doubles]:
        """The values (m,) and the gradients of m functions, each of which has some of the rows, at their points."""
        its = points.reshape(len(rows), n_features + 1)
        weights = its[:, :-1]
        as_they_are = weights / spread
        shared = holder.hold((as_they_are.T.copy(), its[:, -1] - as_they_are @ moments.mean, rows, is_softmax))
        losses, of_weights, of_bias = 0.0, np.zeros((n_features, len(rows))), np.zeros(len(rows))
        for some_losses, some_weights, some_bias in holder.map_held(_slopes, ((*part, shared) for part in held)):
            losses, of_weights, of_bias = losses + some_losses, of_weights + some_weights, of_bias + some_bias
        slopes = (of_weights.T - np.outer(of_bias, moments.mean)) / spread / total + strength * weights
        norms = np.square(weights).sum(axis=1)
        values = np.atleast_1d(losses / total + 0.5 * strength * (norms.sum() if is_softmax else norms))
        gradients = np.concatenate([slopes, of_bias[:, np.newaxis] / total], axis=1).reshape(points.shape)
        told(float(np.abs(gradients).max()))
        return values, gradients

    found, n_iterations = np.zeros((n_rows, n_features + 1)), 0
    for group in groups:
        of_each = [group] if is_softmax else [np.array([row]) for row in group.tolist()]
        starts = np.zeros((len(of_each), len(of_each[0]) * (n_features + 1)))

        def values_of_some(which: list[int], at: Doubles, of_each: list[Rows] = of_each) -> tuple[Doubles, Doubles]:
            return values_of(np.concatenate([of_each[one] for one in which]), at)

        points, most = _minimised(values_of_some, starts, max_iterations)
        found[group] = points.reshape(len(group), n_features + 1)
        n_iterations = max(n_iterations, most)
        told.next_group()
    return found[:, :-1], found[:, -1], told.n_rounds, n_iterations


def _slopes(features: Floats, wanted: Wanted, shared: tuple[Doubles, Doubles, Any, bool]) -> tuple[Any, ...]:
    """Of one part: its losses, as many as functions; their slopes by the weights (D, n), and by the bias (n,)."""
    weights, bias, rows, is_softmax = shared
    losses = np.zeros(1 if is_softmax else len(bias))
    of_weights, of_bias = np.zeros_like(weights), np.zeros_like(bias)
    with one_thread_a_product:  # the bits are those of one thread, here and in a worker
        for block in _blocks(len(features), max(weights.shape)):
            its, counts = features[block].astype(np.float64), wanted.weights[block].astype(np.float64)
            scores = its @ weights + bias
            if is_softmax:
                labels, every = wanted.labels[block], np.arange(len(its))
                scores -= scores.max(axis=1, keepdims=True)
                of_label = scores[every, labels]
                residuals = np.exp(scores, out=scores)
                sums = residuals.sum(axis=1)
                losses += counts @ (np.log(sums) - of_label)
                residuals /= sums[:, np.newaxis]
                residuals[every, labels] -= 1
            else:
                has = wanted.labels[block][:, rows]
                losses += counts @ (np.logaddexp(0, scores) - has * scores)
                residuals = sigmoid(scores) - has
            residuals *= counts[:, np.newaxis]
            of_weights += its.T @ residuals
            of_bias += residuals.sum(axis=0)
    return losses, of_weights, of_bias


class _StoppedError(Exception):
    """Nobody asks for a minimum any more."""


def _minimised(
    values_of: Callable[[list[int], Doubles], tuple[Doubles, Doubles]], starts: Doubles, max_iterations: int
) -> tuple[Doubles, int]:
    """Where M functions of as many numbers are least, float64 (M, n), and how many iterations took that at most.

    Each is minimised by a thread of its own, which waits while the values of all that are asked for are worked out by
    one call: `values_of` gets which functions, ascending, and points (m, n), and gives values (m,), gradients (m, n).
    """
    minimize = needed("scipy.optimize", what="a logistic regression in parts").minimize
    asked: SimpleQueue[tuple[int, Any]] = SimpleQueue()
    replies: list[SimpleQueue[tuple[float, Doubles] | None]] = [SimpleQueue() for _ in starts]
    options = {"maxiter": max_iterations, "maxls": MOST_SEARCHED, "gtol": TOLERANCE, "ftol": LEAST_GAINED}

    def minimise(which: int) -> None:
        def value(point: Doubles) -> tuple[float, Doubles]:
            asked.put((which, point.copy()))
            reply = replies[which].get()
            if reply is None:
                raise _StoppedError
            return reply

        try:
            asked.put((which, minimize(value, starts[which], jac=True, method="L-BFGS-B", options=options)))
        except _StoppedError:
            return
        except BaseException as error:  # it is raised where the others wait
            asked.put((which, error))

    found, n_iterations, running = starts.copy(), 0, set(range(len(starts)))
    with ThreadPoolExecutor(len(starts)) as pool:
        for which in range(len(starts)):
            pool.submit(minimise, which)
        try:
            while running:
                waiting = {}
                for which, what in [asked.get() for _ in range(len(running))]:
                    if isinstance(what, BaseException):
                        raise what
                    if isinstance(what, np.ndarray):
                        waiting[which] = what
                        continue
                    found[which], n_iterations = what.x, max(n_iterations, int(what.nit))
                    running.discard(which)
                if waiting:
                    order = sorted(waiting)
                    each = values_of(order, np.stack([waiting[which] for which in order]))
                    for which, value, gradient in zip(order, *each, strict=True):
                        replies[which].put((float(value), gradient))
        finally:
            for which in running:
                replies[which].put(None)
    return found, n_iterations


class _Told:
    """Says how many rounds are done, and about how many there are: the largest slope falls by a like share in each."""

    def __init__(self, tell: Tell, n_groups: int) -> None:
        self._tell, self._n_groups = tell, n_groups
        self.n_rounds, self._n_before, self._group, self._first, self._share = 0, 0, 0, 0.0, 0.0

    def __call__(self, slope: float) -> None:
        self.n_rounds += 1
        self._first = self._first or max(slope, 10 * TOLERANCE)
        here = math.log(self._first / max(slope, TOLERANCE)) / math.log(self._first / TOLERANCE)
        self._share = min(max(self._share, here, 0.02), 0.99)
        n_here = self.n_rounds - self._n_before
        n_left = math.ceil(n_here / self._share) * (self._n_groups - self._group) - n_here
        self._tell(self.n_rounds, self.n_rounds + max(n_left, 1), f"round {self.n_rounds}, slope {slope:.1g}")

    def next_group(self) -> None:
        """Other labels are next."""
        self._group, self._n_before, self._first, self._share = self._group + 1, self.n_rounds, 0.0, 0.0


def _blocks(n_documents: int, n_numbers: int) -> Iterator[slice]:
    """Slices of so many documents, of which a block of `n_numbers` a document is NUMBERS_AT_ONCE numbers."""
    step = max(1, NUMBERS_AT_ONCE // max(n_numbers, 1))
    for first, last in itertools.pairwise([*range(0, n_documents, step), n_documents]):
        yield slice(first, last)
