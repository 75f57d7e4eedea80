"""The contract suite: every model of `MODELS`, a toy of one class, and every module of PyTorch pass all of these."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import torch
from small_corpus import TOPICS, small_corpus, small_split, write_small_glove
from torch.nn.utils.rnn import PackedSequence

import bywords
from bywords.artifact import compression, model_folder
from bywords.data.targets import Targets
from bywords.errors import ModelFolderError, SettingError
from bywords.evaluation.metrics import accuracy, softmax
from bywords.explain.explanation import explain
from bywords.fitted import FittedClassifier
from bywords.models.averaging import AveragingConfig
from bywords.models.base import MODELS, Growth, LinearModel, ModelConfig, model_class, restore_model
from bywords.models.ensemble import Ensemble
from bywords.models.lstm import LSTMConfig
from bywords.models.mean_vector import MeanVectorConfig
from bywords.models.modules.layers import Dropout, predict_logits
from bywords.models.modules.lstm import PackedLSTM, Recurrence
from bywords.models.tfidf_linear import TfidfConfig
from bywords.system_config import SelectionConfig, SystemConfig, TrainingConfig
from bywords.text.ragged import Ragged
from bywords.text.vocabulary import VocabularyConfig
from bywords.training.fit import fit_classifier
from bywords.training.incremental import grown_vocabulary
from bywords.training.loop import fit
from bywords.vectors.load import PretrainedConfig


class Toy(LinearModel):
    """A model of one class: the logarithm of how often each class has each word."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ModelConfig):
        smoothing: float = 1.0

        @property
        def can_continue(self):
            return True

        @property
        def can_be_member(self):
            return True

    @classmethod
    def fit(cls, config, prepared, targets, *, vocabulary, **_):
        counts = np.full((len(vocabulary), targets.n_classes), config.smoothing, dtype=np.float32)
        np.add.at(counts, (prepared.ids, np.repeat(targets.codes, prepared.lengths)), 1)
        return cls(config, np.log(counts / counts.sum(axis=0)), np.zeros(targets.n_classes, dtype=np.float32)), []


@pytest.fixture(scope="module", autouse=True)
def toy():
    """The toy is registered by the public call, for as long as these tests run."""
    bywords.register_model(Toy)
    yield
    del MODELS["ToyConfig"]


# Fitted models

WORDS = VocabularyConfig(min_count=2)
PAIRS = VocabularyConfig(ngrams=2, char_ngrams=(3, 4))
EPOCHS = TrainingConfig(max_epochs=8, learning_rate=0.03)

SETTINGS: dict[str, tuple[ModelConfig, VocabularyConfig]] = {
    "toy": (Toy.Config(), WORDS),
    "toy on n-grams": (Toy.Config(smoothing=0.1), PAIRS),
    "svm": (TfidfConfig(), PAIRS),
    "svm on words": (TfidfConfig(sublinear=True, features="words"), PAIRS),
    "naive bayes svm": (TfidfConfig(estimator="nb-svc", features="ngrams"), PAIRS),
    "naive bayes": (TfidfConfig(estimator="nb"), WORDS),
    "mean vector": (MeanVectorConfig(pooling="mean"), WORDS),
    "mean vector idf": (MeanVectorConfig(pooling="idf"), WORDS),
    "mean vector sum": (MeanVectorConfig(pooling="sum"), WORDS),
    "mean vector max": (MeanVectorConfig(pooling="max"), WORDS),
    "averaging": (AveragingConfig(dimension=6), WORDS),
    "averaging of pairs": (AveragingConfig(dimension=6, weighting="tfidf", features="ngrams"), PAIRS),
    "deep averaging": (AveragingConfig(dimension=6, weighting="log-tfidf", hidden_layers=1, by_row=True), PAIRS),
    "deeper averaging": (AveragingConfig(dimension=6, weighting="idf", hidden_layers=3, dropout=0.1), WORDS),
    "lstm": (LSTMConfig(dimension=6, hidden=5), WORDS),
    "lstm of one direction": (LSTMConfig(dimension=6, hidden=5, directions=1, pooling="last"), WORDS),
}
ENSEMBLES: dict[str, tuple[ModelConfig, ...]] = {
    "ensemble of linear models": (TfidfConfig(features="words"), TfidfConfig(estimator="nb"), Toy.Config()),
    "ensemble with a network": (
        TfidfConfig(),
        AveragingConfig(dimension=6, weighting="tfidf", hidden_layers=1, features="words"),
    ),
}
FITTED = [*SETTINGS, *ENSEMBLES]
SPLIT = small_split()
TEXTS, LABELS = SPLIT.train.texts.to_list(), SPLIT.train.names()
NEW_TEXTS = [*SPLIT.test.texts.to_list(), "moon moon moon", "nothing here is known", "goal"]


