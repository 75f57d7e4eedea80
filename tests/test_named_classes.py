"""Classes that no document has are known by what their names mean, and everything says so."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from test_static_vectors import FOODS, LABELS, TEXTS

from bywords import SYSTEMS, TextClassifier
from bywords.artifact.description import load_classifier, save_classifier
from bywords.data.corpus import Corpus, with_unseen_labels
from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.explain.explanation import explain
from bywords.io.on_disk import Source, corpus_on_disk
from bywords.system_config import FitParameters
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import VocabularyConfig
from bywords.training.fit import fit_classifier
from bywords.training.incremental import continue_fit
from bywords.training.named_classes import NamedClasses, Trust, with_named_classes
from bywords.training.repeated_folds import evaluate_in_turn
from bywords.training.system import SystemFit

UNSEEN = ("money_and_banks", "sports")
ASKED = ["a loan from the bank", "the team won its football match", "sausage", "goat"]
RIGHT = ["money_and_banks", "sports", "food", "animal"]


def fit(texts=TEXTS, labels=LABELS, system="auto", **named):
    return fit_classifier(
        SYSTEMS[system], texts, labels, parameters=FitParameters(**{"unseen_labels": UNSEEN, **named})
    )


@pytest.fixture(scope="module")
def fitted():
    return fit()


def test_a_class_without_a_document_is_found_by_what_its_name_means(fitted):
    assert fitted.classes.tolist() == sorted([*UNSEEN, "food", "animal"])
    found = fitted.predict(ASKED)
    assert found.labels.tolist() == RIGHT
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    assert fitted.predict(TEXTS).labels.tolist() == LABELS


def test_classes_with_documents_are_told_apart_as_without_the_others(fitted):
    texts = [*TEXTS, *ASKED]
    before, now = (one.predict(texts).logits for one in (fit(unseen_labels=()), fitted))
    columns = np.searchsorted(fitted.classes, ["animal", "food"])
    np.testing.assert_allclose(now[:, columns[0]] - now[:, columns[1]], before[:, 0] - before[:, 1], atol=1e-4)


def test_a_name_that_says_nothing_leaves_its_class_at_the_mean_of_those_that_were_seen():
    tokens = Tokenizer()(TEXTS)
    everything = tokens, Targets.of(np.array([label == "food" for label in LABELS]) * 1)
    before = fit(unseen_labels=())
    named = NamedClasses.of(["animal", "food", "sports"], np.array([0, 1]))
    parts = SystemFit(before.vocabulary, before.model)
    _, found = with_named_classes(before.record.config, parts, everything, named, Trust(2.0, slope=0.0, odds=1.5))
    logits = found.model.logits(found.vocabulary.encode(Tokenizer()([*TEXTS, *ASKED])))
    np.testing.assert_allclose(logits[:, 2] - logits[:, :2].mean(axis=1), 3.0, atol=1e-4)


def test_it_is_said_what_is_known_of_such_a_class_and_what_is_not(fitted):
    (note,) = fitted.record.notes
    assert note.startswith(
        "No document of 'money_and_banks', 'sports' was seen: each is known by its name alone, taken"
    )
    assert "how good the answers for it are is unknown" in note
    assert "When 2 other classes were each hidden in turn and known by name alone, 95% of their documents got" in note
    assert fitted.record.summary.named_classes == list(UNSEEN)
    assert fit(TEXTS, LABELS, unseen_labels=("food", "animal")).record.notes == ()


def test_documents_learned_after_the_test_leave_these_classes_known_by_name():
    tested = []
    learned = fit_classifier(
        SYSTEMS["auto"], TEXTS[::2], LABELS[::2], test=(TEXTS[1::2], LABELS[1::2]), on_fitted=tested.append,
        parameters=FitParameters(unseen_labels=UNSEEN),
    )  # fmt: skip
    assert learned.record.summary.n_learned_after == len(TEXTS[1::2])
    for one in (*tested, learned):
        assert one.predict(ASKED[:2]).labels.tolist() == RIGHT[:2]
    assert not np.allclose(tested[0].predict(ASKED).logits, learned.predict(ASKED).logits)


def test_answers_are_the_same_saved_and_explained_exactly(fitted, tmp_path):
    save_classifier(fitted, tmp_path / "model")
    again = load_classifier(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(ASKED).probabilities, fitted.predict(ASKED).probabilities)
    assert again.record.summary.named_classes == list(UNSEEN)
    assert again.record.parameters.unseen_labels == UNSEEN
    card = (tmp_path / "model" / "README.md").read_text()
    assert "No document of these was seen: money\\_and\\_banks, sports." in card
    found = explain(again, ASKED[0])
    np.testing.assert_allclose(found.bias + found.attributions.sum(axis=0), found.logits, atol=1e-9)


def test_going_on_with_documents_of_such_a_class_makes_it_one_that_was_seen(fitted):
    texts = [f"the {word} and the match" for word in ("goal", "team", "race", "player", "ball", "coach")] * 2
    more, labels = [*texts, *TEXTS], ["sports"] * len(texts) + LABELS
    after = continue_fit(fitted, more, labels, candidates=SYSTEMS["auto"].model.candidates)
    assert after.record.summary.named_classes == ["money_and_banks"]
    assert after.predict(["a loan from the bank", texts[0]]).labels.tolist() == ["money_and_banks", "sports"]
    with pytest.raises(SettingError, match="'weather' cannot become known by name when a model goes on"):
        continue_fit(
            fitted, more, labels, candidates=SYSTEMS["auto"].model.candidates,
            parameters=FitParameters(unseen_labels=("weather",)),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (
            {"unseen_labels": ("xq7", "sports")},
            "no English word with a meaning was found in the name 'xq7': write what",
        ),
        ({"system": "tfidf-svc"}, "does not know what names mean, as 'auto' does"),
        ({"labels": [1, 2] * 10}, "the other labels are 1 and the like, which are no words"),
        ({"labels": [["a"], ["b", "c"]] * 10}, "documents have any number of labels"),
        ({"texts": [f"zq{number} xv{number % 5} qqx" for number in range(20)]}, "0% of the words of the texts have a"),
    ],
)
def test_what_cannot_be_known_by_name_is_refused_with_what_to_do(named, message):
    with pytest.raises(SettingError, match=message) as caught:
        fit(**named)
    assert "label some documents" in str(caught.value)


def test_documents_on_disk_cannot_have_classes_known_by_name(bywords, tmp_path):
    write()
    code, _, error = bywords("train", "few.csv", "--on-disk", "there", "--unseen-label", "sports")
    assert (code, "leave out one of the two" in error) == (2, True), error
    stored = corpus_on_disk(
        Source(data="few.csv"), tmp_path / "ids", SYSTEMS["auto"].tokenizer, VocabularyConfig(ngrams=2)
    )
    with pytest.raises(SettingError, match="leave out use_label_names and unseen_labels, or learn from documents in"):
        TextClassifier(unseen_labels=["sports"]).fit_on_disk(stored)


@pytest.mark.parametrize(("names", "n_hidden"), [(("food", "animal"), 2), (("animal", "food"), 2), (("xq7", "xq8"), 0)])
def test_names_are_trusted_as_far_as_those_of_classes_with_documents_say(names, n_hidden):
    renamed = dict(zip(("food", "animal"), names, strict=True))
    found = fit(labels=[renamed[label] for label in LABELS], unseen_labels=("sports",))
    (note,) = found.record.notes
    share = found.predict(ASKED[1:2]).probabilities[0, found.classes.tolist().index("sports")]
    if names == ("food", "animal"):
        assert share > 0.9
    elif n_hidden:
        assert "0% of their documents got them" in note
        assert share < 0.5
    else:
        assert "no name of a class with documents says it" in note


def write(texts=TEXTS, labels=LABELS, path="few.csv"):
    lines = (f"{text.replace(',', '')},{label}\n" for text, label in zip(texts, labels, strict=True))
    Path(path).write_text("text,label\n" + "".join(lines))


def test_train_names_the_class_and_gives_it_no_score(bywords):
    write()
    options = ("--unseen-label", "Sports ", "--unseen-label", "food", "--keep-test-out")
    code, out, error = bywords("train", "few.csv", "--out", "m", *options)
    assert code == 0, error
    assert "No document of 'Sports' was seen: it is known by its name alone" in out
    assert re.search(r"\nSports +- +- +- +0\n", out)  # the last of the table, without scores
    assert "| Sports | - | - | - | 0 |" in Path("m/README.md").read_text()
    shown = bywords("info", "m")[1]
    assert "No document of 'Sports' was seen: it is known by what its name means alone" in shown
    (row,) = [row for row in json.loads(bywords("info", "m", "--json")[1])["labels"] if row["label"] == "Sports"]
    assert row == {"label": "Sports", "n_documents": 0, "f1": None}
    assert "The model has learned from 16 of these documents" in bywords("evaluate", "m", "few.csv")[1]


def test_a_test_file_may_have_documents_of_such_a_class_and_gives_it_a_score(bywords):
    write()
    write(ASKED, ["money", "sports", "food", "animal"], "test.csv")
    options = ("--test", "test.csv", "--unseen-label", "money", "--unseen-label", "sports", "--json")
    code, out, error = bywords("train", "few.csv", "--out", "m", *options)
    assert code == 0, error
    found = json.loads(out)
    assert (found["test"]["n_documents"], found["named_classes"]) == (4, ["money", "sports"])
    assert found["test"]["accuracy"] == 1
    code, _, error = bywords("train", "few.csv", "--out", "m", "--from", "m", "--unseen-label", "sports")
    assert (code, "leave out --unseen-label" in error) == (2, True), error


def test_such_classes_have_columns_where_documents_are_held_out_in_turn(fitted):
    corpus = with_unseen_labels(Corpus.of("few", TEXTS, LABELS), UNSEEN)
    _, found = evaluate_in_turn(corpus, lambda part: fitted, seed=0)
    assert found.label_names == tuple(fitted.classes.tolist())
    np.testing.assert_allclose(found.probabilities, fitted.predict(TEXTS).probabilities, atol=1e-6)


def test_labels_that_are_numbers_have_their_own_columns_where_documents_are_held_out_in_turn():
    """Sorted by number they are 2, 10, and as words 10, 2."""
    corpus = Corpus.of("numbers", [*FOODS, *FOODS], ["10", "2"] * 10)
    assert corpus.label_names == ("2", "10")
    learned = fit_classifier(SYSTEMS["tfidf-nb"], [*FOODS, *FOODS], ["10", "2"] * 10)
    _, found = evaluate_in_turn(corpus, lambda part: learned, seed=0, n_repeats=1)
    assert found.accuracy == 1
