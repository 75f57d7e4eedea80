"""Models that learn from documents in parts: what they learn depends little, or not at all, on how many there are."""

import gc
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_corpus import small_corpus

from bywords.checkpoint import NO_CHECKPOINT, Checkpoint, CheckpointError, Run
from bywords.classifier import TextClassifier
from bywords.cluster import HolderHere
from bywords.data.label_sets import LabelSets
from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.models import svm, svm_in_parts
from bywords.models.averaging import AveragingConfig
from bywords.models.bags_in_parts import BagsInParts, parts_of
from bywords.models.modules.averaging import AveragingModule
from bywords.models.naive_bayes import count_ratios, naive_bayes
from bywords.models.svm import support_vectors
from bywords.models.svm_in_parts import support_vectors_in_parts
from bywords.system_config import TrainingConfig
from bywords.systems import SYSTEMS
from bywords.text.bags import Bags
from bywords.text.ragged import Ragged
from bywords.training import loop, rounds
from bywords.training.loop import fit
from bywords.training.rounds import Rounds
from bywords.training.state import arrays_of_training
from bywords.training.steps import Batches

N_ROWS, N_DOCUMENTS, N_LEARNED = 300, 4000, 2000


@pytest.fixture(scope="module")
def documents():
    """Bags of a few words of their class among words of any, sorted by their classes."""
    generator = np.random.default_rng(0)
    codes = np.arange(N_DOCUMENTS) * 3 // N_DOCUMENTS
    words = [
        np.concatenate([generator.zipf(1.4, 12) % 180 + 2, 182 + 39 * code + generator.integers(0, 39, 2)])
        for code in codes
    ]
    return Ragged.of([each.tolist() for each in words]), codes


@pytest.fixture(scope="module")
def rows():
    """Of those that are learned from, ascending, and of the others."""
    order = np.random.default_rng(1).permutation(N_DOCUMENTS)
    return np.sort(order[:N_LEARNED]), np.sort(order[N_LEARNED:])


def weighed(bags):
    return bags.weighed("log-tfidf", bags.inverse_document_frequency())


def in_parts(documents, n_parts, holder=None):
    return weighed(BagsInParts.of(documents, N_ROWS, n_parts, holder or HolderHere()))


def targets_of(kind, codes):
    if kind == "two classes":
        return Targets.of(np.minimum(codes, 1))
    if kind == "weighed":
        by_class = np.array([1.0, 2.0, 0.5])
        return Targets.of(codes, weights=by_class[codes] * (np.arange(len(codes)) % 5 > 0), class_weights=by_class)
    if kind == "many labels":
        table = codes[:, np.newaxis] == np.arange(3)
        table[:, 0] |= codes == 2
        return Targets.of(LabelSets.of_table(table))
    return Targets.of(codes)


KINDS = ("two classes", "three classes", "weighed", "many labels")


