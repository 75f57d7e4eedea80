"""How far to trust answers: reliability, coverage against accuracy, and texts unlike those that were learned from."""

import numpy as np
import pytest

from bywords.errors import SettingError
from bywords.evaluation.reliability import (
    HIGHEST_FLOOR,
    Reliability,
    expected_calibration_error,
    floor_of,
    in_vocabulary_share_elsewhere,
    lower_floor,
    reliability_bins,
    selection_curve,
)
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary


def test_the_calibration_error_is_the_mean_distance_in_bins():
    probabilities = np.array([0.95, 0.95, 0.35, 0.35])
    happened = np.array([True, False, True, False])
    assert expected_calibration_error(probabilities, happened) == pytest.approx((0.45 + 0.15) / 2)
    assert np.isnan(expected_calibration_error(np.zeros(0), np.zeros(0, dtype=bool)))


def test_probabilities_that_mean_what_they_say_have_nearly_no_error():
    generator = np.random.default_rng(0)
    probabilities = generator.random(100_000)
    assert expected_calibration_error(probabilities, generator.random(100_000) < probabilities) < 0.01


def test_a_bin_says_how_probable_and_how_often():
    (row,) = reliability_bins(np.array([1.0, 0.99]), np.array([True, False]))
    assert (row["from"], row["to"], row["n_documents"], row["probability"], row["share"]) == (14 / 15, 1, 2, 0.995, 0.5)
    assert row["interval"][0] < 0.5 < row["interval"][1]


def test_coverage_takes_all_that_are_as_sure_as_the_last():
    confidence = np.array([0.9, 0.8, 0.8, 0.6])
    is_right = np.array([True, True, False, False])
    assert selection_curve(confidence, is_right, [0.25, 0.5, 1.0]) == [
        [0.9, 0.25, 1.0], [0.8, 0.75, 2 / 3], [0.6, 1.0, 0.5],
    ]  # fmt: skip
    assert selection_curve(np.zeros(0), np.zeros(0, dtype=bool)) == []


def some_trust():
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.5, 1, size=2000)
    return Reliability.of(confidence, generator.random(2000) < confidence, in_vocabulary_floor=0.5)


def test_the_lowest_probability_that_reaches_an_accuracy_is_found():
    reliability = some_trust()
    least = reliability.min_confidence_for(0.9)
    assert least == pytest.approx(0.8, abs=0.05)  # above it, answers are right on (.8 + 1) / 2 on average
    (accuracy,) = (right for confidence, _, right in reliability.selection if confidence == least)
    assert accuracy >= 0.9
    assert reliability.min_confidence_for(0.5) == reliability.selection[-1][0]


def test_what_a_model_keeps_is_short_and_reached_by_the_same_answers():
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.5, 1, size=200)
    reliability = Reliability.of(confidence, np.ones(200, dtype=bool), in_vocabulary_floor=0.5)
    assert len(reliability.selection) == 40
    for least, coverage, _ in reliability.selection:
        assert coverage <= (confidence >= least).mean() <= coverage + 0.01
        assert least == round(least, 4)


def test_what_cannot_be_reached_is_said_with_what_can():
    hopeless = Reliability.of(np.linspace(0.5, 1, 100), np.arange(100) % 4 > 0, in_vocabulary_floor=0.5)
    with pytest.raises(SettingError, match=r"no probability makes 95\.0% of the answers right: .* 7\d\.\d% were"):
        hopeless.min_confidence_for(0.95)
    few = Reliability.of(np.linspace(0.5, 1, 29), np.ones(29, dtype=bool), in_vocabulary_floor=0.5)
    with pytest.raises(SettingError, match="answers for 29 documents held out, and it takes 30 to choose"):
        few.min_confidence_for(0.9)


def test_a_word_is_known_where_another_document_has_it_too():
    tokens = Tokenizer()(["moon moon car", "moon oil", "tree tree"])
    assert in_vocabulary_share_elsewhere(Vocabulary.of(tokens), tokens).tolist() == [2 / 3, 1 / 2, 0]


def test_a_word_that_was_learned_before_is_known_though_one_new_document_has_it():
    before = Tokenizer()(["moon moon car", "car oil"])
    vocabulary = Vocabulary.of(before.joined(new := Tokenizer()(["oil tree", "tree"])))
    assert in_vocabulary_share_elsewhere(vocabulary, new).tolist() == [1, 1]
    assert in_vocabulary_share_elsewhere(Vocabulary.of(new), new).tolist() == [1 / 2, 1]


def test_few_new_documents_do_not_lower_the_floor_and_none_raise_it():
    assert lower_floor(0.6, np.full(20, 0.1)) == 0.6
    assert lower_floor(0.6, np.full(500, 0.1)) == pytest.approx(0.1)
    assert lower_floor(0.6, np.full(500, 0.9)) == 0.6


def test_one_document_in_a_hundred_lies_below_the_floor_and_the_floor_is_never_high():
    shares = np.linspace(0.4, 1, 1000)
    assert (shares < floor_of(shares)).mean() == pytest.approx(0.01, abs=0.002)
    assert floor_of(np.ones(10)) == HIGHEST_FLOOR
    assert floor_of(np.zeros(0)) == 0
