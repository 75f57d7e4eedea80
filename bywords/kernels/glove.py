"""Counted pairs of words and two sets of vectors → steps of AdaGrad on the vectors, in place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.kernels import _native

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int32]


def train_block(
    block: tuple[Numbers, Numbers, Floats, Floats],
    words: tuple[Floats, Floats, Floats, Floats],
    contexts: tuple[Floats, Floats, Floats, Floats],
    learning_rate: float,
) -> float:
    """One step for each pair of the block, in order; `words` and `contexts` are changed in place.

    `block` has the rows i, columns j, log X_ij and f(X_ij) of the pairs, (n,) each; `words` and `contexts` have
    vectors (V, D), their sums of squared gradients (V, D), biases (V,) and theirs (V,). No array is in both. The sums
    over D are taken in several parts, always in the same order on the same machine.
    Returns: the sum of ½ f(X) (w · c + b + b' - log X)² over the pairs, each as it was before its own step.
    """
    loss = np.zeros(1)
    _native.train_block(*block, *words, *contexts, learning_rate, loss)
    return float(loss[0])
