"""Bags and targets → linear support vector machines, one a class, by dual coordinate descent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from bywords.data.targets import Rows, Targets
from bywords.text.bags import Bags, Floats, Places
from bywords.text.stored_bags import StoredBags

TOLERANCE = 0.1  # of the optimality conditions: closer changes no accuracy
FEW_DOCUMENTS, PASSES_OF_FEW, PASSES = 1_000, 10, 4  # passes over them: of more documents, fewer are enough
MORE_PASSES = 2  # for an SVM that goes on from dual variables
MORE_PASSES_OF_ALL = 3  # for one that goes on from those of a sample of its documents
MOST_DUALS = 5_000_000  # that are given of mapped documents: they have one for each class
BIAS_STEPS, BIAS_CLOSE = 40, 1e-5  # of Newton's method; a step that is smaller is the last
SCORED_TOGETHER = 1 << 16  # documents
Doubles = npt.NDArray[np.float64]
LANES, MOST_LANES = 8, 32  # classes that the kernel does at a time, and at most


def support_vectors(
    bags: Bags | StoredBags,
    targets: Targets,
    *,
    C: float,
    scales: Floats | None,
    duals: Floats | None,
    sampled: Rows | None = None,
    seed: int,
    rows: Rows | None = None,
) -> tuple[Floats, Floats, Floats | None]:
    """One linear SVM a class, against all others: weights float32 (V, K), bias (K,) and dual variables (N, K).

    The targets are those of `rows` of the bags, of all where they are not given. `scales`, float32 (V, K) or (V, 1) for
    two classes, multiplies the features, for each class by its own column. For two classes one classifier is trained,
    with one column of dual variables, and its score z becomes -z/2 and z/2: a softmax gives the sigmoid of z. It goes
    on from `duals`, where they are given: of all N documents, or of those `sampled`, int64 ascending.

    Of mapped documents, some are in memory at a time, and a pass goes from these to the next; where there are more than
    MOST_DUALS dual variables, they are not given. Source: Yu et al. (2010), "Large Linear Classification When Data
    Cannot Fit in Memory".
    """
    from bywords.kernels.svm import classifiers_of, dual_pass

    rows = np.arange(len(bags)) if rows is None else rows
    n = 1 if targets.is_binary else targets.n_classes
    width = padded(n)
    signs_at, slacks = _signs(targets, n, width), slacks_of(targets, C)
    table = aligned_zeros(bags.n_rows, width if scales is None else 2 * width)
    if scales is not None:
        np.square(scales, out=table[:, width : width + n])
    bias, all_duals = np.zeros(width, dtype=np.float32), bags.scratch((len(rows), width))
    n_passes = PASSES_OF_FEW if len(rows) < FEW_DOCUMENTS else PASSES
    if duals is not None:
        n_passes = MORE_PASSES if sampled is None else MORE_PASSES_OF_ALL
        started = np.arange(len(rows)) if sampled is None else sampled
        all_duals[started, :n] = duals
        for at, its, chosen in bags.blocks(rows[started]):
            these = started[at]
            classifiers_of(its.ids, its.offsets, chosen, its.weights, signs_at(these), all_duals[these], table, bias)
    generator = np.random.default_rng(seed)
    kept_norms = np.zeros_like(all_duals) if isinstance(bags, Bags) else None
    for _ in range(n_passes):
        worst = 0.0
        for at, its, chosen in bags.blocks(rows, generator):
            counting = np.flatnonzero(targets.weights[at] > 0)
            order, own = counting[generator.permutation(len(counting))], all_duals[at]
            norms = np.zeros_like(own) if kept_norms is None else kept_norms
            seen = dual_pass(
                its.ids, its.offsets, chosen, its.weights, signs_at(at), order, slacks[at], norms, table, bias, own
            )
            all_duals[at], worst = own, max(worst, seen)
        if worst < TOLERANCE:
            break
    _fit_bias(bags, rows, signs_at, slacks, table, bias)
    is_given = isinstance(bags, Bags) or len(rows) * n <= MOST_DUALS
    return *both_classes(table[:, :n], bias[:n], targets), np.array(all_duals[:, :n]) if is_given else None


def slacks_of(targets: Targets, C: float) -> Floats:
    """1 / (2 C) of each document, float32 (N,), as `dual_pass` takes it."""
    return (np.float32(0.5 / C) / np.maximum(targets.weights, np.finfo(np.float32).tiny)).astype(np.float32)


def both_classes(classifiers: Floats, bias: Floats, targets: Targets) -> tuple[Floats, Floats]:
    """The classifiers themselves; of two classes, whose one classifier has the score z, one of -z/2 and one of z/2."""
    if targets.is_binary:
        classifiers, bias = np.concatenate([-classifiers, classifiers], axis=1), np.concatenate([-bias, bias])
        classifiers, bias = classifiers / np.float32(2), bias / np.float32(2)
    return np.ascontiguousarray(classifiers), bias


def _signs(targets: Targets, n: int, width: int) -> Callable[[Places], Floats]:
    """Gives 1 where a document has the class of a column and -1 where not, 0 where there is none: float32 (N, width).

    Those of all documents are kept.
    """
    every: list[Floats] = []

    def signs_at(at: Places) -> Floats:
        if isinstance(at, slice):
            if not every:
                every.append(padded_signs(targets, n, width))
            return every[0]
        return padded_signs(targets.select(at), n, width)

    return signs_at


def padded_signs(targets: Targets, n: int, width: int) -> Floats:
    """1 where a document has the class of a column and -1 where not, 0 where there is none: float32 (N, width)."""
    signs = np.zeros((len(targets), width), dtype=np.float32)
    signs[:, :n] = np.where(targets.one_hot()[:, -n:], 1, -1)
    return signs


def _fit_bias(
    bags: Bags | StoredBags,
    rows: Rows,
    signs_at: Callable[[Places], Floats],
    slacks: Floats,
    table: Floats,
    bias: Floats,
) -> None:
    """Put the bias of each classifier where the loss is least, its weights left as they are.

    Every step of a pass moves the bias, and the last documents leave it where they want it.
    """
    from bywords.kernels.svm import bias_slopes, scores_of

    scores = bags.scratch((len(rows), len(bias)))
    for at, its, chosen in bags.blocks(rows):
        own = scores[at]
        scores_of(its.ids, its.offsets, chosen, its.weights, table, own)
        scores[at] = own
    places: Sequence[Places] = [slice(None)]
    if not isinstance(bags, Bags):
        places = np.split(np.arange(len(rows)), np.arange(SCORED_TOGETHER, len(rows), SCORED_TOGETHER))

    def add_slopes(here: Doubles, gradients: Doubles, curvatures: Doubles) -> None:
        for at in places:
            bias_slopes(scores[at], signs_at(at), slacks[at], here, gradients, curvatures)

    bias[:] = best_bias(add_slopes, bias)


def best_bias(add_slopes: Callable[[Doubles, Doubles, Doubles], None], bias: Floats) -> Floats:
    """The bias of each classifier, float32, by Newton's method from where it is.

    `add_slopes` adds the first and second derivatives of the losses at a bias, float64, to what it gets.
    """
    here = bias.astype(np.float64)
    least, most = np.full_like(here, -np.inf), np.full_like(here, np.inf)
    for _ in range(BIAS_STEPS):
        gradients, curvatures = here.copy(), np.ones_like(here)
        add_slopes(here, gradients, curvatures)
        least, most = np.where(gradients > 0, least, here), np.where(gradients > 0, here, most)
        step = here - gradients / curvatures
        step = np.where((step < least) | (step > most), (least + most) / 2, step)
        here, apart = step, np.abs(step - here).max()
        if apart <= BIAS_CLOSE:
            break
    return here.astype(np.float32)


def padded(n_classifiers: int) -> int:
    """So many, or more, that they fill the lanes of the kernel; a single one is done alone."""
    lanes = LANES if n_classifiers <= MOST_LANES else MOST_LANES
    return n_classifiers if n_classifiers == 1 else -(-n_classifiers // lanes) * lanes


def aligned_zeros(n_rows: int, width: int) -> npt.NDArray[np.float32]:
    """Float32 (n_rows, width), all 0, that starts with a line of the processor's cache, so that rows cross none."""
    line = 64
    raw = np.zeros(n_rows * width * 4 + line, dtype=np.uint8)
    start = -raw.ctypes.data % line
    return raw[start : start + n_rows * width * 4].view(np.float32).reshape(n_rows, width)
