"""Document vectors are word vectors pooled by column, and go wherever scikit-learn's transformers go."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bywords import DataError, DocumentVectors, SettingError, TextClassifier, Tokenizer, TokenizerConfig, load_vectors
from bywords.vectors.load import GivenVectors

VECTORS = load_vectors((["sun", "rain", "bread", "milk"], [[1, 0, 2], [3, 0, 0], [0, 4, 1], [0, 2, 1]]))
TEXTS = ["sun rain sun", "bread xyz milk", "xyz", "rain"]
WEATHER, FOOD = "sun rain", "bread milk"


def test_mean_sum_and_maximum_are_by_column_without_unknown_words():
    rows = {"mean": [5 / 3, 0, 4 / 3], "sum": [5, 0, 4], "max": [3, 0, 2]}
    for pooling, expected in rows.items():
        found = DocumentVectors(VECTORS, pooling=pooling).fit_transform(TEXTS)
        np.testing.assert_allclose(found[0], expected, rtol=1e-6)
        np.testing.assert_array_equal(found[2], [0, 0, 0])
        assert found.dtype == np.float32


def test_idf_weighs_rare_words_more():
    found = DocumentVectors(VECTORS, pooling="idf").fit_transform(["sun rain", "sun", "sun"])
    of_sun, of_rain = np.log(4 / 4) + 1, np.log(4 / 2) + 1
    np.testing.assert_allclose(
        found[0], np.array([of_sun + 3 * of_rain, 0, 2 * of_sun]) / (of_sun + of_rain), rtol=1e-5
    )


def test_sif_takes_out_what_is_common_to_all_documents():
    transformer = DocumentVectors(VECTORS, pooling="sif").fit(TEXTS)
    found = transformer.transform(TEXTS)
    np.testing.assert_allclose(found @ transformer.common_, 0, atol=1e-5)
    assert found[0].any()


@pytest.mark.parametrize("function", [np.mean, np.prod, np.median, np.max, lambda rows, axis: rows[0]])
def test_any_function_by_column_pools(function):
    found = DocumentVectors(VECTORS, pooling=function).fit_transform(TEXTS)
    np.testing.assert_allclose(found[1], function(VECTORS.matrix[2:], axis=0), rtol=1e-6)
    np.testing.assert_array_equal(found[2], [0, 0, 0])


def test_what_is_no_pooling_is_refused():
    for pooling in ("mode", 3):
        with pytest.raises(SettingError, match="expected one of mean, sum, max, idf, sif, or a function"):
            DocumentVectors(VECTORS, pooling=pooling).fit(TEXTS)
    with pytest.raises(SettingError, match=r"pooling gives \(\) of a matrix"):
        DocumentVectors(VECTORS, pooling=lambda rows, axis: rows.sum()).fit_transform(TEXTS)
    with pytest.raises(DataError, match="expected"):
        DocumentVectors(VECTORS).fit([1, 2])


def test_the_vocabulary_is_that_of_fit():
    transformer = DocumentVectors(VECTORS, min_count=2).fit(["sun sun rain"])
    np.testing.assert_array_equal(transformer.transform(["sun bread rain"]), [[1, 0, 2]])
    assert transformer.coverage_.n_types_found == 1
    assert transformer.get_feature_names_out().tolist() == ["given_0", "given_1", "given_2"]


def test_they_stand_beside_numbers_in_a_column_transformer_inside_a_grid_search():
    frame = pd.DataFrame({"text": [WEATHER, FOOD] * 10, "amount": [1.0, 2.0] * 10})
    labels = ["weather", "food"] * 10
    columns = ColumnTransformer([("text", DocumentVectors(VECTORS), "text"), ("n", StandardScaler(), ["amount"])])
    pipeline = make_pipeline(columns, LogisticRegression())
    grid = {"columntransformer__text__pooling": ["mean", "sif", np.prod]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(frame, labels)
    assert search.best_score_ == 1.0
    names = search.best_estimator_[0].get_feature_names_out().tolist()
    assert names == ["text__given_0", "text__given_1", "text__given_2", "n__amount"]


def test_a_clone_has_the_same_vectors_and_clusters_come_of_them():
    transformer = clone(DocumentVectors(VECTORS))
    assert transformer.vectors is VECTORS
    found = KMeans(2, n_init=1, random_state=0).fit_predict(transformer.fit_transform([WEATHER, FOOD, "rain", "milk"]))
    assert found[0] == found[2] != found[1] == found[3]


def test_every_kind_of_tokenizer_cuts_the_texts():
    lists = [text.split() for text in TEXTS]
    expected = DocumentVectors(VECTORS).fit_transform(TEXTS)
    assert expected.any()
    for tokenizer, documents in (
        ("words", TEXTS), (str.split, TEXTS), (r"\w+", TEXTS), ("given", lists), ("given", pd.Series(lists)),
        (Tokenizer(str.split), TEXTS), (TokenizerConfig(custom=lambda text: text.split()), TEXTS),
    ):  # fmt: skip
        transformer = clone(DocumentVectors(VECTORS, tokenizer=tokenizer)).fit(documents)
        np.testing.assert_array_equal(transformer.transform(documents), expected)
    assert not DocumentVectors(VECTORS, tokenizer="characters").fit_transform(TEXTS).any()
    with pytest.raises(SettingError, match="tokenizer is 'wrods', expected"):
        DocumentVectors(VECTORS, tokenizer="wrods").fit(TEXTS)
    with pytest.raises(DataError, match='Of lists of tokens, say tokenizer="given"'):
        DocumentVectors(VECTORS).fit(lists)


def test_settings_of_the_tokenizer_are_parameters_that_a_search_tries():
    texts, labels = [WEATHER, FOOD] * 6, [0, 1] * 6
    pipeline = make_pipeline(DocumentVectors(VECTORS), LogisticRegression())
    grid = {"documentvectors__tokenizer__stop_words": [("sun", "rain", "bread", "milk"), ()]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(texts, labels)
    assert search.best_params_ == {"documentvectors__tokenizer__stop_words": ()}
    assert search.cv_results_["mean_test_score"].tolist() == [0.5, 1.0]
    found = DocumentVectors(VECTORS).set_params(tokenizer__stop_words=("sun",)).fit_transform([WEATHER])
    np.testing.assert_array_equal(found, [VECTORS.matrix[1]])
    with pytest.raises(SettingError, match=r"TokenizerConfig has no setting 'stopwords'\. Did you mean 'stop_words'"):
        DocumentVectors().set_params(tokenizer__stopwords=("a",))


def test_parameters_of_a_classifier_with_vectors_at_hand_are_had_without_reading_them(monkeypatch):
    classifier = TextClassifier("glove-mean", vectors=VECTORS)
    expected = classifier.get_params()
    monkeypatch.setattr(GivenVectors, "of", lambda source: pytest.fail("the vectors were read"))
    assert clone(classifier).get_params() == expected
    assert not any(name.startswith("vectors__") for name in expected)
