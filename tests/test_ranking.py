"""How many of the first labels are right: against examples worked out by hand, and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from bywords.data.label_sets import LabelSets
from bywords.evaluation.evaluation import ManyLabelsEvaluation
from bywords.evaluation.ranking import NAMES, of_documents, propensities, ranking_scores
from bywords.evaluation.top_scores import TopScores

SCORES = np.array([[0.9, 0.8, 0.1, 0.7, 0.2, 0.0], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.5, 0.4, 0.3, 0.2, 0.1, 0.0]])
TRUE = LabelSets.of_pairs([0, 0, 1], [0, 3, 0], 3, 6)  # the third has none, and is left out
TOP = TopScores.of_table(SCORES, 5)  # 0 1 3 4 2; 5 4 3 2 1


def test_precision_recall_and_ndcg_are_those_worked_out_by_hand():
    scores = ranking_scores(TRUE, TOP)
    assert scores["n_documents"] == 2
    assert [scores[k]["precision"] for k in "135"] == pytest.approx([1 / 2, (2 / 3) / 2, (2 / 5) / 2])
    assert [scores[k]["recall"] for k in "135"] == pytest.approx([(1 / 2) / 2, (2 / 2) / 2, (2 / 2) / 2])
    of_first = (1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3))
    assert [scores[k]["ndcg"] for k in "135"] == pytest.approx([1 / 2, of_first / 2, of_first / 2])
    assert scores["1"]["propensity_scored_precision"] is None


def test_a_rare_label_that_is_right_counts_more_by_its_propensity():
    n_by_label = np.array([900, 50, 20, 10, 5, 0])
    found = propensities(n_by_label, 1_000)
    C = (np.log(1_000) - 1) * 2.5**0.55
    assert found[3] == pytest.approx(1 / (1 + C * np.exp(-0.55 * np.log(10 + 1.5))))
    assert (np.diff(found) < 0).all()
    scores = ranking_scores(TRUE, TOP, n_by_label, 1_000)
    common, rare = 1 / found[0], 1 / found[3]
    assert scores["1"]["propensity_scored_precision"] == pytest.approx(common / (rare + common))  # the best are 3 and 0
    assert scores["3"]["propensity_scored_precision"] == pytest.approx((common + rare) / (common + rare + common))


def drawn(n_documents=300, n_labels=30):
    generator = np.random.default_rng(0)
    probabilities = generator.random((n_documents, n_labels))
    return probabilities, generator.random(probabilities.shape) < probabilities**4


@pytest.mark.parametrize("k", [1, 3, 5])
def test_ndcg_agrees_with_scikit_learn(k):
    probabilities, has = drawn()
    has = has[has.any(axis=1)]
    probabilities = probabilities[: len(has)]
    numerators, denominators = of_documents(LabelSets.of_table(has), TopScores.of_table(probabilities, 5), k)
    assert (numerators[:, 2] / denominators[:, 2]).mean() == pytest.approx(ndcg_score(has, probabilities, k=k))


def test_every_score_is_within_its_interval_and_a_perfect_order_has_the_best_of_each():
    probabilities, has = drawn()
    n_by_label = has.sum(axis=0)
    scores = ranking_scores(LabelSets.of_table(has), TopScores.of_table(probabilities, 5), n_by_label, 300)
    best = ranking_scores(
        LabelSets.of_table(has), TopScores.of_table(has / propensities(n_by_label, 300), 5), n_by_label, 300
    )
    for k in "135":
        for name in NAMES:
            low, high = scores[k][f"{name}_interval"]
            assert low < scores[k][name] < high
            assert scores[k][name] < best[k][name]
        assert best[k]["propensity_scored_precision"] == pytest.approx(1)
        assert best[k]["ndcg"] == pytest.approx(1)


def test_of_few_labels_no_more_are_looked_at_than_there_are():
    assert ranking_scores(LabelSets.of_table([[1, 0]]), TopScores.of_table(np.array([[0.5, 0.1]]), 5)).keys() == {
        "n_documents", "1"
    }  # fmt: skip
    assert ranking_scores(LabelSets.of_table(np.zeros((2, 9))), TopScores.of_table(np.zeros((2, 9)), 5)) == {
        "n_documents": 0
    }


def test_an_evaluation_is_the_same_from_a_table_and_from_what_is_kept_of_parts():
    from bywords.evaluation.evaluation import KeptAnswers

    probabilities, has = drawn(200, 40)
    before = np.sqrt(probabilities)
    labels, predicted = LabelSets.of_table(has), LabelSets.of_table(probabilities >= 0.6)
    known = np.ones(200, dtype=np.float32)
    more = [np.full(40, 0.6), known, known == 0]
    names = tuple(map(str, range(40)))
    whole = ManyLabelsEvaluation(names, labels, predicted, probabilities, *more, before).summary()
    parts = [slice(0, 70), slice(70, 71), slice(71, 200)]
    kept = KeptAnswers.joined([KeptAnswers.of(labels[part], probabilities[part], before[part]) for part in parts])
    found = ManyLabelsEvaluation(names, labels, predicted, None, *more, kept=kept)
    summary = found.summary()
    for name in ("calibration_error", "calibration_error_before"):
        assert summary.pop(name) == pytest.approx(whole.pop(name))
    assert summary == whole
    assert whole["ranking"]["5"]["precision"] > 0.5
    with pytest.raises(Exception, match="the probabilities of 200 documents for 40 labels are not kept"):
        _ = found.probabilities
