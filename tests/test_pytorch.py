"""What a course in PyTorch writes by hand works by public names: data sets, batches, plain modules, a loop."""

import math
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from small_corpus import small_corpus
from torch import nn
from torch.utils.data import DataLoader

from bywords import (
    AveragingModel,
    CNNModel,
    DataError,
    GRUModel,
    LSTMModel,
    SettingError,
    TextDataset,
    Tokenizer,
    TokenizerConfig,
    Vocabulary,
    collate_padded,
    collate_ragged,
    fit_module,
    predict_module,
    split,
)
from bywords.training.callback import Callback

MODELS = {
    "averaging": lambda n: AveragingModel(n, 2, dimension=8),
    "lstm": lambda n: LSTMModel(n, 2, dimension=8, hidden=6),
    "lstm, both directions": lambda n: LSTMModel(n, 2, dimension=8, hidden=6, bidirectional=True),
    "lstm, mean": lambda n: LSTMModel(n, 2, dimension=8, hidden=6, pooling="mean", n_layers=2),
    "gru, max": lambda n: GRUModel(n, 2, dimension=8, hidden=6, pooling="max", bidirectional=True),
    "cnn": lambda n: CNNModel(n, 2, dimension=8, n_filters=6, dropout=0.0),
}
TEXTS = ["moon orbit rocket", "car", "oil car engine wheel road", "orbit moon star sky", "wheel oil", "rocket star"]
LABELS = ["space", "motor", "motor", "space", "motor", "space"]


@pytest.fixture(scope="module")
def data():
    return TextDataset(TEXTS, LABELS)


def model_of(name, data, seed=1):
    torch.manual_seed(seed)
    return MODELS[name](len(data.vocabulary))


def test_items_are_ids_without_padding_and_codes_of_classes(data):
    assert len(data) == 6
    ids, label = data[2]
    assert ids.dtype == torch.int64
    assert [data.vocabulary.words[index - 2] for index in ids.tolist()] == TEXTS[2].split()
    assert data.classes[label] == "motor"
    assert torch.equal(data[-1][0], data[5][0])
    assert all(ids.min() > 0 for ids, _ in data)
    with pytest.raises(IndexError):
        data[6]


def test_a_document_of_which_nothing_is_known_is_one_unknown_word(data):
    new = TextDataset(["", "zug", "moon zug"], None, data.vocabulary)
    assert [ids.tolist() for ids, _ in new][:2] == [[1], [1]]
    assert len(new[2][0]) == 1
    assert new.labels.tolist() == [-1, -1, -1]


def test_documents_are_cut_at_a_length_and_by_any_tokenizer():
    cut = TextDataset(["a b c d"], [0], max_length=3, classes=[0, 1])
    assert len(cut[0][0]) == 3
    as_written = Tokenizer(TokenizerConfig(lowercase=False))
    assert "Moon" in TextDataset(["Moon"], tokenizer=as_written).vocabulary.words


def test_labels_that_are_none_are_refused(data):
    with pytest.raises(DataError, match="6 texts and 5 labels"):
        TextDataset(TEXTS, LABELS[:5])
    with pytest.raises(DataError, match="one label a document"):
        TextDataset(["a", "b"], [["x", "y"], ["x"]])
    with pytest.raises(DataError, match="'cooking'"):
        TextDataset(["a"], ["cooking"], data.vocabulary, classes=data.classes)
    with pytest.raises(SettingError, match="max_length is 0"):
        TextDataset(TEXTS, max_length=0)


def test_both_batches_hold_the_same_documents(data):
    items = [data[index] for index in (2, 1, 3)]
    padded, ragged = collate_padded(items), collate_ragged(items)
    assert padded.ids.shape == (3, 5)
    assert padded.lengths.tolist() == [5, 1, 4] == ragged.offsets.diff().tolist()
    assert torch.equal(padded.ids[padded.is_token], ragged.ids)
    assert not padded.ids[~padded.is_token].any()
    assert torch.equal(padded.labels, ragged.labels)
    loader = DataLoader(data, batch_size=4, collate_fn=collate_padded)
    assert [len(batch.labels) for batch in loader] == [4, 2]


@pytest.mark.parametrize("name", MODELS)
def test_logits_do_not_depend_on_batch_mates(name, data):
    model = model_of(name, data).eval()
    alone = torch.cat([model(*collate_padded([item])[:2]) for item in data])
    torch.testing.assert_close(model(*collate_padded(list(data))[:2]), alone)


@pytest.mark.parametrize("name", MODELS)
def test_six_documents_can_be_learned_by_heart(name, data):
    model = model_of(name, data)
    history = fit_module(model, data, max_epochs=60, learning_rate=0.03)
    assert (predict_module(model, data).argmax(axis=1) == data.labels.numpy()).all()
    assert history.epochs[-1].train_loss < history.epochs[0].train_loss / 2
    assert history.best_epoch == 60


