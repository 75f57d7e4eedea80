"""`bywords predict` on files: what each format becomes, how a run that was cut off is gone on with, how much memory."""

import datetime as dt
import gzip
import io
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import fastexcel
import numpy as np
import polars as pl
import pytest
import xlsxwriter
from small_corpus import TOPICS, small_corpus

from bywords.checkpoint import Run
from bywords.classifier import TextClassifier
from bywords.cli import main as cli
from bywords.cli import predict as command
from bywords.errors import SettingError
from bywords.evaluation.calibration import Sigmoids
from bywords.evaluation.top_scores import TopScores
from bywords.fitted import FittedClassifier, Predictions, TopPredictions
from bywords.io import resumable, writers
from bywords.io.resumable import ResumableOutput
from bywords.io.writers import Writer, kept_name

OURS = ["label", "probability", "in_vocabulary_share", "all_out_of_vocabulary", "out_of_distribution"]


@pytest.fixture
def predict(capsys, monkeypatch, tmp_path, model):
    """Run the command in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, of=model):
        monkeypatch.setattr(sys, "argv", ["bywords", "predict", str(of), *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        shown = capsys.readouterr()
        return left.value.code or 0, shown.out, shown.err

    return run


ROWS = {
    "id": ["7", "8", "9"],
    "text": ["moon rocket orbit", 'a "car", engine\noil', "qqq"],
    "label": ["old", "", "so"],
}


def write_table(path):
    frame = pl.DataFrame(ROWS)
    if path.suffix == ".parquet":
        frame.with_columns(pl.col("id").cast(pl.Int16)).write_parquet(path)
    elif path.suffix == ".jsonl":
        lines = [json.dumps({**row, "id": int(row["id"])}) for row in frame.to_dicts()]
        path.write_text("\n\n".join(lines), encoding="utf-8")
    else:
        frame.write_csv(path, separator="\t" if path.suffix == ".tsv" else ",")


def read_table(path):
    """The rows of a file, all values as strings."""
    if path.suffix == ".parquet":
        frame = pl.read_parquet(path)
    elif path.name.endswith(("jsonl", "jsonl.gz")):
        frame = pl.read_ndjson(path)
    else:
        frame = pl.read_csv(path, separator="\t" if path.suffix == ".tsv" else ",", infer_schema=False)
    return frame.with_columns(pl.all().cast(pl.String).fill_null(""))


@pytest.mark.parametrize("output", [".csv", ".tsv", ".jsonl", ".parquet", ".csv.gz", ".jsonl.gz"])
@pytest.mark.parametrize("given", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_the_columns_of_a_table_stand_before_the_answers(predict, tmp_path, given, output):
    write_table(tmp_path / f"in{given}")
    assert predict(f"in{given}", "--out", f"out{output}") == (0, "", "text: text · not read: id, label\n")
    frame = read_table(tmp_path / f"out{output}")
    assert frame.columns == ["id", "text", "given_label", *OURS]
    assert frame["id"].to_list() == ROWS["id"]
    assert frame["text"].to_list() == ROWS["text"]
    assert frame["given_label"].to_list() == ROWS["label"]
    assert frame["label"].to_list()[:2] == ["space", "motor"]
    assert frame["all_out_of_vocabulary"].to_list() == ["false", "false", "true"]
    assert not (tmp_path / f"out{output}.part").exists()


def test_parquet_keeps_the_types_of_its_columns(predict, tmp_path):
    frame = pl.DataFrame({"text": ["moon"], "n": [1.5], "many": [[1, 2]], "raw": [b"\xff"], "day": [None]})
    frame = frame.with_columns(pl.col("day").cast(pl.Date))
    frame.write_parquet(tmp_path / "in.parquet")
    predict("in.parquet", "--out", "out.parquet")
    assert pl.read_parquet(tmp_path / "out.parquet").select(frame.columns).equals(frame)
    code, _, error = predict("in.parquet", "--out", "out.csv")
    assert (code, "the column 'raw' holds Binary, which CSV does not have" in error) == (2, True)


def test_a_spreadsheet_keeps_the_types_of_its_columns_below_a_title_and_blank_rows(predict, tmp_path):
    with xlsxwriter.Workbook(tmp_path / "in.xlsx") as book:
        day, time = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        sheet = book.add_worksheet()
        sheet.write(1, 1, "Tickets of May")
        sheet.write_row(3, 1, ["text", "n", "share", "day", "at", "is_open", None, "code", "mixed"])
        for n, row in enumerate((4, 5, 8)):
            sheet.write_row(row, 1, [f"moon {n}", n, n / 4])
            sheet.write_datetime(row, 4, dt.datetime(2024, 5, 1 + n), day)
            sheet.write_datetime(row, 5, dt.datetime(2024, 5, 1 + n, 10, 30), time)
            sheet.write_row(row, 6, [n > 0, None, f"00{n}", ["a", 7, True][n]])
    kept = pl.DataFrame(
        {
            "text": ["moon 0", "moon 1", "moon 2"],
            "n": [0, 1, 2],
            "share": [0.0, 0.25, 0.5],
            "day": [dt.date(2024, 5, n) for n in (1, 2, 3)],
            "at": [dt.datetime(2024, 5, n, 10, 30) for n in (1, 2, 3)],
            "is_open": [False, True, True],
            "code": ["000", "001", "002"],
            "mixed": ["a", "7", "true"],
        }
    )
    assert "Could not determine" not in predict("in.xlsx", "--out", "out.parquet")[2]
    found = pl.read_parquet(tmp_path / "out.parquet").select(kept.columns)
    assert found.cast({"at": pl.Datetime("us")}).equals(kept)
    assert predict("in.xlsx", "--out", "out.xlsx")[0] == 0
    sheet = fastexcel.read_excel(tmp_path / "out.xlsx").load_sheet(0).to_polars()
    assert sheet.select(kept.columns).cast({"n": pl.Int64, "day": pl.Date, "at": pl.Datetime("us")}).equals(kept)
    predict("in.xlsx", "--out", "out.csv")
    assert read_table(tmp_path / "out.csv")[0, "at"] == "2024-05-01 10:30:00"


@pytest.mark.parametrize(
    ("frame", "message"),
    [({"text": ["moon"], "many": [["star"] * 9000]}, "in.parquet, row 0 (counted from 0): 'many' has 72,000 char"),
     ({"text": ["moon"]} | {f"c{n}": [1] for n in range(16_384)}, "16,390 columns, with those of the answers"),
     ({"text": ["moon"], "raw": [b"x"]}, "the column 'raw' holds Binary, which a spreadsheet does not have")],
)  # fmt: skip
def test_what_a_spreadsheet_would_cut_off_is_refused_before_any_row_is_done(predict, tmp_path, frame, message):
    pl.DataFrame(frame).write_parquet(tmp_path / "in.parquet")
    code, _, error = predict("in.parquet", "--out", "out.xlsx")
    assert (code, message in error, "--resume" in error) == (2, True, False)


def test_a_spreadsheet_is_put_together_beside_its_place_and_what_a_killed_run_left_goes(predict, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    write_table(tmp_path / "in.csv")

    def killed(parts, out):
        (parts[0].parent / "tmpabc").touch()
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr(resumable, "write_spreadsheet", killed)
        assert predict("in.csv", "--out", "out.xlsx")[0] == 2
    assert (tmp_path / "out.xlsx.part" / "tmpabc").exists()
    assert predict("in.csv", "--out", "out.xlsx")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.xlsx"]


def test_json_objects_stay_as_they_are_written(predict, tmp_path):
    given = '{"text":"moon" , "n": 1.50, "x": {"y": [null, 1e400]}, "half": "\\ud83d" }'
    (tmp_path / "in.jsonl").write_text(given + "\n\n{ }\n", encoding="utf-8")
    predict("in.jsonl", "--out", "out.jsonl")
    first, second = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert first.startswith(given[:-1].rstrip() + ', "label":"space"')
    assert list(json.loads(second)) == OURS
    predict("in.jsonl", "--out", "out.csv")
    row = pl.read_csv(tmp_path / "out.csv", infer_schema=False).row(0, named=True)
    assert (row["n"], row["half"]) == ("1.50", "?")
    assert json.loads(row["x"]) == {"y": [None, float("inf")]}


def test_a_key_that_comes_late_is_kept_but_by_csv(predict, tmp_path, monkeypatch):
    lines = [{"text": "moon"}] * 60_000 + [{"text": "car", "late": 1}]
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps({**row, "pad": "x" * 60}) for row in lines))
    assert predict("in.jsonl", "--out", "out.parquet")[0] == 0
    frame = pl.read_parquet(tmp_path / "out.parquet")
    assert frame.columns == ["text", "pad", "late", *OURS]
    assert frame["late"].to_list() == [None] * 60_000 + ["1"]
    code, _, error = predict("in.jsonl", "--out", "out.csv")
    assert (code, "line 60001: the key 'late' is not in the first objects" in error) == (2, True)


def test_plain_lines_give_the_answers_alone(predict, tmp_path):
    (tmp_path / "in.txt").write_text("moon rocket\n\ncar engine\n")
    predict("in.txt", "--out", "out.csv")
    assert read_table(tmp_path / "out.csv").columns == OURS
    predict("in.txt", "--out", "out.txt.gz")
    with gzip.open(tmp_path / "out.txt.gz", "rt") as file:
        assert file.read().splitlines()[::2] == ["space", "motor"]
    (tmp_path / "empty.txt").write_text("")
    for ending, content in ((".csv", ",".join(OURS) + "\n"), (".jsonl", ""), (".txt", "")):
        predict("empty.txt", "--out", f"none{ending}")
        assert (tmp_path / f"none{ending}").read_text() == content
    predict("empty.txt", "--out", "none.parquet")
    assert pl.read_parquet(tmp_path / "none.parquet").columns == OURS


def test_the_likeliest_labels_are_added(predict, tmp_path):
    (tmp_path / "in.txt").write_text("moon rocket car\n")
    row = json.loads(predict("in.txt", "--top-k", "2")[1])
    assert list(row) == ["label", "probability", "labels", "probabilities", *OURS[2:]]
    assert row["labels"] == ["space", "motor"]
    assert row["probabilities"] == sorted(row["probabilities"], reverse=True)
    assert row["probabilities"][0] == row["probability"]
    assert len(json.loads(predict("in.txt", "--top-k", "99")[1])["labels"]) == 3
    predict("in.txt", "--top-k", "2", "--out", "out.csv")
    assert read_table(tmp_path / "out.csv")["labels"].to_list() == ["space|motor"]


class MultilabelModel:
    """What a classifier of several labels answers."""

    is_multilabel, is_ranked = True, False
    classes = np.array(["anger", "joy", "love"])
    calibration = Sigmoids(np.ones(3), np.zeros(3), np.full(3, 0.5))

    def predict(self, texts):
        probabilities = np.array([[0.1, 0.6, 0.9], [0.2, 0.3, 0.1]])[: len(texts)]
        known = np.ones(len(texts), dtype=np.float32)
        return Predictions(probabilities > 0.5, probabilities, known, known < 0, known < 0, probabilities)

    def top(self, texts, m):
        found = self.predict(texts)
        top = TopScores.of_table(found.probabilities, m)
        known = found.in_vocabulary_share, found.all_out_of_vocabulary, found.out_of_distribution
        return TopPredictions(self.classes[top.labels], top.scores, top.labels, *known)


def test_a_model_of_several_labels_names_them_all_and_their_probabilities():
    answers = command.Answers(MultilabelModel(), None)(MultilabelModel().predict(["a", "b"]))
    assert answers.columns == ["labels", "probabilities", *OURS[2:]]
    assert answers["labels"].to_list() == [["joy", "love"], []]
    assert answers["probabilities"].to_list() == [[0.6, 0.9], []]
    likeliest = command.Answers(MultilabelModel(), 2)(MultilabelModel().predict(["a", "b"]))
    assert likeliest["labels"].to_list() == [["love", "joy"], ["joy", "anger"]]
    assert Writer(answers.columns, ".csv")(None, answers, is_first=True).decode().splitlines()[1:] == [
        "joy|love,0.6|0.9,1.0,false,false",
        ",,1.0,false,false",
    ]
    assert Writer(answers.columns, ".txt")(None, answers, is_first=True) == b"joy|love\n\n"


def test_standard_input_may_be_a_table_where_it_is_said(model, tmp_path):
    run = [sys.executable, "-m", "bywords", "predict", str(model), "-", "--format", "csv"]
    shown = subprocess.run(run, input="text,n\nmoon,1\n", capture_output=True, text=True, cwd=tmp_path, check=True)
    assert list(json.loads(shown.stdout)) == ["text", "n", *OURS]


def test_rows_that_cannot_be_read_are_left_out_where_asked(predict, tmp_path):
    (tmp_path / "in.csv").write_text("text,n\nmoon,1\nx\ncar,2\n")
    code, _, error = predict("in.csv", "--out", "out.csv")
    assert (code, "line 3: expected 2 fields" in error) == (2, True)
    code, _, error = predict("in.csv", "--out", "out.csv", "--bad-rows", "skip")
    assert (code, read_table(tmp_path / "out.csv")["n"].to_list()) == (0, ["1", "2"])
    assert "Skipped 1 row that could not be read; the first is line 3: expected 2 fields" in error


def test_a_column_of_the_file_gives_way_to_an_answer_of_its_name():
    assert kept_name("text", ["text"], OURS) == "text"
    assert kept_name("label", ["text", "label"], OURS) == "given_label"
    assert kept_name("label", ["label", "given_label"], OURS) == "given_given_label"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in.txt", "--resume"], "--resume goes on with a file: say which with --out"),
        (["in.txt", "--out", "out"], "out: cannot tell the format. Expected a name that ends in .csv"),
        (["in.txt", "--out", "out.parquet.gz"], "cannot tell the format"),
        (["in.txt", "--out", "out.csv.xz"], "cannot tell the format"),
        (["-", "--format", "parquet"], "standard input: Parquet cannot be read as a stream"),
    ],
)
def test_what_cannot_be_done_is_said(predict, tmp_path, arguments, message):
    (tmp_path / "in.txt").write_text("moon\n")
    code, out, error = predict(*arguments)
    assert (code, out) == (2, "")
    assert message in error
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]


@pytest.mark.parametrize("source", ["in.csv", "-"])
def test_more_rows_than_a_sheet_takes_are_refused_before_they_are_labelled(predict, tmp_path, monkeypatch, source):
    monkeypatch.setattr(writers, "MOST_SHEET_ROWS", 40)
    monkeypatch.setattr(command, "CHUNK_ROWS", 30)
    monkeypatch.setattr(writers, "write_spreadsheet", lambda *_: pytest.fail("all rows were labelled"))
    write_many(tmp_path / "in.csv", 41)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "in.csv").read_bytes())))
    code, out, error = predict(source, "--out", "out.xlsx")
    assert (code, out) == (2, "")
    assert error.splitlines()[-1].endswith(": a sheet takes 40 rows, and there are more. Write .csv or .parquet.")
    assert (tmp_path / "out.xlsx.part").exists() == (source == "-")
    assert not (tmp_path / "out.xlsx").exists()


# A run that was cut off is gone on with.


def write_many(path, n_rows=60, *, seed=0):
    generator = np.random.default_rng(seed)
    words = [word for topic in TOPICS.values() for word in topic]
    texts = [" ".join(row) for row in generator.choice(words, (n_rows, 3)).tolist()]
    frame = pl.DataFrame({"id": range(n_rows), "text": texts})
    if path.suffix == ".csv":
        frame.write_csv(path)
    elif path.suffix == ".jsonl":
        frame.write_ndjson(path)
    elif path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        path.write_text("".join(f"{text}\n" for text in texts))


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".txt", ".csv.gz"])
def test_chunks_leave_no_trace(predict, tmp_path, monkeypatch, ending):
    write_many(tmp_path / "in.csv")
    predict("in.csv", "--out", f"whole{ending}")
    monkeypatch.setattr(command, "CHUNK_ROWS", 7)
    predict("in.csv", "--out", f"chunks{ending}")
    whole, chunks = ((tmp_path / f"{name}{ending}").read_bytes() for name in ("whole", "chunks"))
    if ending.endswith(".gz"):
        whole, chunks = gzip.decompress(whole), gzip.decompress(chunks)
    assert whole == chunks


class KilledError(BaseException):
    """In place of a signal: nothing in the program may catch it."""


PAIRS = [
    (".csv", ".csv"),
    (".jsonl", ".jsonl.gz"),
    (".txt", ".txt"),
    (".jsonl", ".csv"),
    (".parquet", ".parquet"),
    (".jsonl", ".parquet"),
]


def same(first, second):
    if first.suffix == ".parquet":
        return pl.read_parquet(first).equals(pl.read_parquet(second))
    return first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(("given", "output"), PAIRS)
def test_cut_off_at_any_step_and_gone_on_with_it_is_the_file_of_one_run(
    predict, tmp_path, monkeypatch, model, given, output
):
    monkeypatch.setattr(command, "CHUNK_ROWS", 13)
    monkeypatch.setattr(resumable, "SECONDS_APART", 0)
    write_many(tmp_path / f"in{given}")
    predict(f"in{given}", "--out", f"whole{output}")
    left = [0]

    def dying(real):
        def call(*arguments, **named):
            left[0] -= 1
            if left[0] == 0:
                raise KilledError
            return real(*arguments, **named)

        return call

    for step in range(1, 120):
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", dying(os.fsync))
            patched.setattr(Path, "replace", dying(Path.replace))
            patched.setattr(Path, "unlink", dying(Path.unlink))
            patched.setattr(Path, "rmdir", dying(Path.rmdir))
            left[0] = step
            patched.setattr(sys, "argv", ["bywords", "predict", str(model), f"in{given}", "--out", f"out{output}"])
            try:
                cli.main()
            except KilledError:
                was_killed = True
            except SystemExit:
                was_killed = False
        code, _, error = predict(f"in{given}", "--out", f"out{output}", "--resume")
        assert (code, set(error.splitlines())) == (0, set() if given == ".txt" else {"text: text · not read: id"})
        assert same(tmp_path / f"out{output}", tmp_path / f"whole{output}")
        assert not (tmp_path / f"out{output}.part").exists()
        (tmp_path / f"out{output}").unlink()
        if not was_killed:
            break
    assert step > 15
    assert not was_killed


def test_what_is_done_is_not_done_again(predict, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "CHUNK_ROWS", 10)
    write_many(tmp_path / "in.csv")
    asked = []
    real = FittedClassifier.predict
    interrupted_at = read_table(tmp_path / "in.csv")["text"][30]

    def predict_at_most(self, texts):
        if interrupted_at in list(texts):
            raise KeyboardInterrupt
        return real(self, texts)

    monkeypatch.setattr(FittedClassifier, "predict", predict_at_most)
    code, _, error = predict("in.csv", "--out", "out.csv")
    assert code == 130
    assert "Interrupted: 30 rows are done and kept. Go on with: bywords predict" in error
    assert "in.csv --out out.csv --resume" in error
    monkeypatch.setattr(FittedClassifier, "predict", lambda self, texts: asked.append(len(texts)) or real(self, texts))
    assert predict("in.csv", "--out", "out.csv", "--resume")[0] == 0
    assert asked == [0, 10, 10, 10]
    assert len(read_table(tmp_path / "out.csv")) == 60


def test_an_error_in_the_middle_keeps_what_is_done(predict, tmp_path, monkeypatch):
    lines = [json.dumps({"text": "moon", "pad": "x" * 80})] * 50_000
    (tmp_path / "in.jsonl").write_text("\n".join([*lines, "{"]))
    code, _, error = predict("in.jsonl", "--out", "out.jsonl")
    assert code == 2
    assert "line 50001: this is not JSON" in error
    assert "rows are done and kept. Go on with: bywords predict" in error
    assert not (tmp_path / "out.jsonl").exists()
    (tmp_path / "in.jsonl").write_text("\n".join([*lines, lines[0]]))
    assert predict("in.jsonl", "--out", "out.jsonl", "--resume")[0] == 0
    assert (tmp_path / "out.jsonl").read_text().count("\n") == 50_001


@pytest.fixture
def begun(predict, tmp_path, monkeypatch):
    """A folder with 20 of the 60 rows of in.csv."""
    monkeypatch.setattr(command, "CHUNK_ROWS", 10)
    write_many(tmp_path / "in.csv")
    left = [3]
    real = ResumableOutput.add

    def add(self, *arguments, **named):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        real(self, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(ResumableOutput, "add", add)
        assert predict("in.csv", "--out", "out.csv")[0] == 130


def test_another_input_is_refused(predict, begun, tmp_path):
    write_many(tmp_path / "in.csv", seed=1)
    code, _, error = predict("in.csv", "--out", "out.csv", "--resume")
    assert (code, "the 20 rows in it were made from another input" in error) == (2, True)
    assert "done and kept" not in error
    write_many(tmp_path / "in.csv", n_rows=15)
    assert "made from another input" in predict("in.csv", "--out", "out.csv", "--resume")[2]
    assert predict("in.csv", "--out", "out.csv")[0] == 0
    assert len(read_table(tmp_path / "out.csv")) == 15


@pytest.mark.parametrize(
    ("options", "name"),
    [(["--top-k", "2"], "top k"), (["--bad-rows", "skip"], "bad rows"), (["--text", "id"], "text column")],
)
def test_other_options_are_refused(predict, begun, options, name):
    code, _, error = predict("in.csv", "--out", "out.csv", "--resume", *options)
    assert (code, f"holds rows of another run: {name} was" in error) == (2, True)


def test_another_model_is_refused(predict, begun, tmp_path, model, monkeypatch):
    corpus = small_corpus(60, seed=4)
    TextClassifier("tfidf-nb").fit(corpus.texts, corpus.names()).save(tmp_path / "other")
    monkeypatch.setattr(sys, "argv", ["x", "predict", "other", "in.csv", "--out", "out.csv", "--resume"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2


def test_a_folder_that_is_something_else_is_left_alone(predict, tmp_path):
    write_many(tmp_path / "in.csv")
    (tmp_path / "out.csv.part").mkdir()
    (tmp_path / "out.csv.part" / "mine.txt").write_text("x")
    for more in ([], ["--resume"]):
        code, _, error = predict("in.csv", "--out", "out.csv", *more)
        assert (code, "expected a folder with the progress.json" in error) == (2, True)
    assert (tmp_path / "out.csv.part" / "mine.txt").read_text() == "x"


def test_with_nothing_to_go_on_with_it_starts_afresh(predict, begun, tmp_path):
    (tmp_path / "out.csv.part" / resumable.DATA).write_bytes(b"")
    code, out, error = predict("in.csv", "--out", "out.csv", "--resume")
    assert (code, out) == (0, "")
    assert error.endswith("out.csv.part is not as it was written: all rows are done anew.\ntext: text · not read: id\n")
    assert len(read_table(tmp_path / "out.csv")) == 60
    assert predict("in.csv", "--out", "out.csv", "--resume") == (0, "", "text: text · not read: id\n")


def test_a_disk_that_takes_no_more_is_said(tmp_path, monkeypatch):
    folder = ResumableOutput(tmp_path / "out.csv", Run({}, {}))
    folder.add(b"x", n_rows=1, input_digest="")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(time, "monotonic", lambda: math.inf)
    for call in (lambda: folder.add(b"y", n_rows=1, input_digest=""), folder.save, folder.finish):
        with pytest.raises(SettingError, match=r"out\.csv: cannot be written: No space left on device"):
            call()
    assert folder.n_rows == 1


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_chunks_that_come_fast_are_made_safe_twice_a_second(tmp_path, monkeypatch, ending):
    now, syncs, real = [0.0], [], os.fsync
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    out = tmp_path / f"out{ending}"

    def added(folder, seconds):
        """Rows that are safe after each of the chunks that come at these times."""
        for now[0] in seconds:
            chunk = pl.DataFrame({"x": [now[0]]}) if ending == ".parquet" else b"%.1f\n" % now[0]
            folder.add(chunk, n_rows=1, input_digest=f"{now[0]}")
            yield ResumableOutput(out, Run({}, {}), resume=True).n_rows, folder.n_rows

    folder = ResumableOutput(out, Run({}, {}))
    fast = list(added(folder, [0.1, 0.2, 0.4, 0.55, 0.6, 0.9, 1.1]))
    assert fast == [(n, n) for n in (1, 1, 1, 4, 4, 4, 7)]
    assert list(added(folder, [2, 2, 2])) == [(8, 8), (9, 9), (9, 9)]  # of two threads that took longer
    monkeypatch.setattr(os, "fsync", lambda file: (syncs.append(file), real(file)))
    assert list(added(folder, [2.1])) == [(9, 9)]
    assert ending == ".parquet" or not syncs
    folder = ResumableOutput(out, Run({}, {}), resume=True)  # as after a kill
    assert list(added(folder, [2.2, 2.3])) == [(10, 10), (10, 10)]
    folder.save()
    assert ResumableOutput(out, Run({}, {}), resume=True).n_rows == folder.n_rows == 11
    assert list(added(folder, [2.4])) == [(11, 11)]
    folder.finish()
    assert len(pl.read_parquet(out) if ending == ".parquet" else out.read_bytes().splitlines()) == 12


SLOW_CHILD = (
    "import sys, time; from bywords.cli import main, predict; from bywords.io.resumable import ResumableOutput;"
    "predict.CHUNK_ROWS = 50; real = ResumableOutput.add;"
    "ResumableOutput.add = lambda *a, **k: (real(*a, **k), time.sleep(0.02));"
    "main.main()"
)


@pytest.mark.parametrize(("given", "output"), [(".csv", ".csv.gz"), (".jsonl", ".parquet")])
def test_killed_by_signals_and_gone_on_with_it_is_the_file_of_one_run(predict, tmp_path, model, given, output):
    write_many(tmp_path / f"in{given}", 3_000)
    arguments = ["predict", str(model), f"in{given}", "--resume", "--out"]
    run = [sys.executable, "-c", SLOW_CHILD, *arguments]
    subprocess.run([*run, f"whole{output}"], cwd=tmp_path, check=True)
    generator = random.Random(0)
    progress = tmp_path / f"out{output}.part" / resumable.PROGRESS
    n_rows = 0
    for _ in range(3):
        with subprocess.Popen([*run, f"out{output}"], cwd=tmp_path) as child:
            while child.poll() is None:
                if progress.exists() and json.loads(progress.read_text())["n_rows"] > n_rows:
                    time.sleep(generator.uniform(0, 0.3))
                    child.send_signal(signal.SIGKILL)
                    break
                time.sleep(0.01)
        assert child.returncode == -signal.SIGKILL
        n_rows = json.loads(progress.read_text())["n_rows"]
    assert 0 < n_rows < 3_000
    subprocess.run([*run, f"out{output}"], cwd=tmp_path, check=True)
    assert same(tmp_path / f"out{output}", tmp_path / f"whole{output}")


# Memory does not grow with the file.

# The peak of the process alone: what `resource` tells has that of the process which started it, these tests.
PEAK = (
    "from bywords.cli.main import app; app(standalone_mode=False);"
    "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read as Linux tells it")
@pytest.mark.parametrize("ending", [".txt", ".csv", ".jsonl"])
def test_memory_does_not_grow_with_the_file(tmp_path, model, ending):
    peaks = []
    for n_rows in (50_000, 250_000):
        write_many(tmp_path / f"in{ending}", n_rows)
        run = [sys.executable, "-c", PEAK, "predict", str(model), f"in{ending}", "--out", f"out{ending}"]
        shown = subprocess.run(run, capture_output=True, text=True, cwd=tmp_path, check=True)
        peaks.append(int(shown.stdout) / 1024)
    assert peaks[1] - peaks[0] < 60


def test_every_line_gets_an_answer_where_some_start_with_a_label(predict, tmp_path):
    (tmp_path / "in.txt").write_text("moon\n\n__label__ car\n\n__label__x goal\n")
    assert len(predict("in.txt")[1].splitlines()) == 5


def test_lists_and_spans_of_parquet_are_kept_in_csv(predict, tmp_path):
    span = dt.timedelta(days=1, hours=2)
    pl.DataFrame({"text": ["moon"], "list": [[1, 2]], "span": [span]}).write_parquet(tmp_path / "in.parquet")
    assert predict("in.parquet", "--out", "out.csv")[0] == 0
    row = read_table(tmp_path / "out.csv").row(0, named=True)
    assert (row["list"], row["span"]) == ("[1, 2]", "1 day, 2:00:00")


@pytest.mark.parametrize("name", ["predict", "explain"])
def test_a_text_of_the_command_line_is_utf_8_whatever_the_locale_says(bywords, model, name):
    typed = "motor é rocket é"
    answers = [bywords(name, model, text)[1] for text in (typed, os.fsencode(typed).decode("ascii", "surrogateescape"))]
    assert answers[0] == answers[1] != ""
    code, _, error = bywords(name, model, typed.encode("cp1252").decode(errors="surrogateescape"))
    assert (code, "is not UTF-8. Set the terminal to UTF-8, or put the text into a file" in error) == (2, True)


def test_unsure_answers_and_texts_unlike_the_training_are_left_open(predict, tmp_path):
    (tmp_path / "in.txt").write_text("moon rocket orbit\nmoon goal engine\nmoon qqq zzz xxx\n")
    sure, torn, unlike = (json.loads(line) for line in predict("in.txt")[1].splitlines())
    assert [row["out_of_distribution"] for row in (sure, torn, unlike)] == [False, False, True]
    least = (sure["probability"] + torn["probability"]) / 2
    code, shown, told = predict("in.txt", "--min-confidence", least)
    assert [json.loads(line)["label"] for line in shown.splitlines()] == ["space", None, None]
    assert (code, told) == (
        0,
        f"1 of 3 texts got a label. Of the others no answer reached {least:.1%}, or the text is unlike those of the "
        "training.\n",
    )
    predict("in.txt", "--min-confidence", least, "--out", "out.txt")
    assert (tmp_path / "out.txt").read_text() == "space\n\n\n"


def test_abstain_takes_the_probability_from_which_on_so_many_answers_were_right(predict, tmp_path, model):
    (tmp_path / "in.txt").write_text("moon rocket orbit\n")
    assert "it takes 30 to choose a probability by" in predict("in.txt", "--abstain", "95%")[2]
    corpus = small_corpus(400)
    classifier = TextClassifier("tfidf-nb").fit(corpus.texts, corpus.names())
    classifier.save(model.parent / "larger")
    least = classifier.reliability_.min_confidence_for(0.95)
    (tmp_path / "in.txt").write_text("moon rocket orbit\nnothing of this is known\n")
    told = predict("in.txt", "--abstain", "95%", of=model.parent / "larger")
    assert f"no answer reached {least:.1%}" in told[2]
    assert told[1] == predict("in.txt", "--min-confidence", least, of=model.parent / "larger")[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--min-confidence", "0.5", "--abstain", "95%"], "give one of them"),
        (["--min-confidence", "80"], "expected a probability from 0 to 1"),
        (["--abstain", "much"], "expected a share of the labels that is to be right"),
        (["--abstain", "0"], "expected a share of the labels that is to be right"),
    ],
)
def test_what_says_how_sure_an_answer_has_to_be_is_checked(predict, tmp_path, options, message):
    (tmp_path / "in.txt").write_text("moon\n")
    code, _, told = predict("in.txt", *options)
    assert code == 2
    assert message in told


def test_texts_of_another_language_are_told_aside(predict, tmp_path):
    (tmp_path / "in.txt").write_text("der Mond ist aufgegangen\n" * 11)
    assert predict("in.txt")[2].startswith("11 of 11 texts are unlike those that the model has learned from")
    (tmp_path / "in.txt").write_text("the moon is a rocket\n" * 500 + "der Mond ist aufgegangen\n" * 11)
    assert predict("in.txt")[2] == ""


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet", ".txt", ".csv.gz"])
def test_how_much_of_all_files_is_done_is_known_of_every_chunk(ending, tmp_path, monkeypatch):
    monkeypatch.setattr("bywords.io.tables.BLOCK_ROWS", 1)
    for name in ("a", "b"):
        if ending in (".txt", ".csv.gz"):
            content = b"text\nmoon\norbit\n"
            (tmp_path / f"{name}{ending}").write_bytes(gzip.compress(content) if ending == ".csv.gz" else content)
        else:
            write_table(tmp_path / f"{name}{ending}")
    blocks = list(command._blocks(f"{tmp_path}/*{ending}", {"text": None if ending == ".txt" else "text"}))
    shares = [block.share_read for block in blocks]
    assert shares == sorted(shares)
    assert shares[len(shares) // 2 - 1 :][:1] + shares[-1:] == [0.5, 1]
    assert ending != ".parquet" or shares == pytest.approx(np.arange(1, 7) / 6)
