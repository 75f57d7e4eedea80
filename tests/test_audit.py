"""The record of an audit, and the command: rows of the files given, JSON, a csv file to correct."""

import csv
import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from small_corpus import small_corpus

from bywords.auditing import audit
from bywords.data.corpus import Corpus, labelled_as, with_label_names
from bywords.errors import DataError
from bywords.evaluation.metrics import wilson_interval
from bywords.io.corrections import COLUMNS, read_corrections
from bywords.records.audit import AccuracyOn, AuditRecord, DuplicatesWithin
from bywords.records.base import from_json, plain, read_record, to_json

LONG = "the engine of the old car was loud and the driver stopped it at the side of the road"


@pytest.fixture(scope="module")
def train():
    """120 documents; then, as rows 120 to 125, two copies with unlike labels, a near one, none, a rare class."""
    corpus = small_corpus(120)
    texts = [*corpus.texts, LONG, LONG.upper(), f"{LONG} again", "", " \n", "one of its kind"]
    return Corpus.of("train.csv", texts, [*corpus.names(), "motor", "space", "motor", "sport", "sport", "rare"])


@pytest.fixture(scope="module")
def test():
    corpus = small_corpus(40, seed=1)
    tested = Corpus.of("test.csv", [*corpus.texts, LONG, ""], [*corpus.names(), "motor", "motor"])
    return with_label_names(tested, ("motor", "rare", "space", "sport"))


@pytest.fixture(scope="module")
def record(train, test):
    return audit(train, test)


def test_the_record_is_plain_json_and_says_what_was_looked_at(record):
    assert from_json(AuditRecord, to_json(record), where="audit.json") == record
    assert plain(record)["format"] == "bywords-audit/3"
    assert plain(record)["data"] == {
        "train": "train.csv",
        "test": "test.csv",
        "n_train": 126,
        "n_test": 42,
        "columns": None,
        "label_names": ["motor", "rare", "space", "sport"],
        "class_counts": {"train": [42, 1, 41, 42], "test": [15, 0, 14, 13]},
        "n_drawn": None,
    }


def test_planted_duplicates_are_counted_and_listed_with_their_rows(record):
    across = record.duplicate_pairs.across
    found = [row for row in across if row.other_row == 40]
    assert [(row.row, row.similarity, row.kind, row.same_label) for row in found] == [
        (120, 1.0, "exact", True),
        (121, 1.0, "exact", False),
        (122, 19 / 20, "near", True),
    ]
    assert [len(set(row.labels)) for row in found] == [1, 2, 1]
    similarities = [row.similarity for row in across]
    assert similarities == sorted(similarities, reverse=True)
    within = [row for row in record.duplicate_pairs.train if row.row == 120]
    assert [(row.other_row, row.kind, row.same_label) for row in within] == [
        (121, "exact", False),
        (122, "near", True),
    ]


def test_a_document_is_counted_once_as_exact_or_near():
    corpus = Corpus.of("c", [LONG, LONG, f"{LONG} now", "other words here", "a b c"], ["x", "y", "x", "x", "y"])
    counted = audit(corpus).duplicates.train
    assert counted == DuplicatesWithin(n_exact=2, n_near=1, n_groups=1, n_conflicting=1, n_conflicting_exact=1)


def test_groups_whose_very_texts_have_two_labels_are_told_from_those_that_are_only_alike():
    texts = [LONG, f"{LONG} now", "a b c d e f g", "A b c d e f g", "a b c d e f g h"]
    counted = audit(Corpus.of("c", texts, ["x", "y", "x", "y", "x"])).duplicates.train
    assert (counted.n_groups, counted.n_conflicting, counted.n_conflicting_exact) == (2, 2, 1)


def test_without_test_documents_there_is_nothing_across(train):
    record = audit(train)
    assert record.data.test is None
    assert record.duplicates.test is record.duplicates.across is record.duplicates.impact is None
    assert record.duplicate_pairs.across == record.duplicate_pairs.test == []


def test_documents_without_words_and_small_classes_are_named(record):
    assert record.without_words == {"train": [123, 124], "test": [41]}
    assert [(row.label, row.n_train) for row in record.small_classes] == [("rare", 1)]


def test_a_class_of_nine_documents_is_small_and_one_of_ten_is_not():
    texts = small_corpus(40).texts
    record = audit(Corpus.of("classes", texts, ["nine"] * 9 + ["ten"] * 10 + ["more"] * 21))
    assert [(row.label, row.n_train) for row in record.small_classes] == [("nine", 9)]


def test_all_training_documents_are_ranked_by_how_likely_their_labels_are_wrong(record):
    ranked = record.label_errors
    assert sorted(row.row for row in ranked) == list(range(126))
    assert record.n_flagged == sum(row.is_flagged for row in ranked)
    assert {row.row for row in ranked[-3:]} == {123, 124, 125}  # nothing can be said of these
    assert ranked[0].row in (120, 121, 122)


