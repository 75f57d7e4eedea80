"""A notebook shows results as tables and coloured words; whatever stands in a text stays a text."""

import re

import numpy as np
import polars as pl
import pytest
from small_corpus import small_corpus

from bywords import (
    SettingError,
    TextClassifier,
    TextDataset,
    Tokenizer,
    Vocabulary,
    WordVectors,
    compare,
    learning_curve,
    train_glove,
    train_word2vec,
)
from bywords.auditing.audit import audit
from bywords.data.corpus import Corpus, Split
from bywords.display import shown_table, shown_words
from bywords.fitted import History
from bywords.records.base import EpochRecord
from bywords.training.callback import Callback

EVIL = "<script>alert('x')</script> & \ud800"
TRAIN, TEST = small_corpus(), small_corpus(60, seed=1)
TEXTS, LABELS = TRAIN.texts.to_list(), TRAIN.names().tolist()
SPLIT = Split(train=TRAIN, test=TEST)
TOKENS = Tokenizer()(TEXTS)
VOCABULARY = Vocabulary.of(TOKENS)


@pytest.fixture(scope="module")
def fitted():
    return TextClassifier("tfidf-svc").fit(TEXTS, [f"{label}<b>" for label in LABELS])


@pytest.fixture(scope="module")
def record():
    return compare(SPLIT, ["tfidf-svc", "tfidf-nb"])


def cells(shown):
    return re.findall(r"<td[^>]*>(.*?)</td>", shown)


def test_an_estimator_shows_what_was_fitted(fitted):
    shown = fitted._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown.rpartition("<strong>Fitted</strong>")[2]
    assert f"{len(TEXTS):,}" in cells(shown.rpartition("<strong>Fitted</strong>")[2])
    assert "<strong>Fitted</strong>" not in TextClassifier()._repr_html_()
    assert "<strong>Fitted</strong>" in fitted._repr_mimebundle_()["text/html"]


def test_an_explanation_colours_its_words_and_keeps_every_character(fitted):
    word = TEXTS[0].split()[0]
    (explanation,) = fitted.explain([f"{word} {EVIL}"])
    shown = explanation._repr_html_()
    assert "<script>" not in shown
    assert re.search(rf"<span style='background:[^']*' title='[+-]\d\.\d\d'>{word}</span>", shown)
    assert explanation.to_frame().columns == ["word", "attribution", "count"]
    assert explanation.to_frame()["word"].to_list() == [share.word for share in explanation.words()]


def test_a_training_in_epochs_has_a_row_an_epoch():
    records = [EpochRecord(1, 1.5, 1.25, 0.5, 0.1), EpochRecord(2, 1.0, 1.125, 0.625, 0.1)]
    shown = History(records, best_epoch=2, interrupted=True)._repr_html_()
    assert "2 epochs, of which epoch 2 is the best (interrupted)" in shown
    assert cells(shown) == ["1", "1.500", "1.250", "0.500", "0.100", "2", "1.000", "1.125", "0.625", "0.100"]
    assert "0 epochs<" in History()._repr_html_()


def test_words_for_and_against_differ_also_without_colours_and_long_cells_are_not_one_word_wide():
    shown = shown_words("title", [("one", 0.5), ("two", -0.5), ("three", 0)])
    assert re.search(r"solid rgb\([\d, ]+\)' title='\+0.50'>one<", shown)
    assert re.search(r"dashed rgb\([\d, ]+\)' title='-0.50'>two<", shown)
    assert "min-width" in shown_table("title", [{"classes": "a, b, " * 20}])
    assert "min-width" not in shown_table("title", [{"classes": "a, b"}])
    assert cells(shown_table("title", [{"row": 1230, "documents": 1230}])) == ["1230", "1,230"]


def test_an_evaluation_has_a_row_a_class_and_a_picture(fitted):
    found = TextClassifier("tfidf-svc").fit(TEXTS, LABELS).evaluate(TEST.texts, TEST.names().tolist())
    assert len(cells(found._repr_html_())) == 5 * len(set(LABELS))
    assert found.to_frame()["label"].to_list() == list(found.label_names)
    axes = found.plot()
    assert [label.get_text() for label in axes.get_yticklabels()] == list(found.label_names)
    assert sum(int(text.get_text()) for text in axes.texts) == len(TEST)


def test_of_many_classes_the_picture_has_the_commonest_and_says_so():
    names = [f"class {n:02}" for n in range(30)]
    texts = [f"word{n % 30} word{n % 30} {n}" for n in range(180)]
    labels = [names[n % 30] for n in range(180)]
    axes = TextClassifier("tfidf-nb").fit(texts, labels).evaluate(texts, labels).plot()
    assert len(axes.get_yticklabels()) == 20
    assert axes.get_xlabel() == "predicted, the 20 commonest of 30 classes"


def test_a_comparison_a_curve_and_an_audit_are_tables_frames_and_pages(record, tmp_path):
    curve = learning_curve(Split(train=small_corpus(300), test=TEST), "tfidf-nb", seeds=[0])
    found = audit(TRAIN, TEST)
    for number, (one, rows) in enumerate([(record, record.systems), (curve, curve.sizes), (found, found.label_errors)]):
        assert len(one.to_frame()) == len(rows)
        assert "<table" in one._repr_html_() or not rows or found is one
        one.to_html(tmp_path / f"{number}.html")
        assert "</html>" in (tmp_path / f"{number}.html").read_text(encoding="utf-8")
    assert record.to_frame()["name"].to_list() == [system.name for system in record.systems]
    assert record.to_frame()["accuracy_interval_low"].to_list() == [one.accuracy_interval[0] for one in record.systems]
    assert curve.plot().get_xlabel() == "training documents"


