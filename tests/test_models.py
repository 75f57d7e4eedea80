"""The contract suite: every model of `MODELS`, in every choice of its config, passes all of these.

So does a model that is defined here in one class and added by `bywords.register_model`. The modules that PyTorch trains
have more to keep: `each_module`.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import torch
from small_corpus import small_corpus, write_small_glove
from torch.nn.utils.rnn import PackedSequence
from twins import lstm as plain_lstm

import bywords
from bywords.artifact.compression import compress
from bywords.artifact.description import contents_of, load_classifier, save_classifier
from bywords.artifact.model_folder import extent, size_bytes
from bywords.classifier import TextClassifier
from bywords.data.targets import Targets
from bywords.errors import ModelFolderError, SettingError
from bywords.evaluation.calibration import Temperature
from bywords.evaluation.metrics import accuracy
from bywords.evaluation.operating_points import OperatingCurves
from bywords.evaluation.reliability import Reliability
from bywords.explain.attributions import linear_attributions
from bywords.explain.explanation import explain
from bywords.explain.token_alignment import TokenAlignment
from bywords.fitted import FitSummary, FittedClassifier, TrainingRecord
from bywords.kernels import lstm as lstm_kernels
from bywords.models.averaging import AveragingConfig
from bywords.models.base import MODELS, Growth, LinearModel, ModelConfig, model_class, restore_model
from bywords.models.cnn import CNNConfig
from bywords.models.ensemble import Ensemble, EnsembleConfig
from bywords.models.gru import GRUConfig
from bywords.models.label_tree import LabelTreeConfig
from bywords.models.lstm import LSTMConfig
from bywords.models.mean_vector import MeanVectorConfig
from bywords.models.modules.layers import Dropout, predict_logits
from bywords.models.modules.lstm import PackedLSTM, Recurrence
from bywords.models.static_vectors import StaticVectorsConfig
from bywords.models.tfidf_linear import TfidfConfig
from bywords.system_config import FitParameters, SelectionConfig, SystemConfig, TrainingConfig
from bywords.systems import SYSTEMS
from bywords.text.ragged import Ragged
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.training.callback import Callback
from bywords.training.fit import fit_classifier
from bywords.training.incremental import grown_vocabulary
from bywords.training.loop import fit
from bywords.training.system import fit_model
from bywords.vectors.load import PretrainedConfig
from bywords.vectors.word_vectors import Aligned, Coverage

CORPUS = small_corpus(90)
TOKENS = Tokenizer()(CORPUS.texts)
VOCABULARY = Vocabulary.of(TOKENS, VocabularyConfig(ngrams=2, char_ngrams=(2, 4)))
ENCODED = VOCABULARY.encode(TOKENS)
SHORT_TRAINING = TrainingConfig(max_epochs=8, learning_rate=0.05)


class Counts(LinearModel):
    """How much more often a word occurs in the documents of one class than of others: all that a new model needs."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ModelConfig):
        smoothing: float = 1.0

    @classmethod
    def fit(cls, config, prepared, targets, *, vocabulary, **_):
        counts = np.full((len(vocabulary), targets.n_classes), config.smoothing, dtype=np.float32)
        rows, labels = targets.pairs()
        for row, label in zip(rows, labels, strict=True):
            np.add.at(counts[:, label], prepared.select([row]).ids, 1)
        shares = np.log(counts / counts.sum(axis=0))
        weights = (shares - shares.mean(axis=1, keepdims=True)) / 10
        return cls(config, weights, np.zeros(targets.n_classes, dtype=np.float32)), []


@pytest.fixture(autouse=True)
def registered():
    """The model of this file is there for its tests alone."""
    bywords.register_model(Counts)
    yield
    MODELS.pop("CountsConfig", None)


