"""One encoded document and a model with a hidden layer → what each token adds to each logit: by its gradients.

Integrated gradients: the gradient of a logit by the word vectors, averaged on the way from a document whose vectors are
all zero to the document as it is, times those vectors. They add up to the difference that the words make, but for an
error of the finite number of steps, which is part of the answer.
Source: Sundararajan, Taly, Yan (2017), "Axiomatic Attribution for Deep Networks", sections 3 and 5; by Captum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bywords.explain.attributions import at_tokens, by_token
from bywords.explain.token_alignment import TokenAlignment
from bywords.extras import needed
from bywords.forks import use_torch
from bywords.models.base import FittedModel
from bywords.models.linear_terms import Numbers

if TYPE_CHECKING:
    from torch import Tensor

STEPS = (64, 256)  # on the way; the more only where the fewer leave more than ENOUGH out
ENOUGH = 0.01  # of the largest difference that the words make to a logit
MOST_NUMBERS_AT_ONCE = 4_000_000  # in the vectors of all steps of some classes: what memory they take


def integrated_gradients(model: FittedModel, alignment: TokenAlignment, n_tokens: int) -> tuple[Numbers, Numbers]:
    """What each token of one document adds, float64 (T, K), and the logits of it without any word, float64 (K,).

    What belongs to no token, the unknown word of a document in which nothing is known, is with the latter.
    Raises: SettingError where Captum is not installed.
    """
    import torch

    use_torch()
    logits = model.logits(alignment.documents)[0].astype(np.float64)
    needed("captum.attr", what="to explain a model with a hidden layer")
    function = model.differentiable(alignment.documents)
    with torch.no_grad():
        baseline: Numbers = function.logits(torch.zeros_like(function.inputs))[0].numpy().astype(np.float64)
    for n_steps in STEPS:
        gradients = _mean_gradients(function.logits, function.inputs, len(logits), n_steps)
        of_tokens, of_none = by_token(at_tokens(function.terms(gradients), alignment), n_tokens)
        found = of_tokens.sum(axis=0) + of_none
        if np.abs(found + baseline - logits).max() <= ENOUGH * np.abs(logits - baseline).max():
            break
    return of_tokens, baseline + of_none


def _mean_gradients(logits: Callable[[Tensor], Tensor], inputs: Tensor, n_classes: int, n_steps: int) -> Numbers:
    """The gradient of each logit by one input (1, …), averaged on the way to it from zero: float64 (K, …)."""
    import torch

    attribution = needed("captum.attr", what="to explain a model with a hidden layer").IntegratedGradients(
        logits, multiply_by_inputs=False
    )
    n_rows = max(MOST_NUMBERS_AT_ONCE // inputs.numel(), 1)  # a row is a class at a step
    step = max(n_rows // n_steps, 1)
    gradients = []
    for start in range(0, n_classes, step):
        targets = torch.arange(start, min(start + step, n_classes))
        repeated = inputs.repeat(len(targets), *[1] * (inputs.dim() - 1))
        found = attribution.attribute(
            repeated, baselines=torch.zeros_like(repeated), target=targets,
            n_steps=n_steps, method="riemann_middle", internal_batch_size=max(n_rows, len(targets)),
        )  # fmt: skip
        gradients.append(found)
    mean: Numbers = torch.cat(gradients).numpy().astype(np.float64)
    return mean
