"""Words that no training text has count by what they mean, and everything says so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from bywords import SYSTEMS, Vocabulary, load_classifier, load_vectors
from bywords.artifact import model_folder
from bywords.artifact.description import contents_of, save_classifier
from bywords.data.label_sets import LabelSets
from bywords.data.targets import Targets
from bywords.errors import SettingError, VectorFileError
from bywords.evaluation.metrics import softmax
from bywords.explain.explanation import explain
from bywords.models.ensemble import Ensemble
from bywords.models.static_vectors import (
    StaticVectors,
    StaticVectorsConfig,
    discriminant_analysis,
    logistic_regression,
    words_of_names,
)
from bywords.report.explanation import render_explanations
from bywords.system_config import FitParameters
from bywords.systems import system_config
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import VocabularyConfig
from bywords.text.word_table import Words
from bywords.training.fit import fit_classifier
from bywords.vectors.english import PATH, english_vectors, write_english_vectors

FOODS = ["apple", "bread", "cheese", "soup", "rice", "meat", "cake", "salad", "pizza", "butter"]
ANIMALS = ["dog", "cat", "horse", "cow", "sheep", "lion", "tiger", "wolf", "rabbit", "mouse"]
TEXTS = [f"the {word} was here, number {number}" for number, word in enumerate([*FOODS, *ANIMALS])]
LABELS = ["food"] * len(FOODS) + ["animal"] * len(ANIMALS)


@pytest.fixture(scope="module")
def fitted():
    return fit_classifier(SYSTEMS["auto"], TEXTS, LABELS)


def test_words_never_seen_decide_by_what_they_mean(fitted):
    assert fitted.predict(["sausage", "noodles", "goat", "elephant"]).labels.tolist() == ["food"] * 2 + ["animal"] * 2
    assert "logistic regression on English word vectors" in fitted.record.selection.reason


def test_an_explanation_says_which_words_are_known_by_their_vectors_and_sums_to_the_logit(fitted):
    found = explain(fitted, "the elephant zxqvw")
    assert found.by_vector == (False, True, False)
    assert found.is_known.tolist() == [True, True, False]
    np.testing.assert_allclose(found.bias + found.attributions.sum(axis=0), found.logits, atol=1e-9)
    assert found.completeness_gap < 1e-4
    assert [row.get("by_vector", False) for row in found.plain()["tokens"]] == [False, True, False]
    document = {**found.plain(), "counterfactual": {"sentence": ""}}
    record = {"model": "m", "file": None, "n_documents": 1, "n_documents_used": 1, "class_words": {}}
    page = render_explanations({**record, "documents": [document]})
    assert "Known by its vector alone, never seen in training: <bdi>elephant</bdi>." in page


def test_the_share_of_known_words_counts_those_known_by_their_vectors(fitted):
    assert fitted.predict(["the elephant zxqvw"]).in_vocabulary_share.tolist() == pytest.approx([2 / 3])


def test_predict_and_info_say_how_many_words_are_known_by_vectors_alone(fitted, bywords):
    assert fitted.n_known_words(["the elephant zxqvw", "the apple was here", ""]) == (6, 1)
    save_classifier(fitted, Path("m"))
    said = bywords("predict", "m", "the elephant zxqvw")[2]
    assert (
        "Of the 2 words known in the text 1 is known by vectors of English words alone, never seen in training." in said
    )
    assert "never seen" not in bywords("predict", "m", "the apple")[2]
    n_unseen = int(fitted.vocabulary.is_unseen.sum())
    assert f"{n_unseen:,} of the words are known by vectors of English words alone" in bywords("info", "m")[1]


def test_a_model_on_vectors_is_saved_loaded_and_trained_again_to_the_same_bits(fitted, tmp_path):
    save_classifier(fitted, tmp_path / "a")
    again = load_classifier(tmp_path / "a")
    for name, array in again.model.arrays().items():
        assert array.tobytes() == fitted.model.arrays()[name].tobytes()
    texts = ["an elephant ate the soup", "zxqvw", ""]
    np.testing.assert_array_equal(again.predict(texts).probabilities, fitted.predict(texts).probabilities)
    twin = fit_classifier(SYSTEMS["auto"], TEXTS, LABELS)
    np.testing.assert_array_equal(twin.predict(texts).probabilities, fitted.predict(texts).probabilities)


def test_a_folder_has_no_rows_of_zeros_for_words_never_seen():
    coded = [f"it was {'xqa' if number % 2 else 'xqb'} number {number}" for number in range(40)]
    fitted = fit_classifier(SYSTEMS["auto"], [*TEXTS, *coded], [*LABELS, *(["animal", "food"] * 20)])
    stored = dict(model_folder.contents(contents_of(fitted), card=""))["weights.safetensors"]
    n_unseen = int(fitted.vocabulary.is_unseen.sum())
    rows = {name: array.shape[0] for name, array in load(stored).items()}
    assert n_unseen > 30_000
    assert all(rows[name] < 5_000 for name in rows if name.endswith("idf:seen"))
    assert sum(name.endswith(":seen") for name in rows) >= 4  # idf and weights of two members at least


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda arrays: {"w:seen": arrays["w:seen"], "w": arrays["w:seen"]}, "two arrays of 'w'"),
        (lambda arrays: {"w:seen": arrays["w:seen"][:1]}, "no rows that fit"),
        (lambda arrays: {"w:seen": np.float32(3)}, "no rows that fit"),
        (lambda arrays: {"w:seen": np.broadcast_to(np.int8(0), (4, 1 << 26))}, "numbers that are 0"),
    ],
)
def test_stored_rows_that_do_not_fit_the_vocabulary_are_refused(harm, message):
    vocabulary = Vocabulary.of(Tokenizer()(["a b"])).with_unseen(Words.of(["c", "d"]))
    table = np.arange(8, dtype=np.float32).reshape(8, 1) * (np.arange(8) < 4)[:, np.newaxis]
    packed = model_folder._of_seen({"w": table}, vocabulary)
    assert packed["w:seen"].shape == (6, 1)
    np.testing.assert_array_equal(model_folder._with_unseen(packed, vocabulary)["w"], table)
    with pytest.raises(SettingError, match=message):
        model_folder._with_unseen(harm(packed), vocabulary)


def test_texts_that_are_not_english_and_many_documents_do_without_and_it_is_said():
    others = [text.replace("the", "dengan").replace("was", "adalah").replace("here", "sini") for text in TEXTS]
    others = [f"{text} tidak saya untuk banyak" for text in others]
    found = fit_classifier(SYSTEMS["auto"], others, LABELS)
    assert "word vectors were not tried: " in found.record.selection.reason
    assert not found.vocabulary.is_unseen.any()
    few = replace(StaticVectorsConfig(), most_documents=19)
    auto = SYSTEMS["auto"]
    few_only = replace(auto, model=replace(auto.model, candidates=(*auto.model.candidates[:1], few)))
    reason = fit_classifier(few_only, TEXTS, LABELS).record.selection.reason
    assert "20 documents are more than the 19 up to which it is of use" in reason
    with pytest.raises(SettingError, match="nothing to select from: 20 documents"):
        fit_classifier(replace(auto, model=replace(auto.model, candidates=(few,))), TEXTS, LABELS)


def test_words_never_seen_change_nothing_in_models_that_know_only_what_they_saw():
    auto = SYSTEMS["auto"]
    seen = tuple(one for one in auto.model.candidates if not one.knows_unseen)
    without = fit_classifier(replace(auto, model=replace(auto.model, candidates=seen)), TEXTS, LABELS)
    both = fit_classifier(auto, TEXTS, LABELS)
    scores = [{one["name"]: one["log_loss"] for one in each.record.selection.trials} for each in (without, both)]
    names = set(scores[0]) - {"ensemble"}
    assert len(names) == 4
    assert {name: scores[0][name] for name in names} == {name: scores[1][name] for name in names}


def test_unseen_words_come_behind_the_others_and_ngrams_stay_what_they_were():
    tokens = Tokenizer()(["a b a b", "b a"])
    before = Vocabulary.of(tokens, VocabularyConfig(ngrams=2, char_ngrams=(3, 3)))
    after = before.with_unseen(Words.of(["b", "c", "d"]))
    assert after.words.to_list() == ["a", "b", "c", "d"]
    assert after.n_seen == before.n_words
    assert [name for name in after.names() if name not in ("c", "d")] == before.names()
    assert after.is_unseen.sum() == 2
    assert after.keep_rows(~after.is_unseen)[0].names() == before.names()


def test_frequent_words_count_the_less_the_smaller_the_smoothing_and_auto_takes_the_largest_for_questions():
    tokens = Tokenizer()(["the sausage", "what sausage"])
    vocabulary = Vocabulary.of(tokens)
    rows = vocabulary.encode(tokens).ids[:2]
    ratios = []
    for smoothing in (3e-5, 3e-4, 1e-2):
        config = StaticVectorsConfig(smoothing=smoothing)
        features = StaticVectors.prepare(config, vocabulary.encode(tokens), vocabulary)
        fitted, _ = StaticVectors.fit(config, features, Targets.of(np.arange(2)), vocabulary=vocabulary)
        the, sausage = fitted.shares[rows]
        ratios.append(the / sausage)
        np.testing.assert_allclose(fitted.logits_of(features), fitted.logits(vocabulary.encode(tokens)), atol=1e-5)
    assert 0 < ratios[0] < 0.3 * ratios[1] < 0.1 * ratios[2]
    english = [one for one in SYSTEMS["auto"].model.candidates if isinstance(one, StaticVectorsConfig)]
    assert {one.smoothing for one in english if one.head == "regression"} == {3e-5, 3e-4, 1e-2}
    trials = fit_classifier(SYSTEMS["auto"], *QUESTIONS).record.selection.trials
    trials = [trial for trial in trials if "English" in trial["name"]]
    assert {trial["settings"][0]["smoothing"] for trial in trials} == {3e-5, 3e-4, 1e-2}
    assert max(trials, key=lambda trial: trial["score"])["settings"][0]["smoothing"] == 1e-2


QUESTIONS = (
    [
        f"{ask} {word} {number}"
        for number, word in enumerate([*FOODS, *ANIMALS])
        for ask in ("who has the", "where is a")
    ],
    ["person", "place"] * len(TEXTS),
)


def test_what_a_regression_needs_whatever_its_strength_is_worked_out_once_for_documents_that_count_the_same():
    vocabulary = Vocabulary.of(tokens := Tokenizer()(TEXTS))
    features = StaticVectors.prepare(StaticVectorsConfig(), vocabulary.encode(tokens), vocabulary)
    codes = np.repeat([0, 1], len(FOODS))
    weighed, half = Targets.of(codes, weights=np.linspace(1, 3, len(codes))), np.arange(0, len(codes), 2)
    for some, targets in (
        (features, Targets.of(codes)),
        (features, weighed),
        (features.select(half), Targets.of(codes[half])),
    ):
        assert some.turned is some.turned
        fitted, _ = StaticVectors.fit(StaticVectorsConfig(C=1.0), some, targets, vocabulary=vocabulary)
        layer, bias = logistic_regression(some.selected, targets, C=1.0)
        again = StaticVectors.of_layer(StaticVectorsConfig(C=1.0), some, layer, bias)
        np.testing.assert_allclose(fitted.weights, again.weights, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_logistic_regression_is_that_of_scikit_learn_with_a_bias_that_is_drawn_to_how_common_classes_are(n_classes):
    generator = np.random.default_rng(0)
    codes = np.arange(120) % n_classes  # as common, each: nothing is added to the bias
    features = generator.normal(size=(120, 8)) + generator.normal(size=(n_classes, 8))[codes]
    weights, bias = logistic_regression(features.astype(np.float32), Targets.of(codes), C=3.0)
    with_ones = np.concatenate([features, np.ones((120, 1))], axis=1)
    strength = (6.0 if n_classes == 2 else 3.0) / 120  # one score of two classes is twice what each of them has
    peer = LogisticRegression(C=strength, max_iter=1000, tol=1e-8, fit_intercept=False).fit(with_ones, codes)
    odds = peer.decision_function(with_ones)
    odds = odds if n_classes > 2 else np.outer(odds, [-0.5, 0.5])
    np.testing.assert_allclose(softmax(features @ weights + bias), softmax(odds), atol=0.01)


def test_the_discriminant_analysis_is_that_of_scikit_learn_with_one_document_more_of_each_class_at_the_mean_of_all():
    generator = np.random.default_rng(0)
    codes = np.arange(120) % 3
    features = generator.normal(size=(120, 8)) + generator.normal(size=(3, 8))[codes]
    features = (features - features.mean(axis=0)).astype(np.float32)
    weights, bias = discriminant_analysis(features, Targets.of(codes), C=1.0)
    whole = np.concatenate([features, np.zeros((3, 8))]), np.concatenate([codes, np.arange(3)])
    means = np.stack([whole[0][whole[1] == code].mean(axis=0) for code in range(3)])
    apart = features - means[codes]
    covariance = apart.T @ apart / 120
    covariance += np.eye(8) * np.trace(covariance) / 8
    peer = LinearDiscriminantAnalysis(solver="eigen", covariance_estimator=Fixed(covariance)).fit(*whole)
    np.testing.assert_allclose(softmax(features @ weights + bias), peer.predict_proba(features), atol=1e-4)


class Fixed(BaseEstimator):
    """A covariance that is known."""

    def __init__(self, covariance_):
        self.covariance_ = covariance_

    def fit(self, _):
        return self


def test_a_label_is_told_from_its_absence_by_a_discriminant_analysis_where_documents_have_several():
    generator = np.random.default_rng(0)
    has = generator.random((200, 3)) < 0.4
    features = (generator.normal(size=(200, 6)) + has @ (4 * np.eye(3, 6))).astype(np.float32)
    features -= features.mean(axis=0)
    targets = Targets.of(LabelSets.of_table(has))
    weights, bias = discriminant_analysis(features, targets, C=1.0)
    assert (((features @ weights + bias) > 0) == has).mean() > 0.9


def test_both_kinds_on_the_same_vectors_become_one_table():
    tokens = Tokenizer()(TEXTS)
    vocabulary = StaticVectorsConfig().widened(Vocabulary.of(tokens))
    documents, targets = vocabulary.encode(tokens), Targets.of(np.array([label == "food" for label in LABELS]) * 1)
    both = []
    for head in ("regression", "discriminant"):
        config = StaticVectorsConfig(head=head)
        prepared = StaticVectors.prepare(config, documents, vocabulary)
        both += [StaticVectors.fit(config, prepared, targets, vocabulary=vocabulary)[0]]
        np.testing.assert_allclose(both[-1].logits(documents), both[-1].logits_of(prepared), atol=1e-4)
    weights = np.array([0.3, 1.7], dtype=np.float32)
    ensemble = Ensemble(both, weights)
    assert len(ensemble.members) == 1
    expected = 0.3 * both[0].logits(documents) + 1.7 * both[1].logits(documents)
    np.testing.assert_allclose(ensemble.logits(documents), expected, atol=1e-4)


def test_what_the_name_of_a_label_means_counts_as_one_more_document():
    names = ("food", "wild_animals", "xq7")
    assert [len(rows) for rows in words_of_names(names)] == [1, 2, 0]
    texts, codes = [*TEXTS[:1], *TEXTS[10:11], "zxqvw"], np.arange(3)
    tokens = Tokenizer()(texts)
    vocabulary = StaticVectorsConfig().widened(Vocabulary.of(tokens))
    asked = vocabulary.encode(Tokenizer()(["sausage", "soup", "elephant", "tiger"]))
    odds = []
    for given in ((), names):
        config = StaticVectorsConfig(head="discriminant", C=0.25, label_names=given)
        prepared = StaticVectors.prepare(config, vocabulary.encode(tokens), vocabulary)
        logits = StaticVectors.fit(config, prepared, Targets.of(codes), vocabulary=vocabulary)[0].logits(asked)
        odds.append((logits[:, 0] - logits[:, 1]) * [1, 1, -1, -1])
    assert (odds[1] > odds[0]).all()


def test_label_names_are_tried_and_it_is_said_what_came_of_them_and_which_say_nothing():
    texts, labels = [*TEXTS, "qq zz", "zz qq"], [*LABELS, "xq7", "xq7"]
    record = fit_classifier(SYSTEMS["auto"], texts, labels, parameters=FitParameters(use_label_names=True)).record
    assert any(trial["name"].endswith("English word vectors and label names") for trial in record.selection.trials)
    assert "English word vectors and label names" in record.selection.reason
    assert "No English word was found in these names of labels: 'xq7'." in record.notes
    with pytest.raises(SettingError, match="does not know what the names of labels mean"):
        fit_classifier(SYSTEMS["tfidf-svc"], TEXTS, LABELS, parameters=FitParameters(use_label_names=True))
    with pytest.raises(SettingError, match="to the head 'discriminant' alone"):
        StaticVectorsConfig(label_names=("a", "b"))


def test_vectors_written_are_read_again_as_far_as_four_bits_go(tmp_path):
    matrix = np.random.default_rng(0).normal(size=(50, 6))
    write_english_vectors(tmp_path / "v.bin", [f"w{number}" for number in range(50)], matrix, "a test")
    found = english_vectors(tmp_path / "v.bin")
    assert found.rows_of(Words.of(["w7", "x"])).tolist() == [7, -1]
    assert np.abs(found.vectors(np.arange(50)) - matrix.clip(-2.8, 2.8)).mean() < 0.15
    np.testing.assert_allclose(
        found.times(np.array([3, 4]), np.eye(6, dtype=np.float32)), found.vectors(np.array([3, 4]))
    )


def test_vectors_of_the_package_have_a_name_for_systems_that_start_from_some():
    some = load_vectors("english", words=pl.Series(["Dog", "cat", "zxqvw"]))
    assert (some.words.to_list(), some.dimension) == (["dog", "cat"], 384)
    every = load_vectors("english")
    assert every.similarity("dog", "cat") == pytest.approx(some.similarity("dog", "cat"))
    assert every.similarity("dog", "cat") > every.similarity("dog", "carrot")
    config = system_config("averaging-glove", vectors="english")
    config = replace(config, vocabulary=VocabularyConfig(), training=replace(config.training, max_epochs=40))
    record = fit_classifier(config, TEXTS, LABELS).record
    assert (record.vectors.name, record.vectors.dimension) == ("english", 384)
    names = [one.title for one in system_config("auto", vectors="english").model.candidates]
    assert names[-1] == "averaging on words"


@pytest.mark.parametrize(
    "harm", [lambda raw: raw[:-1], lambda raw: raw[:-1] + b"\x77", lambda raw: b"{}\n" + raw, lambda _: b"x"]
)
def test_vectors_that_are_damaged_are_refused(tmp_path, harm):
    (tmp_path / "v.bin").write_bytes(harm(PATH.read_bytes()))
    with pytest.raises(VectorFileError, match=r"v\.bin: the English vectors .* Install it again"):
        english_vectors(tmp_path / "v.bin")
