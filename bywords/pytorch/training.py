"""A module and data sets in, its weights of the best epoch and a record of every epoch out."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 (the name under which everybody knows it)
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from bywords.errors import DataError, SettingError, check_range
from bywords.fitted import History
from bywords.models.modules.batches import Batch, call_of
from bywords.pytorch.dataset import Item, collate_padded
from bywords.records.base import EpochRecord
from bywords.training.loop import EarlyStopping

Collate = Callable[[Sequence[Item]], Batch]


def fit_module(
    module: nn.Module,
    train: Dataset[Item],
    valid: Dataset[Item] | None = None,
    *,
    max_epochs: int = 30,
    patience: int = 3,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    optimizer: Callable[[Any], torch.optim.Optimizer] | None = None,
    schedule: Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler] | None = None,
    collate: Collate = collate_padded,
    device: str | torch.device = "cpu",
    seed: int = 0,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
) -> History:
    """Train any module that makes logits (N, K) of a batch, until the validation loss stops falling.

    The module is called with what its `forward` asks for by name: `ids` (or whatever comes first), `lengths` and
    `is_token` of `collate_padded`, `ids` and `offsets` of `collate_ragged`, or `batch`, all of it. The loss is
    cross-entropy; the optimizer is Adam with `learning_rate`, or what `optimizer` makes of the parameters that are
    trained; `schedule` makes a scheduler of it, which steps at the end of each epoch. The module ends with the weights
    of its best epoch; without `valid` it trains for `max_epochs` and keeps the last. Batches and dropout are drawn
    from `seed`: the same seed, module and threads give the same bits. Ctrl-C after the first epoch ends the training
    as patience would.

    Raises: SettingError where `forward` asks for what no batch has, the logits are not (N, K), or no epoch has a loss
    that is a number; DataError for a data set without documents.

    >>> from bywords import AveragingModel, TextDataset, fit_module
    >>> data = TextDataset(texts, labels)
    >>> model = AveragingModel(len(data.vocabulary), len(data.classes), dimension=8)
    >>> history = fit_module(model, data, data, max_epochs=2)
    >>> len(history.epochs), history.epochs[1].train_loss < history.epochs[0].train_loss
    (2, True)
    """
    for name, value in (("max_epochs", max_epochs), ("patience", patience), ("batch_size", batch_size)):
        check_range(name, value, least=1)
    for part in (train,) if valid is None else (train, valid):
        _check_filled(part)
    call, module = call_of(module), module.to(device)
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not trained:
        raise SettingError("the module has no parameter to train: all are frozen.")
    steps = torch.optim.Adam(trained, lr=learning_rate) if optimizer is None else optimizer(trained)
    rates = None if schedule is None else schedule(steps)
    generator = torch.Generator().manual_seed(seed)
    batches = DataLoader(train, batch_size, shuffle=True, collate_fn=collate, generator=generator)
    stopping, history, best_weights = EarlyStopping(patience), History(), None
    try:
        with torch.random.fork_rng(devices=[]):  # dropout draws from the global generator
            torch.manual_seed(seed)
            for epoch in range(1, max_epochs + 1):
                started = time.perf_counter()
                train_loss = _epoch(module, call, batches, steps, device)
                if rates is not None:
                    rates.step()
                valid_loss, right, score = None, None, None
                latest = float(epoch) if math.isfinite(train_loss) else math.nan  # without `valid` the last is best
                if valid is not None:
                    valid_loss, right = _judged(module, valid, batch_size, collate, device)
                    latest = score = -valid_loss  # the higher, the better
                record = EpochRecord(epoch, train_loss, valid_loss, right, time.perf_counter() - started, score)
                history.epochs.append(record)
                on_epoch(record)
                if stopping.update(latest):
                    best_weights = copy.deepcopy(module.state_dict())
                if valid is not None and stopping.done:
                    break
    except KeyboardInterrupt:
        if best_weights is None:
            raise
        history.interrupted = True
    if best_weights is None:
        raise SettingError(
            f"the loss was not a number in any of {len(history.epochs)} epochs: the steps are too large. Lower "
            f"learning_rate, which is {learning_rate}."
        )
    module.load_state_dict(best_weights)
    history.best_epoch = stopping.best_epoch
    return history


def predict_module(
    module: nn.Module,
    documents: Dataset[Item],
    *,
    batch_size: int = 256,
    collate: Collate = collate_padded,
    device: str | torch.device = "cpu",
) -> npt.NDArray[np.float32]:
    """The logits of each document in order, float32 (N, K), without dropout.

    >>> from bywords import AveragingModel, TextDataset, predict_module
    >>> data = TextDataset(texts)
    >>> predict_module(AveragingModel(len(data.vocabulary), 3, dimension=8), data).shape[1]
    3
    """
    _check_filled(documents)
    call = call_of(module)
    module.to(device).eval()
    loader = DataLoader(documents, batch_size, collate_fn=collate)
    with torch.inference_mode():
        parts = [call(_moved(batch, device)).cpu().numpy() for batch in loader]
    return np.concatenate(parts).astype(np.float32, copy=False)


def _check_filled(documents: Dataset[Item]) -> None:
    if not len(documents):  # type: ignore[arg-type]
        raise DataError("a data set has no document: expected one at least.")


def _moved(batch: Batch, device: str | torch.device) -> Batch:
    return type(batch)(*(part.to(device) for part in batch))


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    if bool((labels < 0).any()) or bool((labels >= logits.shape[1]).any()):
        raise SettingError(
            f"labels from {int(labels.min())} to {int(labels.max())}, and {logits.shape[1]} logits: expected a label "
            "for each document, and a logit for each class."
        )
    return F.cross_entropy(logits, labels)


def _epoch(
    module: nn.Module,
    call: Callable[[Batch], Tensor],
    batches: DataLoader[Item],
    steps: torch.optim.Optimizer,
    device: str | torch.device,
) -> float:
    """One step down the gradient for each batch. Returns: the mean loss, nats a document."""
    module.train()
    total_loss, n_documents = 0.0, 0
    for batch in batches:
        loss = _loss(call(_moved(batch, device)), batch.labels.to(device))
        steps.zero_grad()
        loss.backward()
        steps.step()
        total_loss += loss.item() * len(batch.labels)  # the last batch is smaller: weight by documents
        n_documents += len(batch.labels)
    return total_loss / max(n_documents, 1)


def _judged(
    module: nn.Module, valid: Dataset[Item], batch_size: int, collate: Collate, device: str | torch.device
) -> tuple[float, float]:
    """Mean loss (nats a document) and accuracy."""
    logits = torch.from_numpy(predict_module(module, valid, batch_size=batch_size, collate=collate, device=device))
    labels = torch.tensor([valid[index][1] for index in range(len(logits))])
    return float(_loss(logits, labels)), float((logits.argmax(dim=1) == labels).float().mean())