MODEL_CASES = {
    "svm": TfidfConfig(estimator="svc", sublinear=True),
    "naive bayes svm": TfidfConfig(estimator="nb-svc", sublinear=True, features="ngrams"),
    "naive bayes": TfidfConfig(estimator="nb", features="words"),
    "label tree": LabelTreeConfig(),
    "English word vectors": StaticVectorsConfig(),
    "label tree of several nodes": LabelTreeConfig(max_leaf=2, threshold=0.05),
    "mean vector": MeanVectorConfig(pooling="idf"),
    "highest vector": MeanVectorConfig(pooling="max"),
    "averaging": AveragingConfig(dimension=6, features="words"),
    "averaging deeper": AveragingConfig(dimension=6, weighting="log-tfidf", hidden_layers=2, dropout=0.1),
    "lstm": LSTMConfig(dimension=6, hidden=5),
    "gru": GRUConfig(dimension=6, hidden=8, n_layers=2, dropout=0.1, pooling="mean"),
    "cnn": CNNConfig(dimension=6, n_filters=8, widths=(1, 3)),
    "ensemble": EnsembleConfig(members=(TfidfConfig(estimator="svc"), TfidfConfig(estimator="nb", features="words"))),
    "deep ensemble": EnsembleConfig(
        members=(TfidfConfig(estimator="nb"), AveragingConfig(dimension=6, hidden_layers=1, features="words"))
    ),
    "one class of this file": Counts.Config(),
}
each_model = pytest.mark.parametrize("name", MODEL_CASES)


@cache
def fitted_model(name):
    """A small model, fitted to the corpus; one model for all tests, which leave it as it is."""
    MODELS.setdefault("CountsConfig", Counts)
    config = MODEL_CASES[name]
    if isinstance(config, EnsembleConfig):
        weights = np.array([0.5, 2.0], dtype=np.float32)
        return Ensemble([_fitted(member) for member in config.members], weights)
    return _fitted(config)


def _fitted(config):
    aligned = None
    if isinstance(config, MeanVectorConfig):
        matrix = np.random.default_rng(0).normal(size=(len(VOCABULARY), 8)).astype(np.float32)
        coverage = Coverage(
            n_types=1, n_types_found=1, n_by_lower_case=0, n_tokens=1, n_tokens_found=1
        )  # fmt: skip
        aligned = Aligned(matrix=matrix, has_vector=np.ones(len(matrix), dtype=bool), coverage=coverage)
    prepared = model_class(config).prepare(config, ENCODED, VOCABULARY)
    return fit_model(
        config, prepared, Targets.of(CORPUS.labels), None, vocabulary=VOCABULARY, seed=0, training=SHORT_TRAINING,
        n_epochs=8, aligned=aligned,
    )[0]  # fmt: skip


def classifier_of(model):
    """The model with all that makes labels of its logits."""
    config = SystemConfig(description="a small one", model=model.config, vocabulary=VOCABULARY.config)
    summary = FitSummary(n_train=len(CORPUS), n_valid=0, n_dropped=0, valid_accuracy=1.0)
    return FittedClassifier(
        tokenizer=Tokenizer(), vocabulary=VOCABULARY, model=model, calibration=Temperature(1.0),
        reliability=Reliability(), classes=np.array(CORPUS.label_names), label_format="one",
        operating_curves=OperatingCurves.of(np.zeros((0, 3)), Targets.of(CORPUS.labels[:0], 3)),
        record=TrainingRecord(system=config, parameters=FitParameters(), config=config, summary=summary),
    )  # fmt: skip


def restored(model, arrays, vocabulary=VOCABULARY):
    return restore_model(model.config, arrays, vocabulary=vocabulary, n_classes=3)


def test_every_model_of_the_table_has_a_case():
    assert {type(config) for config in MODEL_CASES.values()} == {model.Config for model in MODELS.values()}


@each_model
def test_a_model_is_restored_from_its_arrays_to_the_bit(name):
    model = fitted_model(name)
    np.testing.assert_array_equal(restored(model, model.arrays()).logits(ENCODED), model.logits(ENCODED))
    assert model.logits(ENCODED).dtype == np.float32
    assert accuracy(CORPUS.labels, model.logits(ENCODED).argmax(axis=1)) > 0.8


