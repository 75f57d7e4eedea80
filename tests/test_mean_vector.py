"""Pooled word vectors with logistic regression, held against scikit-learn's own."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bywords.data.targets import Targets
from bywords.evaluation.metrics import softmax
from bywords.models.mean_vector import MeanVector, MeanVectorConfig, pool
from bywords.text.bags import Bags
from bywords.text.ragged import Ragged
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.vectors.word_vectors import Aligned, Coverage

COLOURS = np.repeat([0, 1, 2], 6)
IS_DOG = np.tile(np.repeat([0, 1], 3), 3)
N_WORDS = 9
VOCABULARY = Vocabulary.of(Tokenizer()(["a b c d e f g"]), VocabularyConfig())
DOCUMENTS = Ragged.of(
    [[2 + label, 5 + number % 2, 2 + label, 7 + number % 3 % 2] for number, label in enumerate(COLOURS)]
)


VECTORS = np.array([[9, 9], [9, 9], [1, 0], [0, 4]], dtype=np.float32)  # padding and unknown would be seen
IDF = np.array([1, 1, 1, 3], dtype=np.float32)


def aligned(vectors):
    n_words = len(vectors) - 2
    coverage = Coverage(
        n_types=n_words,
        n_types_found=n_words,
        n_by_lower_case=0,
        n_tokens=n_words,
        n_tokens_found=n_words,
    )
    return Aligned(matrix=vectors, has_vector=np.ones(len(vectors), dtype=bool), coverage=coverage)


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
    documents, n_words = DOCUMENTS, N_WORDS
    vectors = np.random.default_rng(0).normal(size=(n_words, 5)).astype(np.float32)
    model, notes = MeanVector.fit(
        MeanVectorConfig(pooling=pooling),
        documents,
        Targets.of(labels),
        vocabulary=VOCABULARY,
        aligned=aligned(vectors),
    )
    features = pool(documents, vectors, Bags.of(documents, n_words).inverse_document_frequency(), pooling)
    peer = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(features, labels)
    np.testing.assert_allclose(softmax(model.logits(documents)), peer.predict_proba(features), atol=1e-3)
    assert notes == []


def test_a_regression_that_does_not_converge_says_so():
    documents, n_words = DOCUMENTS, N_WORDS
    vectors = np.random.default_rng(0).normal(size=(n_words, 5)).astype(np.float32)
    _, notes = MeanVector.fit(
        MeanVectorConfig(max_iterations=1),
        documents,
        Targets.of(COLOURS),
        vocabulary=VOCABULARY,
        aligned=aligned(vectors),
    )
    assert notes == ["The logistic regression did not converge in 1 iterations."]
