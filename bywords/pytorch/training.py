"""A module and data sets in, its weights of the best epoch and a record of every epoch out."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 (the name under which everybody knows it)
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from bywords.errors import DataError, SettingError, check_choice, check_range, shown
from bywords.fitted import History
from bywords.models.modules.batches import Batch, Call, call_of
from bywords.pytorch.dataset import Item, collate_padded, collate_ragged
from bywords.records.base import EpochRecord
from bywords.training.callback import Callback, progress_bar
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
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    schedule: Literal["constant", "linear", "cosine"] | Callable[[torch.optim.Optimizer], Any] = "constant",
    collate: Collate | None = None,
    device: str | torch.device = "cpu",
    seed: int = 0,
    callbacks: Sequence[Callable[[EpochRecord], bool | None]] = (),
    progress: bool = False,
) -> History:
    """Train any module that makes logits (N, K) of a batch, until the validation loss stops falling.

    The module is called with what its `forward` asks for by name: `ids` (or whatever comes first), `lengths` and
    `is_token` of a padded batch, `ids` and `offsets` of a ragged one, or `batch`, all of it; `collate` makes batches of
    other kinds. The loss is cross-entropy. The `optimizer`, a class, gets `learning_rate`; a function makes one of the
    parameters that are trained. The `schedule` lets the rate fall to 0 on a line or a cosine over `max_epochs`, or
    makes a scheduler of the optimizer, which steps at the end of each epoch. The module ends with the weights of its
    best epoch; without `valid` it trains for `max_epochs` and keeps the last. Each of the `callbacks` gets the record
    of every epoch; one that returns True ends the training. With `progress` there is a bar with the time that is left,
    at most. Batches and dropout are drawn from `seed`: the same seed, module and threads give the same bits. Ctrl-C
    after the first epoch ends the training as patience would.

    Raises: SettingError where `forward` asks for what no batch has, the logits are not (N, K), no epoch has a loss
    that is a number, or there is no such device; DataError for a data set without documents, or of something else.

    >>> from bywords import AveragingModel, TextDataset, fit_module
    >>> data = TextDataset(texts, labels)
    >>> model = AveragingModel(len(data.vocabulary), len(data.classes), dimension=8)
    >>> history = fit_module(model, data, data, max_epochs=2)
    >>> len(history.epochs), history.epochs[1].train_loss < history.epochs[0].train_loss
    (2, True)
    """
    for name, value in (("max_epochs", max_epochs), ("patience", patience), ("batch_size", batch_size)):
        check_range(name, value, least=1)
    call, device = call_of(module), _device(device)
    collate = collate or _collate_for(call)
    for part in (train,) if valid is None else (train, valid):
        _check_filled(part)
    module = module.to(device)
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not trained:
        raise SettingError("the module has no parameter to train: all are frozen.")
    is_class = isinstance(optimizer, type)
    steps = optimizer(trained, lr=learning_rate) if is_class else optimizer(trained)
    rates = _schedule(schedule, steps, max_epochs)
    generator = torch.Generator().manual_seed(seed)
    batches = DataLoader(train, batch_size, shuffle=True, collate_fn=collate, generator=generator)
    stopping, history, best_weights = EarlyStopping(patience), History(), None
    try:
        with (
            torch.random.fork_rng(devices=[] if device.type == "cpu" else None),  # dropout draws from the global one
            progress_bar() if progress else nullcontext(Callback()) as hears,
        ):
            torch.manual_seed(seed)
            for epoch in range(1, max_epochs + 1):
                started = time.perf_counter()
                train_loss = _epoch(module, call, batches, steps, device, hears, epoch, max_epochs)
                valid_loss, right, score = None, None, None
                latest = float(epoch) if math.isfinite(train_loss) else math.nan  # without `valid` the last is best
                if valid is not None:
                    valid_loss, right = _judged(module, valid, batch_size, collate, device)
                    latest = score = -valid_loss  # the higher, the better
                record = EpochRecord(epoch, train_loss, valid_loss, right, time.perf_counter() - started, score)
                history.epochs.append(record)
                if stopping.update(latest):
                    best_weights = copy.deepcopy(module.state_dict())
                if isinstance(rates, torch.optim.lr_scheduler.ReduceLROnPlateau):
                    rates.step(train_loss if valid_loss is None else valid_loss)
                else:
                    rates.step()
                is_ended = [callback(record) for callback in callbacks]  # all of them hear of it
                if True in is_ended or (valid is not None and stopping.done):
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
    collate: Collate | None = None,
    device: str | torch.device = "cpu",
) -> npt.NDArray[np.float32]:
    """The logits of each document in order, float32 (N, K), without dropout.

    >>> from bywords import AveragingModel, TextDataset, predict_module
    >>> data = TextDataset(texts)
    >>> predict_module(AveragingModel(len(data.vocabulary), 3, dimension=8), data).shape[1]
    3
    """
    call, device = call_of(module), _device(device)
    _check_filled(documents)
    module.to(device).eval()
    loader = DataLoader(documents, batch_size, collate_fn=collate or _collate_for(call))
    with torch.inference_mode():
        parts = [call(_moved(batch, device)).cpu().numpy() for batch in loader]
    return np.concatenate(parts).astype(np.float32, copy=False)


def _check_filled(documents: Dataset[Item]) -> None:
    is_data_set = hasattr(documents, "__len__") and hasattr(documents, "__getitem__")
    if is_data_set and not len(documents):  # type: ignore[arg-type]
        raise DataError("a data set has no document: expected one at least.")
    first = documents[0] if is_data_set and not isinstance(documents, Mapping) else None
    if not (isinstance(first, tuple) and len(first) == 2 and isinstance(first[0], Tensor)):
        raise DataError(
            f"a data set is {shown(documents)}, expected one whose items are (ids, label), as in "
            "TextDataset(texts, labels)."
        )


def _collate_for(call: Call) -> Collate:
    return collate_ragged if call.wants_ragged else collate_padded


def _device(device: str | torch.device) -> torch.device:
    """Raises SettingError for a device that is not there."""
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise SettingError(
            f"the device is {shown(device)}, which is not there, expected 'cpu', or 'cuda' where torch finds one."
        ) from error
    return found


def _schedule(schedule: Any, steps: torch.optim.Optimizer, max_epochs: int) -> Any:
    if callable(schedule):
        return schedule(steps)
    factors = {
        "constant": lambda epoch: 1.0,
        "linear": lambda epoch: 1 - epoch / max_epochs,
        "cosine": lambda epoch: (1 + math.cos(math.pi * epoch / max_epochs)) / 2,
    }
    return torch.optim.lr_scheduler.LambdaLR(steps, factors[check_choice("schedule", schedule, list(factors))])


def _moved(batch: Batch, device: torch.device) -> Batch:
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
    device: torch.device,
    hears: Callback,
    epoch: int,
    max_epochs: int,
) -> float:
    """One step down the gradient for each batch. Returns: the mean loss, nats a document."""
    module.train()
    total_loss, n_documents = 0.0, 0
    for n_done, batch in enumerate(batches, start=(epoch - 1) * len(batches) + 1):
        loss = _loss(call(_moved(batch, device)), batch.labels.to(device))
        steps.zero_grad()
        loss.backward()
        steps.step()
        total_loss += loss.item() * len(batch.labels)  # the last batch is smaller: weight by documents
        n_documents += len(batch.labels)
        hears.step(n_done, max_epochs * len(batches), f"epoch {epoch} of at most {max_epochs}")
    return total_loss / max(n_documents, 1)


def _judged(
    module: nn.Module, valid: Dataset[Item], batch_size: int, collate: Collate, device: torch.device
) -> tuple[float, float]:
    """Mean loss (nats a document) and accuracy."""
    logits = torch.from_numpy(predict_module(module, valid, batch_size=batch_size, collate=collate, device=device))
    labels = torch.tensor([valid[index][1] for index in range(len(logits))])
    return float(_loss(logits, labels)), float((logits.argmax(dim=1) == labels).float().mean())