@each_model
def test_arrays_of_other_shapes_are_refused_before_they_answer(name):
    model, arrays = fitted_model(name), fitted_model(name).arrays()
    for wrong in arrays:
        for array in (arrays[wrong][:-1], arrays[wrong][np.newaxis], np.repeat(arrays[wrong], 2, axis=-1)):
            if array.shape[1:] == arrays[wrong].shape[1:] or array.shape[0] in (1, arrays[wrong].shape[0]):
                with pytest.raises(SettingError, match=r"the array '.*' is .*, expected"):
                    model.config.validate({**arrays, wrong: array}, VOCABULARY, 3)
        with pytest.raises(SettingError, match="there is no array"):
            model.config.validate({key: arrays[key] for key in arrays if key != wrong}, VOCABULARY, 3)
    for n_classes in (2, 4):
        with pytest.raises(SettingError):
            model.config.validate(arrays, VOCABULARY, n_classes)


@each_model
def test_the_rows_of_a_document_are_all_that_its_answer_needs(name):
    model, document = fitted_model(name), ENCODED.select([0])
    is_kept = np.zeros(len(VOCABULARY), dtype=bool)
    is_kept[document.ids] = True
    smaller, rows = VOCABULARY.keep_rows(is_kept)
    cut = restored(model, model.arrays_of_rows(rows), smaller)
    assert len(smaller) < len(VOCABULARY) / 2
    encoded = smaller.encode(TOKENS.select([0]))
    np.testing.assert_allclose(cut.logits(encoded), model.logits(document), atol=1e-5)


@each_model
def test_a_model_is_compressed_saved_and_loaded_as_it_was_judged(name, tmp_path):
    classifier = classifier_of(fitted_model(name))
    save_classifier(classifier, tmp_path / "whole")
    own = extent(contents_of(classifier)).bytes
    budget = size_bytes(tmp_path / "whole") + 2_000 - own // 2
    compressed = compress(classifier, budget, CORPUS.texts, CORPUS.names())
    save_classifier(compressed.classifier, tmp_path / "small")
    loaded = load_classifier(tmp_path / "small")
    assert size_bytes(tmp_path / "small") <= compressed.n_bytes <= budget
    assert compressed.score >= compressed.score_before - 0.1
    assert compressed.classifier.storage or len(compressed.classifier.vocabulary) < len(VOCABULARY)
    np.testing.assert_array_equal(
        loaded.predict(CORPUS.texts).probabilities, compressed.classifier.predict(CORPUS.texts).probabilities
    )


@each_model
def test_a_model_grown_by_words_and_classes_answers_as_before_and_what_is_new_adds_nothing(name):
    model = fitted_model(name)
    vocabulary, rows = grown_vocabulary(VOCABULARY, Tokenizer()(["eggs flour butter"] * 3))
    growth = Growth(vocabulary, rows, np.array([0, 2, 3]), 4)
    if not model.config.can_be_member:
        with pytest.raises(SettingError, match="cannot take new words and classes"):
            model.grown(growth)
        return
    grown = model.grown(growth)
    after = grown.logits(vocabulary.encode(TOKENS))
    np.testing.assert_allclose(after[:, [0, 2, 3]], model.logits(ENCODED), atol=1e-5)
    assert not after[:, 1].any()
    grown.config.validate(grown.arrays(), vocabulary, 4)
    assert len(vocabulary) > len(VOCABULARY)


@each_model
def test_a_model_is_scaled_and_shifted_or_says_that_it_cannot_be_a_member(name):
    model, weight = fitted_model(name), np.array([2, 0.5, -1], dtype=np.float32)
    if not model.config.can_be_member:
        for change in (model.scaled_by, model.shifted):
            with pytest.raises(SettingError, match="cannot be a member of an ensemble"):
                change(weight)
        return
    before = model.logits(ENCODED)
    np.testing.assert_allclose(model.scaled_by(weight).logits(ENCODED), before * weight, atol=1e-4)
    np.testing.assert_allclose(model.scaled_by(np.float32(3)).logits(ENCODED), before * 3, atol=1e-4)
    np.testing.assert_allclose(model.shifted(weight).logits(ENCODED), before + weight, atol=1e-5)
    np.testing.assert_array_equal(model.logits(ENCODED), before)


