"""Logits become probabilities that mean something: temperatures, sigmoids and thresholds."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from bywords.data.label_sets import LabelSets, arrays_of
from bywords.data.targets import Targets
from bywords.evaluation import calibration as calibration_room
from bywords.evaluation.calibration import (
    STRAIGHT,
    Sigmoids,
    Temperature,
    best_thresholds,
    fit_calibration,
    fit_curve,
    fit_sigmoids,
    fit_temperature,
    restored,
    sigmoid,
)
from bywords.evaluation.metrics import softmax
from bywords.evaluation.top_scores import TopScores


@pytest.mark.parametrize("seed", range(30))
def test_no_other_temperature_has_a_lower_loss(seed):
    """On logits from a thousandth to thousands, of few documents and many, right by chance or nearly always."""
    generator = np.random.default_rng(seed)
    n, k = int(generator.integers(1, 200)), int(generator.integers(2, 9))
    logits = generator.normal(size=(n, k)) * 10.0 ** generator.uniform(-3.5, 4)
    labels = np.where(generator.random(n) < generator.random(), logits.argmax(axis=1), generator.integers(0, k, n))
    smoothed = np.full((n, k), 1 / (n + k)) + np.eye(k)[labels] * n / (n + k)

    def loss(log_temperature):
        return -np.mean((smoothed * log_softmax(logits / np.exp(log_temperature), axis=1)).sum(axis=1))

    found = fit_temperature(logits, Targets.of(labels))
    theirs = minimize_scalar(loss, bounds=np.log([1e-3, 1e3]), method="bounded", options={"xatol": 1e-9})
    assert 1e-3 <= found <= 1e3
    assert loss(np.log(found)) <= theirs.fun + 1e-9


def test_logits_that_tell_nothing_keep_their_temperature():
    assert fit_temperature(np.full((4, 3), 7.0), Targets.of(np.array([0, 1, 2, 0]))) == 1.0


def test_the_temperature_undoes_overconfidence():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(4000, 3))
    cumulated = softmax(logits).cumsum(axis=1)
    labels = (generator.random((4000, 1)) > cumulated).sum(axis=1)
    assert fit_temperature(logits * 5, Targets.of(labels)) == pytest.approx(5, rel=0.1)
    assert fit_temperature(logits * 0.2, Targets.of(labels)) == pytest.approx(0.2, rel=0.1)


def test_a_few_documents_without_a_mistake_do_not_make_a_model_certain():
    labels = np.arange(30) % 3
    logits = np.eye(3)[labels]
    probabilities = softmax(logits / fit_temperature(logits, Targets.of(labels)))
    assert 0.9 < probabilities.max() < 0.98


def drawn(scales, offsets, n_documents=4000, *, seed=0):
    """Logits, and labels that are right with the probability that sigmoids of them, so scaled and shifted, give."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(n_documents, len(scales)))
    return logits, generator.random(logits.shape) < sigmoid(logits * scales + offsets)


def test_sigmoids_find_the_scale_and_the_offset_of_each_label():
    scales, offsets = np.array([0.3, 2.0, 5.0]), np.array([-2.0, 0.0, 1.5])
    logits, labels = drawn(scales, offsets)
    found = fit_sigmoids(logits, Targets.of(LabelSets.of_table(labels)))
    np.testing.assert_allclose(found[0], scales, rtol=0.15)
    np.testing.assert_allclose(found[1], offsets, atol=0.15)


def test_sigmoids_agree_with_the_logistic_regression_that_users_know_but_for_the_smoothed_targets():
    logits, labels = drawn(np.array([1.5]), np.array([-1.0]))
    (scale,), (offset,) = fit_sigmoids(logits, Targets.of(LabelSets.of_table(labels)))
    peer = LogisticRegression(C=1e9).fit(logits, labels[:, 0])
    assert (scale, offset) == (
        pytest.approx(peer.coef_.item(), rel=0.01),
        pytest.approx(peer.intercept_.item(), abs=0.01),
    )


def test_a_document_that_counts_twice_is_like_two():
    logits, labels = drawn(np.array([1.5]), np.array([-1.0]), 50)
    twice = np.arange(50) % 3 == 0
    weighed = fit_sigmoids(logits, Targets.of(LabelSets.of_table(labels), weights=1.0 + twice))
    rows = np.concatenate([np.arange(50), np.flatnonzero(twice)])
    np.testing.assert_allclose(
        weighed, fit_sigmoids(logits[rows], Targets.of(LabelSets.of_table(labels[rows]))), rtol=1e-4
    )


@pytest.mark.parametrize("labels", [np.zeros((8, 1), dtype=bool), np.ones((8, 1), dtype=bool)])
def test_a_label_that_all_or_no_documents_have_makes_nothing_certain(labels):
    calibration = fit_calibration(np.linspace(-1, 1, 8)[:, np.newaxis], Targets.of(LabelSets.of_table(labels)))
    probabilities = calibration.probabilities(np.array([[-3.0], [3.0]]))
    assert ((probabilities > 0) & (probabilities < 1)).all()


