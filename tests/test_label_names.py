"""Labels as files have them: cleaned of what nobody sees, odd ones said in a line each, renamed where asked."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from bywords.classifier import TextClassifier
from bywords.data.corpus import Corpus, renamed
from bywords.data.label_names import cleaned, parsed_mapping, remarks_on_labels
from bywords.errors import SettingError
from bywords.io.readers import read_corpus

# (kind, example, what happens): labels of a file, each of four documents; then the classes and what is said.
CASES = [
    ("labels", ["spam", "spam ", "ham"], "one label: blanks after it", ["ham", "spam"], "apart by blanks"),
    (
        "labels",
        ["spam", "sp\u200bam", "ham"],
        "one label: a zero-width space in it",
        ["ham", "spam"],
        "invisible signs",
    ),
    ("labels", ["spam", "\ufeffspam", "ham"], "one label: a byte order mark before it", ["ham", "spam"], "invisible"),
    ("labels", ["spam", "sp\u00adam", "ham"], "one label: a soft hyphen in it", ["ham", "spam"], "invisible signs"),
    ("labels", ["caf\u00e9", "cafe\u0301", "tea"], "one label: Unicode's form", ["caf\u00e9", "tea"], "Unicode's form"),
    ("labels", ["not spam", "not\u00a0spam", "spam"], "one label: a no-break space", ["not spam", "spam"], "blanks"),
    ("labels", ["not spam", "not  spam", "spam"], "one label: two blanks for one", ["not spam", "spam"], "blanks"),
    ("labels", ["a", "b"], "nothing is said of labels that are as they should be", ["a", "b"], None),
    ("labels", ["\U0001f469\u200d\U0001f4bb", "b"], "an emoji stays whole", ["b", "\U0001f469\u200d\U0001f4bb"], None),
    ("labels", ["1", "1.0", "2"], "two labels, said: a number", ["1", "1.0", "2"], "--map-label 1.0=1"),
    ("labels", ["03", "3", "x"], "two labels, said: a number with a zero before", ["03", "3", "x"], "same number"),
    ("labels", ["NA", "a", "b"], "a label, said: what stands for none", ["NA", "a", "b"], "--exclude-label NA"),
    ("labels", ["None", "a", "nan"], "labels, said: what stands for none", ["None", "a", "nan"], "where there is none"),
    ("labels", ["no", "nay", "0"], "nothing is said of other words for no", ["0", "nay", "no"], None),
    ("labels", ["1 0", "0 1", "1 1"], "looks like lists of 0 and 1", ["0 1", "1 0", "1 1"], "--label-separator ' '"),
    ("labels", ["1 0 1", "a 1", "b 0"], "blanks in other names", ["1 0 1", "a 1", "b 0"], None),
    ("labels", ["Spam", "spam", "ham"], "two labels, said: capitals", ["Spam", "ham", "spam"], "--map-label"),
    (
        "labels",
        ["STRASSE", "stra\u00dfe"],
        "two labels, said: capitals of \u00df",
        ["STRASSE", "stra\u00dfe"],
        "by capitals",
    ),
    ("labels", ["joy,", "joy", "anger"], "two labels, said: a comma", ["anger", "joy", "joy,"], "'joy,=joy'|joy,=joy"),
    ("labels", ["joy;", "anger;"], "said: all end in a semicolon", ["anger;", "joy;"], "comma or the like"),
    ("labels", [":joy", "anger"], "said: begins in a colon", [":joy", "anger"], "comma or the like"),
    ("labels", ["['joy', 'food']", "['joy']"], "said: lists as Python has them", None, "--label-separator ,"),
    ("labels", ["[joy, food]", "[food]"], "said: lists without quotes", None, "--label-separator ,"),
    ("labels", ["{a,b}", "{a}"], "said: sets as PostgreSQL has them", None, "--label-separator ,"),
    ("labels", ["joy|food", "food|joy", "joy"], "said: joined by |", None, r"--label-separator '\|'"),
    ("labels", ["joy;food", "joy", "food", "food;joy"], "said: joined by ;", None, "--label-separator ';'"),
    ("labels", ["a, b", "b, c", "a, c"], "said: joined by commas and blanks", None, "--label-separator ,"),
    ("labels", ["Yes, please", "No, thanks"], "sentences are no lists", ["No, thanks", "Yes, please"], None),
    ("labels", ["comp.sys/mac", "comp.sys/pc"], "paths are no lists", ["comp.sys/mac", "comp.sys/pc"], None),
    (
        "labels",
        [f"{n / 4}" for n in range(74)],
        "said: 74 different amounts",
        None,
        "74 different amounts, from 0 to 18.25",
    ),
    (
        "labels",
        [str(n) for n in range(77)],
        "said: 77 whole numbers of few documents",
        None,
        "77 different amounts",
    ),
    ("labels", [str(n) for n in range(20)], "20 numbers are names of classes", None, None),
    ("labels", ["1.0", "2.0", "3.0"], "a few numbers are names of classes", ["1.0", "2.0", "3.0"], None),
]


def corpus_of(labels, each=4):
    frame = pl.DataFrame({"text": [f"text {n}" for n in range(each * len(labels))], "label": labels * each})
    frame.write_csv("labels.csv")
    return read_corpus(Path("labels.csv"), text="text", label="label")


@pytest.mark.parametrize(("labels", "what", "classes", "said"), [case[1:] for case in CASES], ids=[c[2] for c in CASES])
def test_labels_are_cleaned_and_odd_ones_said(labels, what, classes, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corpus = corpus_of(labels)
    if classes is not None:
        assert sorted(corpus.label_names) == sorted(classes)
    remarks = remarks_on_labels(corpus)
    if said is None:
        assert remarks == []
    else:
        assert len(remarks) == 1
        assert re.search(said, remarks[0])


def test_labels_of_one_document_are_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corpus = corpus_of(["a", "b", "c", "d", "e"], each=1)
    assert remarks_on_labels(corpus) == [
        "5 of 5 labels have one document each, which cannot be learned and tested both: 'a', 'b', 'c' and 2 more."
    ]


def test_a_label_of_nothing_that_is_seen_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match=r"line 3: the label .* is missing"):
        corpus_of(["a", "\u200b ", "b"])


@pytest.mark.parametrize("labels", [["['joy', 'food']", "[]"], ["[joy,food]", ""], ["{joy,food}", "{}"],
                                    ["(joy, food)", "()"], ['["joy", "food"]', "[]"]])  # fmt: skip
def test_lists_as_they_are_printed_are_read_with_a_separator(labels, tmp_path):
    pl.DataFrame({"text": ["a", "b"], "label": labels}).write_csv(tmp_path / "lists.csv")
    corpus = read_corpus(tmp_path / "lists.csv", text="text", label="label", label_separator=",")
    assert corpus.label_names == ("food", "joy")
    assert corpus.labels.tolist() == [[True, True], [False, False]]


FLAGS = [
    ("labels", [[1, 0, 1], [0, 1, 1]], "lists of 0 and 1 in JSON are a table"),
    ("labels", [[1, 0], [0, 1]], "lists of two flags in JSON are a table"),
    ("labels", [["1", "0", "0"], ["0", "1", "0"]], "lists of '0' and '1' in JSON are a table"),
    ("labels", [[1, 0, 1], [0, 1]], "lists of unequal length are sets of the labels 0 and 1"),
    ("labels", [[1], [0]], "lists of one label are sets of it"),
    ("labels", [[1, 2], [0, 1]], "lists with another number are sets of labels"),
]


@pytest.mark.parametrize(("lists", "what"), [case[1:] for case in FLAGS], ids=[case[2] for case in FLAGS])
def test_lists_of_0_and_1_in_a_file_are_a_table(lists, what, tmp_path):
    rows = [json.dumps({"text": f"text {n}", "labels": row}) for n, row in enumerate(lists)]
    (tmp_path / "flags.jsonl").write_text("\n".join(rows))
    corpus = read_corpus(tmp_path / "flags.jsonl")
    if what.endswith("a table"):
        assert corpus.labels.astype(int).tolist() == [[int(flag) for flag in row] for row in lists]
        assert corpus.label_names == tuple(map(str, range(len(lists[0]))))
        assert "taken for a table" in remarks_on_labels(corpus)[0]
    else:
        assert corpus.label_names == tuple(sorted({str(label) for row in lists for label in row}))


OF_PYTHON = {
    "lists": lambda rows: rows,
    "tuples": lambda rows: [tuple(row) for row in rows],
    "arrays": lambda rows: [np.array(row) for row in rows],
    "an array of arrays": lambda rows: np.array([*map(np.array, rows), None], dtype=object)[:-1],
    "booleans": lambda rows: [[bool(flag) for flag in row] for row in rows],
    "floats": lambda rows: [[float(flag) for flag in row] for row in rows],
    "strings": lambda rows: [[str(flag) for flag in row] for row in rows],
    "a polars column of lists": lambda rows: pl.Series(rows),
    "a polars column of arrays": lambda rows: pl.Series(rows, dtype=pl.Array(pl.Int64, 3)),
    "a pandas column of lists": lambda rows: pd.Series(rows, index=range(7, 7 + len(rows))),
    "a pandas column of arrays": lambda rows: pd.Series([np.array(row) for row in rows]),
    "a table": lambda rows: np.array(rows),
}


@pytest.mark.parametrize("of", OF_PYTHON.values(), ids=OF_PYTHON)
def test_lists_of_0_and_1_in_python_are_a_table_and_never_classes(of):
    rows = [[1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 1]] * 6
    texts = [" ".join(word for word, flag in zip(("moon", "car", "goal"), row, strict=True) if flag) for row in rows]
    classifier = TextClassifier("tfidf-nb").fit([f"{text} w{n}" for n, text in enumerate(texts)], of(rows))
    assert classifier.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(classifier.predict(["moon goal", "car goal"]), [[1, 0, 1], [0, 1, 1]])


@pytest.mark.parametrize(("option", "mapping"), [
    ("Spam=spam", {"Spam": "spam"}), ("a=b=c", {"a=b": "c"}), (" Spam =sp\u200bam", {"Spam": "spam"}),
    ("ham=new", {"ham": "new"}),
])  # fmt: skip
def test_labels_are_renamed_by_what_they_are_called(option, mapping):
    assert parsed_mapping([option], ["Spam", "spam", "ham", "a=b"]) == mapping


@pytest.mark.parametrize(("options", "message"), [
    (["Spm=spam"], "there is no label 'Spm'. Did you mean 'Spam'|'spam'"), (["Spam"], "expected OLD=NEW"),
    (["Spam="], "expected OLD=NEW"), (["Spam=a", "Spam=b"], "two names"), ([""], "expected OLD=NEW"),
])  # fmt: skip
def test_a_name_that_cannot_be_is_refused(options, message):
    with pytest.raises(SettingError, match=message):
        parsed_mapping(options, ["Spam", "spam"])


def test_two_labels_change_their_names_at_once_and_labels_of_sets_are_joined():
    corpus = Corpus.of("c", ["1", "2", "3"], ["a", "b", "c"])
    assert renamed(corpus, {"a": "b", "b": "a"}).names().tolist() == ["b", "a", "c"]
    many = Corpus.of_sets("m", ["1", "2", "3"], pl.Series([["a"], ["a", "b"], ["c"]]))
    assert renamed(many, {"a": "b"}).names().tolist() == [("b",), ("b",), ("c",)]


def test_a_model_remembers_the_names_that_labels_were_given(bywords):
    words = {"Spam": "buy now", "spam": "buy cheap", "ham": "dear friend"}
    lines = [f"{words[label]} w{n},{label}" for n in range(20) for label in words]
    for name, some in (("train.csv", lines), ("test.csv", lines[:30])):
        Path(name).write_text("text,label\n" + "\n".join(some))
    rename = ["--map-label", "Spam=spam"]
    nb = ["--system", "tfidf-nb"]
    for options in (nb, [*nb, "--test", "test.csv"], ["--system", "dan", "--on-disk", "ids"]):
        code, out, error = bywords("train", "train.csv", *options, *rename, "--out", "model")
        assert code == 0, error
        assert "differ only by capitals" not in out
        found = json.loads(bywords("evaluate", "model", "test.csv", "--json")[1])
        assert {row["label"] for row in found["per_class"]} == {"ham", "spam"}
    for command in (["train", "--system", "tfidf-nb"], ["audit"], ["curve", "--system", "tfidf-nb", "--seeds", "1"],
                    ["compare", "--systems", "tfidf-nb"]):  # fmt: skip
        name, *options = command
        assert "Labels that differ only by capitals: 'Spam' (" in bywords(name, "train.csv", *options)[1]
        assert "differ only by capitals" not in bywords(name, "train.csv", *options, *rename)[1]
    assert json.loads(bywords("train", "train.csv", "--system", "tfidf-nb", "--json")[1])["label_remarks"] != []
    code, _, error = bywords("train", "train.csv", "--map-label", "Sham=spam")
    assert (code, "Did you mean" in error) == (2, True)


def test_a_label_is_cleaned_of_nothing_that_is_seen():
    assert cleaned("  a\u200bb \u00a0 c ") == "ab c"
    assert (
        cleaned("\u0645\u06cc\u200c\u0631\u0648\u062f") == "\u0645\u06cc\u200c\u0631\u0648\u062f"
    )  # a joiner of Persian