def test_the_weights_of_the_best_epoch_are_kept(data):
    other = TextDataset(TEXTS, ["motor" if label == "space" else "space" for label in LABELS], data.vocabulary)
    model = model_of("averaging", data)
    best = []
    history = fit_module(
        model, data, other, patience=2, learning_rate=0.05,
        callbacks=[lambda record: best.append({name: value.clone() for name, value in model.state_dict().items()})],
    )  # fmt: skip
    assert (history.best_epoch, len(history.epochs)) == (1, 3)
    for name, value in model.state_dict().items():
        assert torch.equal(value, best[0][name])


def test_a_history_is_drawn_with_its_best_epoch(data):
    axes = fit_module(model_of("averaging", data), data, data, max_epochs=4).plot()
    training, validation, best = axes.get_lines()
    assert list(training.get_xdata()) == [1, 2, 3, 4] == list(validation.get_xdata())
    assert best.get_label() == "best: epoch 4"


def test_the_same_seed_gives_the_same_bits_and_leaves_the_global_generator(data):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (CNNModel(len(data.vocabulary), 2, dimension=8, dropout=0.5) for _ in range(3))
    again.load_state_dict(first.state_dict())
    other.load_state_dict(first.state_dict())
    torch.set_rng_state(before)
    for model, seed in ((first, 1), (again, 1), (other, 2)):
        fit_module(model, data, max_epochs=2, batch_size=2, seed=seed)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.output.weight, again.output.weight)
    assert not torch.equal(first.output.weight, other.output.weight)


def test_a_module_of_ones_own_is_called_with_what_it_asks_for(data):
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.bag = nn.EmbeddingBag(len(data.vocabulary), 2, include_last_offset=True)

        def forward(self, ids, offsets):
            return self.bag(ids, offsets)

    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(len(data.vocabulary), 2)

        def forward(self, x, is_token, scale=1.0):
            return (self.table(x) * is_token.unsqueeze(2)).sum(dim=1) * scale

    for module in (Bag(), Masked()):
        fit_module(module, data, max_epochs=30, learning_rate=0.1)
        assert (predict_module(module, data).argmax(axis=1) == data.labels.numpy()).all()
    with pytest.raises(SettingError, match="asks for 'offsets', which this batch has not"):
        fit_module(Bag(), data, collate=collate_padded)


def test_a_data_set_without_documents_is_one_clear_error(data):
    model, empty = model_of("averaging", data), TextDataset([], None, data.vocabulary)
    for call in (lambda: fit_module(model, data, empty), lambda: predict_module(model, empty)):
        with pytest.raises(DataError, match="has no document"):
            call()


def test_optimizer_and_schedule_are_those_that_are_given(data):
    model, rates = model_of("averaging", data), []
    history = fit_module(
        model, data, max_epochs=3, optimizer=lambda trained: torch.optim.SGD(trained, lr=1.0),
        schedule=lambda steps: rates.append(steps) or torch.optim.lr_scheduler.StepLR(steps, 1, gamma=0.5),
    )  # fmt: skip
    assert len(history.epochs) == 3
    assert rates[0].param_groups[0]["lr"] == 0.125


@pytest.mark.parametrize(("schedule", "expected"), [("linear", 0.25), ("cosine", 0.1464), ("constant", 1.0)])
def test_a_schedule_has_a_name_and_a_class_of_optimizers_gets_the_rate(schedule, expected, data):
    made = []

    class Kept(torch.optim.SGD):
        def __init__(self, *args, **more):
            super().__init__(*args, **more)
            made.append(self)

    fit_module(
        model_of("averaging", data), data, max_epochs=4, optimizer=Kept, schedule=schedule,
        callbacks=[lambda record: record.epoch == 3],
    )  # fmt: skip
    assert made[0].param_groups[0]["lr"] == pytest.approx(1e-3 * expected, rel=1e-3)


def test_a_schedule_by_the_loss_hears_the_loss(data):
    def plateau(steps):
        return torch.optim.lr_scheduler.ReduceLROnPlateau(steps, factor=0.1, patience=0, threshold=10.0)

    rates = []
    fit_module(
        model_of("averaging", data),
        data,
        data,
        max_epochs=3,
        schedule=lambda steps: rates.append(steps) or plateau(steps),
    )
    assert rates[0].param_groups[0]["lr"] == pytest.approx(1e-6)


