"""The contract suite: every model of `MODELS`, in every choice of its config, passes all of these."""

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import PackedSequence

from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.evaluation.metrics import accuracy
from bywords.models.averaging import AveragingConfig
from bywords.models.modules import MODELS
from bywords.models.modules.layers import Dropout
from bywords.models.modules.lstm import LSTMConfig, PackedLSTM, Recurrence
from bywords.text.ragged import Ragged
from bywords.training.loop import fit

N_WORDS, N_CLASSES = 12, 3

CASES = {
    "averaging": AveragingConfig(dimension=6),
    "averaging idf": AveragingConfig(dimension=6, weighting="idf"),
    "averaging tfidf": AveragingConfig(dimension=6, weighting="tfidf"),
    "averaging deep": AveragingConfig(dimension=6, weighting="log-tfidf", hidden_layers=1, dropout=0.1, by_row=True),
    "averaging deeper": AveragingConfig(dimension=6, hidden_layers=3, dropout=0.1, word_dropout=0.1),
    "lstm last": LSTMConfig(dimension=6, hidden=5, directions=1, pooling="last"),
    "lstm mean": LSTMConfig(dimension=6, hidden=5, pooling="mean"),
    "lstm max": LSTMConfig(dimension=6, hidden=5, pooling="max"),
    "lstm both last": LSTMConfig(dimension=6, hidden=5, pooling="last"),
}
each_case = pytest.mark.parametrize("config", CASES.values(), ids=CASES.keys())

DOCUMENTS = [[2, 3, 4], [5], [3, 3], [6, 7, 8, 9, 10, 11, 2, 2, 2], [4, 3, 2], [10, 11]]


def train(model, documents, labels, training, *, seed=0):
    targets = Targets.of(labels)
    fit(model, documents, targets, documents, targets, training, generator=np.random.default_rng(seed))


def small(config, *, seed=0, vectors=None):
    more = {}
    if getattr(config, "weighting", "uniform") != "uniform":
        more["idf"] = torch.linspace(1, 2, N_WORDS)
    generator = torch.Generator().manual_seed(seed)
    return MODELS[type(config)](
        config, n_words=N_WORDS, n_classes=N_CLASSES, generator=generator, vectors=vectors, **more
    )


def logits_of(model, documents):
    """Straight from the model, with a gradient."""
    return model(model.prepare(Ragged.of(documents)))


def test_every_model_of_the_table_has_a_case():
    assert {type(config) for config in CASES.values()} == set(MODELS)


@each_case
def test_eight_documents_can_be_learned_by_heart(config):
    documents = Ragged.of([*DOCUMENTS, [9, 8], [2, 5]])
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 1])
    model = small(config)
    training = TrainingConfig(max_epochs=300, patience=300, batch_size=4, learning_rate=0.03)
    if isinstance(config, AveragingConfig):
        labels[4] = labels[0]  # the same words in another order: to a model without order, the same document
    fit(
        model,
        documents,
        Targets.of(labels),
        documents,
        Targets.of(labels),
        training,
        generator=np.random.default_rng(0),
    )
    assert accuracy(labels, predict_logits(model, documents).argmax(axis=1)) == 1.0


@each_case
def test_logits_do_not_depend_on_batch_mates_or_on_the_length_of_others(config):
    model = small(config).eval()
    alone = torch.cat([logits_of(model, [document]) for document in DOCUMENTS])
    torch.testing.assert_close(logits_of(model, DOCUMENTS), alone)
    with_a_long_one = logits_of(model, [*DOCUMENTS, [2] * 500])[:-1]
    torch.testing.assert_close(with_a_long_one, alone)


@each_case
def test_logits_come_in_the_order_of_the_documents(config):
    model = small(config)
    order = np.array([3, 0, 5, 1, 4, 2])
    documents = Ragged.of(DOCUMENTS)
    in_order = predict_logits(model, documents, batch_size=4)
    shuffled = predict_logits(model, documents.select(order), batch_size=2)
    np.testing.assert_allclose(shuffled, in_order[order], atol=1e-6)
    assert in_order.shape == (len(DOCUMENTS), N_CLASSES)
    assert in_order.dtype == np.float32


