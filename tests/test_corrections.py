"""Corrected labels from a csv file: applied by row, checked, and compared on the same test documents."""

import json

import numpy as np
import polars as pl
import pytest
from small_corpus import COMMON, TOPICS, small_corpus

from bywords.data.corpus import Corpus, Split
from bywords.errors import DataError
from bywords.io.corrections import corrected, read_corrections
from bywords.io.datasets import divided

TRAIN = Corpus.of("train.csv", ["ball", "moon", "goal", "star"], ["sport", "space", "space", "space"])
TEST = Corpus.of("test.csv", ["coach", "orbit"], ["sport", "space"])


@pytest.fixture
def written(tmp_path):
    def write(content, name="fixed.csv"):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return write


def test_labels_are_corrected_by_row(written):
    path = written(
        "row,label,suggested,confidence,new_label,text\n2,space,sport,0.9,sport,goal\n1,space,sport,0.8,,x\n"
    )
    found = corrected(Split(TRAIN, TEST), read_corrections(path), is_drawn=False)
    assert found.split.train.names().tolist() == ["sport", "space", "sport", "space"]
    assert found.before.train.names().tolist() == ["sport", "space", "space", "space"]
    assert (found.n_changed, found.n_left_out) == (1, 0)


def test_a_minus_leaves_the_document_out_of_the_corrected_side_only(written):
    found = corrected(Split(TRAIN, TEST), read_corrections(written("row,new_label\n3,-\n")), is_drawn=False)
    assert found.split.train.rows.tolist() == [0, 1, 2]
    assert len(found.before.train) == 4
    assert (found.n_changed, found.n_left_out) == (0, 1)


def test_a_minus_that_is_a_label_is_one(written):
    train = Corpus.of("signs", ["good", "bad", "awful"], ["+", "-", "+"])
    found = corrected(Split(train, train), read_corrections(written("row,new_label\n2,-\n")), is_drawn=False)
    assert found.split.train.names().tolist() == ["+", "-", "-"]


def test_a_file_of_rows_and_labels_gives_the_right_labels(written):
    found = corrected(Split(TRAIN, TEST), read_corrections(written("row;label\n2;sport\n")), is_drawn=False)
    assert found.split.train.names()[2] == "sport"


def test_a_text_that_is_another_than_the_documents_is_refused(written):
    path = written("row,label,new_label,text\n2,space,sport,the rocket\n")
    with pytest.raises(
        DataError, match=r"fixed.csv, line 2: row 2 of train.csv is the text 'goal', and here it is 'the r"
    ):
        corrected(Split(TRAIN, TEST), read_corrections(path), is_drawn=False)


@pytest.mark.parametrize("text", ["GOAL", "'goal", "go", "the goal\r\nof a subject", "gÃ©oal", "", "???"])
def test_a_text_is_the_same_whatever_a_spreadsheet_makes_of_its_signs(written, text):
    path = written(f'row,label,new_label,text\n2,space,sport,"{text}"\n'.replace("\r\n", "\n"))
    assert corrected(Split(TRAIN, TEST), read_corrections(path), is_drawn=False).n_changed == 1


def test_corrections_are_read_from_what_a_spreadsheet_saves(written):
    frame = pl.DataFrame({"row": ["2"], "label": ["space"], "new_label": ["sport"], "text": ["goal"]})
    path = written("row\tlabel\tnew_label\ttext\n2\tspace\tsport\tgoal\n", "unicode.txt")
    expected = [(one.row, one.new_label, one.label, one.text) for one in read_corrections(path)]
    path.write_bytes(path.read_bytes().decode().encode("utf-16"))
    frame.write_excel(path.with_suffix(".xlsx"))
    for saved in (path, path.with_suffix(".xlsx")):
        assert [(one.row, one.new_label, one.label, one.text) for one in read_corrections(saved)] == expected


def test_the_label_that_stands_there_is_no_change(written):
    found = corrected(Split(TRAIN, TEST), read_corrections(written("row,new_label\n0,sport\n")), is_drawn=False)
    assert found.n_changed == 0


def test_rows_of_a_test_part_of_its_own_are_not_meant(written):
    found = corrected(Split(TRAIN, TEST), read_corrections(written("row,new_label\n1,sport\n")), is_drawn=False)
    assert found.split.test.names().tolist() == ["sport", "space"]
    assert found.n_changed_test == 0


def test_of_one_file_both_parts_are_corrected_and_the_test_documents_are_those_without_corrections(written):
    corpus = small_corpus(60)
    split = divided(corpus, test_share=0.2, seed=0)
    row, left_out = split.test.rows[0], split.test.rows[1]
    other = next(name for name in TOPICS if name != split.test.names()[0])
    path = written(f"row,new_label\n{row},{other}\n{left_out},-\n")
    found = corrected(split, read_corrections(path), is_drawn=True)
    kept = [index for index in range(len(split.test)) if index != 1]
    assert found.split.test.rows.tolist() == found.before.test.rows.tolist() == split.test.rows[kept].tolist()
    assert found.split.test.names()[0] == other
    assert found.before.test.names()[0] == split.test.names()[0]
    assert (found.n_changed_test, found.n_left_out_test, found.n_changed) == (1, 1, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("row,label,new_label\n9,space,sport\n", r"line 2: train.csv has no document in row 9"),
        ("row,label,new_label\n1,space,space\n0,space,sport\n", r"line 3: row 0 of train.csv has the label 'sport'"),
        ("row,new_label\n1,sports\n", r"line 2: no document .* the label 'sports'. Did you mean 'sport'\?"),
        ("row,new_label\nfirst,sport\n", r"line 2: the row is 'first', expected a whole number"),
        ("row,new_label\n-1,sport\n", r"line 2: the row is '-1', expected a whole number"),
        ("row,new_label\n1,sport\n1,space\n", r"line 3: row 1 is in the file twice, first in .*line 2"),
        ("row,label,new_label\n1,space,\n", r"corrects no label. Write the right labels into its column new_label"),
        ("text,new_label\na,sport\n", r"has no column 'row', expected row, label and new_label"),
        ("row,text\n1,a\n", r"has no column 'label'"),
    ],
)
def test_what_cannot_be_a_correction_is_named_with_its_line(written, content, message):
    with pytest.raises(DataError, match=message):
        corrected(Split(TRAIN, TEST), read_corrections(written(content)), is_drawn=False)