def test_the_texts_of_label_errors_and_of_pairs_are_kept_by_their_rows(record, train):
    texts = record.texts
    assert texts["train"]["121"] == train.texts[121]
    assert texts["test"]["40"] == LONG
    shown = {str(row.row) for row in record.duplicate_pairs.across[:200]}
    assert shown <= set(texts["train"])


def test_what_else_there_is_to_find_is_in_the_record_too(record, train):
    assert record.drift.n_compared == 42
    assert record.profile.parts["train"].n_documents == 126
    assert record.leakage.n_found == len(record.leakage.found)
    assert audit(train).drift is None


def test_rows_are_those_of_the_file(train):
    moved = Corpus(train.name, train.texts, train.labels, train.label_names, train.rows + 1_000)
    record, original = audit(moved), audit(train)
    assert [row.row - 1_000 for row in record.label_errors] == [row.row for row in original.label_errors]
    assert record.without_words["train"] == [1_123, 1_124]
    assert record.duplicate_pairs.train[0].row >= 1_000


def test_the_impact_of_duplicates_is_what_is_lost_without_them():
    """Test documents of words that only their copies in training have."""
    generator = np.random.default_rng(0)
    train, test = small_corpus(90), small_corpus(30, seed=2)
    copied = [" ".join(f"w{number}" for number in generator.integers(0, 10**6, 12)) for _ in range(30)]
    labels = generator.choice(["motor", "space", "sport"], 30).tolist()
    record = audit(
        Corpus.of("train", [*train.texts, *copied], [*train.names(), *labels]),
        Corpus.of("test", [*test.texts, *copied], [*test.names(), *labels]),
    )
    impact = record.duplicates.impact
    n_duplicates = impact.duplicates_only.n_documents
    assert n_duplicates >= 30
    assert impact.all_documents.n_documents == impact.without_duplicates.n_documents + n_duplicates == 60
    assert impact.duplicates_only.accuracy == 1
    assert impact.all_documents.interval == wilson_interval(impact.all_documents.accuracy, 60)
    assert impact.gain.interval[0] > 0
    assert impact.gain.difference > 0.1


def test_without_duplicates_across_there_is_no_gain_to_speak_of():
    train = Corpus.of("train", ["a red ball", "the blue moon", "a goal again", "stars up there"], ["x", "y", "x", "y"])
    test = Corpus.of("test", ["another ball", "the full moon tonight"], ["x", "y"])
    impact = audit(train, test).duplicates.impact
    assert impact.gain is None
    assert impact.duplicates_only == AccuracyOn(n_documents=0)


def test_documents_with_any_number_of_labels_are_audited_but_for_label_errors(train, test):
    many = audit(labelled_as(train, multilabel=True), labelled_as(test, multilabel=True))
    assert many.label_errors == []
    assert many.duplicates.impact is None
    assert "Label errors are found where documents have one label each" in many.notes[0]
    one = audit(train, test)
    assert many.duplicate_pairs.across == one.duplicate_pairs.across
    assert many.duplicates.train == one.duplicates.train


def test_of_too_many_documents_and_classes_labels_are_not_judged_and_it_says_so(train, monkeypatch):
    monkeypatch.setattr(sys.modules["bywords.auditing.audit"], "MOST_JUDGED", 4 * len(train) - 1)
    found = audit(train)
    assert (found.label_errors, found.n_flagged) == ([], 0)
    assert any("too many documents and classes" in note for note in found.notes)


def test_one_class_alone_is_looked_at_for_duplicates():
    record = audit(Corpus.of("one", [LONG, LONG], ["x", "x"]))
    assert record.duplicates.train.n_exact == 2
    assert record.label_errors == []
    assert "fewer than two classes" in record.notes[0]


