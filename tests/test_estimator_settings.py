"""A classifier is part of pipelines and searches: its settings are parameters, its features a matrix."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay, PrecisionRecallDisplay, RocCurveDisplay
from sklearn.model_selection import GridSearchCV, learning_curve
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from small_corpus import small_system

from bywords import (
    SYSTEMS,
    DocumentVectors,
    SettingError,
    TextClassifier,
    TokenizerConfig,
    WordVectors,
    load_classifier,
)

WORDS = ["moon", "rocket", "orbit", "goal", "team", "season"]
TEXTS = [f"{WORDS[n % 6 // 3 * 3 + n % 3]} and {WORDS[n % 6 // 3 * 3 + (n + 1) % 3]} {n}" for n in range(60)]
LABELS = ["space" if n % 6 < 3 else "sport" for n in range(60)]
THREE = [f"{label}{n % 2}" if label == "space" else label for n, label in enumerate(LABELS)]
MATRIX = np.eye(6, 4, dtype=np.float32) + np.array([[1], [1], [1], [0], [0], [0]], dtype=np.float32)


@pytest.fixture(scope="module")
def fitted():
    return TextClassifier("tfidf-nb").fit(TEXTS, LABELS)


@pytest.fixture(scope="module")
def fitted_to_three():
    return TextClassifier("tfidf-svc").fit(TEXTS, THREE)


def test_settings_of_the_system_are_parameters_and_stay_in_a_clone():
    classifier = TextClassifier("dan")
    assert classifier.get_params()["training__max_epochs"] == SYSTEMS["dan"].training.max_epochs
    assert "training__max_epochs" not in classifier.get_params(deep=False)
    classifier.set_params(training__max_epochs=2, vocabulary__min_count=np.int64(3), seed=5)
    copied = clone(classifier)
    assert (copied.config.training.max_epochs, copied.config.vocabulary.min_count, copied.seed) == (2, 3, 5)
    assert copied.get_params()["training__max_epochs"] == 2
    assert TextClassifier("dan").config.training.max_epochs != 2


@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_every_setting_can_be_set_to_what_it_is(system):
    classifier = TextClassifier(system)
    nested = {name: value for name, value in classifier.get_params().items() if "__" in name}
    before = classifier.config
    assert classifier.set_params(**nested).config == before


def test_settings_of_an_own_tokenizer_are_changed_where_it_is():
    classifier = TextClassifier("tfidf-nb", tokenizer="words").set_params(tokenizer__lowercase=False)
    assert not classifier.config.tokenizer.lowercase
    assert TextClassifier("tfidf-nb").set_params(tokenizer__lowercase=False).config.tokenizer == TokenizerConfig(
        pattern=SYSTEMS["tfidf-nb"].tokenizer.pattern, lowercase=False
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"training__max_epoch": 2}, "has no setting 'max_epoch'. Did you mean 'max_epochs'"),
        ({"trainings__max_epochs": 2}, "has no setting 'trainings'. Did you mean 'training'"),
        ({"training__max_epochs": "two"}, "expected int, found 'two'"),
        ({"vectors__name": "x"}, "this system has no vectors"),
        ({"training": 3}, "Invalid parameter 'training'"),
    ],
)
def test_a_setting_that_there_is_not_is_refused(given, said):
    with pytest.raises(ValueError, match=said):
        TextClassifier("dan").set_params(**given)


def test_a_search_over_settings_finds_those_that_do_better():
    search = GridSearchCV(TextClassifier("tfidf-nb"), {"vocabulary__min_count": [1, 20], "model__alpha": [0.3]}, cv=2)
    search.fit(TEXTS, LABELS)
    assert search.best_params_ == {"vocabulary__min_count": 1, "model__alpha": 0.3}
    assert search.best_estimator_.config_.model.alpha == 0.3


def test_random_state_is_the_seed_and_both_at_once_are_refused():
    by_seed, by_state = (TextClassifier("dan", **{name: 7}) for name in ("seed", "random_state"))
    answers = [one.fit(TEXTS, LABELS).predict_proba(TEXTS) for one in (by_seed, by_state)]
    np.testing.assert_array_equal(*answers)
    assert by_state.fitted_.record.parameters.seed == 7
    with pytest.raises(SettingError, match="seed is 7 and random_state is 8: give one of them"):
        TextClassifier("dan", seed=7, random_state=8).fit(TEXTS, LABELS)
    with pytest.raises(SettingError, match="random_state"):
        TextClassifier("dan", random_state="x").fit(TEXTS, LABELS)


def test_decisions_and_log_probabilities_agree_with_the_labels(fitted, fitted_to_three):
    decisions = fitted.decision_function(TEXTS)
    assert decisions.shape == (60,)
    np.testing.assert_array_equal(fitted.classes_[(decisions > 0).astype(int)], fitted.predict(TEXTS))
    of_three = fitted_to_three.decision_function(TEXTS)
    assert of_three.shape == (60, 3)
    np.testing.assert_array_equal(fitted_to_three.classes_[of_three.argmax(axis=1)], fitted_to_three.predict(TEXTS))
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(TEXTS)), fitted.predict_proba(TEXTS))


def test_of_any_number_of_labels_those_are_given_whose_decision_is_not_negative():
    sets = [[label, "odd"] if n % 2 else [label] for n, label in enumerate(LABELS)]
    classifier = TextClassifier("tfidf-svc").fit(TEXTS, sets)
    decisions = classifier.decision_function(TEXTS)
    given = [set(classifier.classes_[row >= -1e-12]) for row in decisions]
    assert given == [set(labels) for labels in classifier.predict(TEXTS)]


@pytest.mark.parametrize("system", ["tfidf-nb", "auto"])
def test_a_linear_model_gives_its_weighed_words_as_features(system):
    classifier = TextClassifier(system).fit(TEXTS, LABELS)
    features, names = classifier.transform(TEXTS), classifier.get_feature_names_out()
    assert sparse.issparse(features)
    assert features.shape == (60, len(names))
    column = next(number for number, name in enumerate(names) if name.endswith("rocket"))
    has = np.array(["rocket" in text for text in TEXTS])
    np.testing.assert_array_equal(features[:, [column]].toarray().ravel() > 0, has)


def test_a_network_gives_its_last_hidden_layer_and_mean_vectors_the_mean(fitted):
    network = TextClassifier("dan").fit(TEXTS, LABELS)
    hidden = network.transform(TEXTS)
    assert hidden.shape == (60, 64)
    model = network.fitted_.model
    np.testing.assert_allclose(
        hidden @ model.output + model.output_bias, network.predict_documents(TEXTS).logits, rtol=1e-5
    )
    assert network.get_feature_names_out()[0] == "averaging_0"
    mean = TextClassifier("glove-mean", vectors=(WORDS, MATRIX)).fit(TEXTS, LABELS)
    np.testing.assert_allclose(mean.transform(["moon"]), MATRIX[:1], rtol=1e-6)


@pytest.mark.parametrize("system", ["lstm", "gru", "cnn"])
def test_a_network_that_reads_in_order_gives_its_pooled_states(system):
    config = small_system(system, None)
    classifier = TextClassifier(config).fit(TEXTS, LABELS)
    module = classifier.fitted_.model.module
    output = getattr(module, "module", module).output
    logits = classifier.transform(TEXTS) @ output.weight.detach().numpy().T + output.bias.detach().numpy()
    np.testing.assert_allclose(logits, classifier.predict_documents(TEXTS).logits, rtol=1e-4, atol=1e-5)


def test_vectors_at_hand_are_learned_with_and_named_and_have_to_be_given_again_to_fit_anew(tmp_path):
    vectors = WordVectors(pl.Series(WORDS), MATRIX, name="six words")
    classifier = TextClassifier("glove-mean", vectors=vectors).fit(TEXTS, LABELS)
    same = TextClassifier("glove-mean", vectors=(WORDS, MATRIX)).fit(TEXTS, LABELS)
    np.testing.assert_array_equal(classifier.predict_proba(TEXTS), same.predict_proba(TEXTS))
    assert clone(classifier).fit(TEXTS, LABELS).predict(["rocket"]).tolist() == ["space"]
    classifier.save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), classifier.predict_proba(TEXTS))
    assert load_classifier(tmp_path / "model").record.config.vectors.name == "six words"
    with pytest.raises(SettingError, match=r"'six words' were given as an object.* Give them again"):
        loaded.fit(TEXTS, LABELS)
    with pytest.raises(SettingError, match="of type list, expected a name, a path, WordVectors"):
        TextClassifier("glove-mean", vectors=[1, 2]).fit(TEXTS, LABELS)


def test_vectors_of_gensim_are_taken_by_auto_too():
    keyed = pytest.importorskip("gensim.models").KeyedVectors(4)
    keyed.add_vectors(WORDS, MATRIX)
    classifier = TextClassifier(vectors=keyed).fit(TEXTS, LABELS)
    assert classifier.config_.vectors.name == "KeyedVectors"
    assert classifier.predict(["rocket"]).tolist() == ["space"]


def test_vectors_and_numbers_stand_side_by_side_in_a_search():
    frame = pd.DataFrame({"text": TEXTS, "length": [float(len(text)) for text in TEXTS]})
    columns = ColumnTransformer(
        [("text", DocumentVectors((WORDS, MATRIX)), "text"), ("number", StandardScaler(), ["length"])]
    )
    search = GridSearchCV(
        make_pipeline(columns, LogisticRegression()),
        {"columntransformer__text__pooling": ["mean", "max", np.median]},
        cv=2,
    )
    search.fit(frame, LABELS)
    assert search.best_score_ > 0.9
    assert len(search.best_estimator_[0].get_feature_names_out()) == 5


def test_what_scikit_learn_does_with_estimators_works(fitted):
    sizes, _, scores = learning_curve(TextClassifier("tfidf-nb"), TEXTS, LABELS, cv=2, train_sizes=[0.5, 1.0])
    assert scores.shape == (len(sizes), 2)
    votes = VotingClassifier([("nb", TextClassifier("tfidf-nb")), ("svc", TextClassifier("tfidf-svc"))], voting="soft")
    assert votes.fit(np.array(TEXTS), LABELS).predict(np.array(["rocket"])).tolist() == ["space"]
    frame = pd.DataFrame({"text": TEXTS, "other": ["x"] * 60})
    of_rows = TextClassifier("tfidf-nb", text="text", columns=["other"]).fit(frame, LABELS)
    found = permutation_importance(of_rows, frame, LABELS, n_repeats=2, random_state=0)
    assert found.importances_mean[0] > found.importances_mean[1]
    union = FeatureUnion(
        [("a", DocumentVectors((WORDS, MATRIX))), ("b", DocumentVectors((WORDS, MATRIX), pooling="max"))]
    )
    clusters = KMeans(2, n_init=1, random_state=0).fit_predict(union.fit_transform(TEXTS))
    assert len(set(zip(clusters.tolist(), LABELS, strict=True))) == 2


def test_the_displays_of_scikit_learn_take_it(fitted):
    for display in (ConfusionMatrixDisplay, RocCurveDisplay, PrecisionRecallDisplay):
        assert display.from_estimator(fitted, TEXTS, LABELS).ax_.get_xlabel()


def test_a_setting_is_kept_beside_vectors_at_hand_or_refused():
    classifier = TextClassifier(vectors=(WORDS, MATRIX)).set_params(training__max_epochs=2)
    assert classifier.config.training.max_epochs == 2
    assert not [name for name in classifier.get_params() if name.startswith("vectors__")]
    with pytest.raises(SettingError, match="vectors= is given, so vectors__name would change nothing"):
        classifier.set_params(vectors__name="other")