def test_labels_that_logits_tell_apart_without_a_mistake_make_no_probability_of_one():
    logits = np.repeat([-1.0, 1.0], 10)[:, np.newaxis]
    probabilities = fit_calibration(logits, Targets.of(LabelSets.of_table(logits > 0))).probabilities(logits)
    assert 0.8 < probabilities.max() < 0.99


def test_the_threshold_of_one_label_is_the_one_with_the_highest_f1():
    generator = np.random.default_rng(0)
    probabilities = generator.random((60, 1))
    labels = generator.random((60, 1)) < probabilities**2
    (threshold,) = best_thresholds(LabelSets.of_table(labels), probabilities)
    tried = [f1_score(labels, probabilities >= cut) for cut in np.linspace(0, 1, 2001)]
    assert f1_score(labels, probabilities >= threshold) == pytest.approx(max(tried))


def test_a_label_of_few_documents_takes_the_threshold_of_all_together():
    generator = np.random.default_rng(0)
    probabilities = generator.random((200, 2))
    labels = generator.random((200, 2)) < probabilities
    labels[:, 1] = False
    labels[:3, 1] = True
    common = best_thresholds(LabelSets.of_table(labels.reshape(-1, 1)), probabilities.reshape(-1, 1))[0]
    assert best_thresholds(LabelSets.of_table(labels), probabilities)[1] == pytest.approx(common)


def test_calibrations_come_back_from_their_json_values():
    logits, labels = drawn(np.array([1.0, 2.0]), np.array([0.0, 1.0]), 100)
    for targets in (Targets.of(LabelSets.of_table(labels)), Targets.of(labels[:, 0].astype(np.int64))):
        calibration = fit_calibration(logits, targets)
        plain = json.loads(json.dumps(calibration.plain()))
        again = restored(plain, 2, is_multilabel=targets.is_multilabel)
        probabilities = calibration.probabilities(logits)
        np.testing.assert_array_equal(again.probabilities(logits), probabilities)
        for one, other in zip(*(arrays_of(each.predict(probabilities)) for each in (again, calibration)), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_label_is_given_from_its_threshold_on():
    calibration = Sigmoids(np.ones(2), np.zeros(2), np.array([0.3, 0.7]))
    assert calibration.predict(np.array([[0.3, 0.69], [0.29, 0.7]])).table().tolist() == [[True, False], [False, True]]


def test_logits_that_are_all_the_same_get_the_share_of_the_label_as_their_probability():
    labels = np.arange(100)[:, np.newaxis] < 20
    scales, offsets = fit_sigmoids(np.full((100, 1), -2.5), Targets.of(LabelSets.of_table(labels)))
    assert scales[0] < 1
    assert sigmoid(-2.5 * scales + offsets) == pytest.approx(0.2, abs=0.01)


@given(
    st.lists(st.lists(st.floats(-30, 30), min_size=3, max_size=3), min_size=1, max_size=8),
    st.tuples(st.floats(0, 4), st.floats(0, 4), st.floats(-5, 5)),
)
def test_a_curve_changes_no_label_and_no_sum(logits, curve):
    logits = np.array(logits)
    probabilities = Temperature(1.3, curve).probabilities(logits)
    plain = Temperature(1.3).probabilities(logits)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities >= 0).all()
    assert (probabilities.argmax(axis=1) == plain.argmax(axis=1)).all()


def test_the_curve_mends_what_a_temperature_cannot():
    generator = np.random.default_rng(0)
    highest = generator.uniform(0.5, 1, size=20_000)
    is_right = generator.random(20_000) < 0.6 + 0.35 * (highest - 0.5) * 2  # too sure at the top, not enough below
    probabilities = np.stack([highest, 1 - highest], axis=1)
    curve = fit_curve(probabilities, Targets.of(np.where(is_right, 0, 1), 2))
    bent = Temperature(1.0, curve).probabilities(np.log(probabilities)).max(axis=1)
    for low in (0.5, 0.7, 0.85, 0.96):
        inside = (highest > low) & (highest < low + 0.04)
        assert bent[inside].mean() == pytest.approx(is_right[inside].mean(), abs=0.03)
    assert highest[highest > 0.96].mean() - is_right[highest > 0.96].mean() > 0.03
    assert is_right[highest < 0.54].mean() - highest[highest < 0.54].mean() > 0.08


def test_few_documents_leave_the_curve_nearly_straight():
    probabilities = np.array([[0.9, 0.1]] * 6 + [[0.6, 0.4]] * 4)
    curve = fit_curve(probabilities, Targets.of(np.array([0] * 10)))
    np.testing.assert_allclose(curve, STRAIGHT, atol=0.2)
    assert fit_curve(np.zeros((0, 2)), Targets.of(np.zeros(0, dtype=np.int64), 2)) == STRAIGHT


def test_the_curve_makes_answers_less_sure_that_are_surer_than_so_many_documents_can_show():
    probabilities = np.array([[0.999, 0.001]] * 200)  # all right, which shows no more than 201 of 202
    curve = fit_curve(probabilities, Targets.of(np.zeros(200, dtype=np.int64), 2))
    assert 201 / 202 < Temperature(1.0, curve).probabilities(np.log(probabilities)).max() < 0.998


