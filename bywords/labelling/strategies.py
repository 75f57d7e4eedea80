"""Probabilities of texts without labels → the order in which people should be asked for them.

`benchmarks/labelling.py` compares the strategies by simulation. DEFAULT, the margin, is the simplest of those that are
about as good there. What it gains depends on the texts: much where labels have words of their own, little or nothing on
film reviews.
Sources: Lewis, Gale (1994), "A Sequential Algorithm for Training Text Classifiers" (least confidence); Scheffer,
Decomain, Wrobel (2001), "Active Hidden Markov Models for Information Extraction" (margin); Schröder, Niekler, Potthast
(2022), "Revisiting Uncertainty-based Query Strategies for Active Learning with Transformers", who find the margin best.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Strategy = Literal["random", "least confidence", "margin", "entropy", "spread margin", "margin by class"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
DEFAULT: Strategy = "margin"
SHORTLIST = 10  # times as many texts as are asked for, from which those that are unlike each other are taken
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


def ranked(
    strategy: Strategy,
    probabilities: Floats,
    directions: npt.NDArray[np.float32],
    n_first: int,
    generator: np.random.Generator,
    *,
    is_multilabel: bool,
) -> Indices:
    """Indices of N texts, int64 (N,), the first to be asked for first.

    `probabilities` (N, K) and `directions` (N, D) are those of the texts; the first `n_first` are asked for together,
    before there is another model.
    """
    n_texts = len(probabilities)
    drawn = generator.permutation(n_texts)  # of equals one, by chance
    if strategy == "random" or not n_texts:
        return drawn
    unsure = uncertainty(strategy, probabilities[drawn], is_multilabel=is_multilabel)
    order = np.argsort(-unsure, kind="stable")
    if strategy == "spread margin":
        short = order[: SHORTLIST * n_first]
        order = np.concatenate([short[_unlike(unsure[short], directions[drawn[short]], n_first)], order[len(short) :]])
    elif strategy == "margin by class":
        classes = probabilities[drawn[order]].argmax(axis=1)
        turn = np.zeros(n_texts, dtype=np.int64)
        for label in np.unique(classes):
            of_class = np.flatnonzero(classes == label)
            turn[of_class] = np.arange(len(of_class))
        order = order[np.argsort(turn, kind="stable")]
    return drawn[order]


def uncertainty(strategy: Strategy, probabilities: Floats, *, is_multilabel: bool) -> Floats:
    """How unsure a model is of each text, float64 (N,), of N texts with probabilities (N, K); 0 where it is sure.

    Of several labels each is a question of its own, and the most doubtful one counts; in entropy all do.
    """
    if is_multilabel:
        pairs = np.stack([probabilities, 1 - probabilities], axis=-1)
        each = np.stack(
            [uncertainty(strategy, pairs[:, k], is_multilabel=False) for k in range(pairs.shape[1])], axis=1
        )
        return each.sum(axis=1) if strategy == "entropy" else each.max(axis=1)
    if strategy == "entropy":
        return -(probabilities * np.log(np.maximum(probabilities, 1e-300))).sum(axis=1)
    if strategy == "least confidence" or probabilities.shape[1] < 2:
        return 1 - probabilities.max(axis=1)
    second, first = np.partition(probabilities, -2, axis=1)[:, -2:].T
    return 1 - (first - second)


def _unlike(unsure: Floats, directions: npt.NDArray[np.float32], n_first: int) -> Indices:
    """All indices, first `n_first` of which each is unsure and unlike those before it, then the others as they are."""
    alike = np.maximum(directions @ directions.T, 0)
    nearest, taken = np.zeros(len(unsure)), list[int]()
    for _ in range(min(n_first, len(unsure))):
        value = unsure * (1 - nearest)
        value[taken] = -1
        taken.append(int(value.argmax()))
        nearest = np.maximum(nearest, alike[taken[-1]])
    rest = np.ones(len(unsure), dtype=bool)
    rest[taken] = False
    return np.concatenate([np.array(taken, dtype=np.int64), np.flatnonzero(rest)])
