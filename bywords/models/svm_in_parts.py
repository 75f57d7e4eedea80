"""Bags in parts and targets → linear support vector machines: Newton's method, whose sums are made by the parts.

Around the machines of a step, what they cost, ½‖w‖² + ½b² + C Σ max(0, 1 - y (w · x + b))², is a square function, whose
least is looked for by conjugate gradients: a round hands a direction to all parts, each multiplies it by the second
derivatives of its own documents, and what they give is added up. So the same machines are found in as many rounds
whatever the number of parts. Then the step is made as long as is best.
Sources: Keerthi, DeCoste (2005), "A Modified Finite Newton Method for Fast Solution of Large Scale Linear SVMs"; Lin,
Weng, Keerthi (2008), "Trust Region Newton Method for Large-Scale Logistic Regression"; Zhuang et al. (2015),
"Distributed Newton Methods for Regularized Logistic Regression".

The bias is what all documents share, so that any direction would stand in its way. It is taken out of the square
function, being where the function is least for whatever weights; that halves the rounds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.checkpoint import NO_CHECKPOINT, Checkpoint, Entry, check_like
from bywords.config import typed
from bywords.data.targets import Rows, Targets
from bywords.errors import SettingError
from bywords.models.bags_in_parts import BagsInParts
from bywords.models.svm import aligned_zeros, both_classes, padded, padded_signs, slacks_of
from bywords.text.bags import Bags, Floats
from bywords.validation import check_count

GAP = 5e-4  # between what machines cost and the least that they can, as a share: the end
LEAST_GAINED = 1e-7  # of what they cost, by a step: else rounding is all that is left
CLOSE = 0.2  # to the least of the square function: what is left of its slopes, which costs a round more or less
MOST_STEPS, MOST_ROUNDS_OF_STEP = 30, 40
LENGTHS = np.array([0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2])  # of a step, whose slopes say which is best
EXPECTED_GAIN, EXPECTED_ROUNDS = 0.1, 6  # what a step leaves of the gap, and its rounds, before that is known
TOGETHER = 1 << 16  # documents whose sums are made together: of more, float32 would lose what each adds
SECONDS_BETWEEN_SAVES = 10.0

Doubles = npt.NDArray[np.float64]
Signs = tuple[Rows, Floats, Floats]  # what is to be learned of a part: rows of its bags, signs (N, width), slacks (N,)


@dataclass(frozen=True, eq=False)
class Machines:
    """Weights float32 (V, n), by which features are multiplied as they are, and bias (n,); or what is added to them."""

    weights: Floats
    bias: Floats

    def scores(self, bags: Bags, rows: Rows, width: int) -> Floats:
        """Of the documents `rows`, float32 (N, width)."""
        from bywords.kernels.svm import scores_of

        scores = np.empty((len(rows), width), dtype=np.float32)
        scores_of(bags.ids, bags.offsets, rows, bags.weights, table_of(self.weights, width), scores)
        scores[:, : len(self.bias)] += self.bias
        return scores


@dataclass(frozen=True, eq=False)
class Here:
    """A part at the machines of a step: scores (N, width), rows (M,) that cost, and how much they do (M, width)."""

    scores: Floats
    rows: Rows
    costs: Floats


def support_vectors_in_parts(
    bags: BagsInParts,
    targets: Targets,
    *,
    C: float,
    scales: Floats | None,
    rows: Rows | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> tuple[Floats, Floats, str]:
    """Weights float32 (V, K), bias (K,), and how many rounds it took, a sentence. Arguments as for `support_vectors`.

    It ends when the duality gap, which is at least as large as what machines cost beyond the optimum, is at most GAP of
    their costs: those of all classes together, halves of squares of the weights and losses. Steps are kept in
    `checkpoint`, every few seconds.
    """
    rows = np.arange(len(bags)) if rows is None else rows
    is_counting = np.flatnonzero(targets.weights > 0)
    rows, targets = rows[is_counting], targets.select(is_counting)
    n = 1 if targets.is_binary else targets.n_classes
    slacks, width, n_parts, holder = slacks_of(targets, C), padded(n), len(bags.held), bags.holder
    each = list(bags.among(rows))
    given = ((chosen, targets.select(at), slacks[at], n, width) for _, at, chosen in each)
    parts = [(held, its) for (held, *_), (its,) in zip(each, holder.map_held(_signs, given, 1), strict=True)]
    roots = np.ones((1, 1), dtype=np.float32) if scales is None else scales
    first = _State.first(bags.n_rows, n, tuple(len(at) for _, at, _ in each))
    state = checkpoint.restored("steps", first.restored) or first
    saved_at = time.monotonic()
    while True:
        if checkpoint.folder is not None and time.monotonic() - saved_at >= SECONDS_BETWEEN_SAVES and state.n_steps:
            checkpoint.save("steps", *state.plain())
            saved_at = time.monotonic()
        shared = holder.hold(Machines(state.weights * roots, state.bias))
        slopes_of = holder.map_held(_slopes, ((*part, shared) for part in parts), 1)
        pulls, pushes, squares, numbers, here = _added(slopes_of, 1)
        pulls *= roots
        state = state.judged(pulls, numbers)
        if state.is_over:
            break

        def tell(n_more: int, state: _State = state) -> None:
            n_done = state.n_rounds + n_more
            gap = f", gap {state.gap:.2%}" if state.gap < 1 else ""
            bags.tell(n_done, max(n_done + 1, state.n_rounds + state.n_left), f"round {n_done}{gap}")

        tell(1)
        square = _Square(state, roots, pulls, pushes, squares, numbers)
        del pulls, pushes, squares
        while not square.is_over:
            shared = holder.hold((square.direction * roots, width))
            chunks = ((held, its, shared) for (held, _), its in zip(parts, here, strict=True))
            square.improve(*_added(holder.map_held(_products, chunks)))
            tell(1 + square.n_rounds)
        step = square.step()
        shared = holder.hold(Machines(step.weights * roots, step.bias))
        alongs = ((*part, its, shared) for part, its in zip(parts, here, strict=True))
        slopes, curvatures = _added(holder.map_held(_slopes_along, alongs))
        state = state.after(step, slopes, curvatures, square.n_rounds + 2)
    said = (
        f"Trained in {n_parts} parts, {state.n_rounds + 1} rounds: at most {max(state.gap, 1e-4):.2%} from the optimum."
    )
    return *both_classes(state.weights * roots, state.bias, targets), said


@dataclass(frozen=True, eq=False)
class _State:
    """Where the steps are; weights (V, n) are those of the features times their scales."""

    weights: Floats
    bias: Floats
    sizes: tuple[int, ...]  # documents of each part
    n_steps: int = 0
    n_rounds: int = 0
    least: Doubles = field(default_factory=lambda: np.zeros(0))  # that each class can cost, as far as it is known: (n,)
    costs: float = math.inf  # of all classes
    gained: float = math.inf  # by the last step, as a share of them

    @classmethod
    def first(cls, n_rows: int, n: int, sizes: tuple[int, ...]) -> _State:
        """Before the first step."""
        weights, bias = np.zeros((n_rows, n), dtype=np.float32), np.zeros(n, dtype=np.float32)
        return cls(weights, bias, sizes, least=np.full(n, -math.inf))

    def judged(self, pulls: Floats, numbers: Doubles) -> _State:
        """With what the machines cost, by the sums of `_slopes`; its duals say what they cannot cost less than."""
        of_bias, _, losses, gains = numbers
        costs = (_dot(self.weights, self.weights) + np.square(self.bias, dtype=np.float64)) / 2 + losses
        least = gains - (_dot(pulls, pulls) + np.square(of_bias)) / 2
        total = float(costs.sum())
        return replace(
            self, least=np.maximum(self.least, least), costs=total, gained=(self.costs - total) / max(total, 1e-300)
        )

    @property
    def gap(self) -> float:
        """What the machines cost more than they can at least, at most, as a share."""
        return 1 - float(self.least.sum()) / self.costs if self.costs else 0.0

    @property
    def is_over(self) -> bool:
        """Whether the gap is as small as it is to be, or steps no longer help."""
        return self.gap <= GAP or self.n_steps >= MOST_STEPS or self.gained < LEAST_GAINED

    @property
    def n_left(self) -> int:
        """About how many rounds there are to come, from the beginning of this step."""
        of_step = self.n_rounds / self.n_steps if self.n_steps else EXPECTED_ROUNDS
        left = math.log(GAP / self.gap) / math.log(EXPECTED_GAIN) if self.gap > GAP else 0
        return math.ceil(of_step * min(max(1, left), MOST_STEPS - self.n_steps))

    def after(self, step: Machines, slopes: Doubles, curvatures: Doubles, n_rounds: int) -> _State:
        """After a step as long as is best by what the losses have for slopes along it, (T, n)."""
        slope = _dot(self.weights, step.weights) + self.bias.astype(np.float64) * step.bias
        curvature = _dot(step.weights, step.weights) + np.square(step.bias, dtype=np.float64)
        slopes, curvatures = slopes + slope + LENGTHS[:, np.newaxis] * curvature, curvatures + curvature
        length = best_length(slopes, curvatures).astype(np.float32)
        return replace(
            self, weights=self.weights + length * step.weights, bias=self.bias + length * step.bias,
            n_steps=self.n_steps + 1, n_rounds=self.n_rounds + n_rounds,
        )  # fmt: skip

    def plain(self) -> tuple[dict[str, npt.NDArray[Any]], Any]:
        """For a checkpoint, before the machines are judged: the costs are those of the step before."""
        values = [list(self.sizes), self.n_steps, self.n_rounds, self.costs, self.least.tolist()]
        return {"weights": self.weights, "bias": self.bias}, values

    def restored(self, entry: Entry) -> _State:
        """From a checkpoint. Raises SettingError for one that these steps cannot have saved."""
        check_like(entry.arrays, {"weights": self.weights, "bias": self.bias})
        found = typed(tuple[tuple[int, ...], int, int, float, tuple[float, ...]], entry.values, where="it")
        sizes, n_steps, n_rounds, costs, least = found
        if sizes != self.sizes:
            raise SettingError(f"its parts have {list(sizes)} documents, expected {list(self.sizes)}")
        check_count("the number of steps", n_steps, least=1, most=MOST_STEPS)
        if len(least) != len(self.bias):
            raise SettingError(f"it has {len(least)} classes, expected {len(self.bias)}")
        return _State(entry.arrays["weights"], entry.arrays["bias"], sizes, n_steps, n_rounds, np.array(least), costs)


class _Square:
    """The square function around the machines of a step, without the bias, and how far its least is looked for.

    By conjugate gradients, preconditioned by the diagonal, of all classes at once: each has its own steps.
    """

    def __init__(
        self, state: _State, roots: Floats, pulls: Floats, pushes: Floats, squares: Floats, numbers: Doubles
    ) -> None:
        """`pulls`, `pushes`, `squares` (V, n) are the sums of `_slopes`, the first with scales; they are changed."""
        of_bias, of_costs, *_ = numbers
        pushes *= roots
        squares *= np.square(roots)
        self._roots, self._shared, self._curvature = roots, pushes, 1 + of_costs
        self._slope = state.bias - of_bias
        squares += 1 - np.square(pushes) / self._curvature.astype(np.float32)
        self._diagonal = np.maximum(squares, 1, out=squares)
        self._left = pulls - state.weights + pushes * (self._slope / self._curvature).astype(np.float32)
        self._found = np.zeros_like(pulls)
        scaled = self._left / self._diagonal
        self.direction, self._size = scaled, _dot(self._left, scaled)
        self._enough = CLOSE**2 * self._size
        self.n_rounds = 0

    @property
    def is_over(self) -> bool:
        """Whether the least is near enough."""
        return bool((self._size <= self._enough).all()) or self.n_rounds >= MOST_ROUNDS_OF_STEP

    def improve(self, products: Floats) -> None:
        """Go on from the products of the direction, times the scales, with the second derivatives of the losses."""
        products *= self._roots
        products += self.direction
        products -= self._shared * (_dot(self._shared, self.direction) / self._curvature).astype(np.float32)
        is_wanted = self._size > self._enough
        length = _ratio(self._size, _dot(self.direction, products), is_wanted)
        self._found += length * self.direction
        products *= length
        self._left -= products
        scaled = self._left / self._diagonal
        size = _dot(self._left, scaled)
        self.direction *= _ratio(size, self._size, is_wanted)
        self.direction += scaled
        self._size = np.where(is_wanted, size, self._size)
        self.n_rounds += 1

    def step(self) -> Machines:
        """To the least that was found."""
        bias = (-self._slope - _dot(self._shared, self._found)) / self._curvature
        return Machines(self._found, bias.astype(np.float32))


def best_length(slopes: Doubles, curvatures: Doubles) -> Doubles:
    """How far to go, (n,), by slopes and curvatures (T, n) of convex functions at LENGTHS, from where they fall."""
    which = np.maximum((slopes < 0).sum(axis=0) - 1, 0)
    of_class = np.arange(slopes.shape[1])
    here, slope, curvature = LENGTHS[which], slopes[which, of_class], curvatures[which, of_class]
    ends = np.append(LENGTHS[1:], 2 * LENGTHS[-1])
    more = np.divide(-np.minimum(slope, 0), curvature, out=np.zeros_like(slope), where=curvature > 0)
    found: Doubles = np.clip(here + more, here, ends[which])
    return found


def table_of(weights: Floats, width: int) -> Floats:
    """As kernels take it, (V, width), with columns of 0 behind the others."""
    table = aligned_zeros(len(weights), width)
    table[:, : weights.shape[1]] = weights
    return table


def _dot(those: Floats, others: Floats) -> Doubles:
    """Of each class, (n,)."""
    found: Doubles = np.einsum("vk,vk->k", those, others, dtype=np.float64)
    return found


def _ratio(those: Doubles, others: Doubles, where: npt.NDArray[np.bool_]) -> Floats:
    """Of each class; 0 where it is not wanted."""
    return np.divide(those, others, out=np.zeros_like(those), where=where & (others > 0)).astype(np.float32)


def _added(results: Iterable[tuple[Any, ...]], n_held: int = 0) -> tuple[Any, ...]:
    """The sums of the arrays that parts give, and behind them lists of what they hold."""
    sums: list[Any] = []
    held: list[list[Any]] = [[] for _ in range(n_held)]
    for found in results:
        arrays, its = found[: len(found) - n_held], found[len(found) - n_held :]
        sums = sums or [np.zeros_like(one) for one in arrays]
        for total, one in zip(sums, arrays, strict=True):
            total += one
        for those, one in zip(held, its, strict=True):
            those.append(one)
    return *sums, *held


def _signs(rows: Rows, targets: Targets, slacks: Floats, n: int, width: int) -> tuple[Signs]:
    return ((rows, padded_signs(targets, n, width), slacks),)


def _slopes(bags: Bags, of_part: Signs, machines: Machines) -> tuple[Floats, Floats, Floats, Doubles, Here]:
    """Of the losses of one part: what pulls at the weights, Σ α y x, and how it changes, Σ c x and Σ c x², (V, n).

    Dual variables are α = c max(0, 1 - y z), with c = 1 / slack where that is above 0, else 0. The numbers, (4, n), are
    Σ α y, Σ c, the losses and what the duals gain without the norms of the machines.
    """
    rows, signs, slacks = of_part
    n = len(machines.bias)
    scores = machines.scores(bags, rows, signs.shape[1])
    short_of = np.maximum(0, 1 - signs * scores) * (signs != 0)
    costs = np.where(short_of > 0, 1 / slacks[:, np.newaxis], np.float32(0))
    duals = short_of * costs
    losses = np.einsum("nk,nk->k", short_of, duals, dtype=np.float64) / 2
    total = duals.sum(axis=0, dtype=np.float64)
    of_bias = np.einsum("nk,nk->k", signs, duals, dtype=np.float64)
    numbers = np.stack([of_bias, costs.sum(axis=0, dtype=np.float64), losses, total - losses])[:, :n]
    active = np.flatnonzero(costs.any(axis=1))
    rows, signs, duals, costs = rows[active], signs[active], duals[active], costs[active]
    pulls, pushes = (_sums(bags, rows, signs, its)[:, :n] for its in (duals, signs * costs))
    squares = _sums(bags, rows, signs, signs * costs, of_squares=True)[:, :n]
    return pulls, pushes, squares, numbers, Here(scores, rows, costs)


def _products(bags: Bags, here: Here, shared: tuple[Floats, int]) -> tuple[Floats]:
    """A direction (V, n) times the second derivatives of the losses of one part."""
    from bywords.kernels.svm import times_curvature

    direction, width = shared
    table = table_of(direction, width)
    total = aligned_zeros(*table.shape)
    for at, its, rows in _blocks(bags, here.rows):
        found = aligned_zeros(*table.shape)
        times_curvature(its.ids, its.offsets, rows, its.weights, here.costs[at], table, found)
        total += found
    return (total[:, : direction.shape[1]],)


def _slopes_along(bags: Bags, of_part: Signs, here: Here, direction: Machines) -> tuple[Doubles, Doubles]:
    """First and second derivatives of the losses of one part along a direction, at LENGTHS of it: (T, n)."""
    rows, signs, slacks = of_part
    n = len(direction.bias)
    along = direction.scores(bags, rows, signs.shape[1])
    slopes, curvatures = np.zeros((len(LENGTHS), n)), np.zeros((len(LENGTHS), n))
    for which, length in enumerate(LENGTHS.astype(np.float32)):
        short_of = np.maximum(0, 1 - signs * (here.scores + length * along))
        costs = (short_of > 0) * np.abs(signs) / slacks[:, np.newaxis]
        slopes[which] = -np.einsum("nk,nk,nk->k", costs * short_of, signs, along, dtype=np.float64)[:n]
        curvatures[which] = np.einsum("nk,nk,nk->k", costs, along, along, dtype=np.float64)[:n]
    return slopes, curvatures


def _sums(bags: Bags, rows: Rows, signs: Floats, duals: Floats, *, of_squares: bool = False) -> Floats:
    """Σ sign · dual · x of documents, or of the squares of x, (V, width)."""
    from bywords.kernels.svm import classifiers_of

    width = signs.shape[1]
    total, bias = aligned_zeros(bags.n_rows, width), np.zeros(width, dtype=np.float32)
    for at, its, chosen in _blocks(bags, rows):
        found = aligned_zeros(bags.n_rows, width)
        weights = np.square(its.weights) if of_squares else its.weights
        classifiers_of(its.ids, its.offsets, chosen, weights, signs[at], duals[at], found, bias)
        total += found
    return total


def _blocks(bags: Bags, rows: Rows) -> Iterator[tuple[slice, Bags, Rows]]:
    """Some of the documents `rows`, which ascend, at a time: where they are in `rows`, bags, and which of those."""
    for start in range(0, len(rows), TOGETHER):
        at = slice(start, start + TOGETHER)
        first, last = int(rows[at][0]), int(rows[at][-1]) + 1
        offsets = bags.offsets[first : last + 1]
        ids = slice(int(offsets[0]), int(offsets[-1]))
        yield (
            at,
            replace(bags, ids=bags.ids[ids], offsets=offsets - offsets[0], weights=bags.weights[ids]),
            rows[at] - first,
        )
