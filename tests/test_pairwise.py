"""What is said of two systems: no more than their answers to the same documents show."""

import numpy as np
import pytest

from bywords.experiments.pairwise import as_text, compare_pairs, from_text, rounded


def answers(n_documents, accuracies, *, n_seeds=1, seed=0):
    """Labels of two classes, and systems that are right on these shares of the documents, each by itself."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(2, size=n_documents)
    given = {}
    for name, accuracy in accuracies.items():
        is_right = np.tile(np.arange(n_documents) < round(accuracy * n_documents), (n_seeds, 1))
        is_right = generator.permuted(is_right, axis=1)
        given[name] = np.where(is_right, labels, 1 - labels)
    return labels, given


def test_a_clear_difference_is_called_better_with_its_interval():
    (pair,) = compare_pairs(*answers(2000, {"weak": 0.80, "strong": 0.90}), 2)
    assert (pair.one, pair.other, pair.is_better) == ("strong", "weak", True)
    assert pair.accuracy.difference == pytest.approx(0.10)
    assert pair.sentence.startswith("strong is better than weak by 10.0 points (7.")
    low, high = pair.macro_f1.interval
    assert low < pair.macro_f1.difference < high
    assert pair.macro_f1.p_holm < 0.05


def test_a_small_difference_is_not_called_better_and_what_it_would_take_is_said():
    (pair,) = compare_pairs(*answers(500, {"a": 0.85, "b": 0.86}), 2)
    assert not pair.is_better
    assert pair.sentence.startswith("b and a cannot be told apart with 500 test documents (-")
    assert pair.sentence.endswith("test documents would be needed.")
    assert pair.accuracy.n_needed > 500


def test_systems_that_are_right_equally_often_are_no_matter_of_more_documents():
    (pair,) = compare_pairs(*answers(500, {"a": 0.85, "b": 0.85}), 2)
    assert pair.sentence.endswith("points): they are right equally often.")


def test_what_one_pair_alone_would_show_is_not_called_better_beside_many():
    systems = {"a": 0.86, "b": 0.81}
    alone = compare_pairs(*answers(500, systems), 2)
    many = compare_pairs(*answers(500, {**systems, **{f"c{number}": 0.835 for number in range(10)}}), 2)
    among = next(pair for pair in many if (pair.one, pair.other) == ("a", "b"))
    assert alone[0].accuracy.p_value < 0.05
    assert among.accuracy.p_holm > 0.05
    assert not among.is_better
    assert among.sentence.startswith("a and b cannot be told apart among 66 pairs with 500 test documents (+")
    assert among.accuracy.n_needed > alone[0].accuracy.n_needed


def test_no_system_is_called_better_more_than_one_time_in_twenty_where_none_is():
    generator = np.random.default_rng(0)
    labels, wrongly = np.zeros(300, dtype=np.int64), 0
    for _ in range(200):
        given = {name: (generator.random((1, 300)) < 0.2).astype(np.int64) for name in "abcd"}
        wrongly += any(pair.is_better for pair in compare_pairs(labels, given, 2))
    assert wrongly <= 15


def test_what_one_seed_of_five_alone_finds_is_not_called_better():
    """By the exact test eight documents, all for one side, are more than chance, and yet the interval reaches 0."""
    labels, right = np.zeros(300, dtype=np.int64), np.zeros((5, 300), dtype=np.int64)
    wrong = right.copy()
    wrong[0, :8] = 1
    (pair,) = compare_pairs(labels, {"a": right, "b": wrong}, 2)
    assert pair.accuracy.p_holm < 0.05
    assert pair.accuracy.interval[0] < 0
    assert not pair.is_better
    assert pair.sentence.startswith("a and b cannot be told apart")


def test_seeds_count_as_their_mean():
    labels, given = answers(1000, {"a": 0.9, "b": 0.8}, n_seeds=3)
    (pair,) = compare_pairs(labels, given, 2)
    right = {name: (rows == labels).mean() for name, rows in given.items()}
    assert pair.accuracy.difference == pytest.approx(right["a"] - right["b"])


def test_every_pair_is_compared_once_and_one_system_with_none():
    labels, given = answers(100, {"a": 0.9, "b": 0.8, "c": 0.7})
    assert [(pair.one, pair.other) for pair in compare_pairs(labels, given, 2)] == [
        ("a", "b"), ("a", "c"), ("b", "c"),
    ]  # fmt: skip
    assert compare_pairs(labels, {"a": given["a"]}, 2) == []


def test_answers_are_kept_as_a_line_of_text():
    assert from_text(as_text(np.array([3, 0, 12]))).tolist() == [3, 0, 12]
    assert len(from_text("")) == 0


def test_needed_documents_are_rounded_up_to_two_digits():
    assert [rounded(n) for n in (7, 99, 101, 3921, 123_456)] == [7, 99, 110, 4000, 130_000]
