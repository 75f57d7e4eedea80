"""A model and encoded documents in, the weights of its best epoch and a record of every epoch out."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bywords.checkpoint import NO_CHECKPOINT, Checkpoint, Entry, can_be_kept
from bywords.config import typed
from bywords.data.label_sets import LabelSets
from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.evaluation.calibration import sigmoid
from bywords.evaluation.metrics import Metric, score, softmax
from bywords.fitted import History
from bywords.models.modules.layers import Batch, Model, predict_prepared
from bywords.records.base import EpochRecord
from bywords.system_config import TrainingConfig
from bywords.text.memory_mapped import MappedDocuments
from bywords.text.ragged import Ragged
from bywords.training.state import arrays_of_training, restore_training
from bywords.training.steps import Batches, Steps, losses_of
from bywords.validation import check_count

SECONDS_BETWEEN = 60.0  # checkpoints within an epoch; at its end there is one in any case


@dataclass
class EarlyStopping:
    """Says which epoch was best, and when to stop. Of equal scores the earliest wins; NaN is never best."""

    patience: int
    best_epoch: int = 0  # 0 before the first
    best_score: float = -math.inf
    epoch: int = 0

    def update(self, valid_score: float) -> bool:
        """Take the next epoch's validation score; true when it is the highest so far."""
        self.epoch += 1
        if valid_score > self.best_score:
            self.best_epoch, self.best_score = self.epoch, valid_score
            return True
        return False

    @property
    def done(self) -> bool:
        return self.epoch - self.best_epoch >= self.patience


def fit(
    model: Model,
    train: Ragged | MappedDocuments,
    targets: Targets,
    valid: tuple[Ragged | MappedDocuments, Targets] | None,
    config: TrainingConfig,
    *,
    generator: np.random.Generator,
    n_epochs: int | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    on_batch: Callable[[int, int, int], None] = lambda epoch, n_done, n_batches: None,
    steps: Steps | None = None,
) -> History:
    """Train until the validation score stops rising; `model` ends with the weights of its best epoch.

    Documents of one label are learned by cross-entropy, those of any number by the sum of their labels' binary ones.

    Without validation documents it trains for `n_epochs`, on the same schedule, and keeps the last epoch's weights:
    for a second training, on all documents, when the first has shown how long.

    `steps` says how they are made, a batch at a time by default; `Rounds` makes them in parts.

    Every epoch, and once a minute within it, the state of everything is put into `checkpoint`. What is there at the
    start is gone on from, and ends with the same bits; that the model and the data are the same, the caller knows.

    Raises: SettingError when no epoch has a loss that is a number.
    Ctrl-C after the first epoch ends the training as patience would; during the first it is raised.
    Source: Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization"; early stopping as in
    Prechelt (1998), "Early Stopping — But When?".
    """
    steps = steps or Batches(model, train, targets, config)
    run = _Run(model, steps.optimizers, valid, config, generator, checkpoint)
    n_epochs = n_epochs or config.max_epochs
    n_before, total_loss = run.restored(n_epochs, steps.most())
    try:
        for epoch in range(len(run.history.epochs) + 1, n_epochs + 1):
            if run.stopping.done:
                break
            started = time.perf_counter()
            before = generator.bit_generator.state  # gives the same batches again
            items = steps.epoch(epoch, generator)
            n_items = len(items)
            for n_done, item in islice(enumerate(items, start=1), n_before, None):
                total_loss += steps.take(item, epoch - 1 + (n_done - 1) / n_items, epoch - 1 + n_done / n_items)
                on_batch(epoch, n_done, n_items)
                run.keep_within(n_done, total_loss, before)
            record = run.judged(epoch, total_loss / len(train), started)
            n_before, total_loss = 0, 0.0
            on_epoch(record)
            run.end_epoch(record)
    except KeyboardInterrupt:
        if run.best_weights is None:
            raise
        run.history.interrupted = True
    return run.finished()


@dataclass(frozen=True)
class _Kept:
    """Where a training is, beside its arrays."""

    n_done: int  # batches of the epoch after those that there are
    total_loss: float  # of these batches
    generator: dict[str, Any]  # the state of the one that draws the batches, at the start of that epoch
    epochs: list[EpochRecord]


