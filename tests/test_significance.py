"""Intervals and tests: held against scipy and slow twins, and against what chance does in simulation."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from bywords.data.label_sets import LabelSets
from bywords.evaluation import metrics
from bywords.evaluation.significance import (
    bootstrap_interval,
    bootstrap_p_value,
    holm,
    label_f1_draws,
    macro_f1_draws,
    mean_interval,
    paired_difference,
)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_with_one_seed_the_p_value_is_that_of_mcnemars_exact_test(pairs):
    one, other = np.array(pairs, dtype=float).T
    only_one, only_other = int(((one == 1) & (other == 0)).sum()), int(((one == 0) & (other == 1)).sum())
    n_apart = only_one + only_other
    expected = binomtest(only_one, n_apart).pvalue if n_apart else 1.0
    assert paired_difference(one, other).p_value == pytest.approx(expected)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9))
def test_with_three_seeds_it_is_the_share_of_all_sign_flips_that_are_as_far_apart(thirds):
    apart = np.array(thirds) / 3
    flips = [abs(np.dot(signs, apart)) for signs in itertools.product([-1, 1], repeat=len(apart))]
    expected = np.mean([flipped >= abs(apart.sum()) - 1e-9 for flipped in flips])
    found = paired_difference(np.maximum(apart, 0), np.maximum(-apart, 0))
    assert found.p_value == pytest.approx(expected)
    assert found.difference == pytest.approx(apart.mean())


def test_of_very_many_differences_the_p_value_is_the_normal_one(monkeypatch):
    generator = np.random.default_rng(0)
    one, other = generator.integers(4, size=(2, 3000)) / 3
    exact = paired_difference(one, other).p_value
    monkeypatch.setattr("bywords.evaluation.significance.MOST_EXACT", 100)
    assert paired_difference(one, other).p_value == pytest.approx(exact, rel=0.05)


def test_a_difference_says_how_many_documents_would_show_it():
    generator = np.random.default_rng(0)
    found = []
    one_better, other_better = 0.06, 0.04
    for _ in range(400):
        kinds = generator.choice(3, size=paired_n(one_better, other_better), p=[one_better, other_better, 0.9])
        found.append(paired_difference(kinds == 0, kinds == 1).p_value < 0.05)
    assert 0.73 < np.mean(found) < 0.87  # 4 times of 5


def paired_n(one_better, other_better):
    """What `n_needed` says of documents in which the shares are just these."""
    kinds = np.repeat([0, 1, 2], [round(1000 * one_better), round(1000 * other_better), 900])
    return paired_difference(kinds == 0, kinds == 1).n_needed


def test_equal_answers_cannot_be_told_apart_by_any_number_of_documents():
    found = paired_difference(np.ones(50), np.ones(50))
    assert (found.difference, found.p_value, found.n_needed) == (0.0, 1.0, None)
    assert found.interval[0] < 0 < found.interval[1]


def test_no_documents_prove_nothing():
    found = paired_difference(np.zeros(0), np.zeros(0))
    assert (found.interval, found.p_value, found.n_needed) == ((-1.0, 1.0), 1.0, None)


def test_the_interval_of_a_difference_covers_it_in_95_of_100_test_sets():
    generator = np.random.default_rng(1)
    covered = []
    for _ in range(1000):
        kinds = generator.choice(3, size=300, p=[0.08, 0.05, 0.87])
        low, high = paired_difference(kinds == 0, kinds == 1).interval
        covered.append(low <= 0.03 <= high)
    assert 0.93 <= np.mean(covered) <= 0.97


def test_holm_multiplies_the_smallest_by_all_and_never_falls():
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert len(holm([])) == 0


def some_answers(n_documents=200, n_classes=4, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(n_classes, size=n_documents)
    wrong = generator.integers(n_classes, size=(2, n_documents))
    return labels, np.where(generator.random((2, n_documents)) < [[0.8], [0.7]], labels, wrong)


def test_drawn_macro_f1_is_that_of_the_documents_drawn():
    labels, predicted = some_answers(n_documents=9, n_classes=3)
    found = macro_f1_draws(labels, predicted, 3, seed=5)
    # The slow twin: the same draws, document by document, scored by the metric itself.
    _, kinds = np.unique(np.vstack([labels, predicted]), axis=1, return_inverse=True)
    order = np.argsort(kinds.ravel(), kind="stable")
    generator = np.random.default_rng(5)
    for index in range(20):
        rows = order[generator.integers(9, size=9)]
        for system in range(2):
            counts = metrics.ClassCounts.of(labels[rows], predicted[system][rows], 3)
            assert found[system, index] == pytest.approx(counts.macro_f1, abs=1e-6)


def test_the_same_seed_draws_the_same_and_another_does_not():
    labels, predicted = some_answers()
    assert (macro_f1_draws(labels, predicted, 4) == macro_f1_draws(labels, predicted, 4)).all()
    assert (macro_f1_draws(labels, predicted, 4) != macro_f1_draws(labels, predicted, 4, seed=1)).any()


def test_drawn_f1_of_many_labels_lies_around_that_of_all_documents():
    generator = np.random.default_rng(0)
    labels = generator.random((400, 5)) < 0.3
    predicted = LabelSets.of_table(labels ^ (generator.random((400, 5)) < 0.1))
    labels = LabelSets.of_table(labels)
    of_all = metrics.label_f1(labels, predicted)
    for name, draws in label_f1_draws(labels, predicted).items():
        assert draws.shape == (1, 1000)
        low, high = bootstrap_interval(draws[0], of_all[name])
        assert low < of_all[name] < high
        assert draws.mean() == pytest.approx(of_all[name], abs=0.01)


def test_the_interval_of_many_rare_labels_is_around_their_macro_f1_though_all_draws_are_below_it():
    generator = np.random.default_rng(0)
    has = generator.random((300, 200)) < 0.01
    labels, predicted = LabelSets.of_table(has), LabelSets.of_table(has & (generator.random(has.shape) < 0.8))
    of_all = metrics.label_f1(labels, predicted)["macro_f1"]
    draws = label_f1_draws(labels, predicted)["macro_f1"][0]
    assert (draws < of_all).all()
    low, high = bootstrap_interval(draws, of_all)
    assert low < of_all < high < low + 0.1


def test_the_bootstrap_interval_of_macro_f1_covers_it_in_95_of_100_test_sets():
    generator = np.random.default_rng(2)
    labels, predicted = some_answers(n_documents=5000, n_classes=5, seed=3)
    truth = metrics.ClassCounts.of(labels, predicted[0], 5).macro_f1
    covered = []
    for index in range(400):
        rows = generator.integers(5000, size=300)
        estimate = metrics.ClassCounts.of(labels[rows], predicted[0][rows], 5).macro_f1
        draws = macro_f1_draws(labels[rows], predicted[:1, rows], 5, seed=index)[0]
        low, high = bootstrap_interval(draws, estimate)
        covered.append(low <= truth <= high)
    assert 0.92 <= np.mean(covered) <= 0.98


def test_an_interval_moves_by_what_drawing_moves_the_score():
    draws = np.random.default_rng(0).normal(0.5, 0.1, size=1000)
    low, high = bootstrap_interval(draws, 0.55)  # drawing makes it lower by half a standard deviation
    assert low == pytest.approx(0.40, abs=0.02)
    assert high == pytest.approx(0.80, abs=0.04)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_the_interval_of_answers_without_a_mistake_or_without_a_hit_is_no_certainty(score):
    draws = np.full(1000, score)
    assert bootstrap_interval(draws, score, 40) == metrics.wilson_interval(score, 40)
    assert bootstrap_interval(draws, score) == (score, score)  # a difference: of as many as one likes


def test_a_bootstrap_p_value_is_small_where_no_draw_is_on_the_other_side_but_never_zero():
    assert bootstrap_p_value(np.full(999, 0.1)) == pytest.approx(2 / 1000)
    assert bootstrap_p_value(np.array([-1.0, 1.0] * 500)) == 1.0


def test_the_interval_of_a_mean_is_two_standard_errors_wide_on_each_side():
    low, high = mean_interval(np.array([0.0, 1.0] * 50))
    assert (low, high) == pytest.approx((0.5 - 1.96 * 0.0502519, 0.5 + 1.96 * 0.0502519), abs=1e-4)
    assert np.isnan(mean_interval(np.zeros(1))).all()
