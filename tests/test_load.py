"""Inputs that are huge in one way: read in few passes, or refused before the work. Small ones, and lowered bounds."""

import difflib
import gzip
import io
import re
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bywords import memory
from bywords.data.corpus import Corpus, renamed
from bywords.data.splits import stratified_split
from bywords.errors import BywordsError, DataError, did_you_mean, quoted
from bywords.io import columns, csv, streams, tables
from bywords.io.datasets import is_available, load_dataset
from bywords.io.readers import read_blocks, read_corpus
from bywords.io.writers import Writer
from bywords.systems import SYSTEMS
from bywords.text import vocabulary
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.training.fit import fit_classifier
from bywords.vectors.load import load_vectors


@pytest.fixture
def free(monkeypatch):
    """Set how many bytes of memory are free."""
    return lambda n_bytes: monkeypatch.setattr(memory, "free_bytes", lambda: n_bytes)


@pytest.fixture
def counted(monkeypatch):
    """Count the calls of a function of a module."""

    def count(module, name):
        function, calls = getattr(module, name), []

        def counting(*arguments, **named):
            calls.append(arguments)
            return function(*arguments, **named)

        monkeypatch.setattr(module, name, counting)
        return calls

    return count


def wide(n_columns, n_rows, *, names=("text", "label"), value="1"):
    header = ",".join([*names, *(f"c{index}" for index in range(n_columns))])
    rows = [",".join([f"moon {row}", "ab"[row % 2], *[value] * n_columns]) for row in range(n_rows)]
    return "\n".join([header, *rows, ""])


def test_values_of_very_many_columns_are_looked_at_one_by_one_only_where_they_may_be_sentences(tmp_path, counted):
    (tmp_path / "x.csv").write_text(wide(3_000, 4))
    calls = counted(columns, "_has_sentences")
    corpus = read_corpus(tmp_path / "x.csv")
    assert calls == []
    assert corpus.texts.to_list()[0] == "moon 0"
    assert len(corpus.not_read) == 3_000


def test_a_sentence_in_the_last_of_many_columns_is_still_found(tmp_path):
    rows = wide(3_000, 4).splitlines()
    rows = [f"{rows[0]},other", *(f"{row},this is another and a longer sentence {row[5]}" for row in rows[1:])]
    (tmp_path / "x.csv").write_text("\n".join(rows))
    with pytest.raises(DataError, match="'other' is much longer"):
        read_corpus(tmp_path / "x.csv")


def test_what_is_guessed_of_very_many_columns_is_guessed_by_the_first(tmp_path, monkeypatch, counted):
    monkeypatch.setattr(columns, "MOST_JUDGED", 10)
    (tmp_path / "x.csv").write_text(wide(500, 6, names=("a", "b")))
    calls = counted(columns, "_may_be_label")
    with pytest.raises(DataError, match="cannot tell which column is the text and which the label"):
        read_corpus(tmp_path / "x.csv")
    assert len(calls) == 10


def test_a_block_of_very_many_columns_has_more_than_a_row(tmp_path, monkeypatch):
    monkeypatch.setattr(csv, "BLOCK_BYTES", 1_000)
    (tmp_path / "x.csv").write_text(wide(300, 200))
    assert 1 < len(list(read_blocks(tmp_path / "x.csv", block_bytes=1_000))) < 5


def test_very_many_columns_are_written_as_they_were(tmp_path):
    (tmp_path / "x.csv").write_text(wide(3_000, 2))
    (block,) = read_blocks(tmp_path / "x.csv")
    answers = pl.DataFrame({"probability": [0.5, 0.25]})
    writer = Writer.of(tmp_path / "out.csv", answers.columns)
    writer.start(block.table)
    lines = writer(block.table, answers, is_first=True).decode().splitlines()
    assert lines == [
        f"{line},{more}" for line, more in zip(wide(3_000, 2).splitlines(), ("probability", "0.5", "0.25"), strict=True)
    ]


