"""A model and encoded documents in, the weights of its best epoch and a record of every epoch out."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 (the name under which everybody knows it)
from torch import Tensor, nn

from bywords.errors import SettingError, check_range
from bywords.metrics import Labels
from bywords.ragged import Ragged, like_length_rows, shuffled_rows


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Everything `fit` reads. Times are epochs, sizes are documents."""

    max_epochs: int = 30
    patience: int = 3  # epochs without a lower validation loss before stopping
    batch_size: int = 64
    learning_rate: float = 5e-3  # Adam
    weight_decay: float = 0.0  # decoupled, on the linear and recurrent weights, not on word vectors
    max_norm: float | None = None  # length to which a longer gradient is cut
    like_length: bool = False  # batches of documents of like length, for models whose cost is the longest

    def __post_init__(self) -> None:
        for name in ("max_epochs", "patience", "batch_size"):
            check_range(name, getattr(self, name), least=1)
        check_range("learning_rate", self.learning_rate, least=0, below=float("inf"))
        check_range("weight_decay", self.weight_decay, least=0, below=float("inf"))
        check_range("max_norm", self.max_norm, above=0)


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: mean losses (nats a document), accuracy (0 to 1), and how long it took."""

    epoch: int  # counted from 1
    train_loss: float
    valid_loss: float
    valid_accuracy: float
    seconds: float


@dataclass
class EarlyStopping:
    """Says which epoch was best, and when to stop. Of equal losses the earliest wins; NaN is never best."""

    patience: int
    best_epoch: int = 0  # 0 before the first
    best_loss: float = math.inf
    epoch: int = 0

    def update(self, valid_loss: float) -> bool:
        """Take the next epoch's validation loss; true when it is the lowest so far."""
        self.epoch += 1
        if valid_loss < self.best_loss:
            self.best_epoch, self.best_loss = self.epoch, valid_loss
            return True
        return False

    @property
    def done(self) -> bool:
        return self.epoch - self.best_epoch >= self.patience


@dataclass
class History:
    """What `fit` did."""

    epochs: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False  # by Ctrl-C; the best weights so far are kept


def fit(
    model: nn.Module,
    train: Ragged,
    labels: Labels,
    valid: Ragged,
    valid_labels: Labels,
    config: TrainingConfig,
    *,
    generator: np.random.Generator,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    on_batch: Callable[[int, int, int], None] = lambda epoch, n_done, n_batches: None,
) -> History:
    """Train until the validation loss stops falling; `model` ends with the weights of its best epoch.

    Raises: SettingError when no epoch has a validation loss that is a number.
    Ctrl-C after the first epoch ends the training as patience would; during the first it is raised.
    Source: Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization"; early stopping as in
    Prechelt (1998), "Early Stopping — But When?".
    """
    from lightning_fabric import Fabric  # takes a second to import

    fabric = Fabric(accelerator="cpu", devices=1)
    optimizer = torch.optim.AdamW(_parameter_groups(model, config.weight_decay), lr=config.learning_rate, fused=True)
    wrapped, optimizer = fabric.setup(model, optimizer)
    targets = torch.from_numpy(labels)
    stopping = EarlyStopping(config.patience)
    history = History()
    best_weights: dict[str, Tensor] | None = None
    try:
        for epoch in range(1, config.max_epochs + 1):
            started = time.perf_counter()
            wrapped.train()
            total_loss = 0.0
            epoch_rows = _epoch_rows(train, config, generator)
            for n_done, rows in enumerate(epoch_rows, start=1):
                loss = F.cross_entropy(wrapped(train.select(rows)), targets[rows])
                optimizer.zero_grad()
                fabric.backward(loss)
                if config.max_norm is not None:
                    fabric.clip_gradients(wrapped, optimizer, max_norm=config.max_norm)
                optimizer.step()
                total_loss += loss.item() * len(rows)  # the last batch is smaller: weight by documents
                on_batch(epoch, n_done, len(epoch_rows))
            valid_loss, valid_accuracy = validate(model, valid, valid_labels)
            seconds = time.perf_counter() - started
            record = EpochRecord(epoch, total_loss / len(train), valid_loss, valid_accuracy, seconds)
            history.epochs.append(record)
            on_epoch(record)
            if stopping.update(valid_loss):  # of equal losses the earliest wins
                best_weights = copy.deepcopy(model.state_dict())
            if stopping.done:
                break
    except KeyboardInterrupt:
        if best_weights is None:
            raise
        history.interrupted = True
    if best_weights is None:
        raise SettingError(
            f"the validation loss was not a number in any of {len(history.epochs)} epochs: the steps are too large. "
            f"Lower training.learning_rate, which is {config.learning_rate}."
        )
    model.load_state_dict(best_weights)
    history.best_epoch = stopping.best_epoch
    return history


def predict_logits(model: nn.Module, documents: Ragged, *, batch_size: int = 256) -> npt.NDArray[np.float32]:
    """The logits of every document in its order, float32 (N, K), without dropout.

    Documents of like length go through together, so that no batch waits for one long document.
    """
    model.eval()
    order = np.argsort(documents.lengths, kind="stable")
    parts = []
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            parts.append(model(documents.select(order[start : start + batch_size])).numpy())
    logits = np.concatenate(parts)
    in_order = np.empty_like(logits)
    in_order[order] = logits
    return in_order


def validate(model: nn.Module, documents: Ragged, labels: Labels) -> tuple[float, float]:
    """Mean loss (nats a document) and accuracy over all documents, each counted once."""
    logits = torch.from_numpy(predict_logits(model, documents))
    targets = torch.from_numpy(labels)
    loss = F.cross_entropy(logits, targets).item()
    return loss, float((logits.argmax(dim=1) == targets).float().mean())


def _epoch_rows(train: Ragged, config: TrainingConfig, generator: np.random.Generator) -> list[npt.NDArray[np.int64]]:
    if config.like_length:
        return like_length_rows(train.lengths, config.batch_size, generator)
    return shuffled_rows(len(train), config.batch_size, generator)


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    return [
        {"params": [p for name, p in trained if name.startswith("embedding")], "weight_decay": 0.0},
        {"params": [p for name, p in trained if not name.startswith("embedding")], "weight_decay": weight_decay},
    ]
