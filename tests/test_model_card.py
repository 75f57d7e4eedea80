"""What a model card says, and that no label can break it."""

import functools
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bywords.artifact import model_card
from bywords.artifact.model_folder import Extent
from bywords.classifier import TextClassifier
from bywords.evaluation.calibration import Sigmoids
from bywords.evaluation.evaluation import Evaluation
from bywords.evaluation.reliability import Reliability
from bywords.fitted import CardRecord, DataSummary, FitSummary, SelectionSummary
from bywords.system_config import FitParameters

WILD = ["a|b", "`code`", "two\nlines", "<b>bold</b>", "back\\slash", "# title", "[x](http://y)", "*s*", "_u_", "&amp;"]
FITTED = TextClassifier("tfidf-nb").fit(["a cat", "a dog", "cats", "dogs"] * 5, ["cat", "dog"] * 10).fitted_
EXTENT = Extent(words=9, ngrams=0, char_ngrams=4, numbers=30, bytes=2_000_000)


def evaluation(names=("cat", "dog")):
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])
    return Evaluation(
        tuple(names), labels, probabilities, np.array([1, 1, 0.5, 0], dtype=np.float32), np.arange(4) == 3
    )


def card(**more):
    found = evaluation()
    data = DataSummary(name="pets.csv", fingerprint="f00d", n_documents=1240, classes={"cat": 1228, "dog": 12})
    return CardRecord(
        **{
            "data": data,
            "test": found.summary(),
            "hardest_confusions": found.hardest_confusions(),
            "reduction": "int8.",
            **more,
        }
    )


def classifier(card, *, labels=("cat", "dog"), **more):
    """A classifier of everything that a card can speak of."""
    record = replace(
        FITTED.record,
        card=card,
        selection=SelectionSummary(reason="It was the best.", trials=[]),
        summary=FitSummary(n_train=1116, n_valid=124, n_dropped=0, valid_accuracy=0.875),
        parameters=FitParameters(seed=7, class_weight={"cat": 0.5, "dog": 50}),
    )
    reliability = Reliability(n_documents=124, in_vocabulary_floor=0.625)
    return replace(FITTED, record=record, reliability=reliability, classes=np.array(labels), **more)


def test_it_says_what_how_good_and_what_not_for():
    text = model_card.write(classifier(card()), EXTENT)
    for part in (
        "**tfidf-nb**, TF-IDF and complement naive Bayes",
        "It was the best.",
        "- Trained on: pets.csv",
        "Fingerprint of the training documents: f00d",
        "| dog | 12 |",
        "- Learned from 1,116 documents, 124 more held out for validation",
        "- Seed: 7",
        "- Kind of model: naive Bayes on words",
        "What a document of a class counts: cat 0.5, dog 50",
        "Right on 75.0% of 4 test documents that it had not seen (95 % interval 30.1% to 95.4%); macro F1 0.733 (",
        "There are not enough documents to say how far the probability of an answer can be trusted",
        "| 50% | 80.0% | 100.0% |",
        "| dog | 0.667 | 1.000 | 0.800 | 2 |",
        "- 50.0% of cat (1 document) are taken for dog",
        "- Vocabulary: 9 words, 4 character n-grams",
        "together: 2.00 MB",
        "- Made smaller: int8.",
        "it would know less than 62% of the words",
        'TextClassifier.load("MODEL").predict(',
        "So it was with 1 of the 4 test documents",
        "calibrated on 124 validation documents. So few",
        "fewer than 30 training documents: dog.",
        "It was made smaller, which cost",
    ):
        assert part in text


def test_without_a_test_part_the_scores_are_those_of_validation_and_it_says_so():
    text = model_card.write(classifier(card(test=None, hardest_confusions=())), EXTENT)
    assert "Right on 87.5% of 124 validation documents, by which the model was selected too" in text
    assert "interval" not in text