def test_a_callback_ends_the_training_and_ctrl_c_keeps_the_best_so_far(data, monkeypatch):
    moved = []

    class Bar(Callback):
        def step(self, n_done, n_steps, what):
            moved.append((n_done, n_steps, what))

    monkeypatch.setattr("bywords.pytorch.training.progress_bar", lambda: nullcontext(Bar()))
    history = fit_module(model_of("averaging", data), data, data, callbacks=[lambda record: record.epoch == 2])
    assert len(history.epochs) == 2
    assert not history.interrupted

    def interrupting(record):
        if record.epoch == 2:
            raise KeyboardInterrupt

    model, weights = model_of("averaging", data), []
    history = fit_module(
        model, data, data, progress=True, learning_rate=0.05,
        callbacks=[lambda record: weights.append(model.output.weight.clone()), interrupting],
    )  # fmt: skip
    assert (history.interrupted, history.best_epoch) == (True, 2)
    assert torch.equal(model.output.weight, weights[1])
    n_batches = math.ceil(len(data) / 64)
    assert [n_done for n_done, _, _ in moved] == list(range(1, 2 * n_batches + 1))
    assert moved[-1][1:] == (30 * n_batches, "epoch 2 of at most 30")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": TEXTS}, r"a data set is .*, expected one whose items are \(ids, label\), as in TextDataset\(texts"),
        ({"schedule": "sawtooth"}, "schedule is 'sawtooth'"),
        (
            {"device": "cuda" if not torch.cuda.is_available() else "xyz"},
            "not there, expected 'cpu', or 'cuda'",
        ),
    ],
)
def test_what_cannot_be_trained_with_is_one_clear_error(arguments, message, data):
    with pytest.raises((SettingError, DataError), match=message):
        fit_module(model_of("averaging", data), **{"train": data, **arguments})


class Wrong(nn.Module):
    def __init__(self, shape=None):
        super().__init__()
        self.shape, self.weight = shape, nn.Parameter(torch.zeros(1))

    def forward(self, ids):
        return self.weight * torch.full(self.shape or (len(ids), 2), float("inf") if self.shape is None else 1.0)


class AsksForMore(Wrong):
    def forward(self, ids, attention):
        return ids


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Wrong((3,)), r"gives \(3,\), expected logits \(6, K\)"),
        (Wrong((6, 1)), "labels from 0 to 1, and 1 logits"),
        (AsksForMore(), "asks for 'attention', expected some of"),
        ("a module", "is 'a module', expected a torch.nn.Module"),
        (Wrong(), "the loss was not a number in any of 30 epochs"),
        (nn.Identity(), "no parameter to train|asks for"),
    ],
)
def test_a_module_that_cannot_be_trained_is_one_clear_error(module, message, data):
    with pytest.raises(SettingError, match=message):
        fit_module(module, data)


def test_given_vectors_are_started_from_and_frozen_ones_stay(data):
    rows = np.random.default_rng(0).normal(size=(len(data.vocabulary), 4)).astype(np.float32)
    for frozen in (False, True):
        model = AveragingModel(len(data.vocabulary), 2, vectors=rows, frozen=frozen)
        fit_module(model, data, max_epochs=1, learning_rate=0.1)
        assert np.array_equal(model.embedding.weight.detach().numpy(), rows) == frozen
    assert rows[0].any()  # what was given stays as it is
    with pytest.raises(SettingError, match=r"the vectors are \(2, 4\), expected a row for each of"):
        AveragingModel(len(data.vocabulary), 2, vectors=rows[:2])
    with pytest.raises(SettingError, match="stay random"):
        LSTMModel(5, 2, frozen=True)


def test_parts_share_no_text_and_have_the_share_of_each_class():
    corpus = small_corpus()
    texts, labels = [*corpus.texts, *corpus.texts[:20]], [*corpus.names(), *corpus.names()[:20]]
    parts = split(texts, labels, (0.6, 0.2, 0.2), seed=3)
    assert sum(len(part_texts) for part_texts, _ in parts) == len(texts)
    assert not set(parts[0][0]) & set(parts[1][0])
    assert not set(parts[1][0]) & set(parts[2][0])
    for part_texts, part_labels in parts:
        assert dict(zip(texts, labels, strict=True)).items() >= dict(zip(part_texts, part_labels, strict=True)).items()
        share = (part_labels == labels[0]).mean()
        assert share == pytest.approx((np.array(labels) == labels[0]).mean(), abs=0.05)
    assert [texts for texts, _ in split(texts, labels, (0.6, 0.2, 0.2), seed=3)] == [texts for texts, _ in parts]
    with pytest.raises(SettingError, match="sum to 1"):
        split(texts, labels, (0.5, 0.2))
    with pytest.raises(DataError, match="expected one label for each text"):
        split(texts, labels[:-1])


def test_a_text_stays_a_text_when_it_has_the_sign_that_stands_between_tokens():
    for given in ([f"a\ufdd0b {number}" for number in range(10)], [["new york", str(number)] for number in range(10)]):
        one, other = split(given, ["x", "y"] * 5, (0.5, 0.5))
        assert sorted([*one[0], *other[0]]) == given


def test_a_vocabulary_of_training_texts_is_shared_with_the_others():
    train = TextDataset(["a b", "c"], ["x", "y"])
    assert isinstance(train.vocabulary, Vocabulary)
    assert TextDataset(["c d"], ["y"], train.vocabulary, classes=train.classes).vocabulary is train.vocabulary
