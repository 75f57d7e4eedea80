"""Labels as files have them: cleaned of what nobody sees, odd ones said in a line each, renamed where asked."""

import json
from pathlib import Path

import polars as pl
import pytest

from bywords.data.corpus import Corpus, renamed
from bywords.data.label_names import cleaned, parsed_mapping, remarks_on_counts
from bywords.errors import SettingError
from bywords.io.readers import read_corpus


@pytest.mark.parametrize("labels", [["['joy', 'food']", "[]"], ["[joy,food]", ""], ["{joy,food}", "{}"],
                                    ["(joy, food)", "()"], ['["joy", "food"]', "[]"]])  # fmt: skip
def test_lists_as_they_are_printed_are_read_with_a_separator(labels, tmp_path):
    pl.DataFrame({"text": ["a", "b"], "label": labels}).write_csv(tmp_path / "lists.csv")
    corpus = read_corpus(tmp_path / "lists.csv", text="text", label="label", label_separator=",")
    assert corpus.label_names == ("food", "joy")
    assert corpus.labels.table().tolist() == [[True, True], [False, False]]


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


def test_labels_of_a_file_to_evaluate_can_be_renamed_too(bywords):
    """Those that the model knows by another name than the file does."""
    lines = [
        f"{words} w{n},{label}" for n in range(10) for label, words in (("space", "moon orbit"), ("motor", "tyre"))
    ]
    Path("train.csv").write_text("text,label\n" + "\n".join(lines))
    Path("new.csv").write_text("text,label\n" + "\n".join(lines).replace(",space", ",Raum"))
    assert bywords("train", "train.csv", "--system", "tfidf-nb", "--out", "model")[0] == 0
    code, out, _ = bywords("evaluate", "model", "new.csv", "--map-label", "Raum=space", "--json")
    assert (code, json.loads(out)["accuracy"]) == (0, 1.0)
    assert "there is no label 'nope'" in bywords("evaluate", "model", "new.csv", "--map-label", "nope=space")[2]


@pytest.mark.parametrize(("names", "says"), [
    (["1", "true", "TRUE", "yes", "0", "False"],
     "Labels that may say the same, yes or no: '1' (1) and 'true' (1) and 'TRUE' (1) and 'yes' (1); '0' (1) and "
     "'False' (1). If they mean the same: --map-label true=1 --map-label TRUE=1 --map-label yes=1 --map-label False=0"),
    (["1000", "1E+03", "b"], "Labels that are the same number: '1000' (1) and '1E+03' (1). "),
    (["#REF!", "#NV", "b"], "Labels that are written where there is none: '#REF!' (1), '#NV' (1); each is a class."),
])  # fmt: skip
def test_labels_that_programs_write_in_several_ways_are_said(names, says):
    said = remarks_on_counts(dict.fromkeys(names, 9), is_multilabel=False, are_paths=False)
    assert said[0].startswith(says.replace("(1)", "(9)"))
    assert len(said) == 1


def test_labels_of_which_one_says_yes_or_no_are_not_doubted():
    for names in (["0", "1", "2", "n"], ["true", "false"], ["yes", "no", "1", "2"]):
        said = remarks_on_counts(dict.fromkeys(names, 9), is_multilabel=False, are_paths=False)
        assert ["yes or no" in one for one in said] == [True] * (len(names) == 4)
