"""A model that finds the best labels of a document alone: what it answers, and what it says that it does not know."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from small_corpus import COMMON

import bywords
from bywords.artifact.description import load_classifier, save_classifier
from bywords.classifier import TextClassifier
from bywords.cli.predict import Answers
from bywords.errors import SettingError
from bywords.evaluation.top_scores import TopScores
from bywords.models.base import MODELS
from bywords.models.tfidf_linear import TfidfConfig, TfidfLinear
from bywords.system_config import SystemConfig
from bywords.training.fit import fit_classifier

N_FOUND = 6  # labels that it finds, of thirty


class Found(TfidfLinear):
    """TF-IDF and SVMs, of whose logits a document has the best few."""

    is_ranked: ClassVar[bool] = True

    @dataclass(frozen=True, kw_only=True)
    class Config(TfidfConfig):
        pass

    def logits(self, documents):
        assert len(documents) <= 1, "the logits of all labels are not to be made"
        return super().logits(documents)

    def top_logits(self, documents, m):
        top = TopScores.of_table(super().logits(documents), min(m, N_FOUND))
        is_missing = (np.arange(N_FOUND) > 1) & (np.arange(len(documents)) % 5 == 0)[:, np.newaxis]
        return TopScores(np.where(is_missing, -1, top.labels), np.where(is_missing, -np.inf, top.scores))


def documents(n_documents, seed):
    """Texts that have two words of each of their labels, of thirty; the first labels are common."""
    generator = np.random.default_rng(seed)
    shares = 1 / np.arange(1, 31)
    texts, labels = [], []
    for _ in range(n_documents):
        its = sorted(set(generator.choice(30, size=3, p=shares / shares.sum()).tolist()))
        words = [f"word{label}{generator.choice(list('xyz'))}" for label in its for _ in range(2)]
        texts.append(" ".join([*words, *generator.choice(COMMON, 3)]))
        labels.append([f"label{label:02}" for label in its])
    return texts, labels


@pytest.fixture(scope="module")
def fitted():
    bywords.register_model(Found)
    texts, labels = documents(600, 0)
    alike = {"estimator": "svc"}
    found = {
        kind: fit_classifier(SystemConfig(description=kind, model=config(**alike)), texts, labels)
        for kind, config in (("found", Found.Config), ("all", TfidfConfig))
    }
    one = [its[0] for its in labels]
    found["one"] = fit_classifier(SystemConfig(description="one", model=Found.Config(**alike)), texts, one)
    yield found
    MODELS.pop("FoundConfig", None)


TEXTS, LABELS = documents(200, 1)


def test_it_answers_nearly_as_the_model_that_has_all_logits(fitted):
    found, of_all = (fitted[kind].evaluate(TEXTS, LABELS) for kind in ("found", "all"))
    assert found.f1["micro_f1"] == pytest.approx(of_all.f1["micro_f1"], abs=0.1)
    assert found.ranking["1"]["precision"] == pytest.approx(of_all.ranking["1"]["precision"], abs=0.02)
    assert of_all.ranking["1"]["precision"] > 0.9
    assert (
        fitted["found"].record.summary.n_by_label
        == np.bincount([int(label[-2:]) for labels in documents(600, 0)[1] for label in labels]).tolist()
    )
    assert of_all.ranking["5"]["propensity_scored_precision"] > 0.5


def test_what_it_does_not_know_is_said_and_not_made_up(fitted):
    scores = fitted["found"].evaluate(TEXTS, LABELS).summary()
    unknown = ("log_loss", "log_loss_interval", "calibration_error", "calibration_error_before")
    assert [scores[name] for name in unknown] == [None] * 4
    known = set(fitted["one"].classes.tolist())
    texts, ones = zip(
        *((text, its[0]) for text, its in zip(TEXTS, LABELS, strict=True) if its[0] in known), strict=True
    )
    one = fitted["one"].evaluate(texts, ones).summary()
    assert (one["log_loss"], one["calibration_error_before"]) == (None, None)
    assert 0.5 < one["accuracy"] <= one["top_k_accuracy"]["2"]
    for kind in ("found", "one"):
        answers = fitted[kind].predict(TEXTS[:3])
        assert len(answers.labels) == 3
        for name in ("probabilities", "logits"):
            with pytest.raises(SettingError, match=r"no probability for each of them all\. Ask for the likeliest"):
                getattr(answers, name)


def test_the_likeliest_are_asked_for_and_none_stands_for_what_was_not_found(fitted):
    top = fitted["found"].top(TEXTS, 4)
    assert top.labels.shape == top.probabilities.shape == (200, 4)
    assert (np.diff(top.probabilities, axis=1) <= 0).all()
    assert top.labels[0, 2:].tolist() == [None, None]
    assert top.probabilities[0, 2:].tolist() == [0, 0]
    of_all = fitted["all"].top(TEXTS, 4)
    np.testing.assert_array_equal(
        np.take_along_axis(fitted["all"].predict(TEXTS).probabilities, of_all.indices, axis=1), of_all.probabilities
    )
    for found in (top, of_all):
        assert np.mean([label in labels for label, labels in zip(found.labels[:, 0], LABELS, strict=True)]) > 0.9
    assert fitted["all"].top([], 2).labels.shape == fitted["found"].top([], 2).labels.shape == (0, 2)


def test_it_survives_a_folder_and_is_scored_as_an_estimator(fitted, tmp_path):
    save_classifier(fitted["found"], tmp_path / "model")
    loaded = load_classifier(tmp_path / "model")
    assert loaded.predict(TEXTS).labels.tolist() == fitted["found"].predict(TEXTS).labels.tolist()
    share = TextClassifier.of(loaded).score(TEXTS, LABELS)
    assert share == fitted["found"].evaluate(TEXTS, LABELS).accuracy > 0.1


def test_files_are_labelled_with_what_it_finds(fitted):
    def labelled(name, top_k):
        answers = Answers(fitted[name], top_k)
        return answers(answers.found(TEXTS))

    sets = labelled("found", None)
    assert [tuple(labels) for labels in sets["labels"].to_list()] == fitted["found"].predict(TEXTS).labels.tolist()
    likeliest = labelled("found", 3)
    assert likeliest["labels"].list.len().to_list() == [2 if row % 5 == 0 else 3 for row in range(200)]
    one = labelled("one", None)
    assert one["label"].to_list() == fitted["one"].predict(TEXTS).labels.tolist()


@pytest.mark.parametrize("kind", ["found", "all"])
def test_an_evaluation_does_not_depend_on_how_many_documents_are_worked_out_at_a_time(fitted, kind, monkeypatch):
    whole = fitted[kind].evaluate(TEXTS, LABELS)
    monkeypatch.setattr("bywords.fitted.MOST_SCORES", 30 * 35)
    monkeypatch.setattr("bywords.fitted.MOST_KEPT", 0)
    monkeypatch.setattr("bywords.fitted.FEW_CLASSES", 0)
    parts = fitted[kind].evaluate(TEXTS, LABELS)
    if kind == "all":  # which one finds less for depends on the place of the text
        assert parts.summary()["ranking"] == whole.summary()["ranking"]
        assert parts.summary()["log_loss"] == pytest.approx(whole.summary()["log_loss"])
        assert parts.summary()["per_class"] == whole.summary()["per_class"]
    assert parts.table is None
    assert len(parts.labels) == 200
