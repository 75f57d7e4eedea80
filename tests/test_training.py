"""The loop: early stopping, the best epoch's weights, Ctrl-C."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.models.averaging import AveragingConfig
from bywords.models.modules.averaging import AveragingModule
from bywords.models.modules.layers import predict_logits
from bywords.system_config import TrainingConfig
from bywords.text.ragged import Ragged
from bywords.training.loop import EarlyStopping, fit, validate

TRAIN = Ragged.of([[2], [3], [4], [2, 3], [3, 4]])
LABELS = np.array([0, 1, 0, 1, 0])


def model_of(seed=0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    return AveragingModule(AveragingConfig(dimension=4, dropout=0.0), n_words=5, n_classes=2, generator=generator)


def run(model, config, *, valid_labels=LABELS, **more):
    return fit(
        model,
        TRAIN,
        Targets.of(LABELS),
        (TRAIN, Targets.of(valid_labels)),
        config,
        generator=np.random.default_rng(0),
        **more,
    )


def stopped_after(losses, patience):
    stopping = EarlyStopping(patience)
    for loss in losses:
        stopping.update(-loss)
        if stopping.done:
            break
    return stopping.epoch, stopping.best_epoch


def test_a_flat_loss_stops_after_patience_epochs_and_the_first_is_best():
    assert stopped_after([1.0] * 9, patience=3) == (4, 1)


def test_a_falling_loss_does_not_stop():
    assert stopped_after([3.0, 2.0, 1.0], patience=1) == (3, 3)


def test_a_loss_that_falls_within_patience_goes_on():
    assert stopped_after([3.0, 3.1, 3.2, 2.0, 2.1, 2.2, 2.3], patience=3) == (7, 4)


def test_a_loss_that_is_not_a_number_is_never_best():
    assert stopped_after([math.nan, 1.0, math.nan], patience=5) == (3, 2)


def test_the_weights_of_the_best_epoch_are_kept_not_the_last():
    model = model_of()
    weights = []
    config = TrainingConfig(max_epochs=20, patience=4, batch_size=2, learning_rate=0.3)
    history = run(
        model,
        config,
        valid_labels=1 - LABELS,  # learning makes it worse, so that an early epoch is best
        on_epoch=lambda record: weights.append(model.embedding.weight.detach().clone()),
    )
    assert history.best_epoch < len(history.epochs) == len(weights)
    assert torch.equal(model.embedding.weight, weights[history.best_epoch - 1])
    losses = [record.valid_loss for record in history.epochs]
    assert losses[history.best_epoch - 1] == min(losses)
    assert validate(model, model.prepare(TRAIN), Targets.of(1 - LABELS), "accuracy")[0] == pytest.approx(min(losses))


def test_the_training_loss_counts_every_document_once_though_the_last_batch_is_smaller():
    model = model_of()
    before = validate(model, model.prepare(TRAIN), Targets.of(LABELS), "accuracy")[0]
    config = TrainingConfig(max_epochs=1, batch_size=2, learning_rate=0.0)
    assert run(model, config).epochs[0].train_loss == pytest.approx(before)


def test_ctrl_c_keeps_the_best_so_far():
    def interrupt(record):
        if record.epoch == 3:
            raise KeyboardInterrupt

    model = model_of()
    history = run(model, TrainingConfig(max_epochs=50, patience=50, learning_rate=0.1), on_epoch=interrupt)
    assert history.interrupted
    assert len(history.epochs) == 3
    assert validate(model, model.prepare(TRAIN), Targets.of(LABELS), "accuracy")[0] == pytest.approx(
        history.epochs[history.best_epoch - 1].valid_loss
    )


def test_ctrl_c_before_there_is_anything_to_keep_is_ctrl_c():
    def interrupt(epoch, n_done, n_batches):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(model_of(), TrainingConfig(), on_batch=interrupt)


def test_batches_are_reported_as_they_are_done():
    seen = []
    run(model_of(), TrainingConfig(max_epochs=1, batch_size=2), on_batch=lambda *index: seen.append(index))
    assert seen == [(1, 1, 3), (1, 2, 3), (1, 3, 3)]


def test_a_cut_gradient_moves_less():
    def distance(**more):
        model = model_of()
        start = model.output.weight.detach().clone()
        run(model, TrainingConfig(max_epochs=1, batch_size=5, learning_rate=0.1, **more))
        return (model.output.weight - start).abs().max().item()

    assert distance(max_norm=1e-9) < distance() / 2


def test_prediction_leaves_the_model_as_it_was_for_any_batch_size():
    model = model_of()
    np.testing.assert_allclose(
        predict_logits(model, TRAIN, batch_size=1), predict_logits(model, TRAIN, batch_size=100), atol=1e-6
    )


@pytest.mark.parametrize("name", ["max_epochs", "patience", "batch_size"])
def test_settings_below_one_are_refused(name):
    with pytest.raises(SettingError, match=f"{name} is 0, expected 1 or more"):
        TrainingConfig(**{name: 0})