@pytest.mark.parametrize("n_parts", [1, 2, 3, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_naive_bayes_is_the_same_of_any_number_of_parts(documents, rows, kind, n_parts):
    (texts, codes), (learned, _) = documents, rows
    targets = targets_of(kind, codes).select(learned)
    whole, parts = weighed(Bags.of(texts, N_ROWS)), in_parts(texts, n_parts)
    for ours, its in zip(
        naive_bayes(parts, targets, smoothing=0.3, rows=learned),
        naive_bayes(whole, targets, smoothing=0.3, rows=learned),
        strict=True,
    ):
        np.testing.assert_allclose(ours, its, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        count_ratios(parts, targets, rows=learned), count_ratios(whole, targets, rows=learned), rtol=1e-6
    )


def costs(bags, targets, weights, bias, scales=None):
    """What all machines cost with C = 1, each weight divided by its scale."""
    if targets.is_binary:
        weights, bias = 2 * weights[:, 1:], 2 * bias[1:]
    signs = np.where(targets.one_hot()[:, -len(bias) :], 1, -1)
    losses = np.maximum(0, 1 - signs * (bags.times(weights) + bias)) ** 2 * targets.weights[:, np.newaxis]
    own = weights if scales is None else np.divide(weights, scales, out=np.zeros_like(weights), where=scales > 0)
    return 0.5 * (own**2).sum() + 0.5 * (bias**2).sum() + losses.sum(dtype=np.float64)


@pytest.fixture(scope="module")
def optimum(documents, rows):
    """Of one part, after as many passes as it takes: targets, scales, costs and the labels of others."""
    known = {}
    (texts, codes), (learned, others) = documents, rows
    bags = weighed(Bags.of(texts, N_ROWS))

    def of(kind, *, scaled):
        if (kind, scaled) not in known:
            targets = targets_of(kind, codes).select(learned)
            scales = 0.5 + 0.5 * count_ratios(bags, targets, rows=learned) if scaled else None
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(svm, "TOLERANCE", 1e-3)
                patch.setattr(svm, "PASSES", 1000)
                weights, bias, _ = support_vectors(
                    bags, targets, C=1.0, scales=scales, duals=None, seed=0, rows=learned
                )
            scores = bags.products(others, weights) + bias
            known[kind, scaled] = targets, scales, costs(bags.select(learned), targets, weights, bias, scales), scores
        return known[kind, scaled]

    return of


def labels_of(scores, targets):
    return scores > 0 if targets.is_multilabel else scores.argmax(axis=1)


@pytest.mark.parametrize("scaled", [False, True], ids=["SVM", "naive Bayes SVM"])
@pytest.mark.parametrize("n_parts", [1, 2, 3, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_machines_of_any_number_of_parts_are_at_the_optimum_of_one(documents, rows, optimum, kind, n_parts, scaled):
    (texts, _), (learned, others) = documents, rows
    targets, scales, least, scores = optimum(kind, scaled=scaled)
    weights, bias, said = support_vectors_in_parts(
        in_parts(texts, n_parts), targets, C=1.0, scales=scales, rows=learned
    )
    assert f"in {n_parts} parts" in said
    bags = weighed(Bags.of(texts, N_ROWS))
    cost, found = costs(bags.select(learned), targets, weights, bias, scales), bags.products(others, weights) + bias
    assert least * (1 - 1e-5) < cost < least * (1 + 1e-3)
    assert np.mean(labels_of(found, targets) == labels_of(scores, targets)) >= 0.999


def test_the_bits_depend_on_the_number_of_parts_and_not_on_where_they_are(documents, tmp_path):
    texts, codes = documents
    targets = targets_of("three classes", codes)

    def found(n_parts, holder):
        weights, bias, _ = support_vectors_in_parts(in_parts(texts, n_parts, holder), targets, C=1.0, scales=None)
        return weights.tobytes(), bias.tobytes()

    first = found(3, HolderHere())
    assert found(3, HolderHere(tmp_path)) == first
    assert found(2, HolderHere()) != first
    gc.collect()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_as_many_rounds_bring_the_same_machines_whatever_the_number_of_parts(documents, kind):
    texts, codes = documents
    found = [
        support_vectors_in_parts(in_parts(texts, n_parts), targets_of(kind, codes), C=1.0, scales=None)
        for n_parts in (1, 2, 7)
    ]
    for weights, bias, said in found[1:]:
        assert said.split("parts")[1] == found[0][2].split("parts")[1]
        np.testing.assert_allclose(weights, found[0][0], atol=2e-3)
        np.testing.assert_allclose(bias, found[0][1], atol=2e-3)


def test_sums_of_documents_are_made_a_block_at_a_time(documents, monkeypatch):
    texts, codes = documents
    targets = targets_of("three classes", codes)
    whole, _, _ = support_vectors_in_parts(in_parts(texts, 2), targets, C=1.0, scales=None)
    monkeypatch.setattr(svm_in_parts, "TOGETHER", 70)
    blocks, _, _ = support_vectors_in_parts(in_parts(texts, 2), targets, C=1.0, scales=None)
    np.testing.assert_allclose(blocks, whole, atol=2e-3)


@pytest.mark.parametrize("least", [-1.0, 0.1, 0.6, 1.9, 2.5])
def test_a_step_is_as_long_as_makes_it_best(least):
    def slopes(at):  # of (at - least)² / 2, and of |at - least| with a kink that is rounded
        return np.stack([at - least, np.clip((at - least) / 0.01, -1, 1)], axis=-1)

    lengths = svm_in_parts.LENGTHS
    curvatures = np.stack([np.ones_like(lengths), np.where(np.abs(lengths - least) < 0.01, 100.0, 1e-9)], axis=-1)
    smooth, kinked = svm_in_parts.best_length(slopes(lengths), curvatures)
    assert smooth == pytest.approx(max(least, 0))
    assert abs(kinked - max(least, 0)) <= (0.5 if least < 2 else 2)


class StopError(Exception):
    """Ends a fit in the middle."""


@pytest.mark.parametrize("n_rounds", [1, 12])
@pytest.mark.parametrize("kind", ["two classes", "many labels"])
def test_rounds_that_were_interrupted_go_on_from_the_last_step_to_the_same_bits(
    documents, tmp_path, monkeypatch, kind, n_rounds
):
    monkeypatch.setattr(svm_in_parts, "SECONDS_BETWEEN_SAVES", 0)
    (texts, codes), told = documents, []

    def found(until, checkpoint):
        def tell(n_done, n_rounds, what):
            told.append(n_done)
            assert n_done < n_rounds
            if n_done == until:
                raise StopError

        targets, holder = targets_of(kind, codes), HolderHere()
        parts = weighed(BagsInParts.of(texts, N_ROWS, 3, holder, tell))
        weights, bias, said = support_vectors_in_parts(parts, targets, C=1.0, scales=None, checkpoint=checkpoint)
        return weights.tobytes(), bias.tobytes(), said

    whole = found(None, NO_CHECKPOINT)
    run = Run({}, {})
    with pytest.raises(StopError):
        found(n_rounds, Checkpoint.open(tmp_path / "kept", run, resume=False))
    told.clear()
    assert found(None, Checkpoint.open(tmp_path / "kept", run, resume=True)) == whole
    assert told[0] == 1 if n_rounds == 1 else 1 < told[0] <= n_rounds


@pytest.mark.parametrize(("kind", "n_parts"), [("two classes", 2), ("three classes", 3)])
def test_rounds_of_other_documents_or_classes_are_refused(documents, tmp_path, monkeypatch, kind, n_parts):
    monkeypatch.setattr(svm_in_parts, "SECONDS_BETWEEN_SAVES", 0)
    texts, codes = documents
    checkpoint = Checkpoint.open(tmp_path / "kept", Run({}, {}), resume=False)
    support_vectors_in_parts(
        in_parts(texts, 3), targets_of("two classes", codes), C=1.0, scales=None, checkpoint=checkpoint
    )
    with pytest.raises(CheckpointError, match=r"was not saved by this run: .*Start anew in another folder"):
        support_vectors_in_parts(
            in_parts(texts, n_parts), targets_of(kind, codes), C=1.0, scales=None, checkpoint=checkpoint
        )


def test_parts_are_alike_where_a_file_is_sorted_and_none_is_empty(documents):
    _, codes = documents
    for n_parts in (1, 3, 7):
        parts = parts_of(N_DOCUMENTS, n_parts)
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(N_DOCUMENTS))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        assert all((np.bincount(codes[rows]) / len(rows) > 0.28).all() for rows in parts)
    assert [len(rows) for rows in parts_of(2, 7)] == [1, 1]
    runs = parts_of(7 * 10_240, 7)
    assert all((np.diff(rows) == 1).mean() > 0.85 for rows in runs)  # a file is read in stretches


def test_bags_in_parts_answer_as_bags_in_one(documents, rows):
    texts, _ = documents
    matrix = np.random.default_rng(1).normal(size=(N_ROWS, 4)).astype(np.float32)
    whole, parts = weighed(Bags.of(texts, N_ROWS)), in_parts(texts, 3)
    np.testing.assert_array_equal(parts.document_frequency(), whole.document_frequency())
    for some in (None, rows[0], np.array([5, 3999]), np.zeros(0, dtype=np.int64)):
        np.testing.assert_array_equal(parts.products(some, matrix), whole.products(some, matrix))


@pytest.mark.parametrize("system", ["tfidf-svc", "tfidf-nb", "dan", "averaging"])
def test_an_estimator_learns_in_parts_and_says_so(system):
    corpus = small_corpus()
    classifier = TextClassifier(system).set_params(model__parts=3).fit(corpus.texts, corpus.names())
    assert classifier.fitted_.record.notes[0].startswith("Trained in 3 parts")
    assert classifier.config_.model.parts == 3
    whole = TextClassifier(system).fit(corpus.texts, corpus.names())
    np.testing.assert_array_equal(classifier.predict(corpus.texts), whole.predict(corpus.texts))
    with pytest.raises(SettingError, match=r"parts is 0, expected 1 or more"):
        TextClassifier(system).set_params(model__parts=0)


def test_auto_selects_in_parts_and_says_what_it_fits_to_all_at_once():
    corpus = small_corpus()
    config = SYSTEMS["auto"]
    classifier = TextClassifier(replace(config, model=config.model.in_parts(3))).fit(corpus.texts, corpus.names())
    whole = TextClassifier("auto").fit(corpus.texts, corpus.names())
    np.testing.assert_array_equal(classifier.predict(corpus.texts), whole.predict(corpus.texts))
    members = classifier.fitted_.model.config.members
    notes = classifier.fitted_.record.notes
    assert len(notes) == len(members)
    assert all("trained in 3 parts" in note or "at once" in note for note in notes)


def test_parts_whose_documents_all_count_the_same_are_weighed_against_each_other(documents):
    (texts, codes), few = documents, np.arange(0, N_DOCUMENTS, 500)
    targets = Targets.of(codes[few], weights=np.linspace(1, 2, len(few)))
    whole, parts = (
        naive_bayes(its, targets, smoothing=0.3)[0]
        for its in (weighed(Bags.of(texts.select(few), N_ROWS)), in_parts(texts.select(few), len(few)))
    )
    np.testing.assert_allclose(parts, whole, rtol=1e-6, atol=1e-6)


# Averaging models.

TRAINING = TrainingConfig(batch_size=32, learning_rate=0.03, row_learning_rate=0.5, decay=True, max_epochs=4)
KINDS_OF_MODEL = {"Adagrad": AveragingConfig(dimension=8, hidden_layers=1, by_row=True), "Adam": AveragingConfig()}


@pytest.fixture
def short_rounds(monkeypatch):
    monkeypatch.setattr(rounds, "STEPS", 4)
    monkeypatch.setattr(rounds, "LEAD", 6)


def averaging(documents, targets, n_parts, *, model="Adagrad", holder=None, valid=None, seed=0, **arguments):
    """A module that has been trained, its rounds, and how it went."""
    config = replace(KINDS_OF_MODEL[model], parts=n_parts)
    module = AveragingModule(
        config, n_words=N_ROWS, n_classes=targets.n_classes, generator=torch.Generator().manual_seed(seed)
    )
    steps = Rounds(module, documents, targets, TRAINING, holder or HolderHere()) if n_parts > 1 else None
    generator = np.random.default_rng(seed)
    history = fit(module, documents, targets, valid, TRAINING, generator=generator, steps=steps, **arguments)
    return module, steps, history


def bits(module):
    return [tensor.numpy().tobytes() for tensor in module.state_dict().values()]


@pytest.mark.parametrize(
    ("model", "kind", "n_parts"),
    [
        ("Adagrad", "two classes", 7),
        ("Adagrad", "many labels", 2),
        ("Adam", "three classes", 3),
        ("Adam", "weighed", 7),
    ],
)
def test_averaging_models_are_as_often_right_in_parts(documents, rows, model, kind, n_parts, short_rounds):
    (texts, codes), (learned, others) = documents, (rows[0], rows[1][::4])
    targets = targets_of(kind, codes)
    valid = texts.select(others), targets.select(others)
    right = []
    for n in (1, n_parts):
        _, steps, history = averaging(texts.select(learned), targets.select(learned), n, model=model, valid=valid)
        right.append(history.epochs[history.best_epoch - 1].valid_accuracy)
    assert right[0] > 0.97
    assert right[1] > right[0] - 0.02
    assert f"Trained in {n_parts} parts, " in steps.said(len(history.epochs))


def test_documents_that_count_nothing_teach_no_part_anything(documents, rows, short_rounds):
    (texts, codes), learned = documents, rows[0][::2]
    right = np.minimum(codes, 1)
    counts = np.arange(len(codes)) % 2
    wrong = Targets.of(np.where(counts, right, 1 - right), weights=counts.astype(float)).select(learned)
    valid = texts.select(rows[1][::4]), Targets.of(right).select(rows[1][::4])
    _, _, history = averaging(texts.select(learned), wrong, 3, model="Adam", valid=valid)
    assert history.epochs[history.best_epoch - 1].valid_accuracy > 0.95


class Recording(HolderHere):
    """Keeps what was sent to parts in rounds, and what came back."""

    def __init__(self):
        super().__init__()
        self.rounds = []

    def map_held(self, work, chunks, n_held=0):
        chunks = list(chunks)
        found = list(super().map_held(work, chunks, n_held))
        if work.__name__ == "_stepped":
            self.rounds.append(list(zip(chunks, found, strict=True)))
        return iter(found)


def test_a_word_that_one_part_alone_has_learns_as_fast_as_in_one_part(short_rounds, monkeypatch):
    monkeypatch.setattr(rounds, "LEAD", 0)
    texts = [[2 + code, 4 + number] for number in range(64) for code in (0, 1)]  # two words of all, 64 of two documents
    documents, targets = Ragged.of(texts), Targets.of(np.tile([0, 1], 64))
    moved = []
    for n_parts in (1, 4):
        module, _, _ = averaging(documents, targets, n_parts, n_epochs=1)
        start = AveragingModule(
            module.config, n_words=N_ROWS, n_classes=2, generator=torch.Generator().manual_seed(0)
        ).embedding.weight
        moved.append((module.embedding.weight - start).detach().norm(dim=1).numpy())
    rare, common = (np.mean(moved[1][its]) / np.mean(moved[0][its]) for its in (slice(4, 68), slice(2, 4)))
    assert 0.7 < rare < 1.5
    assert 0.5 < common < 2


def test_adagrad_takes_a_word_that_all_parts_have_for_as_frequent_as_in_one_part(short_rounds, monkeypatch):
    monkeypatch.setattr(rounds, "LEAD", 0)
    generator = np.random.default_rng(2)  # labels that nothing says: all gradients are noise
    documents = Ragged.of((generator.integers(2, 8, (1000, 4))).tolist())
    targets, squares = Targets.of(generator.integers(0, 2, 1000)), []
    for n_parts in (1, 4):
        config = AveragingConfig(dimension=8, by_row=True, parts=n_parts)
        module = AveragingModule(config, n_words=8, n_classes=2, generator=torch.Generator().manual_seed(0))
        if n_parts > 1:
            steps = Rounds(module, documents, targets, TRAINING, HolderHere())
        else:
            steps = Batches(module, documents, targets, TRAINING)
        fit(module, documents, targets, None, TRAINING, generator=np.random.default_rng(0), n_epochs=1, steps=steps)
        squares.append(arrays_of_training(module, steps.optimizers, None)["optimizer 1 0 squares"].mean())
    assert 0.5 < squares[1] / squares[0] < 1.5


def test_in_a_round_words_are_sent_to_the_parts_that_have_them_and_all_else_is_the_mean(
    documents, short_rounds, monkeypatch
):
    monkeypatch.setattr(rounds, "LEAD", 0)
    (texts, codes), holder = documents, Recording()
    module, steps, _ = averaging(texts, Targets.of(codes), 3, holder=holder, n_epochs=1)
    last, table, squares = holder.rounds[-1], "weights embedding.weight", "optimizer 1 0 squares"
    expected, n_parts = module.embedding.weight.detach().numpy().copy(), np.zeros(N_ROWS)
    for (piece, n_of_word, own, *_), (_, _, changes) in last:
        assert set(own) == set(changes) == {table, squares}
        (words,) = (words for words, held in steps._pieces if held is piece)
        assert 0 < len(words) < N_ROWS
        assert len(n_of_word) == len(own[table]) == len(words)
        is_first = n_parts[words] == 0
        expected[words[is_first]] = own[table][is_first]
        n_parts[words] += 1
    for (piece, n_of_word, *_), (_, _, changes) in last:
        (words,) = (words for words, held in steps._pieces if held is piece)
        np.testing.assert_array_equal(n_of_word, n_parts[words])
        expected[words] += changes[table]
    assert {1, 2, 3} <= set(n_parts)
    np.testing.assert_array_equal(module.embedding.weight.detach().numpy(), expected)
    bias = np.mean([others["weights bias"] for _, (others, _, _) in last], axis=0)
    np.testing.assert_allclose(module.bias.detach().numpy(), bias, rtol=1e-6)


def test_one_part_leads_with_rates_that_rise_and_each_document_is_learned_once_an_epoch(documents, short_rounds):
    texts, codes, holder = documents[0].select(np.arange(0, N_DOCUMENTS, 4)), documents[1][::4], Recording()
    _, steps, _ = averaging(texts, Targets.of(codes), 3, holder=holder, n_epochs=2)
    sizes = [len(its) for its in holder.rounds]
    n_first = len(sizes) - len(steps.epoch(2, np.random.default_rng(0)))
    n_led = sizes.index(3)
    assert set(sizes[:n_led]) == {1}
    assert set(sizes[n_led + 1 :]) == {3}
    for epoch in (holder.rounds[:n_first], holder.rounds[n_first:]):
        assert sum(len(chunk[0].codes) for its in epoch for chunk, _ in its) == len(codes)
    told = [chunk[4] for its in holder.rounds for chunk, _ in its]
    rates = [its.rate(0, 4) for its in told]
    assert rates[0] == pytest.approx(1 / 6)
    assert rates[1] > 2 * rates[0]
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[n_led::3]))
    assert rates[-1] < 0.6


def test_the_bits_of_an_averaging_model_depend_on_parts_and_seed_and_not_on_where_they_are(
    documents, tmp_path, short_rounds
):
    texts, codes = documents[0].select(np.arange(0, N_DOCUMENTS, 10)), documents[1][::10]
    targets = Targets.of(codes)
    first = bits(averaging(texts, targets, 3)[0])
    assert bits(averaging(texts, targets, 3, holder=HolderHere(tmp_path))[0]) == first
    assert bits(averaging(texts, targets, 2)[0]) != first
    assert bits(averaging(texts, targets, 3, seed=1)[0]) != first
    gc.collect()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("model", KINDS_OF_MODEL)
@pytest.mark.parametrize("until", [(1, 2), (2, 3)])
def test_an_averaging_model_that_was_interrupted_goes_on_from_the_last_round_to_the_same_bits(
    documents, tmp_path, short_rounds, monkeypatch, until, model
):
    monkeypatch.setattr(loop, "SECONDS_BETWEEN", 0)
    texts, codes = documents[0].select(np.arange(0, N_DOCUMENTS, 10)), documents[1][::10]
    told = []

    def found(checkpoint, until=None):
        def tell(epoch, n_done, n_rounds):
            told.append((epoch, n_done))
            assert n_done <= n_rounds
            if (epoch, n_done) == until:
                raise StopError

        module, _, history = averaging(
            texts,
            Targets.of(codes),
            3,
            model=model,
            checkpoint=checkpoint,
            on_batch=tell,
            valid=(texts, Targets.of(codes)),
        )
        return bits(module), history.best_epoch

    whole = found(NO_CHECKPOINT)
    run = Run({}, {})
    with pytest.raises(StopError):
        found(Checkpoint.open(tmp_path / "kept", run, resume=False), until)
    told.clear()
    assert found(Checkpoint.open(tmp_path / "kept", run, resume=True)) == whole
    assert told[0] == until  # the round before it was kept


def test_frozen_word_vectors_stay_as_they_are_in_parts(documents, short_rounds, monkeypatch):
    monkeypatch.setitem(KINDS_OF_MODEL, "frozen", AveragingConfig(frozen=True, dimension=8))
    texts, targets = documents[0], Targets.of(documents[1])
    module, _, history = averaging(texts, targets, 3, model="frozen", n_epochs=2)
    start = AveragingModule(
        module.config, n_words=N_ROWS, n_classes=3, generator=torch.Generator().manual_seed(0)
    ).embedding.weight
    assert torch.equal(module.embedding.weight, start)
    assert history.epochs[1].train_loss < history.epochs[0].train_loss