def system_of(model: ModelConfig, vocabulary: VocabularyConfig, glove: str) -> SystemConfig:
    is_of_vectors = isinstance(model, MeanVectorConfig)
    return SystemConfig(
        description="small", model=model, vocabulary=vocabulary, training=EPOCHS,
        vectors=PretrainedConfig(name=glove) if is_of_vectors else None, leave_out_missing=is_of_vectors,
    )  # fmt: skip


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A classifier for each name of FITTED, fitted once. The members of an ensemble are fitted and weighed by hand."""
    glove = write_small_glove(tmp_path_factory.mktemp("vectors"))

    @cache
    def get(name: str) -> FittedClassifier:
        if name in SETTINGS:
            return fit_classifier(system_of(*SETTINGS[name], glove), TEXTS, LABELS)
        classifiers = [fit_classifier(system_of(model, PAIRS, glove), TEXTS, LABELS) for model in ENSEMBLES[name]]
        weights = np.linspace(0.5, 1, len(classifiers), dtype=np.float32)
        model = Ensemble([classifier.model for classifier in classifiers], weights)
        first = classifiers[0]
        config = replace(first.record.config, model=model.config)
        return replace(first, model=model, record=replace(first.record, config=config, system=config))

    return get


each_fitted = pytest.mark.parametrize("name", FITTED)


def encoded(classifier: FittedClassifier, texts: Sequence[str] = tuple(NEW_TEXTS)) -> Ragged:
    return classifier.encode(list(texts))


def closeness(logits) -> float:
    """Rounding of float32, in sums of numbers as large as these."""
    return 1e-5 * max(1.0, float(np.abs(logits).max()))


def test_every_model_of_the_table_is_fitted_here(fitted):
    assert {type(fitted(name).model) for name in FITTED} == set(MODELS.values())


def test_the_models_learn_what_there_is_to_learn(fitted):
    """The tests below would say little of models that give all documents the same answer."""
    for name in FITTED:
        assert fitted(name).evaluate(SPLIT.test.texts, SPLIT.test.names()).accuracy > 0.6, name


@each_fitted
def test_a_model_restored_from_its_arrays_gives_the_same_logits(name, fitted):
    classifier = fitted(name)
    model = classifier.model
    restored = restore_model(model.config, model.arrays(), vocabulary=classifier.vocabulary, n_classes=3)
    assert type(restored) is type(model)
    assert restored.config == model.config
    documents = encoded(classifier)
    np.testing.assert_array_equal(restored.logits(documents), model.logits(documents))


@each_fitted
def test_arrays_of_other_shapes_or_missing_ones_are_refused(name, fitted):
    classifier = fitted(name)
    model, arrays = classifier.model, classifier.model.arrays()

    def refused(changed):
        with pytest.raises(SettingError, match=r"the array|no array"):
            restore_model(model.config, changed, vocabulary=classifier.vocabulary, n_classes=3)

    for key, array in arrays.items():
        refused({other: value for other, value in arrays.items() if other != key})
        refused({**arrays, key: array[:-1]})
        refused({**arrays, key: np.concatenate([array, array[:1]])})
        refused({**arrays, key: array[np.newaxis]})
        if array.ndim > 1 and key.rpartition(".")[2] not in ("vectors",) and not key.endswith("embedding.weight"):
            refused({**arrays, key: np.ascontiguousarray(array[..., :-1])})
    with pytest.raises(SettingError):
        restore_model(model.config, arrays, vocabulary=classifier.vocabulary, n_classes=4)


@each_fitted
def test_a_model_whose_rows_are_cut_answers_as_before_where_they_play_no_part(name, fitted):
    """The vocabulary keeps the rows of some texts; for those, nothing has changed."""
    classifier = fitted(name)
    before, model = classifier.vocabulary, classifier.model
    documents = encoded(classifier, ["the moon and the rocket", "a goal of the team"])
    is_kept = np.zeros(len(before), dtype=bool)
    is_kept[documents.ids] = True
    smaller, rows = before.keep_rows(is_kept)
    assert len(smaller) < len(before)
    arrays = dict(model.arrays())
    for prefix, member in model.members.items():
        for key in member.row_arrays:
            array = arrays[prefix + key]
            arrays[prefix + key] = array[rows[rows < len(array)]]
    cut = restore_model(model.config, arrays, vocabulary=smaller, n_classes=3)
    ids = replace(documents, ids=np.searchsorted(rows, documents.ids).astype(documents.ids.dtype))
    logits = model.logits(documents)
    np.testing.assert_allclose(cut.logits(ids), logits, atol=closeness(logits))


@each_fitted
def test_a_compressed_classifier_has_fewer_rows_fits_and_answers_as_it_did_when_saved(
    name, fitted, tmp_path, monkeypatch
):
    monkeypatch.setattr(compression, "LEAST_ROWS", 5)
    classifier = fitted(name)
    smallest = compression._Compressor(classifier).smallest() + compression._bytes_of_other_files(classifier)
    compressed = compression.compress(classifier, smallest + 60, SPLIT.test.texts, SPLIT.test.names())
    assert compressed.n_bytes <= smallest + 60
    assert len(compressed.classifier.vocabulary) < len(classifier.vocabulary)
    bywords.save_classifier(compressed.classifier, tmp_path / "model")
    assert model_folder.size_bytes(tmp_path / "model") <= smallest + 60
    loaded = bywords.load_classifier(tmp_path / "model")
    expected = compressed.classifier.predict(NEW_TEXTS).probabilities
    np.testing.assert_array_equal(loaded.predict(NEW_TEXTS).probabilities, expected)


def growth_of(classifier: FittedClassifier) -> Growth:
    """New words, n-grams and character n-grams, and a class before and a class behind one that was there."""
    vocabulary, rows = grown_vocabulary(
        classifier.vocabulary, classifier.tokenizer(["an unseen moon orbit of eggs"] * 9)
    )
    assert len(vocabulary) > len(classifier.vocabulary)
    return Growth(vocabulary, rows, np.array([0, 2, 3]), 5)


def with_rows_of(growth: Growth, documents: Ragged) -> Ragged:
    """The same documents, with the ids that their words have after the vocabulary has grown."""
    return replace(documents, ids=growth.rows[documents.ids].astype(documents.ids.dtype))


@each_fitted
def test_a_model_that_can_be_a_member_grows_and_keeps_its_logits_and_others_say_that_they_cannot(name, fitted):
    classifier = fitted(name)
    growth, documents, model = growth_of(classifier), encoded(classifier), classifier.model
    if not model.config.can_be_member:
        with pytest.raises(SettingError, match="cannot take new words and classes"):
            model.grown(growth)
        return
    grown, logits = model.grown(growth), model.logits(documents)
    found = grown.logits(with_rows_of(growth, documents))
    assert found.shape == (len(documents), 5)
    np.testing.assert_allclose(found[:, [0, 2, 3]], logits, atol=closeness(logits))
    np.testing.assert_array_equal(found[:, [1, 4]], 0)
    restored = restore_model(grown.config, grown.arrays(), vocabulary=growth.vocabulary, n_classes=5)
    again = restored.logits(growth.vocabulary.encode(classifier.tokenizer(["an unseen moon orbit of eggs"])))
    assert np.isfinite(again).all()


@each_fitted
def test_a_member_is_scaled_shifted_and_made_to_have_no_opinion(name, fitted):
    classifier = fitted(name)
    documents, model = encoded(classifier), classifier.model
    logits = model.logits(documents)
    by_class, one, shift = (
        np.array([0.5, 2, 1], dtype=np.float32),
        np.float32(0.3),
        np.array([1, 0, -2], dtype=np.float32),
    )
    classes, others = np.array([1]), np.array([0, 2])
    if not model.config.can_be_member:
        for changed in (
            lambda: model.scaled_by(one), lambda: model.shifted(shift), lambda: model.without_opinion(classes, others)
        ):  # fmt: skip
            with pytest.raises(SettingError, match="cannot be a member of an ensemble"):
                changed()
        return
    near = {"rtol": 1e-4, "atol": closeness(logits)}
    np.testing.assert_allclose(model.scaled_by(by_class).logits(documents), logits * by_class, **near)
    np.testing.assert_allclose(model.scaled_by(one).logits(documents), logits * one, **near)
    np.testing.assert_allclose(model.shifted(shift).logits(documents), logits + shift, **near)
    expected = logits.copy()
    expected[:, 1] = logits[:, [0, 2]].mean(axis=1)
    np.testing.assert_allclose(model.without_opinion(classes, others).logits(documents), expected, **near)
    np.testing.assert_array_equal(model.logits(documents), logits)  # the model itself is as it was


@each_fitted
def test_a_centred_model_gives_the_same_probabilities(name, fitted):
    classifier = fitted(name)
    documents, model = encoded(classifier), classifier.model
    expected = softmax(model.logits(documents))
    np.testing.assert_allclose(softmax(model.centred().logits(documents)), expected, atol=1e-4)


@each_fitted
def test_each_row_has_a_strength_and_no_row_array_is_of_another_length(name, fitted):
    classifier = fitted(name)
    for prefix, member in classifier.model.members.items():
        strength = member.row_strength()
        assert len(strength) == classifier.vocabulary.n_rows(member.config.features)
        assert (strength >= 0).all()
        assert member.row_idf() is None or len(member.row_idf()) == len(strength)
        for key in member.row_arrays:
            assert len(classifier.model.arrays()[prefix + key]) == len(strength)


@each_fitted
def test_linear_terms_add_up_to_the_logits_and_models_with_a_hidden_layer_have_none(name, fitted):
    classifier = fitted(name)
    documents = encoded(classifier)
    for member in classifier.model.members.values():
        if not member.is_linear:
            with pytest.raises(SettingError, match="no sum over words"):
                member.linear_terms(documents)
            continue
        terms, logits = member.linear_terms(documents), member.logits(documents)
        of_document = np.repeat(np.arange(len(documents)), documents.lengths)
        added_up = np.tile(terms.bias, (len(documents), 1))
        at_id = terms.positions >= 0
        rows = terms.table(np.arange(terms.n_rows)).astype(np.float64)
        values = terms.weights[:, np.newaxis] * rows[terms.rows]
        np.add.at(added_up, of_document[terms.positions[at_id]], values[at_id])
        left_over = values[~at_id].sum(axis=0)  # of documents that have no id which the model sees
        assert np.abs(added_up.sum(axis=0) + left_over - logits.sum(axis=0)).max() < closeness(logits) * len(documents)
        sees_something = [bool(len(member.linear_terms(documents.select(np.array([n]))).positions)) for n in range(3)]
        assert all(sees_something)
        np.testing.assert_allclose(added_up[:60], logits[:60], atol=closeness(logits))


@each_fitted
def test_an_explanation_adds_up_to_the_answer(name, fitted):
    classifier = fitted(name)
    for text in ("the moon is a rocket of the goal", "nothing", "unseen words", ""):
        explanation = explain(classifier, text)
        logits = classifier.scaled(classifier.model.logits(encoded(classifier, [text]))[0]) + classifier.offsets
        added_up = explanation.bias + explanation.attributions.sum(axis=0)
        assert explanation.attributions.shape == (len(explanation.tokens), 3)
        assert explanation.completeness_gap == pytest.approx(np.abs(added_up - logits).max(), abs=1e-9)
        if classifier.model.is_linear:
            assert explanation.method == "exact"
            assert explanation.completeness_gap < closeness(classifier.model.logits(encoded(classifier)))
        else:
            assert explanation.method == "integrated gradients"
            assert explanation.completeness_gap <= 0.02 * np.ptp(logits)


@each_fitted
def test_a_saved_and_loaded_classifier_gives_the_same_probabilities(name, fitted, tmp_path):
    classifier = fitted(name)
    bywords.save_classifier(classifier, tmp_path / "model")
    loaded = bywords.load_classifier(tmp_path / "model")
    assert loaded.model.config == classifier.model.config
    assert loaded.record.config == classifier.record.config
    expected = classifier.predict(NEW_TEXTS)
    np.testing.assert_array_equal(loaded.predict(NEW_TEXTS).probabilities, expected.probabilities)
    np.testing.assert_array_equal(loaded.predict(NEW_TEXTS).labels, expected.labels)


def test_a_selection_among_models_with_a_toy_is_saved_and_loaded_too(tmp_path):
    config = replace(
        bywords.SYSTEMS["auto"], model=SelectionConfig(candidates=(Toy.Config(smoothing=0.1), TfidfConfig()))
    )
    classifier = fit_classifier(config, TEXTS, LABELS)
    bywords.save_classifier(classifier, tmp_path / "model")
    loaded = bywords.load_classifier(tmp_path / "model")
    assert {trial["name"] for trial in loaded.record.selection.trials} >= {
        "Toy",
        "SVM on words, n-grams and character n-grams",
    }
    expected = classifier.predict(NEW_TEXTS).probabilities
    np.testing.assert_array_equal(loaded.predict(NEW_TEXTS).probabilities, expected)


@pytest.mark.parametrize("name", ["toy", "svm", "lstm", "ensemble of linear models"])
def test_a_folder_of_a_model_that_is_not_registered_is_refused_and_the_error_says_to_register_it(
    name, fitted, tmp_path, monkeypatch
):
    classifier = fitted(name)
    bywords.save_classifier(classifier, tmp_path / "model")
    settings = {"svm": "TfidfConfig", "lstm": "LSTMConfig"}.get(name, "ToyConfig")
    monkeypatch.delitem(MODELS, settings)
    expected = rf"model: .* has no kind '{settings}'.*register it with bywords\.register_model before loading"
    with pytest.raises(ModelFolderError, match=expected) as refused:
        bywords.load_classifier(tmp_path / "model")
    assert "\n" not in str(refused.value)


# A model of one class, which one public call adds


TOY = SystemConfig(description="counts, by hand", model=Toy.Config())


def test_a_toy_model_trains_answers_explains_saves_loads_shrinks_and_continues(tmp_path, monkeypatch):
    classifier = bywords.TextClassifier(TOY).fit(TEXTS, LABELS)
    assert classifier.score(SPLIT.test.texts, SPLIT.test.names()) > 0.9
    (explanation,) = classifier.explain("the moon and a rocket")
    assert explanation.method == "exact"
    assert explanation.completeness_gap < 1e-5
    assert explanation.words()[0].word in TOPICS["space"]
    classifier.save(tmp_path / "model")
    loaded = bywords.TextClassifier.load(tmp_path / "model")
    assert loaded.system == TOY
    np.testing.assert_array_equal(loaded.predict_proba(NEW_TEXTS), classifier.predict_proba(NEW_TEXTS))
    monkeypatch.setattr(compression, "LEAST_ROWS", 5)
    before = len(loaded.fitted_.vocabulary)
    smallest = compression._Compressor(loaded.fitted_).smallest() + compression._bytes_of_other_files(loaded.fitted_)
    compressed = loaded.compress(smallest + 60, SPLIT.test.texts, SPLIT.test.names())
    assert compressed.n_bytes <= smallest + 60
    assert len(loaded.fitted_.vocabulary) < before
    eggs = ["eggs and flour", "butter, eggs", "the oven is eggs"] * 10
    more = small_corpus(60, seed=3)
    classifier.continue_fit([*more.texts, *eggs], [*more.names(), *["cooking"] * 30])
    assert classifier.classes_.tolist() == ["cooking", "motor", "space", "sport"]
    assert classifier.predict(["eggs and butter", "a rocket to the moon"]).tolist() == ["cooking", "space"]
    assert classifier.summary_.n_before == 150
    classifier.save(tmp_path / "more")
    again = bywords.load_classifier(tmp_path / "more")
    np.testing.assert_array_equal(again.predict(NEW_TEXTS).probabilities, classifier.predict_proba(NEW_TEXTS))
    again = bywords.TextClassifier.of(again).continue_fit(more.texts, more.names())
    assert again.predict(["eggs and butter"]).tolist() == ["cooking"]


def test_a_model_is_registered_once_and_no_other_takes_its_name():
    assert bywords.register_model(Toy) is Toy

    @dataclass(frozen=True, kw_only=True)
    class ToyConfig(ModelConfig):
        pass

    class Other(LinearModel):
        Config = ToyConfig

    with pytest.raises(SettingError, match="there is a model with the settings 'ToyConfig' already: Toy"):
        bywords.register_model(Other)
    assert MODELS["ToyConfig"] is Toy


def test_a_model_that_is_not_registered_is_not_trained_and_the_error_says_how_to_add_it(monkeypatch):
    monkeypatch.delitem(MODELS, "ToyConfig")
    with pytest.raises(
        SettingError, match=r"no model with the settings 'ToyConfig': add it with bywords\.register_model"
    ):
        bywords.TextClassifier(TOY).fit(TEXTS, LABELS)


# Modules of PyTorch

N_WORDS, N_CLASSES = 12, 3

MODULES = {
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
each_module = pytest.mark.parametrize("config", MODULES.values(), ids=MODULES.keys())

DOCUMENTS = [[2, 3, 4], [5], [3, 3], [6, 7, 8, 9, 10, 11, 2, 2, 2], [4, 3, 2], [10, 11]]


def train(model, documents, labels, training, *, seed=0):
    targets = Targets.of(labels)
    fit(model, documents, targets, documents, targets, training, generator=np.random.default_rng(seed))


def small(config, *, seed=0, vectors=None):
    more = {}
    if getattr(config, "weighting", "uniform") != "uniform":
        more["idf"] = torch.linspace(1, 2, N_WORDS)
    generator = torch.Generator().manual_seed(seed)
    return model_class(config).module_class()(
        config, n_words=N_WORDS, n_classes=N_CLASSES, generator=generator, vectors=vectors, **more
    )


def logits_of(model, documents):
    """Straight from the model, with a gradient."""
    return model(model.prepare(Ragged.of(documents)))


def test_every_model_that_is_trained_in_epochs_has_a_module_here():
    assert {model_class(config) for config in MODULES.values()} == {
        model for model in MODELS.values() if model.trains_in_epochs
    }


@each_module
def test_eight_documents_can_be_learned_by_heart(config):
    documents = Ragged.of([*DOCUMENTS, [9, 8], [2, 5]])
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 1])
    model = small(config)
    training = TrainingConfig(max_epochs=300, patience=300, batch_size=4, learning_rate=0.03)
    if isinstance(config, AveragingConfig):
        labels[4] = labels[0]  # the same words in another order: to a model without order, the same document
    train(model, documents, labels, training)
    assert accuracy(labels, predict_logits(model, documents).argmax(axis=1)) == 1.0


@each_module
def test_logits_do_not_depend_on_batch_mates_or_on_the_length_of_others(config):
    model = small(config).eval()
    alone = torch.cat([logits_of(model, [document]) for document in DOCUMENTS])
    torch.testing.assert_close(logits_of(model, DOCUMENTS), alone)
    with_a_long_one = logits_of(model, [*DOCUMENTS, [2] * 500])[:-1]
    torch.testing.assert_close(with_a_long_one, alone)


@each_module
def test_logits_come_in_the_order_of_the_documents(config):
    model = small(config)
    order = np.array([3, 0, 5, 1, 4, 2])
    documents = Ragged.of(DOCUMENTS)
    in_order = predict_logits(model, documents, batch_size=4)
    shuffled = predict_logits(model, documents.select(order), batch_size=2)
    np.testing.assert_allclose(shuffled, in_order[order], atol=1e-6)
    assert in_order.shape == (len(DOCUMENTS), N_CLASSES)
    assert in_order.dtype == np.float32


@each_module
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(config):
    documents, labels = Ragged.of(DOCUMENTS), np.array([0, 1, 2, 0, 1, 2])

    def trained(seed):
        model = small(config, seed=seed)
        torch.rand(7)  # the global generator plays no part
        training = TrainingConfig(max_epochs=3, batch_size=2)
        train(model, documents, labels, training, seed=seed)
        return model.state_dict()

    first, again, other = trained(1), trained(1), trained(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@each_module
def test_training_does_not_touch_the_global_generator(config):
    documents, labels = Ragged.of(DOCUMENTS), np.array([0, 1, 2, 0, 1, 2])
    before = torch.get_rng_state()
    model = small(config)
    train(model, documents, labels, TrainingConfig(max_epochs=1))
    assert torch.equal(torch.get_rng_state(), before)


@each_module
def test_a_document_of_one_unknown_word_gets_finite_logits(config):
    assert torch.isfinite(logits_of(small(config).eval(), [[]])).all()


@each_module
def test_given_vectors_are_the_start_and_frozen_ones_stay(config):
    vectors = torch.randn(N_WORDS, 6, generator=torch.Generator().manual_seed(0))
    documents, labels = Ragged.of(DOCUMENTS), np.array([0, 1, 2, 0, 1, 2])
    for frozen in (True, False):
        model = small(type(config)(**{**vars(config), "frozen": frozen}), vectors=vectors.clone())
        assert torch.equal(model.embedding.weight, vectors)
        training = TrainingConfig(max_epochs=1, batch_size=2)
        train(model, documents, labels, training)
        assert torch.equal(model.embedding.weight, vectors) == frozen


def test_averaging_is_the_mean_of_the_word_vectors_then_a_linear_layer():
    model = small(MODULES["averaging"]).eval()
    mean = model.embedding.weight[[2, 3, 3]].mean(dim=0)
    torch.testing.assert_close(logits_of(model, [[2, 3, 3]])[0], model.output(mean))


def test_idf_weights_the_mean():
    model = small(MODULES["averaging idf"]).eval()
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
    config = MODULES[name]
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