def test_the_command_does_without_the_large_libraries(files, tmp_path):
    code = f"""
import sys
from bywords.cli.main import main
sys.argv = {["bywords", "audit", *files]!r}
try:
    main()
except SystemExit as ended:
    assert not ended.code
assert not {{"torch", "sklearn", "pandas", "gensim"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)


def test_no_documents_are_an_error():
    with pytest.raises(DataError, match="has no documents"):
        audit(Corpus.of("none", [], []))


@pytest.fixture
def files(train, test, tmp_path):
    for corpus in (train, test):
        pl.DataFrame({"text": corpus.texts, "label": corpus.names()}).write_csv(tmp_path / corpus.name)
    return "train.csv", "--test", "test.csv"


def test_the_command_says_what_was_found_and_what_to_do_next(bywords, files):
    code, out, error = bywords("audit", *files)
    assert (code, error) == (0, "")
    assert "126 documents in 4 classes, 42 test documents of test.csv" in out
    assert "documents without words, which training leaves out: rows 123, 124" in out
    assert "the same text, with different labels: training row 121 and test row 40" in out
    assert "space and motor: THE ENGINE OF THE OLD CAR" in out
    assert out.count("test row 40") == 1  # the others of its group are not shown
    assert "labels" in out
    assert "bywords train train.csv --labels train-audit/label-errors.csv" in out


@pytest.mark.parametrize(
    ("slow", "missing"),
    [("find_label_errors", "labels that are likely wrong"), ("duplicate_impact", "the impact of duplicates")],
)
def test_an_audit_that_is_interrupted_keeps_the_rest_and_says_what_is_missing(
    bywords, files, record, tmp_path, monkeypatch, slow, missing
):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["bywords.auditing.audit"], slow, interrupt)
    code, out, error = bywords("audit", *files)
    said = f"This audit was interrupted: {missing} could not be looked for any more."
    again = f"Interrupted: what was found until then is kept. To look for all: bywords audit {' '.join(files)}\n"
    assert (code, error) == (130, again)
    assert said in out.replace("\n", " ")
    kept = read_record(AuditRecord, tmp_path / "train-audit" / "audit.json")
    assert (kept.interrupted, said in kept.notes, kept.label_errors == []) == (True, True, slow == "find_label_errors")
    for name in ("leakage", "drift", "profile", "without_words"):
        assert getattr(kept, name) == getattr(record, name)
    assert said in (tmp_path / "train-audit" / "audit.html").read_text()
    corpora = (Corpus.of("a", ["moon", "car"] * 3, ["x", "y"] * 3) for _ in range(2))
    with pytest.raises(KeyboardInterrupt):
        audit(*corpora)


def test_the_command_shows_one_pair_of_each_group_and_the_same_text_once(bywords, tmp_path):
    corpus = small_corpus(60)
    near = "a quick brown fox jumps over a lazy dog tonight"
    texts = [*corpus.texts, LONG, LONG, LONG, LONG.upper(), near, f"{near} again"]
    labels = [*corpus.names(), "motor", "motor", "motor", "motor", "space", "sport"]
    pl.DataFrame({"text": texts, "label": labels}).write_csv(tmp_path / "pairs.csv")
    _, out, _ = bywords("audit", "pairs.csv")
    shown = out[out.index("Look at these first:") :].splitlines()
    assert shown[1:4] == [
        "  91% alike, with different labels: rows 64 and 65",
        f"    space: {near}",
        f"    sport: {near} again",
    ]
    assert out.lower().count(LONG[:40]) == 1
    assert "  the same text: rows 60 and 61" in shown


def test_a_place_where_nothing_can_be_written_is_said_before_the_data_are_read(bywords, tmp_path):
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    code, _, error = bywords("audit", "there-is-no-such.csv", "--out", "taken")
    assert code == 2
    assert "taken" in error
    assert "cannot be written" in error


def test_the_command_says_how_many_labels_its_file_has_and_how_many_are_flagged(bywords, files, record, tmp_path):
    _, out, _ = bywords("audit", *files)
    with (tmp_path / "train-audit" / "label-errors.csv").open(encoding="utf-8", newline="") as file:
        n_listed = len(list(csv.DictReader(file)))
    assert f"label-errors.csv has the first {n_listed} labels of the ranking, {record.n_flagged} of them flagged" in out


def test_json_is_the_record_and_so_is_the_file(bywords, files, record, tmp_path):
    code, out, error = bywords("audit", *files, "--json")
    told = json.loads(out)
    assert (code, error) == (0, "")
    assert told == json.loads((tmp_path / "train-audit" / "audit.json").read_text(encoding="utf-8"))
    assert "<html" in (tmp_path / "train-audit" / "audit.html").read_text(encoding="utf-8")
    assert told["command"] == "bywords audit train.csv --test test.csv --json"
    assert told["data"]["columns"] == "text: text · label: label"
    assert {**told, "command": "", "data": {**told["data"], "columns": None}} == plain(record)


def test_the_csv_file_has_the_first_tenth_and_is_read_back_when_it_is_filled_in(bywords, files, record, tmp_path):
    bywords("audit", *files, "--out", "found")
    path = tmp_path / "found" / "label-errors.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS)
    ranked = [row.row for row in record.label_errors]
    listed = [int(row["row"]) for row in rows]
    assert listed[:13] == ranked[:13]
    assert {row.row for row in record.label_errors if row.is_flagged} <= set(listed)
    with pytest.raises(DataError, match="corrects no label"):
        read_corrections(path)
    rows[1]["new_label"] = "sport"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    (found,) = read_corrections(path)
    assert (found.row, found.label, found.new_label) == (listed[1], rows[1]["label"], "sport")


def test_bad_rows_are_left_out_where_asked_and_rows_are_still_those_of_the_file(bywords, tmp_path):
    corpus = small_corpus(60)
    documents = zip(corpus.texts.str.replace_all(",", ""), corpus.names(), strict=True)
    lines = ["text,label", *(f"{text},{label}" for text, label in documents)]
    lines.insert(1, "no label here,")
    lines += [f"{LONG},motor", f"{LONG},motor"]
    (tmp_path / "bad.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    code, _, error = bywords("audit", "bad.csv")
    assert code == 2
    assert "line 2" in error
    code, out, _ = bywords("audit", "bad.csv", "--bad-rows", "skip", "--json")
    pairs = [row for row in json.loads(out)["duplicate_pairs"]["train"] if row["row"] >= 61]
    assert [(row["row"], row["other_row"]) for row in pairs] == [(61, 62)]
