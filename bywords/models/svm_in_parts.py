"""Bags in parts and targets → linear support vector machines: dual coordinate descent on each part, merged in rounds.

A round hands the machines to the workers, each of which improves the dual variables of its part against them, and adds
up by how much the parts move them. As all parts move at once, each reckons with a step P times as long as its own.
Source: Ma et al. (2015), "Adding vs. Averaging in Distributed Primal-Dual Optimization", CoCoA+ with γ = 1 and σ' = P.
Dual variables move on by a share of their last step, which halves the rounds: Nesterov's momentum, as accelerated by
Zheng et al. (2017), "A General Distributed Dual Coordinate Optimization Framework".

The bias is a feature that all documents share, so that P times as long a step of it would stand in the way of all
others. To the parts it is a small feature, and what is missing of it is added between rounds, until it is what the
duals sum up to: the method of multipliers (Hestenes 1969; Powell 1969), which halves the rounds once more.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.checkpoint import NO_CHECKPOINT, Checkpoint, Entry, check_like
from bywords.cluster import Holder
from bywords.config import typed
from bywords.data.targets import Rows, Targets
from bywords.errors import SettingError
from bywords.models.bags_in_parts import BagsInParts
from bywords.models.svm import aligned_zeros, best_bias, both_classes, padded, padded_signs, slacks_of
from bywords.text.bags import Bags, Floats
from bywords.validation import check_count

GAP = 1e-3  # between what machines cost and the least that they can, as a share: the end
SMALL_GAP, JUDGED_IN_A_STALL, STALLED = 0.01, 5, 0.9  # or a gap that was small, and that stays as large so many times
MOST_ROUNDS = 150
FIRST_JUDGED, JUDGED_EVERY = 4, 2  # rounds whose gap is worked out, which takes a third of a round
BIAS, BIAS_OF_ALL = 0.003, 60  # the square of the feature that the bias is to a part: the least; and of N documents / N
MOMENTUM = 0.6  # where the duals gained
EXPECTED_GAIN = 0.5  # what a round leaves of the gap, before that is known
SECONDS_BETWEEN_SAVES = 10.0

Doubles = npt.NDArray[np.float64]
Signs = tuple[Rows, Floats, Floats]  # what is to be learned of a part: rows of its bags, signs (N, width), slacks (N,)
Gaps = list[tuple[int, float]]  # rounds, and what they began with


@dataclass(frozen=True, eq=False)
class Duals:
    """Dual variables of a part, float32 (N, width), P times as large, and what a round needs of the one before."""

    own: Floats  # as the round found them
    ahead: Floats  # with the momentum
    norms: Floats  # of the documents, (N, width), as `dual_pass` has them; 0 where they are not known
    jump: Floats  # what the momentum adds to the machines, (V, n)


@dataclass(frozen=True, eq=False)
class Machines:
    """Weights float32 (V, n) and bias (width,) that all parts begin a round with; n are trained, the others are 0."""

    weights: Floats
    bias: Floats

    def table(self, squares: Floats | None) -> Floats:
        """As `dual_pass` has it; `squares`, (V, n), are those of the scales."""
        (n_rows, n), width = self.weights.shape, len(self.bias)
        table = aligned_zeros(n_rows, width if squares is None else 2 * width)
        table[:, :n] = self.weights
        if squares is not None:
            table[:, width : width + n] = squares
        return table


def support_vectors_in_parts(
    bags: BagsInParts,
    targets: Targets,
    *,
    C: float,
    scales: Floats | None,
    seed: int,
    rows: Rows | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> tuple[Floats, Floats, str]:
    """Weights float32 (V, K), bias (K,), and how many rounds it took, a sentence. Arguments as for `support_vectors`.

    It ends when the duality gap, which is at least as large as what machines cost beyond the optimum, is at most GAP of
    their costs: those of all classes together, halves of squares of the weights and losses. Of few documents in many
    parts it stays larger, as the parts differ: the last of it takes thousands of rounds, which are not made. They are
    the machines whose gap was the least. Rounds are kept in `checkpoint`, every few seconds.
    """
    rows = np.arange(len(bags)) if rows is None else rows
    is_counting = np.flatnonzero(targets.weights > 0)
    rows, targets = rows[is_counting], targets.select(is_counting)
    n = 1 if targets.is_binary else targets.n_classes
    slacks, width, n_parts, hold = slacks_of(targets, C), padded(n), len(bags.held), bags.holder.hold
    each = list(bags.among(rows))
    given = ((chosen, targets.select(at), slacks[at], n, width) for _, at, chosen in each)
    parts = [(held, its) for (held, *_), (its,) in zip(each, bags.holder.map_held(_signs, given, 1), strict=True)]
    squares = hold(None if scales is None else np.square(scales))
    of_bias = min(1.0, BIAS + BIAS_OF_ALL / max(1, len(rows)))
    state = _State.first(bags.n_rows, n, width, [len(at) for _, at, _ in each])
    state = checkpoint.restored("rounds", lambda entry: state.restored(entry, bags.holder)) or state
    saved_at = time.monotonic()
    while not state.is_over:
        number, machines, is_judged = state.number + 1, state.machines, state.is_judged
        shared = hold(machines)
        chunks = [
            (*part, own, shared, squares, n_parts, of_bias, state.momentum, is_judged, (seed, number, which))
            for which, (part, own) in enumerate(zip(parts, state.duals, strict=True))
        ]
        norms, weights, sums = _squares(machines.weights, scales), machines.weights.copy(), np.zeros_like(state.sums)
        loss, gain, duals = float(machines.bias @ machines.bias) / 2, -float(state.sums @ state.sums) / 2, list[Any]()
        for change, its_sums, its_loss, its_gain, own in bags.holder.map_held(_improved, chunks, 1):
            weights += change
            sums += its_sums
            loss, gain = loss + its_loss, gain + its_gain
            duals.append(own)
        gap = (norms + loss - gain) / (norms / 2 + loss) if is_judged else None  # of the machines that it began with
        momentum = MOMENTUM if gain - norms / 2 >= state.best else 0.0
        state = state.after(weights, sums, of_bias, duals, gap, momentum, gain - norms / 2)
        if state.is_over:
            break
        if checkpoint.folder is not None and time.monotonic() - saved_at >= SECONDS_BETWEEN_SAVES:
            checkpoint.save("rounds", *state.plain(bags.holder))
            saved_at = time.monotonic()
        bags.tell(number, number + state.n_left, f"round {number}" + (f", gap {gap:.2%}" if gap is not None else ""))
    found, shared = state.found, hold(state.found)
    scores = [its for (its,) in bags.holder.map_held(_scores, ((*part, shared) for part in parts), 1)]
    pairs = [(its, signs) for its, (_, signs) in zip(scores, parts, strict=True)]

    def add_slopes(here: Doubles, gradients: Doubles, curvatures: Doubles) -> None:
        for gradient, curvature in bags.holder.map_held(_slopes, ((*pair, here) for pair in pairs)):
            gradients += gradient
            curvatures += curvature

    bias = best_bias(add_slopes, found.bias)[:n]
    least = min(gap for _, gap in state.gaps)
    said = f"Trained in {n_parts} parts, {state.number} rounds: at most {least:.2%} from the optimum."
    return *both_classes(found.weights, bias, targets), said


@dataclass(frozen=True, eq=False)
class _State:
    """Where the rounds are."""

    number: int  # of rounds that are over
    machines: Machines
    found: Machines  # those of the least gap
    sums: Doubles  # of the duals with their signs, (width,): what the bias is to be
    offset: Doubles  # what is added to the bias that the parts know of, (width,)
    duals: list[Any]  # of each part, as the holder has them; None before the first round
    gaps: Gaps
    momentum: float
    best: float  # of what the duals gained
    shapes: dict[str, tuple[int, ...]]  # of the arrays of a checkpoint

    @classmethod
    def first(cls, n_rows: int, n: int, width: int, n_documents: list[int]) -> _State:
        """Before the first round."""
        machines = Machines(np.zeros((n_rows, n), dtype=np.float32), np.zeros(width, dtype=np.float32))
        shapes: dict[str, tuple[int, ...]] = {}
        for name in ("machines", "found"):
            shapes |= {f"{name}.weights": (n_rows, n), f"{name}.bias": (width,)}
        for part, its in enumerate(n_documents):
            shapes |= {f"{part}.{name}": (its, width) for name in ("own", "ahead", "norms")}
            shapes |= {f"{part}.jump": (n_rows, n)}
        none = np.zeros(width)
        return cls(0, machines, machines, none, none, [None] * len(n_documents), [], MOMENTUM, -math.inf, shapes)

    def after(
        self,
        weights: Floats,
        sums: Doubles,
        of_bias: float,
        duals: list[Any],
        gap: float | None,
        momentum: float,
        gained: float,
    ) -> _State:
        """After one more round; `gap` is that of the machines that it began with."""
        offset = self.offset + of_bias * ((1 - of_bias) * sums - self.offset)
        machines = Machines(weights, (offset + of_bias * sums).astype(np.float32))
        found, gaps = self.found, self.gaps
        if gap is not None:
            found = self.machines if gap < min((its for _, its in gaps), default=math.inf) else found
            gaps = [*gaps, (self.number, gap)]
        best = max(self.best, gained)
        return replace(
            self, number=self.number + 1, machines=machines, found=found, sums=sums, offset=offset, duals=duals,
            gaps=gaps, momentum=momentum, best=best,
        )  # fmt: skip

    @property
    def is_judged(self) -> bool:
        """Whether the next round says how good the machines are that it begins with."""
        number = self.number + 1
        return number in (FIRST_JUDGED, MOST_ROUNDS) or (number > FIRST_JUDGED and number % JUDGED_EVERY == 0)

    @property
    def is_over(self) -> bool:
        """Whether the gap is as small as it is to be, or stays as it is."""
        gaps = [gap for _, gap in self.gaps]
        before = min(gaps[:-JUDGED_IN_A_STALL], default=math.inf)
        is_stalled = before <= SMALL_GAP and min(gaps[-JUDGED_IN_A_STALL:]) > STALLED * before
        return self.number >= MOST_ROUNDS or is_stalled or (bool(gaps) and gaps[-1] <= GAP)

    @property
    def n_left(self) -> int:
        """About how many rounds there are to come."""
        if not self.gaps:
            return min(MOST_ROUNDS - self.number, math.ceil(math.log(GAP) / math.log(EXPECTED_GAIN)))
        (first, start), (last, gap) = self.gaps[0], self.gaps[-1]
        left = EXPECTED_GAIN if last == first else min(0.95, (gap / start) ** (1 / (last - first)))
        return max(1, min(MOST_ROUNDS - self.number, math.ceil(math.log(GAP / gap) / math.log(left))))

    def plain(self, holder: Holder) -> tuple[dict[str, npt.NDArray[Any]], Any]:
        """For a checkpoint."""
        arrays: dict[str, npt.NDArray[Any]] = {}
        for name, one in (("machines", self.machines), ("found", self.found)):
            arrays |= {f"{name}.weights": one.weights, f"{name}.bias": one.bias}
        for part, (duals,) in enumerate(holder.map_held(_as_they_are, ((one,) for one in self.duals))):
            arrays |= {f"{part}.{name}": array for name, array in vars(duals).items()}
        of_bias = [self.sums.tolist(), self.offset.tolist()]
        return arrays, [self.number, self.momentum, self.best, self.gaps, *of_bias]

    def restored(self, entry: Entry, holder: Holder) -> _State:
        """From a checkpoint. Raises SettingError for one that these rounds cannot have saved."""
        check_like(entry.arrays, {name: np.empty(shape, dtype=np.float32) for name, shape in self.shapes.items()})
        if not isinstance(entry.values, list):
            raise SettingError("it does not say where the rounds were")
        number, momentum, best = typed(tuple[int, float, float], entry.values[:3], where="it")
        (gaps,) = typed(tuple[tuple[tuple[int, float], ...]], entry.values[3:4], where="it")
        of_bias = typed(tuple[tuple[float, ...], tuple[float, ...]], entry.values[4:], where="it")
        check_count("the number of rounds", number, least=1, most=MOST_ROUNDS)
        sums, offset = (np.array(numbers) for numbers in of_bias)
        if not sums.shape == offset.shape == self.sums.shape:
            raise SettingError(f"it has biases of shape {sums.shape}, expected {self.sums.shape}")
        machines, found = (
            Machines(entry.arrays[f"{name}.weights"], entry.arrays[f"{name}.bias"]) for name in ("machines", "found")
        )
        names = [one.name for one in fields(Duals)]
        duals = [
            holder.hold(Duals(**{name: entry.arrays[f"{part}.{name}"] for name in names}))
            for part in range(len(self.duals))
        ]
        return _State(number, machines, found, sums, offset, duals, list(gaps), momentum, best, self.shapes)


def _as_they_are(duals: Duals) -> tuple[Duals]:
    return (duals,)


def _squares(weights: Floats, scales: Floats | None) -> float:
    """‖w‖² of all machines, whose weights are w times the scales."""
    if scales is not None:
        weights = np.divide(weights, scales, out=np.zeros_like(weights), where=scales > 0)
    return float(np.einsum("vk,vk->", weights, weights, dtype=np.float64))


def _signs(rows: Rows, targets: Targets, slacks: Floats, n: int, width: int) -> tuple[Signs]:
    return ((rows, padded_signs(targets, n, width), slacks),)


def _improved(
    bags: Bags, of_part: Signs, duals: Duals | None, machines: Machines, squares: Floats | None, n_parts: int,
    of_bias: float, momentum: float, is_judged: bool, seed: tuple[int, ...],
) -> tuple[Floats, Doubles, float, float, Duals]:  # fmt: skip
    """A round of one part: by how much the weights (V, n) change, sums of duals (width,), a loss, a gain, its duals.

    The loss is that of the machines as they came, where it is judged, else 0; the gain that of the duals, without the
    norms of the machines. The step is P times as long in the machines of the part: so are its duals, and a slack weighs
    that much less. The momentum moves machines as far as duals, but for those that would become negative.
    """
    from bywords.kernels.svm import classifiers_of, dual_pass, scores_of

    rows, signs, slacks = of_part
    table, bias, of_parts = machines.table(squares), machines.bias.copy(), np.float32(n_parts)
    n, own, norms = machines.weights.shape[1], np.zeros_like(signs), np.zeros_like(signs)
    if duals is not None:
        own, norms = duals.ahead.copy(), duals.norms.copy()
    loss, gain = 0.0, _gain(own[:, :n] / of_parts, slacks)
    if is_judged:
        scores = np.empty_like(signs)
        scores_of(bags.ids, bags.offsets, rows, bags.weights, table, scores)
        loss = _loss((scores + bias)[:, :n], signs[:, :n], slacks)
    order = np.random.default_rng(seed).permutation(len(rows))
    dual_pass(
        bags.ids, bags.offsets, rows, bags.weights, signs, order, slacks / of_parts, norms, table, bias, own, of_bias
    )
    change = table[:, :n] - machines.weights
    if duals is None or momentum == 0:
        ahead, jump = own, np.zeros_like(change)
    else:
        wanted = own + np.float32(momentum) * (own - duals.own)
        ahead = np.maximum(0, wanted)
        jump = np.float32(momentum) * (change + duals.jump)  # the duals moved by both since the round before
        table[:, :n] = 0
        classifiers_of(bags.ids, bags.offsets, rows, bags.weights, signs, ahead - wanted, table, bias)
        jump += table[:, :n]
    change += jump
    change /= of_parts
    sums = np.einsum("nk,nk->k", signs, ahead, dtype=np.float64) / n_parts
    return change, sums, loss, gain, Duals(own, ahead, norms, jump)


def _loss(scores: Floats, signs: Floats, slacks: Floats) -> float:
    """C Σ max(0, 1 - y score)²."""
    short_of = np.maximum(0, 1 - signs * scores)
    return float(np.einsum("nk,nk,n->", short_of, short_of, 0.5 / slacks, dtype=np.float64))


def _gain(duals: Floats, slacks: Floats) -> float:
    """Σ α - α² / (4 C)."""
    squares = np.einsum("nk,nk,n->", duals, duals, slacks / 2, dtype=np.float64)
    return float(np.einsum("nk->", duals, dtype=np.float64) - squares)


def _scores(bags: Bags, of_part: Signs, machines: Machines) -> tuple[Floats]:
    from bywords.kernels.svm import scores_of

    rows, signs, _ = of_part
    scores = np.empty_like(signs)
    scores_of(bags.ids, bags.offsets, rows, bags.weights, machines.table(None), scores)
    return (scores,)


def _slopes(scores: Floats, of_part: Signs, bias: Doubles) -> tuple[Doubles, Doubles]:
    from bywords.kernels.svm import bias_slopes

    _, signs, slacks = of_part
    gradients, curvatures = np.zeros_like(bias), np.zeros_like(bias)
    bias_slopes(scores, signs, slacks, bias, gradients, curvatures)
    return gradients, curvatures
