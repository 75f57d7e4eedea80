"""Scores, held against scikit-learn and against what they promise."""

from typing import get_args

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from bywords.data.label_sets import LabelSets
from bywords.errors import SettingError
from bywords.evaluation import metrics
from bywords.evaluation.top_scores import TopScores

labelled = st.integers(1, 60).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 3), min_size=n, max_size=n).map(np.array) for _ in range(2)))
)


@given(labelled)
def test_scores_agree_with_scikit_learn(pair):
    labels, predicted = pair
    confusion = metrics.confusion_matrix(labels, predicted, 4)
    np.testing.assert_array_equal(confusion, sklearn.metrics.confusion_matrix(labels, predicted, labels=range(4)))
    assert metrics.accuracy(labels, predicted) == sklearn.metrics.accuracy_score(labels, predicted)
    counts = metrics.ClassCounts.of(labels, predicted, 4)
    assert (
        counts.macro_f1
        == metrics.ClassCounts.of_matrix(confusion).macro_f1
        == pytest.approx(sklearn.metrics.f1_score(labels, predicted, average="macro", zero_division=0))
    )
    expected = sklearn.metrics.precision_recall_fscore_support(labels, predicted, labels=range(4), zero_division=0)
    found = [(row.precision, row.recall, row.f1, row.support) for row in counts.scores()]
    np.testing.assert_allclose(np.array(found), np.array(expected).T)


@given(st.integers(0, 40), st.integers(1, 40))
def test_the_interval_is_wilsons(right, n):
    right = min(right, n)
    expected = binomtest(right, n).proportion_ci(method="wilson")
    assert metrics.wilson_interval(right / n, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_many_intervals_at_once_are_the_same_as_one_by_one():
    right, n_documents = np.array([[0, 3, 5], [1, 0, 40]]), np.array([[5], [40]])
    low, high = metrics.wilson_bounds(right / n_documents, n_documents)
    for row, column in np.ndindex(2, 3):
        n = int(n_documents[row, 0])
        expected = binomtest(int(right[row, column]), n).proportion_ci(method="wilson")
        assert (low[row, column], high[row, column]) == pytest.approx((expected.low, expected.high), abs=1e-12)
    low, high = metrics.wilson_bounds(np.array([np.nan, 0.5]), np.array([0, 4]))
    assert (low[0], high[0]) == (0, 1)
    assert 0 < low[1] < high[1] < 1


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
    labels, predicted = np.repeat(np.arange(9), confusion.ravel()) // 3, np.repeat(np.arange(9), confusion.ravel()) % 3
    assert metrics.hardest_confusions(labels, predicted, 2) == [(1, 0, 7), (0, 1, 3)]
    assert len(metrics.hardest_confusions(labels, predicted, 10)) == 3
    assert metrics.hardest_confusions(labels, labels, 10) == []


def test_without_documents_scores_are_not_numbers():
    nobody = np.zeros(0, dtype=np.int64)
    assert np.isnan(metrics.accuracy(nobody, nobody))
    assert np.isnan(metrics.log_loss(nobody, np.zeros((0, 2))))
    assert metrics.wilson_interval(float("nan"), 0) == (0, 1)


def labels_and_probabilities(n_documents=200, n_classes=4, *, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, n_classes, n_documents)
    probabilities = metrics.softmax(generator.normal(size=(n_documents, n_classes)) + np.eye(n_classes)[labels])
    return labels, probabilities


def test_top_k_and_balanced_accuracy_agree_with_scikit_learn():
    labels, probabilities = labels_and_probabilities()
    predicted = probabilities.argmax(axis=1)
    for k in (1, 2, 3, 4):
        expected = sklearn.metrics.top_k_accuracy_score(labels, probabilities, k=k) if k < 4 else 1.0
        assert metrics.top_k_accuracy(labels, TopScores.of_table(probabilities, 4), k) == pytest.approx(expected)
    counts = metrics.ClassCounts.of(labels, predicted, 4)
    expected = sklearn.metrics.balanced_accuracy_score(labels, predicted)
    assert counts.balanced_accuracy == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:F-score is ill-defined")
def test_the_f1_of_many_labels_agrees_with_scikit_learn():
    generator = np.random.default_rng(0)
    labels, predicted = generator.random((2, 50, 6)) < np.array([0.5, 0.3, 0.1, 0.02, 0.0, 1.0])
    has, got = LabelSets.of_table(labels), LabelSets.of_table(predicted)
    found = metrics.label_f1(has, got)
    for average in ("micro", "macro", "samples"):
        expected = sklearn.metrics.f1_score(labels, predicted, average=average)
        assert found[f"{average}_f1"] == pytest.approx(expected)
    for k, row in enumerate(metrics.per_label(has, got)):
        expected = sklearn.metrics.precision_recall_fscore_support(
            labels[:, k], predicted[:, k], average="binary", zero_division=0
        )
        assert (row.precision, row.recall, row.f1) == pytest.approx(expected[:3])


def test_log_loss_counts_weights_and_sums_over_labels():
    labels, probabilities = labels_and_probabilities()
    weights = np.arange(200.0)
    expected = sklearn.metrics.log_loss(labels, probabilities, sample_weight=weights)
    assert metrics.log_loss(labels, probabilities, weights) == pytest.approx(expected)
    many = np.random.default_rng(0).random((30, 3)) < 0.5
    chances = np.random.default_rng(1).random((30, 3))
    expected = sum(sklearn.metrics.log_loss(many[:, k], chances[:, k]) for k in range(3))
    assert metrics.log_loss(LabelSets.of_table(many), chances) == pytest.approx(expected)


def test_a_higher_score_is_better_by_every_measure():
    labels, probabilities = labels_and_probabilities()
    many, chances = LabelSets.of_table(np.eye(4)[labels]), probabilities
    wrong = probabilities[:, ::-1]
    for metric in get_args(metrics.Metric):
        good = metrics.score(metric, labels, probabilities, probabilities.argmax(axis=1))
        assert good > metrics.score(metric, labels, wrong, wrong.argmax(axis=1))
        if metric != "balanced_accuracy":
            good = metrics.score(metric, many, chances, LabelSets.of_table(chances >= 0.5))
            assert good > metrics.score(metric, many, wrong, LabelSets.of_table(wrong >= 0.5))


def test_an_unknown_metric_is_refused():
    with pytest.raises(SettingError, match="metric is 'auc', expected 'log_loss' or"):
        metrics.check_metric("auc", is_multilabel=False)
    with pytest.raises(SettingError, match=r"which documents with several labels do not have\. Take 'macro_f1'"):
        metrics.check_metric("balanced_accuracy", is_multilabel=True)