def test_two_columns_of_one_name_among_many_are_named(tmp_path):
    (tmp_path / "x.csv").write_text(wide(3_000, 1).replace("c2999\n", "c7\n"))
    with pytest.raises(DataError, match="two columns are called 'c7'"):
        read_corpus(tmp_path / "x.csv")


def test_of_a_hundred_thousand_names_few_are_compared(monkeypatch):
    seen = []
    near = difflib.get_close_matches
    monkeypatch.setattr(
        difflib, "get_close_matches", lambda name, names, n: seen.append(len(names)) or near(name, names, n)
    )
    names = ["spam", *(f"l{index}" for index in range(100_000))]
    assert did_you_mean("spaam", names) == " Did you mean 'spam'?"
    assert seen == [10_000]


def test_a_name_of_a_megabyte_is_neither_compared_nor_shown_whole():
    assert did_you_mean("a" * 10**6, ["a" * 10**6 + "b"]) == ""
    assert len(quoted(["a" * 10**6] * 3)) < 1_000


def test_holding_out_of_very_many_classes_looks_at_each_document_once(monkeypatch):
    labels = np.repeat(np.arange(20_000), 2)
    looked_at = []
    monkeypatch.setattr(
        np, "flatnonzero", lambda values, real=np.flatnonzero: looked_at.append(len(values)) or real(values)
    )
    kept, held_out = stratified_split(labels, 0.2, 0)
    assert np.array_equal(labels[kept], np.arange(20_000))
    assert np.array_equal(labels[held_out], np.arange(20_000))
    assert sum(looked_at) < 10 * len(labels)


def test_classes_are_held_out_by_largest_remainder():
    labels = np.repeat([0, 1, 2], [14, 13, 3])  # a fifth: 2.8, 2.6, 0.6
    _, held_out = stratified_split(labels, 0.2, 0)
    assert np.bincount(labels[held_out]).tolist() == [3, 2, 1]


def test_very_many_labels_get_their_new_names():
    corpus = Corpus.of("x", ["a"] * 5_000, [f"l{index}" for index in range(5_000)])
    assert renamed(corpus, dict.fromkeys(corpus.label_names, "one")).label_names == ("one",)


def test_a_label_of_a_megabyte_is_refused_by_its_size(tmp_path):
    (tmp_path / "x.csv").write_text(f"text,label\nmoon,{'a' * 10**6}\ncar,b\n")
    with pytest.raises(DataError, match=r"x\.csv: the label 'a{40}'… has 1,000,000 bytes, expected 1,000 at most"):
        read_corpus(tmp_path / "x.csv")


def test_labels_take_memory_by_how_many_each_document_has(free):
    free(1 << 20)
    sets = pl.Series([[f"l{index}"] for index in range(10_000)])
    labels = Corpus.of_sets("x", ["a"] * 10_000, sets).labels  # as a table 100 MB
    assert labels.labels.nbytes + labels.offsets.nbytes < 1 << 18


@pytest.mark.parametrize("system", ["auto", "averaging"])
def test_more_classes_than_memory_holds_scores_of_are_refused_before_a_fit(free, system, counted):
    texts = [f"w{index // 2} t{index}" for index in range(2_000)]
    labels = [f"l{index // 2}" for index in range(2_000)]
    free(1 << 20)
    calls = counted(vocabulary.Vocabulary, "of")
    with pytest.raises(DataError, match=r"1,000 classes and 2,000 documents: a score .* Check that the right column"):
        fit_classifier(SYSTEMS[system], texts, labels)
    assert calls == []