@each_model
def test_a_model_without_an_opinion_of_a_class_gives_it_the_mean_of_the_others(name):
    model, classes, others = fitted_model(name), np.array([1]), np.array([0, 2])
    if not model.config.can_be_member:
        with pytest.raises(SettingError, match="cannot be a member of an ensemble"):
            model.without_opinion(classes, others)
        return
    before, after = model.logits(ENCODED), model.without_opinion(classes, others).logits(ENCODED)
    np.testing.assert_allclose(after[:, 1], before[:, others].mean(axis=1), atol=1e-5)
    np.testing.assert_allclose(after[:, others], before[:, others], atol=1e-5)


@each_model
def test_each_row_that_a_member_sees_has_a_strength_and_an_entry_in_its_row_arrays(name):
    model = fitted_model(name)
    for member in model.members.values():
        n_rows = VOCABULARY.n_rows(member.config.features)
        assert {len(member.arrays()[key]) for key in member.row_arrays} == {n_rows}
        assert len(member.row_strength()) == n_rows
        assert (member.row_strength() >= 0).all()
        assert member.idf is None or len(member.idf) == n_rows


@each_model
def test_what_is_common_to_all_classes_changes_no_probability(name):
    model = fitted_model(name)
    before, after = model.logits(ENCODED), model.centred().logits(ENCODED)
    np.testing.assert_allclose(
        after - after.mean(axis=1, keepdims=True), before - before.mean(axis=1, keepdims=True), atol=1e-4
    )


@each_model
def test_the_words_of_a_text_add_up_to_its_logits(name):
    classifier = classifier_of(fitted_model(name))
    for text in [*CORPUS.texts[:5], "moon moonlight qqq", "", "qqq"]:
        explanation = explain(classifier, text)
        total = explanation.bias + explanation.attributions.sum(axis=0)
        answered = classifier.scaled(classifier.model.logits(classifier.encode([text]))[0])
        np.testing.assert_allclose(np.abs(total - answered).max(), explanation.completeness_gap, atol=1e-9)
        assert explanation.method == ("exact" if classifier.model.is_linear else "integrated gradients")
        if not classifier.model.reads_in_order:  # over so many n-grams an LSTM jumps; test_explain has it over words
            assert explanation.completeness_gap < (1e-4 if classifier.model.is_linear else 0.05)
    assert np.abs(explain(classifier, CORPUS.texts[0]).attributions).max() > 0.01


@each_model
def test_the_terms_of_a_linear_model_are_its_logits(name):
    model = fitted_model(name)
    alignment = TokenAlignment.of(VOCABULARY, TOKENS.select([3]))
    for member in model.members.values():
        if not member.is_linear:
            with pytest.raises(SettingError, match="are no sum over words"):
                member.linear_terms(alignment.documents)
            continue
        of_tokens, bias = linear_attributions(member, alignment, len(TOKENS.select([3]).codes))
        np.testing.assert_allclose(of_tokens.sum(axis=0) + bias, member.logits(alignment.documents)[0], atol=1e-4)


@each_model
def test_a_model_is_trained_saved_and_loaded(name, tmp_path):
    config, vectors = MODEL_CASES[name], None
    if isinstance(config, EnsembleConfig):
        config = SelectionConfig(candidates=config.members)
    if isinstance(config, MeanVectorConfig):
        vectors = PretrainedConfig(name=write_small_glove(tmp_path))
    system = SystemConfig(
        description="a small one", model=config, vectors=vectors, leave_out_missing=vectors is not None,
        training=SHORT_TRAINING,
    )  # fmt: skip
    fitted = fit_classifier(system, CORPUS.texts, CORPUS.names())
    save_classifier(fitted, tmp_path / "model")
    loaded = load_classifier(tmp_path / "model")
    assert type(loaded.model) is type(fitted.model)
    assert loaded.record.config == fitted.record.config
    asked = [*CORPUS.texts, "", "qqq moon"]
    np.testing.assert_array_equal(loaded.predict(asked).probabilities, fitted.predict(asked).probabilities)
    assert loaded.evaluate(CORPUS.texts, CORPUS.names()).accuracy > 0.8


