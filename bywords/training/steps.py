"""A module in training and documents → what an epoch of it consists of, and a step: a batch each, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 (the name under which everybody knows it)
from torch import Tensor

from bywords.data.label_sets import Codes, LabelSets
from bywords.data.targets import Targets
from bywords.models.modules.layers import Batch, Model
from bywords.system_config import TrainingConfig
from bywords.text.memory_mapped import EpochRows, MappedBags, MappedDocuments
from bywords.text.ragged import Ragged, like_length_rows, shuffled_rows
from bywords.training.sparse_adagrad import SparseAdagrad


class Epoch(Protocol):
    """What is done in an epoch, one item after the other."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...


class Steps(Protocol):
    """How a module goes down the gradient of the loss; `optimizers` hold what it remembers of earlier steps."""

    optimizers: list[Any]

    def most(self) -> int:
        """How many items an epoch has at most."""

    def epoch(self, number: int, generator: np.random.Generator) -> Epoch:
        """Those of the epoch of this number, counted from 1, drawn from `generator`."""

    def take(self, item: Any, start: float, end: float) -> float:
        """Do what an item says, from where so many epochs are over to where so many are.

        Returns: the losses of its documents, added up.
        """


class Batches:
    """A batch at a time, in this process."""

    def __init__(self, model: Model, train: Ragged | MappedDocuments, targets: Targets, config: TrainingConfig) -> None:
        from lightning_fabric import Fabric  # takes a second to import

        self._config, self._codes = config, targets.codes
        self._prepared = model.prepare(train)
        self._weights = relative_weights(targets)
        self._fabric = Fabric(accelerator="cpu", devices=1)
        self._wrapped, *self.optimizers = self._fabric.setup(model, *optimizers_of(model, config))
        self._rates = Rates(self.optimizers)

    def most(self) -> int:
        return -(-len(self._prepared) // self._config.batch_size)

    def epoch(self, number: int, generator: np.random.Generator) -> Epoch:
        return _epoch_rows(self._prepared, self._config, generator)

    def take(self, item: npt.NDArray[np.int64], start: float, end: float) -> float:
        self._wrapped.train()
        if self._config.decay:
            self._rates.set(1 - start / self._config.max_epochs)
        losses = losses_of(self._wrapped(self._prepared.select(item)), self._codes[item])  # (N,)
        loss = losses.mean() if self._weights is None else (losses * torch.from_numpy(self._weights[item])).mean()
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        self._fabric.backward(loss)
        if self._config.max_norm is not None:
            self._fabric.clip_gradients(self._wrapped, self.optimizers[0], max_norm=self._config.max_norm)
        for optimizer in self.optimizers:
            optimizer.step()
        return loss.item() * len(item)  # the last batch is smaller: weighed by documents


class Rates:
    """The learning rates of optimizers."""

    def __init__(self, optimizers: list[Any]) -> None:
        self._optimizers = optimizers  # whose groups are others after a checkpoint
        self._rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]

    def set(self, share: float) -> None:
        """All as they were at the start, times a share."""
        for optimizer, its_rates in zip(self._optimizers, self._rates, strict=True):
            for group, rate in zip(optimizer.param_groups, its_rates, strict=True):
                group["lr"] = rate * share


def relative_weights(targets: Targets) -> npt.NDArray[np.float64] | None:
    """What each of N documents counts, 1 in the mean, float64 (N,); None where all count the same."""
    return targets.weights / targets.weights.mean() if targets.is_weighed else None


def losses_of(logits: Tensor, wanted: Codes) -> Tensor:
    """The loss of each document, (N,), for logits (N, K) and the classes or the labels of N documents."""
    if not isinstance(wanted, LabelSets):
        return F.cross_entropy(logits, torch.from_numpy(wanted), reduction="none")
    has = torch.from_numpy(wanted.table()).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, has, reduction="none").sum(dim=1)


def optimizers_of(model: Model, config: TrainingConfig) -> list[torch.optim.Optimizer]:
    """Adam for all, but Adagrad for word vectors that get a gradient for the rows of a batch alone."""
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    by_row = {name for name in trained if name in model.by_row}
    words = [trained[name] for name in trained if name.startswith("embedding") and name not in by_row]
    others = [trained[name] for name in trained if not name.startswith("embedding")]
    groups: list[dict[str, Any]] = [
        {"params": words, "weight_decay": 0.0},
        {"params": others, "weight_decay": config.weight_decay},
    ]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW([group for group in groups if group["params"]], lr=config.learning_rate, fused=True)
    ]
    if by_row:
        rate = config.learning_rate if config.row_learning_rate is None else config.row_learning_rate
        optimizers.append(SparseAdagrad([trained[name] for name in sorted(by_row)], lr=rate))
    return optimizers


def _epoch_rows(
    train: Batch, config: TrainingConfig, generator: np.random.Generator
) -> list[npt.NDArray[np.int64]] | EpochRows:
    if isinstance(train, MappedBags):
        return EpochRows(cast(MappedDocuments, train.documents), config.batch_size, generator)
    if config.like_length:
        return like_length_rows(train.lengths, config.batch_size, generator)
    return shuffled_rows(len(train), config.batch_size, generator)