def test_character_ngrams_are_counted_the_same_in_parts(monkeypatch):
    tokens = Tokenizer()(["moon rocket moonrocket", "a moo", "rocket moon"])
    config = VocabularyConfig(char_ngrams=(2, 4))
    whole = Vocabulary.of(tokens, config).char_ngrams
    for together in (1, 3, 7):
        monkeypatch.setattr(vocabulary, "COUNTED_TOGETHER", together)
        parts = Vocabulary.of(tokens, config).char_ngrams
        assert np.array_equal(parts.data, whole.data)
        assert np.array_equal(parts.starts, whole.starts)


@pytest.mark.parametrize("ending", [".gz", ".zip"])
def test_what_is_compressed_as_no_text_is_is_refused(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(streams, "MOST_BYTES_UNQUESTIONED", 1 << 20)
    content, path = b"\0" * (1 << 25), tmp_path / f"x.csv{ending}"
    if ending == ".gz":
        path.write_bytes(gzip.compress(content))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.writestr("x.csv", content)
    for read in (read_corpus, lambda path: list(read_blocks(path))):
        with pytest.raises(DataError, match=r"more than [\d,]+ bytes are compressed into [\d,]+, as no texts are"):
            read(path)


@pytest.mark.parametrize("is_compressed", [True, False])
def test_a_file_that_memory_cannot_hold_is_refused_before_it_is_read(tmp_path, free, is_compressed):
    content = wide(10, 5_000).encode()
    path = tmp_path / "x.csv"
    path.write_bytes(gzip.compress(content) if is_compressed else content)
    free(len(content))
    with pytest.raises(DataError, match=r"x\.csv: reading .* at once takes about .* are free. Take a part"):
        read_corpus(path)


def test_a_line_that_does_not_end_is_refused_with_its_number(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "LINE_BYTES", 1_000)
    (tmp_path / "x.txt").write_text("moon\n" + "car " * 1_000)
    with pytest.raises(DataError, match=r"x\.txt, line 2: it is longer than 1,000 bytes"):
        list(read_blocks(tmp_path / "x.txt", block_bytes=500))


def test_objects_with_a_key_of_their_own_each_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MOST_CELLS", 1_000)
    (tmp_path / "x.jsonl").write_text("".join(f'{{"text": "a", "k{index}": 1}}\n' for index in range(100)))
    with pytest.raises(DataError, match="100 objects have 101 different keys, "):
        read_corpus(tmp_path / "x.jsonl")


def test_a_block_of_parquet_has_fewer_rows_where_they_are_large(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "BLOCK_MEMORY", 10_000)
    pl.DataFrame({"text": ["moon " * 200] * 100}).write_parquet(tmp_path / "x.parquet")
    blocks = list(read_blocks(tmp_path / "x.parquet"))
    assert sum(len(block.texts) for block in blocks) == 100
    assert max(len(block.texts) for block in blocks) <= 10


def test_a_spreadsheet_that_memory_cannot_hold_is_refused_before_it_is_read(tmp_path, free):
    pytest.importorskip("fastexcel")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("[Content_Types].xml", "")
        zipped.writestr("xl/worksheets/sheet1.xml", b" " * (1 << 22))
    (tmp_path / "x.xlsx").write_bytes(content.getvalue())
    free(1 << 22)
    with pytest.raises(DataError, match=r"x\.xlsx: reading its 4,194,304 bytes, decompressed, takes about"):
        read_corpus(tmp_path / "x.xlsx")


def test_a_user_without_a_home_folder_is_told_that_a_file_is_not_there(monkeypatch):
    def nobody_knows(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", nobody_knows)
    for name in ("GENSIM_DATA_DIR", "SCIKIT_LEARN_DATA"):
        monkeypatch.delenv(name, raising=False)
    for use, path in ((load_dataset, "~/x.csv"), (read_corpus, "~/x.csv"), (load_vectors, "~/x.vec")):
        with pytest.raises(BywordsError, match=re.escape(path)):
            use(path)
    assert not is_available("20newsgroups")


def test_free_memory_is_the_least_of_what_machine_and_process_have():
    assert 0 < memory.free_bytes() < 1 << 60