def test_a_model_of_one_class_and_one_call_is_trained_explained_compressed_and_continued(tmp_path):
    system = SystemConfig(
        description="counts", model=Counts.Config(smoothing=0.5), vocabulary=VocabularyConfig(char_ngrams=(2, 4))
    )  # fmt: skip
    classifier = TextClassifier(system).fit(CORPUS.texts, CORPUS.names())
    test = small_corpus(60, seed=1)
    assert classifier.score(test.texts, test.names()) > 0.9
    classifier.save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model")
    assert loaded.config_.model == Counts.Config(smoothing=0.5)
    np.testing.assert_array_equal(loaded.predict_proba(test.texts), classifier.predict_proba(test.texts))
    (explanation,) = loaded.explain("moon rocket the goal")
    assert (explanation.method, explanation.completeness_gap < 1e-5) == ("exact", True)
    assert explanation.words("space")[0].word in ("moon", "rocket")
    assert loaded.counterfactual("moon rocket").predicted != ("space",)
    own = extent(contents_of(loaded.fitted_)).bytes
    compressed = loaded.compress(size_bytes(tmp_path / "model") + 2_000 - own // 4, test.texts, test.names())
    loaded.save(tmp_path / "small")
    assert size_bytes(tmp_path / "small") <= compressed.n_bytes
    assert size_bytes(tmp_path / "small") < size_bytes(tmp_path / "model")
    assert len(compressed.classifier.vocabulary) < len(classifier.fitted_.vocabulary)
    more = small_corpus(90, seed=2)
    texts = [*more.texts, *["eggs flour butter oven"] * 30]
    classifier.continue_fit(texts, [*more.names(), *["cooking"] * 30])
    assert classifier.summary_.new_classes == ["cooking"]
    assert classifier.predict(["eggs flour", "moon rocket orbit"]).tolist() == ["cooking", "space"]
    classifier.save(tmp_path / "more")
    again = TextClassifier.load(tmp_path / "more")
    np.testing.assert_array_equal(again.predict_proba(texts), classifier.predict_proba(texts))
    again.continue_fit(more.texts, more.names())  # an ensemble by now
    assert again.predict(["eggs flour", "moon rocket orbit"]).tolist() == ["cooking", "space"]


def test_a_model_that_is_registered_is_one_more_candidate():
    model = SelectionConfig(candidates=(Counts.Config(), TfidfConfig(features="words")))
    classifier = TextClassifier(SystemConfig(description="both", model=model)).fit(CORPUS.texts, CORPUS.names())
    assert {"Counts", "SVM on words"} <= {trial["name"] for trial in classifier.selection_.trials}


@pytest.mark.parametrize("is_candidate", [False, True], ids=["alone", "among candidates"])
def test_a_folder_of_a_model_that_is_not_registered_is_one_error_that_says_to_register_it(is_candidate, tmp_path):
    model = Counts.Config()
    if is_candidate:
        model = SelectionConfig(candidates=(TfidfConfig(), Counts.Config()))
    fitted = fit_classifier(SystemConfig(description="counts", model=model), CORPUS.texts, CORPUS.names())
    save_classifier(fitted, tmp_path / "model")
    MODELS.pop("CountsConfig")
    with pytest.raises(ModelFolderError, match=r"no model with the settings 'CountsConfig'.*bywords\.register_model"):
        load_classifier(tmp_path / "model")
    with pytest.raises(SettingError, match=r"'CountsConfig': add it with bywords\.register_model"):
        fit_classifier(SystemConfig(description="counts", model=Counts.Config()), CORPUS.texts, CORPUS.names())
    bywords.register_model(Counts)
    assert load_classifier(tmp_path / "model").classes.tolist() == fitted.classes.tolist()


def test_two_models_of_one_name_are_refused():
    class Other(LinearModel):
        Config = Counts.Config

    with pytest.raises(SettingError, match="there is a model with the settings 'CountsConfig' already: Counts"):
        bywords.register_model(Other)
    assert MODELS["CountsConfig"] is bywords.register_model(Counts)


# Modules of PyTorch

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
    "gru last": GRUConfig(dimension=6, hidden=5, directions=1, pooling="last"),
    "gru of layers": GRUConfig(dimension=6, hidden=5, n_layers=2, dropout=0.2),
    "cnn": CNNConfig(dimension=6, n_filters=8, widths=(1, 3), dropout=0.2),
}
each_module = pytest.mark.parametrize("config", CASES.values(), ids=CASES.keys())

