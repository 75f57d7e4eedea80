"""Probabilities and labels → scores and rows."""

import numpy as np
import pytest

from bywords.data.label_sets import LabelSets
from bywords.errors import DataError
from bywords.evaluation.evaluation import Evaluation, KeptAnswers, ManyLabelsEvaluation
from bywords.evaluation.reliability import Reliability

LABELS = np.array([0, 0, 1, 1, 2])
PROBABILITIES = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.1, 0.9, 0], [0.95, 0.05, 0], [0.4, 0.4, 0.2]])
KNOWN = np.array([1, 1, 0.5, 1, 0], dtype=np.float32)
EVALUATION = Evaluation(("a", "b", "c"), LABELS, PROBABILITIES, KNOWN, KNOWN == 0)


def test_the_likeliest_class_is_the_answer_and_of_equals_the_first():
    assert EVALUATION.predicted.tolist() == [0, 1, 1, 0, 0]
    assert EVALUATION.accuracy == 0.4


def test_wrong_documents_come_most_confident_first():
    assert EVALUATION.wrong(10).tolist() == [3, 1, 4]
    assert EVALUATION.wrong(1).tolist() == [3]
    rows = EVALUATION.wrong_documents(["t0", "t1", "t2", "t3", "t4"], np.array([10, 11, 12, 13, 14]), 1)
    assert rows == [{"row": 13, "text": "t3", "label": "b", "predicted": "a", "probability": 0.95}]


def test_confusions_have_their_share_of_the_true_class():
    assert EVALUATION.hardest_confusions(5) == [
        {"true": "a", "predicted": "b", "count": 1, "share": 0.5},
        {"true": "b", "predicted": "a", "count": 1, "share": 0.5},
        {"true": "c", "predicted": "a", "count": 1, "share": 1.0},
    ]


def test_the_summary_counts_texts_in_which_nothing_was_known():
    summary = EVALUATION.summary()
    assert summary["n_documents"] == 5
    assert summary["n_all_out_of_vocabulary"] == 1
    assert [row["label"] for row in summary["per_class"]] == ["a", "b", "c"]
    assert [row["support"] for row in summary["per_class"]] == [2, 2, 1]


def test_scores_stand_between_the_ends_of_their_intervals():
    generator = np.random.default_rng(0)
    labels = generator.integers(3, size=300)
    probabilities = generator.dirichlet(np.ones(3), size=300)
    probabilities[np.arange(300), labels] += 0.4
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    known = np.ones(300, dtype=np.float32)
    summary = Evaluation(("a", "b", "c"), labels, probabilities, known, known == 0).summary()
    for name in ("accuracy", "macro_f1", "log_loss"):
        low, high = summary[f"{name}_interval"]
        assert low < summary[name] < high


def test_f1_of_a_test_set_without_a_mistake_has_a_lower_end_that_more_documents_raise():
    def intervals(n_documents):
        table = np.eye(4)[np.arange(n_documents) % 4]
        names, sets = ("a", "b", "c", "d"), LabelSets.of_table(table > 0)
        known = np.ones(n_documents, dtype=np.float32), np.zeros(n_documents, dtype=bool)
        one = Evaluation(names, table.argmax(axis=1), table, *known)
        many = ManyLabelsEvaluation(names, sets, sets, table, np.full(4, 0.5), *known)
        assert one.macro_f1 == many.f1["micro_f1"] == 1
        return [one.macro_f1_interval, *many.f1_intervals.values(), many.ranking["1"]["precision_interval"]]

    for (low, high), (later, highest) in zip(intervals(40), intervals(400), strict=True):
        assert 0.5 < low < later < high == highest == 1


def test_the_surest_answers_come_first():
    rows = EVALUATION.coverage([0.4, 1.0])
    assert [(row["min_confidence"], row["coverage"], row["accuracy"]) for row in rows] == [
        (0.9, 0.6, 2 / 3),  # .95 is wrong, .9 twice right: as sure as the second is the third
        (0.4, 1.0, 0.4),
    ]


def test_reliability_before_calibration_is_told_where_it_is_known():
    sure = Evaluation(("a", "b", "c"), LABELS, PROBABILITIES, KNOWN, KNOWN == 0, np.eye(3)[EVALUATION.predicted])
    assert "error_before" not in EVALUATION.reliability()
    assert sure.reliability()["error_before"] == pytest.approx(1 - 0.4)


def test_answers_that_are_not_sure_enough_or_of_texts_unlike_the_training_are_not_counted():
    is_out_of_distribution = Reliability(in_vocabulary_floor=0.6).is_out_of_distribution(KNOWN, KNOWN == 0)
    given = EVALUATION.answered(0.8, is_out_of_distribution)
    assert (given["n_documents"], given["coverage"]) == (3, 0.6)  # .9, .8 and .95; the third knows half of its words
    assert given["accuracy"] == 1 / 3
    is_out_of_distribution = Reliability(in_vocabulary_floor=0.0).is_out_of_distribution(KNOWN, KNOWN == 0)
    assert EVALUATION.answered(0.99, is_out_of_distribution)["accuracy"] is None
    assert EVALUATION.answered(0.0, is_out_of_distribution)["n_documents"] == 4  # nothing is known of the last


def test_many_classes_are_evaluated_alike_from_a_table_and_from_what_is_kept_of_parts():
    generator = np.random.default_rng(0)
    labels = generator.integers(50, size=400)
    before = generator.dirichlet(np.full(50, 0.2), size=400)
    probabilities = (before + 0.5 * np.eye(50)[labels]) / 1.5
    known = np.ones(400, dtype=np.float32)
    names = tuple(f"class{number:02}" for number in range(50))
    whole = Evaluation(names, labels, probabilities, known, known == 0, before)
    parts = [slice(0, 7), slice(7, 300), slice(300, 400)]
    kept = KeptAnswers.joined([KeptAnswers.of(labels[part], probabilities[part], before[part]) for part in parts])
    found = Evaluation(names, labels, None, known, known == 0, kept=kept)
    assert found.summary() == whole.summary()
    assert found.hardest_confusions() == whole.hardest_confusions()
    assert found.reliability() == whole.reliability()
    assert found.wrong(20).tolist() == whole.wrong(20).tolist()
    with pytest.raises(DataError, match="the probabilities of 400 documents for 50 labels are not kept"):
        _ = found.probabilities
