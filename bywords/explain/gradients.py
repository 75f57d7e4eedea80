"""One encoded document and a model with a hidden layer in, what each token adds to each logit out: by its gradients.

Integrated gradients: the gradient of a logit by the word vectors, averaged on the way from a document whose vectors are
all zero to the document as it is, times those vectors. They add up to the difference that the words make, but for an
error of the finite number of steps, which is part of the answer.
Source: Sundararajan, Taly, Yan (2017), "Axiomatic Attribution for Deep Networks", sections 3 and 5; by Captum.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bywords.errors import SettingError
from bywords.explain.attributions import spread, terms_of_bags
from bywords.explain.parts import Numbers
from bywords.explain.token_alignment import TokenAlignment
from bywords.models.averaging import TrainedAveraging
from bywords.models.modules.lstm import LSTM
from bywords.systems import FittedModel, NeuralModel
from bywords.text.ragged import Ragged

if TYPE_CHECKING:
    from torch import Tensor

STEPS = (64, 256)  # on the way; the more only where the fewer leave more than ENOUGH out
ENOUGH = 0.01  # of the largest difference that the words make to a logit
MOST_NUMBERS_AT_ONCE = 4_000_000  # in the vectors of all steps of some classes: what memory they take


def integrated_gradients(model: FittedModel, alignment: TokenAlignment, n_tokens: int) -> tuple[Numbers, Numbers]:
    """What each token of one document adds, float64 (T, K), and the logits of it without any word, float64 (K,).

    What belongs to no token, the unknown word of a document in which nothing is known, is with the latter.
    Raises: SettingError where Captum is not there.
    """
    logits = model.logits(alignment.documents)[0].astype(np.float64)
    for n_steps in STEPS:
        if isinstance(model, TrainedAveraging):
            of_tokens, of_none, baseline = _of_sum(model, alignment, n_tokens, n_steps)
        elif isinstance(model, NeuralModel) and isinstance(model.module, LSTM):
            of_tokens, of_none, baseline = _in_order(model.module, alignment, n_tokens, n_steps)
        else:
            raise SettingError(f"there are no gradients of a {type(model).__name__} by its words.")
        found = of_tokens.sum(axis=0) + of_none
        if np.abs(found + baseline - logits).max() <= ENOUGH * np.abs(logits - baseline).max():
            break
    return of_tokens, baseline + of_none


def _of_sum(
    model: TrainedAveraging, alignment: TokenAlignment, n_tokens: int, n_steps: int
) -> tuple[Numbers, Numbers, Numbers]:
    """The logits are a function of one sum of word vectors, so that its gradient, float64 (D, K), is that of each."""
    import torch

    bias, output_bias = torch.from_numpy(model.bias), torch.from_numpy(model.output_bias)
    layers = [(torch.from_numpy(weight), torch.from_numpy(shift)) for weight, shift in model.layers]
    output = torch.from_numpy(model.output)

    def logits(sums: Tensor) -> Tensor:
        units = (sums + bias).relu()
        for weight, shift in layers:
            units = (units @ weight + shift).relu()
        return units @ output + output_bias

    bags = model.bags(alignment.documents)
    sums = torch.from_numpy(bags.times(model.rows))  # (1, D)
    gradient = _mean_gradients(logits, sums, len(output_bias), n_steps).T
    terms = terms_of_bags(alignment, bags, lambda rows: model.rows[rows].astype(np.float64) @ gradient)
    return *terms.by_token(n_tokens), _without_grad(logits, torch.zeros_like(sums))


def _in_order(module: LSTM, alignment: TokenAlignment, n_tokens: int, n_steps: int) -> tuple[Numbers, Numbers, Numbers]:
    """The logits are a function of all word vectors in their order."""
    import torch

    documents = alignment.documents
    n_ids = len(documents.ids)

    def logits(vectors: Tensor) -> Tensor:  # (B, T', D): as many documents of the same words, with other vectors
        n_documents = len(vectors)
        batch = Ragged(
            np.tile(documents.ids, n_documents),
            n_ids * np.arange(n_documents + 1),
            np.repeat(documents.in_vocabulary_share, n_documents),
        )
        found: Tensor = module(batch, vectors.flatten(0, 1))
        return found

    module.eval()
    vectors = module.embedding.weight.detach()[torch.from_numpy(documents.ids)].unsqueeze(0)  # (1, T', D)
    n_classes = module.output.out_features
    gradients = _mean_gradients(logits, vectors, n_classes, n_steps)
    by_id = (gradients * vectors.numpy().astype(np.float64)).sum(axis=2).T  # (K, T', D) -> (T', K)
    tokens, which, parts = spread(alignment, np.arange(n_ids))
    found = np.zeros((n_tokens + 1, n_classes))  # what is no token's comes last
    np.add.at(found, tokens, by_id[which] * parts[:, np.newaxis])
    return found[:-1], found[-1], _without_grad(logits, torch.zeros_like(vectors))


def _mean_gradients(logits: Callable[[Tensor], Tensor], inputs: Tensor, n_classes: int, n_steps: int) -> Numbers:
    """The gradient of each logit by one input (1, …), averaged on the way to it from zero: float64 (K, …)."""
    import torch

    attribution = _captum().IntegratedGradients(logits, multiply_by_inputs=False)
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


def _without_grad(logits: Callable[[Tensor], Tensor], inputs: Tensor) -> Numbers:
    import torch

    with torch.no_grad():
        found: Numbers = logits(inputs)[0].numpy().astype(np.float64)
    return found


def _captum() -> Any:
    try:
        return importlib.import_module("captum.attr")
    except ImportError as error:
        raise SettingError(
            "this model has a hidden layer, and to explain it Captum is needed: pip install 'bywords[explain]'"
        ) from error
