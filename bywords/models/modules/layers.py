"""What several models share: documents as tensors, a seeded start, and dropout that draws from a passed generator."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bywords.errors import SettingError
from bywords.forks import use_torch
from bywords.text.bags import Bags
from bywords.text.memory_mapped import MappedBags, MappedDocuments
from bywords.text.ragged import PADDING, Ragged

DEFAULT_DIMENSION = 100  # of word vectors that start from scratch


Batch = Ragged | Bags | MappedBags


class Model(nn.Module):
    """What all models are; the names in `by_row` are those of parameters whose gradient is sparse."""

    by_row: frozenset[str] = frozenset()
    row_prefix = ""  # how the names of tables begin here that `state_dict` names without

    def prepare(self, documents: Ragged | MappedDocuments) -> Batch:
        """What `forward` takes, for all documents at once. Called once, not for each epoch.

        Raises: SettingError for stored documents, where a model needs them in memory.
        """
        if isinstance(documents, MappedDocuments):
            raise SettingError("only averaging models can be trained on documents that are not in memory.")
        return documents

    def with_rows(self, tables: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """The logits that it would give with other word vectors: tables (V', D) by their names in `state_dict`."""
        named = {self.row_prefix + name: table for name, table in tables.items()}
        logits: Tensor = torch.func.functional_call(self, named, (batch,), tie_weights=False)
        return logits

    def generators(self) -> list[torch.Generator]:
        """Those that training draws from, each once."""
        return list(
            {id(layer.generator): layer.generator for layer in self.modules() if isinstance(layer, Dropout)}.values()
        )


def seeded_embedding(n_words: int, dimension: int, generator: torch.Generator, *, scale: float) -> Tensor:
    """A start for word vectors, float32 (V, D): normal around 0 with standard deviation `scale`, padding at 0."""
    memory = np.empty(
        (n_words, dimension), dtype=np.float32
    )  # numpy's comes in large pages, which rows are found in faster
    weight = torch.from_numpy(memory).normal_(0.0, scale, generator=generator)
    weight[PADDING] = 0.0
    return weight


def seeded_linear(n_in: int, n_out: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer whose start (Glorot and Bengio 2010, uniform; bias 0) is drawn from `generator`."""
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


@contextmanager
def threads(n_threads: int | None) -> Iterator[None]:
    """Within it PyTorch has this many threads, or as many as before; afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Dropout(nn.Module):
    """Zero a share of the values while training, and scale up the others so that their mean stays.

    The mask comes from `generator`, which a caller seeds, not from the program's global one.
    Source: Srivastava et al. (2014), "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
    """

    def __init__(self, share: float, generator: torch.Generator) -> None:
        super().__init__()
        self.share = share
        self.generator = generator

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or self.share == 0.0:
            return values
        kept = torch.empty_like(values).bernoulli_(1.0 - self.share, generator=self.generator)
        return values * kept / (1.0 - self.share)


def predict_logits(model: Model, documents: Ragged, *, batch_size: int = 256) -> npt.NDArray[np.float32]:
    """The logits of every document in its order, float32 (N, K), without dropout.

    Documents of like length go through together, so that no batch waits for one long document.
    """
    return predict_prepared(model, model.prepare(documents), batch_size)


def without_output(model: Model) -> Model:
    """A copy of a model that gives what its last layer, `output`, reads; the model itself where there is none."""
    inner: Any = getattr(model, "module", model)
    output = getattr(inner, "output", None)
    if not isinstance(output, nn.Linear):
        return model
    beheaded = copy.copy(inner)
    beheaded._modules = {**inner._modules, "output": nn.Identity()}
    if inner is model:
        return beheaded
    outer: Any = copy.copy(model)
    outer._modules, outer.n_classes = {**model._modules, "module": beheaded}, output.in_features
    return outer


def predict_prepared(model: Model, documents: Batch, batch_size: int = 256) -> npt.NDArray[np.float32]:
    """The same, of what `model.prepare` gave."""
    use_torch()
    model.eval()
    if isinstance(documents, MappedBags):
        order = np.arange(len(documents))  # as they are on the disk; none waits for a longer one
    else:
        order = np.argsort(documents.lengths, kind="stable")
    parts = []
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            parts.append(model(documents.select(order[start : start + batch_size])).numpy())
    logits = np.concatenate(parts)
    in_order = np.empty_like(logits)
    in_order[order] = logits
    return in_order