def test_a_model_of_several_labels_says_its_averages_and_thresholds():
    test = {**evaluation().summary(), "micro_f1": 0.7, "micro_f1_interval": [0.6, 0.8], "samples_f1": 0.6}
    sigmoids = Sigmoids(np.ones(2), np.zeros(2), np.array([0.5, 0.25]))
    many = classifier(card(test=test), label_format="sets", calibration=sigmoids)
    text = model_card.write(many, EXTENT)
    assert "micro F1 0.700 (0.600 to 0.800), macro F1 0.733 (" in text
    assert "samples F1 0.600" in text
    assert "All labels right on 75.0%" in text
    assert "| dog | 0.667 | 1.000 | 0.800 | 2 | 0.25 |" in text


def test_a_model_of_many_labels_says_how_many_of_the_first_are_right_and_which_share_was_tested():
    first = dict.fromkeys(("precision", "recall", "ndcg", "propensity_scored_precision"), 0.5)
    first |= {f"{name}_interval": [0.4, 0.6] for name in first}
    rows = [{"label": f"l{n}", "precision": 1.0, "recall": float(n > 5), "f1": 0.5, "support": n} for n in range(30)]
    test = {**evaluation().summary(), "per_class": rows, "ranking": {"n_documents": 4, "1": first, "3": first}}
    text = model_card.write(classifier(card(test=test)), EXTENT)
    assert "| nDCG | propensity-scored precision |\n|---|---:|---:|---:|---:|\n| 1 |" in text
    assert "| 3 | 0.500 (0.400 to 0.600) | 0.500 | 0.500 | 0.500 |" in text
    assert "Of its 30 labels 29 are those of test documents; 24 of them it finds." in text
    few = {**test, "per_class": rows[:20]}
    assert "first labels" not in model_card.write(classifier(card(test=few)), EXTENT)


def test_of_what_is_not_known_it_does_not_speak():
    text = model_card.write(FITTED, EXTENT)
    assert "**tfidf-nb**" in text
    assert "None" not in text
    assert not re.search(r"## Data", text)
    assert "Made smaller" not in text


def columns(line):
    return len(re.findall(r"(?<!\\)\|", line)) - 1


@functools.cache
def card_of(labels):
    """What is written of a classifier with these labels."""
    found, data = evaluation(labels), DataSummary(name="pets.csv", n_documents=10, classes=dict.fromkeys(labels, 5))
    told = card(test=found.summary(), hardest_confusions=found.hardest_confusions(), data=data)
    return model_card.write(replace(classifier(told), classes=np.array(labels, dtype=object)), EXTENT)


@given(st.lists(st.one_of(st.text(min_size=1), st.sampled_from(WILD)), min_size=2, max_size=2, unique=True))
def test_no_label_breaks_a_table_or_becomes_markup(names):
    text, plain = card_of(tuple(names)), card_of(("cat", "dog"))
    assert len(text.splitlines()) == len(plain.splitlines())
    rows = [(columns(line), columns(twin)) for line, twin in zip(text.splitlines(), plain.splitlines(), strict=True)]
    assert all(found == expected for found, expected in rows if expected > 0)
    assert "<" not in text
    assert text.count("```") == plain.count("```")


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("a|b", r"a\|b"),
        ("`x`", r"\`x\`"),
        ("two\r\nlines", "two↵lines"),
        ("<html>", "&lt;html&gt;"),
        ("a\\b", r"a\\b"),
        ("&lt;", "&amp;lt;"),
        ("Zürich – 東京", "Zürich – 東京"),
    ],
)
def test_a_label_is_shown_as_it_is(label, shown):
    assert model_card.escaped(label) == shown


def test_a_saved_model_has_its_card_and_keeps_it(tmp_path):
    texts, labels = ["the moon", "a car", "moon orbit", "car oil"] * 5, ["space", "motor"] * 10
    classifier = TextClassifier("tfidf-nb").fit(texts, labels)
    classifier.save(tmp_path / "model", card=CardRecord(limits=("Only for the tests.",)))
    written = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "**tfidf-nb**, TF-IDF and complement naive Bayes" in written
    assert "Only for the tests." in written
    TextClassifier.load(tmp_path / "model").save(tmp_path / "again")
    assert (tmp_path / "again" / "README.md").read_text(encoding="utf-8") == written