class _Run:
    """All that changes while a model is trained, and how it is kept in a checkpoint."""

    def __init__(
        self,
        model: Model,
        optimizers: list[Any],
        valid: Any,
        config: TrainingConfig,
        generator: np.random.Generator,
        checkpoint: Checkpoint,
    ) -> None:
        self.model, self.optimizers, self.config = model, optimizers, config
        self.generator, self.checkpoint = generator, checkpoint
        self.valid = None if valid is None else (model.prepare(valid[0]), valid[1])
        self.stopping, self.history = EarlyStopping(config.patience), History()
        self.best_weights: dict[str, Tensor] | None = None
        self.kept = time.perf_counter()

    def restored(self, n_epochs: int, n_batches: int) -> tuple[int, float]:
        """Put back what the checkpoint has: epochs, and how many batches of the next one are done, with what loss.

        `n_epochs` are those of the whole training, `n_batches` those of an epoch.
        """

        def restore(entry: Entry) -> tuple[int, float]:
            kept = typed(_Kept, entry.values, where="it")
            self.history.epochs = kept.epochs
            for record in kept.epochs:
                self._is_best(record)
            check_count("the number of epochs", len(kept.epochs), most=n_epochs)
            check_count("the number of batches", kept.n_done, most=n_batches)
            for number, record in enumerate(kept.epochs, start=1):
                check_count(f"epoch {number}", record.epoch, least=number, most=number)
            has_best = self.stopping.best_epoch > 0 and not self._best_is_now(kept.n_done)
            best = restore_training(entry, self.model, self.optimizers, self.generator, has_best=has_best)
            if self._best_is_now(kept.n_done):
                best = copy.deepcopy(self.model.state_dict())
            self.best_weights = best
            return kept.n_done, kept.total_loss

        return self.checkpoint.restored("training", restore) or (0, 0.0)

    def judged(self, epoch: int, train_loss: float, started: float) -> EpochRecord:
        """What an epoch has come to, noted in the history."""
        scores = validate(self.model, *self.valid, self.config.metric) if self.valid else (None, None, None)
        valid_loss, valid_accuracy, valid_score = scores
        seconds = time.perf_counter() - started
        self.history.epochs.append(EpochRecord(epoch, train_loss, valid_loss, valid_accuracy, seconds, valid_score))
        return self.history.epochs[-1]

    def end_epoch(self, record: EpochRecord) -> None:
        """Keep the weights of an epoch where it is the best."""
        if self._is_best(record):
            self.best_weights = copy.deepcopy(self.model.state_dict())
        elif not self.stopping.best_epoch:
            self.best_weights = None
        self._keep(0, 0.0, self.generator.bit_generator.state)

    def _is_best(self, record: EpochRecord) -> bool:
        """Whether the next epoch is the best so far; without validation documents it is, where its loss is finite."""
        if self.valid is not None:  # of equal scores the earliest wins
            return self.stopping.update(math.nan if record.valid_score is None else record.valid_score)
        is_finite = record.train_loss is not None and math.isfinite(record.train_loss)
        self.stopping.best_epoch = record.epoch if is_finite else 0
        return is_finite

    def _best_is_now(self, n_done: int) -> bool:
        """Whether the weights are those of the best epoch, when so many batches of the next one are done."""
        return n_done == 0 and self.stopping.best_epoch == len(self.history.epochs) > 0

    def keep_within(self, n_done: int, total_loss: float, before: Any) -> None:
        """Put the state of an unfinished epoch into the checkpoint, once in SECONDS_BETWEEN."""
        if time.perf_counter() - self.kept >= SECONDS_BETWEEN:
            self._keep(n_done, total_loss, before)

    def _keep(self, n_done: int, total_loss: float, before: Any) -> None:
        """Nothing is kept of numbers that are not finite: what is there leads to them again."""
        self.kept = time.perf_counter()
        if self.checkpoint.folder is None:
            return
        best_weights = None if self._best_is_now(n_done) else self.best_weights
        arrays = arrays_of_training(self.model, self.optimizers, best_weights)
        if math.isfinite(total_loss) and can_be_kept(arrays):
            values = asdict(_Kept(n_done, total_loss, before, self.history.epochs))
            self.checkpoint.save("training", arrays, values)

    def finished(self) -> History:
        """Put back the weights of the best epoch. Raises SettingError where there is none."""
        if self.best_weights is None:
            raise SettingError(
                f"the loss was not a number in any of {len(self.history.epochs)} epochs: the steps are too large. "
                f"Lower training.learning_rate, which is {self.config.learning_rate}, or "
                f"training.row_learning_rate, which is {self.config.row_learning_rate}."
            )
        self.model.load_state_dict(self.best_weights)
        self.history.best_epoch = self.stopping.best_epoch
        return self.history


def validate(model: Model, documents: Batch, targets: Targets, metric: Metric) -> tuple[float, float, float]:
    """Mean loss (nats a document), accuracy, and the score asked for, of documents that the model has prepared.

    Of several labels, those with a probability of ½ or more are given.
    """
    logits = predict_prepared(model, documents)
    losses = losses_of(torch.from_numpy(logits), targets.codes).numpy().astype(np.float64)
    probabilities = sigmoid(logits.astype(np.float64)) if targets.is_multilabel else softmax(logits)
    predicted = LabelSets.of_table(probabilities >= 0.5) if targets.is_multilabel else probabilities.argmax(axis=1)
    loss = float(np.average(losses, weights=targets.weights if targets.weights.any() else None))
    right = score("accuracy", targets.codes, probabilities, predicted)
    return loss, right, -loss if metric == "log_loss" else score(metric, targets.codes, probabilities, predicted)