def test_a_name_stays_on_one_line_and_a_list_may_be_broken():
    shown = shown_table("Fitted", [{"system": "tfidf-svc", "classes": "news, " * 10}])
    (name, classes) = re.findall("<td style='([^']*)'>", shown)
    assert "nowrap" in name
    assert "nowrap" not in classes


def test_an_estimator_of_any_number_of_labels_shows_its_f1_as_a_number():
    sets = [[label, "any"] for label in LABELS]
    shown = TextClassifier("tfidf-nb").fit(TEXTS, sets)._repr_html_()
    assert "micro F1 on documents held out" in shown
    assert re.fullmatch(r"[01]\.\d{3}", cells(shown)[-2])  # before the seconds


def test_vectors_show_their_first_words_and_draw_a_map():
    words, matrix = ["fire", "<b>", "rain", "snow"], np.array([[1, 0, 0], [2, 0, 0], [0, 3, 0], [0, 4, 0]], np.float32)
    vectors = WordVectors(pl.Series(words), matrix, name="four words")
    assert "&lt;b&gt;" in vectors._repr_html_()
    axes = vectors.plot()
    assert [text.get_text() for text in axes.texts] == words
    places = np.array([text.xy for text in axes.texts])
    np.testing.assert_allclose(np.linalg.norm(places[0] - places[3]), np.sqrt(17), rtol=1e-5)
    with pytest.raises(SettingError, match="a map takes two words and two dimensions, and there are 1 and 3"):
        vectors.plot(["fire"])


def test_a_bar_hears_of_every_step_and_a_callback_is_heard_instead(monkeypatch):
    heard = []
    monkeypatch.setattr("bywords.training.callback._Bar._move", lambda self, *what: heard.append(what))
    TextClassifier("dan").fit(TEXTS, LABELS, progress=True)
    assert any(what.startswith("epoch 1") for what, _, _ in heard)
    heard.clear()
    TextClassifier("dan").fit(TEXTS, LABELS, progress=True, callback=Callback())
    assert not heard


def test_a_comparison_draws_its_scores_with_their_intervals(record):
    axes = record.plot()
    best = max(record.systems, key=lambda system: system.score)
    assert axes.get_yticklabels()[-1].get_text() == best.name
    assert axes.get_lines()[-1].get_xdata() == [best.score]
    assert tuple(axes.get_lines()[-2].get_xdata()) == best.score_interval


def test_an_audit_draws_which_share_of_each_part_each_finding_concerns():
    texts, labels = [*TEXTS, TEXTS[0], TEXTS[0]], [*LABELS, LABELS[0], LABELS[0]]
    found = audit(
        Corpus.of("train", texts, labels), Corpus.of("test", [TEXTS[0], *TEST.texts], [LABELS[0], *TEST.names()])
    )
    axes = found.plot()
    names = [label.get_text() for label in axes.get_yticklabels()]
    bars = dict(zip(names, (bar.get_width() for bar in axes.patches), strict=True))
    assert names[-1] == "train: label likely wrong"
    assert bars["train: exact duplicate in it"] == found.duplicates.train.n_exact / len(texts) > 0
    assert bars["test: duplicate in train"] == found.duplicates.across.n_test_documents / (len(TEST) + 1) > 0
    written = [text.get_text() for text in axes.texts]
    assert written[names.index("train: exact duplicate in it")] == str(found.duplicates.train.n_exact)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compare(TEXTS, ["tfidf-nb"]), r"split is \[.*, expected Split, as in load_dataset\('tickets.csv'\)"),
        (lambda: compare(SPLIT, "tfidf-nb"), r"systems is 'tfidf-nb', expected several, .* a list, \['tfidf-nb'\]"),
        (lambda: audit("train.csv"), r"train is 'train.csv', expected Corpus, as in load_dataset"),
        (lambda: train_word2vec(TEXTS, VOCABULARY), r"tokens is \[.*, expected Tokens, as in Tokenizer\(\)\(texts\)"),
        (lambda: train_glove(TOKENS, {"a": 1}), r"vocabulary is \{'a': 1\}, expected Vocabulary, as in Vocabulary.of"),
        (lambda: TextDataset(TEXTS, LABELS, {"a": 1}), r"vocabulary is \{'a': 1\} of type dict, expected a Vocabulary"),
        (lambda: TextClassifier(TOKENS).fit(TEXTS, LABELS), r"expected a name, .*, or a class of torch.nn.Module"),
    ],
)  # fmt: skip
def test_an_object_of_the_wrong_kind_says_what_is_accepted_with_an_example(call, message):
    with pytest.raises(SettingError, match=message):
        call()


def test_the_ends_of_an_interval_are_in_one_cell(record):
    shown = record._repr_html_()
    low, high = record.systems[0].accuracy_interval
    assert f"{low:.3f} to {high:.3f}" in cells(shown)
    assert "interval low" not in shown
    assert "interval high" not in shown
