"""An audit of texts on disk against one in memory: the same where both can, and what is left out is said."""

import dataclasses
import json

import polars as pl
import pytest
from small_corpus import small_corpus

from bywords.auditing import audit
from bywords.auditing import on_disk as on_disk_module
from bywords.auditing.label_errors import judged_by, to_judge
from bywords.auditing.on_disk import audit_on_disk, most_pairs
from bywords.data.corpus import Corpus
from bywords.data.duplicates import find_duplicates
from bywords.errors import DataError
from bywords.io.datasets import read_parts
from bywords.io.read_options import ReadOptions

LONG = "the engine of the old car was loud and the driver stopped it at the side of the road"


def written(path, corpus):
    """The path of a csv file with these documents."""
    labels = [",".join(each) if corpus.is_multilabel else each for each in corpus.names().tolist()]
    pl.DataFrame({"text": corpus.texts, "label": labels}).write_csv(path)
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Training documents with copies, near ones, blank ones and a small class; and a test file with some of them."""
    folder, corpus = tmp_path_factory.mktemp("files"), small_corpus(160)
    texts = [*corpus.texts, LONG, LONG.upper(), f"{LONG} again", " - ", "one of its kind", LONG]
    labels = [*corpus.names(), "motor", "space", "motor", "sport", "rare", "motor"]
    tested = small_corpus(40, seed=1)
    train = written(folder / "train.csv", Corpus.of("train.csv", texts, labels))
    test = Corpus.of("test.csv", [*tested.texts, LONG, " - "], [*tested.names(), "motor", "motor"])
    return train, written(folder / "test.csv", test)


def on_disk(tmp_path, files, *, n_parts, n_bytes=20_000, **options):
    """What is found with so little memory."""
    folder = tmp_path / f"{n_parts}"
    folder.mkdir()
    test = files[1] if len(files) > 1 else None
    return audit_on_disk(files[0], ReadOptions(**options), folder, test=test, n_bytes=n_bytes, n_parts=n_parts)


def test_on_disk_all_is_found_that_is_found_in_memory_but_the_impact_of_duplicates(tmp_path, files):
    expected = audit(*read_parts(files[0], test=files[1]))
    found = on_disk(tmp_path, files, n_parts=1).record
    assert expected.duplicates.impact is not None
    expected = dataclasses.replace(
        expected, notes=found.notes, data=dataclasses.replace(expected.data, n_drawn=166),
        duplicates=dataclasses.replace(expected.duplicates, impact=None),
    )  # fmt: skip
    assert found == expected


def test_in_several_parts_the_same_duplicates_are_found_and_every_label_is_judged(tmp_path, files):
    expected, found = audit(*read_parts(files[0], test=files[1])), on_disk(tmp_path, files, n_parts=3).record
    assert found.duplicate_pairs == expected.duplicate_pairs
    assert found.duplicates == dataclasses.replace(expected.duplicates, impact=None)
    assert found.without_words == expected.without_words
    assert sorted(row.row for row in found.label_errors) == list(range(166))
    confident = [row for row in found.label_errors if row.confidence > 0]
    assert len(confident) > 150
    assert found.small_classes[0].label == "rare"
    assert [row.n_train for row in found.profile.classes] == [row.n_train for row in expected.profile.classes]


def test_the_record_says_what_was_left_out_and_of_how_many_documents_the_rest_is(tmp_path, files):
    record = on_disk(tmp_path, files, n_parts=3).record
    assert "The impact of duplicates is not measured." in record.notes[0]
    assert f"one of 3 parts that were drawn: {record.data.n_drawn} of 166 documents." in record.notes[0]
    assert record.profile.parts["train"].n_documents == record.data.n_drawn < 100


def test_the_same_seed_gives_the_same_record(tmp_path, files):
    one = on_disk(tmp_path, files, n_parts=2).record
    (tmp_path / "again").mkdir()
    assert on_disk(tmp_path / "again", files, n_parts=2).record == one


def test_of_documents_with_several_labels_duplicates_and_their_labels_are_found(tmp_path):
    texts = [LONG, LONG, f"{LONG} now", "other words here", "a b c d"]
    sets = pl.Series([["x", "y"], ["y", "x"], ["x"], [], ["y"]], dtype=pl.List(pl.String))
    path = written(tmp_path / "sets.csv", Corpus.of_sets("sets.csv", texts, sets))
    expected = audit(*read_parts(path, label_separator=","))
    record = on_disk(tmp_path, (path,), n_parts=2, label_separator=",").record
    assert record.duplicate_pairs == expected.duplicate_pairs
    assert record.duplicates == expected.duplicates
    assert any("these have any number" in note for note in record.notes)


def test_a_label_of_the_test_file_that_training_does_not_have_is_named_or_its_row_skipped(tmp_path, files):
    test = tmp_path / "other.csv"
    test.write_text(f"text,label\n{LONG},motor\nnew words,unheard\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"row 1 .*'unheard' does not occur in training.*--bad-rows skip"):
        on_disk(tmp_path, (files[0], str(test)), n_parts=1)
    skipping = on_disk(tmp_path, (files[0], str(test)), n_parts=2, bad_rows="skip")
    assert (len(skipping.test), skipping.test.labelled.n_skipped) == (1, 1)


def test_rankings_are_cut_where_they_would_be_too_long(tmp_path, files, monkeypatch):
    assert most_pairs(100_000) >= 10_000
    assert most_pairs(4_000_000_000) > most_pairs(1_000_000_000)
    monkeypatch.setattr("bywords.auditing.on_disk.most_pairs", lambda n_bytes: 2)
    monkeypatch.setattr("bywords.auditing.on_disk.MOST_ERRORS", 2)
    record = on_disk(tmp_path, files, n_parts=1).record
    assert len(record.label_errors) == len(record.duplicate_pairs.train) == 2
    assert any("the first 2 of each kind are listed" in note for note in record.notes)
    assert record.duplicates.train.n_exact == 3


def test_the_command_says_first_that_it_works_on_disk_and_leaves_nothing_else_behind(bywords, tmp_path, files):
    code, shown, said = bywords("audit", files[0], "--test", files[1], "--memory", "100kB", "--out", "found")
    assert code == 0, said
    assert "to audit all of its texts at once takes about" in said.splitlines()[0]
    assert "The impact of duplicates is not measured. Leakage, drift" in said.splitlines()[0]
    assert "test documents that are in training" in shown
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == [
        "audit.html", "audit.json", "label-errors.csv",
    ]  # fmt: skip
    record = json.loads((tmp_path / "found/audit.json").read_text(encoding="utf-8"))
    assert record["duplicates"]["across"]["n_test_documents"] == 7
    assert "it may take 0.3 GB of memory all the same, and 0.1 MB may be used" in said.splitlines()[1]
    assert record["data"]["n_drawn"] == record["data"]["n_train"]  # one part: less memory makes no smaller ones
    code, _, said = bywords("audit", files[0], "--memory", "1GB", "--out", "again")
    assert (code, said) == (0, "")


def test_what_needs_all_texts_in_memory_is_audited_at_once_and_a_wrong_size_is_refused(bywords, files):
    pattern = files[0].replace("train.csv", "trai*.csv")
    _, _, said = bywords("audit", pattern, "--test", files[1], "--memory", "1kB", "--out", "x")
    assert "they are audited at once all the same" in said
    code, _, said = bywords("audit", files[0], "--memory", "much")
    assert code != 0
    assert "--memory is 'much', expected a number and a unit" in said


def test_labels_of_a_part_are_judged_with_the_duplicates_that_were_found_among_all(tmp_path, files, monkeypatch):
    judged = []

    def keep(tokens, labels, n_classes, groups, seed):
        judged.append(groups)
        return to_judge(tokens, labels, n_classes, groups, seed)

    monkeypatch.setattr("bywords.auditing.on_disk.to_judge", keep)
    train = on_disk(tmp_path, files, n_parts=3).train
    groups = find_duplicates(read_parts(files[0])[0].texts).train.groups
    assert len(judged) == 3
    for number, its in enumerate(judged):
        assert its.tolist() == groups[train.part_of == number].tolist()


def test_an_audit_on_disk_that_is_interrupted_keeps_the_parts_that_were_judged(tmp_path, bywords, files, monkeypatch):
    whole, judged = on_disk(tmp_path, files, n_parts=3).record, []

    def judge(*arguments, **how):
        if len(judged) == 2:
            raise KeyboardInterrupt
        judged.extend(judged_by(*arguments, **how))
        return judged[-1:]

    monkeypatch.setattr(on_disk_module, "judged_by", judge)
    monkeypatch.setattr(on_disk_module, "n_parts_for", lambda *_: 3)
    code, out, _ = bywords("audit", files[0], "--test", files[1], "--memory", "100kB", "--out", "found")
    note = "This audit was interrupted: labels were judged, and documents without words looked for, in 2 of 3 parts."
    assert (code, note in out.replace("\n", " ")) == (130, True), out
    record = json.loads((tmp_path / "found" / "audit.json").read_text())
    n_judged = sum(int(each.is_judged.sum()) for each in judged)
    assert (record["interrupted"], note in record["notes"]) == (True, True)
    assert f"{whole.data.n_train - n_judged:,} of {whole.data.n_train:,} could not be judged" in str(record["notes"])
    assert record["duplicates"]["train"]["n_exact"] == whole.duplicates.train.n_exact
    assert sum(row["is_flagged"] for row in record["label_errors"]) == record["n_flagged"]
