"""Scores, held against scikit-learn and against what they promise."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from bywords import metrics

labelled = st.integers(1, 60).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 3), min_size=n, max_size=n).map(np.array) for _ in range(2)))
)


@given(labelled)
def test_scores_agree_with_scikit_learn(pair):
    labels, predicted = pair
    confusion = metrics.confusion_matrix(labels, predicted, 4)
    np.testing.assert_array_equal(confusion, sklearn.metrics.confusion_matrix(labels, predicted, labels=range(4)))
    assert metrics.accuracy(labels, predicted) == sklearn.metrics.accuracy_score(labels, predicted)
    assert metrics.macro_f1(confusion) == pytest.approx(
        sklearn.metrics.f1_score(labels, predicted, average="macro", zero_division=0)
    )
    expected = sklearn.metrics.precision_recall_fscore_support(labels, predicted, labels=range(4), zero_division=0)
    found = [(row.precision, row.recall, row.f1, row.support) for row in metrics.per_class(confusion)]
    np.testing.assert_allclose(np.array(found), np.array(expected).T)


@given(st.integers(0, 40), st.integers(1, 40))
def test_the_interval_is_wilsons(right, n):
    right = min(right, n)
    expected = binomtest(right, n).proportion_ci(method="wilson")
    assert metrics.wilson_interval(right / n, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_log_loss_agrees_with_scikit_learn():
    generator = np.random.default_rng(0)
    probabilities = metrics.softmax(generator.normal(size=(50, 3)))
    labels = generator.integers(0, 3, size=50)
    assert metrics.log_loss(labels, probabilities) == pytest.approx(
        sklearn.metrics.log_loss(labels, probabilities, labels=range(3))
    )


def test_a_certain_mistake_costs_much_but_not_infinity():
    assert np.isfinite(metrics.log_loss(np.array([0]), np.array([[0.0, 1.0]])))


def test_softmax_of_huge_logits_is_finite():
    np.testing.assert_allclose(metrics.softmax(np.array([[1e5, 0.0], [-1e5, 0.0]])), [[1, 0], [0, 1]])


def test_the_hardest_confusions_are_the_commonest_mistakes():
    confusion = np.array([[50, 3, 0], [7, 20, 1], [0, 0, 9]])
    assert metrics.hardest_confusions(confusion, 2) == [(1, 0, 7), (0, 1, 3)]
    assert len(metrics.hardest_confusions(confusion, 10)) == 3


def test_without_documents_scores_are_not_numbers():
    nobody = np.zeros(0, dtype=np.int64)
    assert np.isnan(metrics.accuracy(nobody, nobody))
    assert np.isnan(metrics.log_loss(nobody, np.zeros((0, 2))))
    assert metrics.wilson_interval(float("nan"), 0) == (0, 1)
