"""Bags in parts and targets → linear support vector machines: dual coordinate descent on each part, merged in rounds.

A round hands the machines to the workers, each of which improves the dual variables of its part against them, and adds
up by how much the parts move them. As all parts move at once, each reckons with a step P times as long as its own.
Source: Ma et al. (2015), "Adding vs. Averaging in Distributed Primal-Dual Optimization", CoCoA+ with γ = 1 and σ' = P.
Dual variables move on by a share of their last step, which halves the rounds: Nesterov's momentum, as accelerated by
Zheng et al. (2017), "A General Distributed Dual Coordinate Optimization Framework".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.data.targets import Rows, Targets
from bywords.models.bags_in_parts import BagsInParts
from bywords.models.svm import aligned_zeros, best_bias, both_classes, padded, padded_signs, slacks_of
from bywords.text.bags import Bags, Floats

GAP = 1e-3  # between what machines cost and the least that they can, as a share: the end
SMALL_GAP, ROUNDS_OF_STALL, STALLED = 0.01, 6, 0.9  # or a gap that was small, and that so many rounds leave as large
MOST_ROUNDS = 100
PASSES = 2  # over a part in a round
EXPECTED_GAIN = 0.6  # what a round leaves of the gap, before that is known

Doubles = npt.NDArray[np.float64]
Signs = tuple[Rows, Floats, Floats]  # what is to be learned of a part: rows of its bags, signs (N, width), slacks (N,)
Duals = tuple[Floats, Floats]  # (N, width) each, P times as large: as a round found them, and with the momentum


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
    bags: BagsInParts, targets: Targets, *, C: float, scales: Floats | None, seed: int, rows: Rows | None = None
) -> tuple[Floats, Floats, str]:
    """Weights float32 (V, K), bias (K,), and how many rounds it took, a sentence. Arguments as for `support_vectors`.

    It ends when the duality gap, which is at least as large as what machines cost beyond the optimum, is at most GAP of
    their costs: those of all classes together, halves of squares of the weights and losses. Of few documents in many
    parts it stays larger, as the parts differ: the last of it takes thousands of rounds, which are not made. They are
    the machines whose gap was the least.
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
    machines = Machines(np.zeros((bags.n_rows, n), dtype=np.float32), np.zeros(width, dtype=np.float32))
    duals: list[Any] = [None] * n_parts
    full = (math.sqrt(5 * n_parts) - 1) / (math.sqrt(5 * n_parts) + 1)  # 0.52 of two parts, 0.71 of seven
    momentum, best, found = full, -math.inf, machines
    gaps: list[float] = []
    for number in range(1, MOST_ROUNDS + 1):
        shared = hold(machines)
        chunks = [
            (*part, own, shared, squares, n_parts, momentum, (seed, number, which))
            for which, (part, own) in enumerate(zip(parts, duals, strict=True))
        ]
        norms = float(_squares(machines, scales))
        weights, bias = machines.weights.copy(), machines.bias.copy()
        loss, gain, duals = 0.0, 0.0, []
        for change, its_bias, its_loss, its_gain, own in bags.holder.map_held(_improved, chunks, 1):
            weights += change
            bias += its_bias
            loss, gain = loss + its_loss, gain + its_gain
            duals.append(own)
        gap = (norms + loss - gain) / (norms / 2 + loss)  # of the machines that the round began with
        found = machines if gap < min(gaps, default=math.inf) else found
        gaps.append(gap)
        machines = Machines(weights, bias)
        before = min(gaps[:-ROUNDS_OF_STALL], default=math.inf)
        if gap <= GAP or (before <= SMALL_GAP and min(gaps[-ROUNDS_OF_STALL:]) > STALLED * before):
            break
        momentum = full if gain - norms / 2 >= best else 0.0
        best = max(best, gain - norms / 2)
        bags.tell(number, number + _rounds_left(gaps), f"round {number}, gap {gap:.2%}")
    shared = hold(found)
    scores = [its for (its,) in bags.holder.map_held(_scores, ((*part, shared) for part in parts), 1)]
    pairs = [(its, signs) for its, (_, signs) in zip(scores, parts, strict=True)]

    def add_slopes(here: Doubles, gradients: Doubles, curvatures: Doubles) -> None:
        for gradient, curvature in bags.holder.map_held(_slopes, ((*pair, here) for pair in pairs)):
            gradients += gradient
            curvatures += curvature

    bias = best_bias(add_slopes, found.bias)[:n]
    said = f"Trained in {n_parts} parts, {number} rounds: at most {min(gaps):.2%} from the optimum."
    return *both_classes(found.weights, bias, targets), said


def _rounds_left(gaps: list[float]) -> int:
    """About how many rounds there are to come."""
    left = EXPECTED_GAIN if len(gaps) < 4 else min(0.95, (gaps[-1] / gaps[1]) ** (1 / (len(gaps) - 2)))
    return min(MOST_ROUNDS - len(gaps), math.ceil(math.log(GAP / gaps[-1]) / math.log(left)))


def _squares(machines: Machines, scales: Floats | None) -> float:
    """‖w‖² + b² of all machines, whose weights are w times the scales."""
    own = machines.weights
    if scales is not None:
        own = np.divide(own, scales, out=np.zeros_like(own), where=scales > 0)
    of_bias = np.einsum("k,k->", machines.bias, machines.bias, dtype=np.float64)
    return float(np.einsum("vk,vk->", own, own, dtype=np.float64) + of_bias)


def _signs(rows: Rows, targets: Targets, slacks: Floats, n: int, width: int) -> tuple[Signs]:
    return ((rows, padded_signs(targets, n, width), slacks),)


def _improved(
    bags: Bags, of_part: Signs, duals: Duals | None, machines: Machines, squares: Floats | None, n_parts: int,
    momentum: float, seed: tuple[int, ...],
) -> tuple[Floats, Floats, float, float, Duals]:  # fmt: skip
    """A round of one part: by how much the weights (V, n) and the bias (width,) change, a loss, a gain, and its duals.

    The loss is that of the machines as they came, the gain that of the duals, without the norms of the machines. The
    step is P times as long in the machines of the part: so are its duals, and a slack weighs that much less.
    """
    from bywords.kernels.svm import SMALL, classifiers_of, dual_pass, scores_of

    rows, signs, slacks = of_part
    before, own = (np.zeros_like(signs), np.zeros_like(signs)) if duals is None else (duals[0], duals[1].copy())
    table, bias, n = machines.table(squares), machines.bias.copy(), machines.weights.shape[1]
    scores, of_parts = np.empty_like(signs), np.float32(n_parts)
    scores_of(bags.ids, bags.offsets, rows, bags.weights, table, scores)
    scores += bias
    loss, gain = _loss(scores[:, :n], signs[:, :n], slacks), _gain(own[:, :n] / of_parts, slacks)
    generator, norms = np.random.default_rng(seed), np.zeros_like(own)
    for _ in range(PASSES):
        dual_pass(
            bags.ids, bags.offsets, rows, bags.weights, signs, generator.permutation(len(rows)), slacks / of_parts,
            norms, table, bias, own, SMALL / n_parts,
        )  # fmt: skip
    ahead = np.maximum(0, own + np.float32(momentum) * (own - before)) if duals is not None else own
    classifiers_of(bags.ids, bags.offsets, rows, bags.weights, signs, ahead - own, table, bias)
    change = (table[:, :n] - machines.weights) / of_parts
    return change, (bias - machines.bias) / of_parts, loss, gain, (own, ahead)


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