@pytest.mark.parametrize("gap", [20.0, 707.0, 730.0, 746.0, 2000.0])
def test_logits_that_are_very_far_apart_are_bent_as_those_that_are_far_apart(gap):
    probabilities = Temperature(1.0, (1.0, 0.2, 0.0)).probabilities(np.array([[0.0, -gap, -gap]]))
    np.testing.assert_allclose(probabilities.sum(), 1)
    assert probabilities[0, 0] == pytest.approx(0.9406, abs=0.001)
    assert probabilities[0, 1] == probabilities[0, 2]


def many_labels(n_documents=600, n_labels=150):
    """Logits of labels of which most are rare, and which documents have them."""
    generator = np.random.default_rng(0)
    shares = 1 / np.arange(1, n_labels + 1)
    logits = generator.normal(size=(n_documents, n_labels)) + np.log(3 * shares / shares.sum())
    return logits, generator.random(logits.shape) < sigmoid(1.5 * logits)


def test_of_many_labels_those_of_few_documents_share_a_sigmoid_and_others_have_their_own(monkeypatch):
    monkeypatch.setattr(calibration_room, "FEWEST_OF_MANY", 5)
    logits, labels = many_labels()
    scales, offsets = fit_sigmoids(logits, Targets.of(LabelSets.of_table(labels)))
    is_rare = labels.sum(axis=0) < 5
    assert 20 < is_rare.sum() < 130
    assert len(set(scales[is_rare])) == len(set(offsets[is_rare])) == 1
    own = fit_sigmoids(logits[:, ~is_rare], Targets.of(LabelSets.of_table(labels[:, ~is_rare])))
    np.testing.assert_allclose((scales[~is_rare], offsets[~is_rare]), own, rtol=1e-5, atol=1e-6)
    flat = fit_sigmoids(
        logits[:, is_rare].reshape(-1, 1), Targets.of(LabelSets.of_table(labels[:, is_rare].reshape(-1, 1)))
    )
    np.testing.assert_allclose((scales[is_rare][0], offsets[is_rare][0]), np.ravel(flat), rtol=0.01)


def test_the_best_logits_alone_are_calibrated_as_all_are_where_they_are_all():
    logits, labels = many_labels(400, 20)
    targets = Targets.of(LabelSets.of_table(labels))
    top = TopScores.of_table(logits, 20)
    for one, other in zip(fit_sigmoids(top, targets), fit_sigmoids(logits, targets), strict=True):
        is_own = labels.sum(axis=0) >= 5
        np.testing.assert_allclose(one[is_own], other[is_own], rtol=1e-4, atol=1e-5)
    calibration = fit_calibration(top, targets)
    given = calibration.predict_top(calibration.top_probabilities(top))
    assert given.are_equal(calibration.predict(calibration.probabilities(logits))).all()


def test_the_best_logits_of_classes_are_probabilities_of_those_that_were_found():
    generator = np.random.default_rng(0)
    logits, classes = generator.normal(size=(500, 30)), generator.integers(30, size=500)
    logits[np.arange(500), classes] += 2
    top = TopScores.of_table(logits, 10)
    top.labels[0, 5:], top.scores[0, 5:] = -1, -np.inf
    calibration = fit_calibration(top, Targets.of(classes, 30))
    found = calibration.top_probabilities(top)
    np.testing.assert_allclose(np.where(found.is_there, found.scores, 0).sum(axis=1), 1)
    assert (calibration.predict_top(found) == logits.argmax(axis=1)).all()
    right = (calibration.predict_top(found) == classes).mean()
    assert found.scores[:, 0].mean() == pytest.approx(right, abs=0.03)


@pytest.mark.parametrize("n_first_right", [0, 1])
def test_the_threshold_of_all_decisions_is_found_where_the_most_probable_are_wrong(n_first_right):
    probabilities = np.linspace(1, 0, 4_000)[:, np.newaxis]
    labels = np.zeros((4_000, 1), dtype=bool)
    labels[1_500:1_600], labels[:n_first_right] = True, True
    (threshold,) = best_thresholds(LabelSets.of_table(labels), probabilities)
    assert (probabilities >= threshold).sum() == 1_600


@pytest.mark.parametrize("n_documents", [40, 4_000])
def test_the_threshold_of_all_decisions_is_found_among_the_most_probable(n_documents):
    generator = np.random.default_rng(0)
    probabilities = generator.random((n_documents, 3)).round(3) ** 3
    labels = generator.random((n_documents, 3)) < probabilities / 4
    (threshold,) = best_thresholds(LabelSets.of_table(labels.reshape(-1, 1)), probabilities.reshape(-1, 1))
    tried = [f1_score(labels.ravel(), probabilities.ravel() >= cut) for cut in np.linspace(0, 1, 1001) ** 3 - 1e-9]
    assert f1_score(labels.ravel(), probabilities.ravel() >= threshold) == pytest.approx(max(tried))