DOCUMENTS = [[2, 3, 4], [5], [3, 3], [6, 7, 8, 9, 10, 11, 2, 2, 2], [4, 3, 2], [10, 11]]


def train(model, documents, labels, training, *, seed=0):
    targets = Targets.of(labels)
    fit(model, documents, targets, (documents, targets), training, generator=np.random.default_rng(seed))


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


def test_every_model_that_is_trained_in_epochs_has_a_case():
    in_epochs = {model.Config for model in MODELS.values() if model.trains_in_epochs}
    assert {type(config) for config in CASES.values()} == in_epochs


@each_module
def test_eight_documents_can_be_learned_by_heart(config):
    documents = Ragged.of([*DOCUMENTS, [9, 8], [2, 5]])
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 1])
    model = small(config)
    training = TrainingConfig(max_epochs=120, patience=120, batch_size=4, learning_rate=0.03)
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
        table = dict(model.named_parameters())["embedding.weight"]
        assert torch.equal(table, vectors)
        training = TrainingConfig(max_epochs=1, batch_size=2)
        train(model, documents, labels, training)
        assert torch.equal(table, vectors) == frozen


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
def test_the_gradients_of_the_packed_lstm_are_those_of_small_differences(n_directions, monkeypatch):
    """In float64, which the kernels do not take but the plain Python does that they agree with."""
    for name in ("run_forward", "run_backward"):
        monkeypatch.setattr(lstm_kernels, name, getattr(plain_lstm, name))
    layer, inputs, step_sizes = small_batch(n_directions, n_hidden=3, dtype=torch.float64)
    arguments = (inputs, *layer.parameters(), step_sizes)
    assert torch.autograd.gradcheck(Recurrence.apply, arguments)


def test_inputs_of_the_packed_lstm_that_take_no_gradient_change_nothing_for_its_weights():
    layer, inputs, step_sizes = small_batch(2)
    wanted = torch.autograd.grad(layer(inputs, step_sizes).sum(), list(layer.parameters()))
    without = torch.autograd.grad(layer(inputs.detach(), step_sizes).sum(), list(layer.parameters()))
    assert all(map(torch.equal, wanted, without))


def test_the_packed_lstm_gives_the_same_bits_on_one_thread(monkeypatch):
    def bits():
        layer, inputs, step_sizes = small_batch(2)
        states = layer(inputs, step_sizes)
        return [states, *torch.autograd.grad(states.square().sum(), [inputs, *layer.parameters()])]

    monkeypatch.setattr("bywords.models.modules.lstm.n_threads", lambda: 2)
    expected = bits()
    monkeypatch.setattr("bywords.models.modules.lstm.n_threads", lambda: 1)
    assert all(map(torch.equal, bits(), expected))


class ThreadsSeen(Callback):
    """How many threads PyTorch has in each epoch."""

    def __init__(self):
        self.seen = []

    def epoch(self, record, max_epochs):
        self.seen.append(torch.get_num_threads())


@pytest.mark.parametrize("system", ["lstm", "gru", "cnn"])
def test_a_model_of_word_order_is_trained_on_one_thread_so_that_two_give_the_same_bits(system):
    texts = [" ".join(f"w{word}" for word in row) for row in np.random.default_rng(0).integers(0, 99, (40, 30))]
    config = replace(SYSTEMS[system], training=replace(SYSTEMS[system].training, max_epochs=1))
    trained, before = {}, torch.get_num_threads()
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            heard = ThreadsSeen()
            held = texts[:8], ["a", "b"] * 4
            fitted = fit_classifier(config, texts, ["a", "b"] * 20, validation=held, callback=heard)
            assert (heard.seen, torch.get_num_threads()) == ([1], n_threads)
            trained[n_threads] = {**fitted.model.arrays(), "probabilities": fitted.predict(texts).probabilities}
    finally:
        torch.set_num_threads(before)
    assert all(np.array_equal(values, trained[2][name]) for name, values in trained[1].items())


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
