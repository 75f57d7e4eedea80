"""The linear systems, held against scikit-learn's own pipelines."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from bywords.baselines import MeanVector, MeanVectorConfig, TfidfConfig, TfidfLinear, counts, pool, tfidf
from bywords.metrics import softmax
from bywords.ragged import Ragged, inverse_document_frequency
from bywords.tokens import Tokenizer, TokenizerConfig
from bywords.vocabulary import Vocabulary

TEXTS = [f"{a} {b} {a} {c}" for a in ("red", "green", "blue") for b in ("cat", "dog") for c in ("runs", "sits", "red")]
COLOURS = np.repeat([0, 1, 2], 6)
IS_DOG = np.tile(np.repeat([0, 1], 3), 3)
NEW = ["a red cat", "dog dog blue", "nothing known here", "green sits"]


def encoded(texts=TEXTS):
    tokenizer = Tokenizer(TokenizerConfig(pattern=r"\b\w\w+\b"))
    vocabulary = Vocabulary.of(tokenizer(TEXTS))
    return vocabulary.encode(tokenizer(texts)), len(vocabulary)


@pytest.mark.parametrize("sublinear", [False, True])
@pytest.mark.parametrize("labels", [COLOURS, IS_DOG], ids=["three classes", "two classes"])
@pytest.mark.parametrize(
    ("estimator", "peer"),
    [("svc", LinearSVC(dual="auto", random_state=0, tol=1e-6)), ("nb", ComplementNB())],
    ids=["svc", "nb"],
)
def test_tfidf_systems_agree_with_the_pipeline_that_users_know(estimator, peer, labels, sublinear):
    documents, n_words = encoded()
    config = TfidfConfig(estimator=estimator, sublinear=sublinear)
    model = TfidfLinear.fit(config, documents, labels, n_words=n_words, seed=0)
    pipeline = make_pipeline(TfidfVectorizer(sublinear_tf=sublinear), peer).fit(TEXTS, labels)
    texts = [*TEXTS, NEW[0], NEW[1], NEW[3]]
    logits = model.logits(encoded(texts)[0])
    np.testing.assert_array_equal(logits.argmax(axis=1), pipeline.predict(texts))
    if estimator == "nb":
        np.testing.assert_allclose(softmax(logits), pipeline.predict_proba(texts), atol=1e-5)
    elif logits.shape[1] == 2:
        np.testing.assert_allclose(logits[:, 1] - logits[:, 0], pipeline.decision_function(texts), atol=1e-2)


def test_counting_leaves_the_documents_as_they_were_and_unknown_words_out():
    documents = Ragged.of([[5, 2, 5, 1], [1]])
    matrix = counts(documents, 6)
    assert matrix.toarray().tolist() == [[0, 0, 1, 0, 0, 2], [0, 0, 0, 0, 0, 0]]
    assert documents.ids.tolist() == [5, 2, 5, 1, 1]


def test_tfidf_vectors_have_length_one_and_none_where_nothing_is_known():
    documents = Ragged.of([[2, 3, 3], [1]])
    lengths = np.linalg.norm(tfidf(documents, np.ones(4, dtype=np.float32), sublinear=False).toarray(), axis=1)
    np.testing.assert_allclose(lengths, [1, 0], rtol=1e-6)


VECTORS = np.array([[9, 9], [9, 9], [1, 0], [0, 4]], dtype=np.float32)  # padding and unknown would be seen
IDF = np.array([1, 1, 1, 3], dtype=np.float32)


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("mean", [[2 / 3, 4 / 3], [0, 0]]),
        ("sum", [[2, 4], [0, 0]]),
        ("max", [[1, 4], [0, 0]]),
        ("idf", [[2 / 5, 12 / 5], [0, 0]]),
    ],
)
def test_pooling_leaves_unknown_words_out(pooling, expected):
    documents = Ragged.of([[2, 2, 1, 3], [1]])
    np.testing.assert_allclose(pool(documents, VECTORS, IDF, pooling), expected, rtol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "sum", "max", "idf"])
@pytest.mark.parametrize("labels", [COLOURS, IS_DOG], ids=["three classes", "two classes"])
def test_mean_vectors_agree_with_scaled_logistic_regression(pooling, labels):
    documents, n_words = encoded()
    vectors = np.random.default_rng(0).normal(size=(n_words, 5)).astype(np.float32)
    model, notes = MeanVector.fit(MeanVectorConfig(pooling=pooling), documents, labels, vectors=vectors)
    features = pool(documents, vectors, inverse_document_frequency(documents, n_words), pooling)
    peer = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(features, labels)
    np.testing.assert_allclose(softmax(model.logits(documents)), peer.predict_proba(features), atol=1e-3)
    assert notes == []


def test_a_regression_that_does_not_converge_says_so():
    documents, n_words = encoded()
    vectors = np.random.default_rng(0).normal(size=(n_words, 5)).astype(np.float32)
    _, notes = MeanVector.fit(MeanVectorConfig(max_iterations=1), documents, COLOURS, vectors=vectors)
    assert notes == ["The logistic regression did not converge in 1 iterations."]