def test_documents_with_any_number_of_labels_are_refused(written):
    many = Corpus.of_sets("many.csv", ["a", "b"], pl.Series([["x"], ["y"]]))
    with pytest.raises(DataError, match="labels are corrected where documents have one each"):
        corrected(Split(many, many), read_corrections(written("row,new_label\n0,y\n")), is_drawn=False)


def rare_words(n_documents, *, seed=0):
    """Documents with one of fifteen words of their topic, among common ones."""
    generator = np.random.default_rng(seed)
    labels = [list(TOPICS)[number % 3] for number in range(n_documents)]
    texts = [" ".join([*generator.choice(COMMON, 4), f"{label}{generator.integers(15)}"]) for label in labels]
    return Corpus.of("rare", texts, labels)


@pytest.fixture
def noisy(tmp_path):
    """A file in which 60 of 240 training labels are those of the next topic, a test file, and the corrections.

    A document is known by one word that few others have, so that their wrong labels cost answers.
    """
    corpus, test = rare_words(240), rare_words(300, seed=1)
    right, wrong = corpus.names(), corpus.names()
    for index in np.random.default_rng(0).choice(240, 60, replace=False):
        topics = list(TOPICS)
        wrong[index] = topics[(topics.index(wrong[index]) + 1) % 3]
    pl.DataFrame({"text": corpus.texts, "label": wrong}).write_csv(tmp_path / "noisy.csv")
    pl.DataFrame({"text": test.texts, "label": test.names()}).write_csv(tmp_path / "test.csv")
    rows = np.flatnonzero(right != wrong)
    pl.DataFrame({"row": rows, "label": wrong[rows], "new_label": right[rows]}).write_csv(tmp_path / "fixed.csv")
    return "noisy.csv", "--test", "test.csv", "--system", "tfidf-nb"


def test_train_says_what_corrected_labels_bring_on_the_same_test_documents(bywords, noisy):
    code, out, error = bywords("train", *noisy, "--labels", "fixed.csv", "--json")
    assert (code, error) == (0, "")
    corrections = json.loads(out)["corrections"]
    _, before, _ = bywords("train", *noisy, "--json")
    _, right, _ = bywords("train", *noisy, "--labels", "fixed.csv")
    assert corrections["n_changed"] == 60
    assert corrections["gain_by_labels_as_they_were"] is None
    gain = corrections["gain"]
    assert gain["accuracy"] == json.loads(out)["test"]["accuracy"]
    assert gain["accuracy_before"] == json.loads(before)["test"]["accuracy"]
    assert gain["difference"] == pytest.approx(gain["accuracy"] - gain["accuracy_before"])
    assert gain["accuracy_before"] < 0.9 < gain["accuracy"]
    assert 0 < gain["interval"][0] < gain["difference"] < gain["interval"][1]
    assert "Corrected: 60 labels of training documents." in right
    assert "95 % interval" in right


def test_a_model_of_corrected_labels_knows_which_documents_of_the_file_it_has_seen(bywords, noisy):
    bywords("train", "noisy.csv", "--labels", "fixed.csv", "--system", "tfidf-nb")
    code, out, _ = bywords("evaluate", "noisy-model", "noisy.csv")
    assert code == 0
    assert "The model has learned from 240 of these documents" in out


def test_corrections_of_a_file_reach_its_test_documents_and_both_comparisons_are_told(bywords, noisy):
    _, out, _ = bywords("train", "noisy.csv", "--labels", "fixed.csv", "--system", "tfidf-nb", "--json")
    corrections = json.loads(out)["corrections"]
    assert corrections["n_changed"] + corrections["n_changed_test"] == 60
    assert corrections["n_changed_test"] > 0
    assert corrections["gain_by_labels_as_they_were"]["accuracy"] < corrections["gain"]["accuracy"]


@pytest.mark.parametrize("more", [["--on-disk", "stored"], ["--from", "noisy-model"]])
def test_corrections_are_refused_beside_what_is_not_trained_twice(bywords, noisy, more):
    code, _, error = bywords("train", "noisy.csv", "--labels", "fixed.csv", *more)
    assert code == 2
    assert "labels" in error


def test_a_wrong_correction_is_an_error_before_anything_is_trained(bywords, noisy, tmp_path):
    (tmp_path / "fixed.csv").write_text("row,new_label\n999,space\n", encoding="utf-8")
    code, _, error = bywords("train", *noisy, "--labels", "fixed.csv")
    assert code == 2
    assert "fixed.csv, line 2: noisy.csv has no document in row 999" in error
    assert not (tmp_path / "noisy-model").exists()