@each_case
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(config):
    documents, labels = Ragged.of(DOCUMENTS), np.array([0, 1, 2, 0, 1, 2])

    def trained(seed):
        model = small(config, seed=seed)
        torch.rand(7)  # the global generator plays no part
        training = TrainingConfig(max_epochs=3, batch_size=2)
        fit(
            model,
            documents,
            Targets.of(labels),
            documents,
            Targets.of(labels),
            training,
            generator=np.random.default_rng(seed),
        )
        return model.state_dict()

    first, again, other = trained(1), trained(1), trained(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@each_case
def test_training_does_not_touch_the_global_generator(config):
    documents, labels = Ragged.of(DOCUMENTS), np.array([0, 1, 2, 0, 1, 2])
    before = torch.get_rng_state()
    model = small(config)
    fit(
        model,
        documents,
        Targets.of(labels),
        documents,
        Targets.of(labels),
        TrainingConfig(max_epochs=1),
        generator=np.random.default_rng(0),
    )
    assert torch.equal(torch.get_rng_state(), before)


@each_case
def test_a_document_of_one_unknown_word_gets_finite_logits(config):
    assert torch.isfinite(logits_of(small(config).eval(), [[]])).all()


@each_case
def test_given_vectors_are_the_start_and_frozen_ones_stay(config):
    vectors = torch.randn(N_WORDS, 6, generator=torch.Generator().manual_seed(0))
    documents, labels = Ragged.of(DOCUMENTS), np.array([0, 1, 2, 0, 1, 2])
    for frozen in (True, False):
        model = small(type(config)(**{**vars(config), "frozen": frozen}), vectors=vectors.clone())
        assert torch.equal(model.embedding.weight, vectors)
        training = TrainingConfig(max_epochs=1, batch_size=2)
        fit(
            model,
            documents,
            Targets.of(labels),
            documents,
            Targets.of(labels),
            training,
            generator=np.random.default_rng(0),
        )
        assert torch.equal(model.embedding.weight, vectors) == frozen


def test_averaging_is_the_mean_of_the_word_vectors_then_a_linear_layer():
    model = small(CASES["averaging"]).eval()
    mean = model.embedding.weight[[2, 3, 3]].mean(dim=0)
    torch.testing.assert_close(logits_of(model, [[2, 3, 3]])[0], model.output(mean))


def test_idf_weights_the_mean():
    model = small(CASES["averaging idf"]).eval()
    weights = torch.linspace(1, 2, N_WORDS)[[2, 9]]
    mean = (model.embedding.weight[[2, 9]] * weights.unsqueeze(1)).sum(dim=0) / weights.sum()
    torch.testing.assert_close(logits_of(model, [[2, 9]])[0], model.output(mean))


def gate_order(n_hidden) -> torch.Tensor:
    """Where PyTorch's own LSTM has our gates: its are ordered input, forget, cell, output."""
    let_in, keep, let_out, candidate = torch.arange(4 * n_hidden).split(n_hidden)
    return torch.cat([let_in, keep, candidate, let_out])


def torch_lstm_like(layer, *, directions=None) -> torch.nn.LSTM:
    """PyTorch's own LSTM with the same weights, those of all directions or of some."""
    directions = range(layer.n_directions) if directions is None else directions
    peer = torch.nn.LSTM(layer.from_input.shape[1], layer.n_hidden, bidirectional=len(directions) == 2)
    order = gate_order(layer.n_hidden)
    for direction, ending in zip(directions, ["", "_reverse"], strict=False):
        weights = {
            "weight_ih_l0": layer.from_input[direction].T[order],
            "weight_hh_l0": layer.from_state[direction].T[order],
            "bias_ih_l0": layer.bias[direction, 0][order],
            "bias_hh_l0": torch.zeros(4 * layer.n_hidden),
        }
        for name, weight in weights.items():
            getattr(peer, name + ending).data.copy_(weight)
    return peer


@pytest.mark.parametrize("name", ["lstm last", "lstm mean", "lstm max", "lstm both last"])
def test_the_packed_lstm_agrees_with_torchs_over_one_document(name):
    config = CASES[name]
    model = small(config).eval()
    document = [6, 7, 8, 9]
    states, _ = torch_lstm_like(model.lstm)(model.embedding.weight[document])  # (L, H·R)
    hidden = config.hidden
    expected = {
        "last": torch.cat([states[-1, :hidden], states[0, hidden:]]),  # each direction's state after its last word
        "mean": states.mean(dim=0),
        "max": states.max(dim=0).values,
    }[config.pooling]
    torch.testing.assert_close(logits_of(model, [*DOCUMENTS, document])[-1], model.output(expected))


def small_batch(n_directions, *, n_hidden=5, dtype=torch.float32):
    """A layer of 3 inputs, and random inputs (R, 9, 3) of four documents of 4, 2, 2 and 1 words."""
    generator = torch.Generator().manual_seed(1)
    layer = PackedLSTM(3, n_hidden, n_directions, generator).to(dtype)
    step_sizes = torch.tensor([4, 3, 1, 1])
    inputs = torch.randn(n_directions, 9, 3, generator=generator, dtype=dtype)
    return layer, inputs.requires_grad_(), step_sizes


@pytest.mark.parametrize("n_hidden", [4, 5, 64])
@pytest.mark.parametrize("n_directions", [1, 2])
def test_the_gradients_of_the_packed_lstm_are_those_of_torchs(n_directions, n_hidden):
    layer, inputs, step_sizes = small_batch(n_directions, n_hidden=n_hidden)
    states = layer(inputs, step_sizes)
    slopes = torch.randn(states.shape, generator=torch.Generator().manual_seed(2))
    gradients = torch.autograd.grad(states, [inputs, *layer.parameters()], slopes)
    for direction in range(n_directions):
        peer_inputs = inputs[direction].detach().requires_grad_()
        peer = torch_lstm_like(layer, directions=[direction])
        expected, _ = peer(PackedSequence(peer_inputs, step_sizes))
        torch.testing.assert_close(states[direction], expected.data)
        weights = [peer_inputs, peer.weight_ih_l0, peer.weight_hh_l0, peer.bias_ih_l0]
        of_inputs, of_from_input, of_from_state, of_bias = torch.autograd.grad(
            expected.data, weights, slopes[direction]
        )
        order = gate_order(n_hidden).argsort()
        torch.testing.assert_close(gradients[0][direction], of_inputs)
        torch.testing.assert_close(gradients[1][direction], of_from_input[order].T)
        torch.testing.assert_close(gradients[2][direction], of_from_state[order].T)
        torch.testing.assert_close(gradients[3][direction, 0], of_bias[order])


@pytest.mark.parametrize("n_directions", [1, 2])
def test_the_gradients_of_the_packed_lstm_are_those_of_small_differences(n_directions):
    layer, inputs, step_sizes = small_batch(n_directions, dtype=torch.float64)
    arguments = (inputs, *layer.parameters(), step_sizes)
    assert torch.autograd.gradcheck(Recurrence.apply, arguments)


def test_inputs_of_the_packed_lstm_that_take_no_gradient_change_nothing_for_its_weights():
    layer, inputs, step_sizes = small_batch(2)
    wanted = torch.autograd.grad(layer(inputs, step_sizes).sum(), list(layer.parameters()))
    without = torch.autograd.grad(layer(inputs.detach(), step_sizes).sum(), list(layer.parameters()))
    assert all(map(torch.equal, wanted, without))


def test_the_packed_lstm_gives_the_same_bits_on_one_thread():
    def bits():
        layer, inputs, step_sizes = small_batch(2)
        states = layer(inputs, step_sizes)
        return [states, *torch.autograd.grad(states.square().sum(), [inputs, *layer.parameters()])]

    expected, n_threads = bits(), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert all(map(torch.equal, bits(), expected))
    finally:
        torch.set_num_threads(n_threads)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30, -1e30])
def test_an_input_of_the_packed_lstm_that_is_no_number_or_huge_is_treated_as_torch_does(value):
    layer, inputs, step_sizes = small_batch(1)
    with torch.no_grad():
        inputs[0, 1] = value
        layer.from_input.fill_(0.5)  # no inf - inf
        expected, _ = torch_lstm_like(layer, directions=[0])(PackedSequence(inputs[0], step_sizes))
        torch.testing.assert_close(layer(inputs, step_sizes)[0], expected.data, equal_nan=True)


def test_dropout_zeroes_a_share_keeps_the_mean_and_rests_in_evaluation():
    layer = Dropout(0.3, torch.Generator().manual_seed(0))
    values = torch.ones(100_000)
    dropped = layer(values)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)
    assert torch.equal(layer.eval()(values), values)


def test_a_choice_that_there_is_not_is_refused():
    with pytest.raises(SettingError, match="pooling is 'median', expected 'last' or 'mean' or 'max'"):
        LSTMConfig(pooling="median")
