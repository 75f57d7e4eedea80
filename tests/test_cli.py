"""The command line as a person or a script meets it: real processes for what crosses a process, calls for the rest."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys

import polars as pl
import pytest
from small_corpus import small_corpus, write_small_glove

from bywords.classifier import TextClassifier
from bywords.cli.screen import ProgressLines
from bywords.io import datasets
from bywords.records.base import read_record
from bywords.records.run import RunRecord


def write_csv(path, corpus):
    pl.DataFrame({"text": corpus.texts, "label": corpus.names()}).write_csv(path)
    return path


@pytest.fixture
def csv(tmp_path):
    return write_csv(tmp_path / "my.csv", small_corpus())


@pytest.fixture
def model(bywords, csv):
    code, _, error = bywords("train", csv, "--system", "tfidf-nb", "--out", "model")
    assert (code, error) == (0, "")
    return "model"


def test_help_names_every_command(bywords):
    code, out, _ = bywords("--help")
    assert code == 0
    for name in ("train", "compare", "evaluate", "predict", "vocab", "vectors", "systems"):
        assert name in out


def test_train_needs_no_flags_and_says_how_good_where_it_fails_and_what_next(bywords, csv, tmp_path):
    code, out, error = bywords("train", csv)
    assert (code, error) == (0, "")
    assert "Right on" in out
    assert "95 % interval" in out
    assert "class, worst first" in out
    assert "bywords predict my-model" in out
    assert (tmp_path / "my-model" / "weights.safetensors").exists()


def test_train_as_json_is_one_object_and_nothing_else(bywords, csv):
    code, out, error = bywords("train", csv, "--system", "tfidf-svc", "--json")
    record = json.loads(out)
    assert (code, error) == (0, "")
    assert record["n_train"] + record["n_valid"] + record["n_test"] == 150
    assert record["n_test"] == 30
    assert len(record["test"]["per_class"]) == 3


def test_an_own_test_file_is_used(bywords, csv, tmp_path):
    test = write_csv(tmp_path / "test.csv", small_corpus(60, seed=1))
    _, out, _ = bywords("train", csv, "--system", "tfidf-nb", "--test", test, "--json")
    assert json.loads(out)["n_test"] == 60


def test_settings_can_be_changed(bywords, csv):
    settings = ["--set", "training.max_epochs=2", "--set", "model.dimension=4"]
    _, out, _ = bywords("train", csv, "--system", "dan", *settings, "--json")
    assert json.loads(out)["epochs"] == 2


def test_evaluate_gives_the_scores(bywords, model, csv):
    code, out, _ = bywords("evaluate", model, csv, "--json")
    scores = json.loads(out)
    assert code == 0
    assert set(scores) >= {"n_documents", "accuracy", "accuracy_interval", "macro_f1", "log_loss", "per_class"}
    assert scores["n_documents"] == 150
    code, out, _ = bywords("evaluate", model, csv)
    assert "Right on" in out


def test_rows_that_cannot_be_read_are_left_out_of_evaluation_and_counting_where_asked(bywords, model, csv):
    csv.write_text(csv.read_text() + "too,many,fields\n")
    for command in (["evaluate", model, csv, "--json"], ["vocab", csv, "--json"]):
        code, out, error = bywords(*command)
        assert (code, out, "line 152: expected 2 fields" in error) == (2, "", True)
        code, out, error = bywords(*command, "--bad-rows", "skip")
        assert (code, "Skipped 1 row that could not be read; the first is line 152: expected 2" in error) == (0, True)
        json.loads(out)


def test_predict_gives_a_json_line_for_each_text_in_order(bywords, model, tmp_path):
    (tmp_path / "texts.txt").write_text("moon rocket orbit\n\ncar engine oil\nqqq\n")
    code, out, error = bywords("predict", model, "texts.txt")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, error) == (0, "")
    assert [row["label"] for row in rows[::2]] == ["space", "motor"]
    assert [row["all_out_of_vocabulary"] for row in rows] == [False, True, False, True]
    assert all(0 <= row["probability"] <= 1 for row in rows)
    assert bywords("predict", model, "texts.txt", "--out", "out.jsonl")[1] == ""
    assert (tmp_path / "out.jsonl").read_text() == out


def test_predict_reads_standard_input_and_survives_a_closed_pipe(model, tmp_path):
    command = [sys.executable, "-m", "bywords", "predict", model, "-"]
    given = "moon rocket\n" * 50_000
    run = subprocess.run(command, input=given, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert run.stdout.count('"space"') == 50_000
    assert run.stderr == ""
    piped = f"{sys.executable} -m bywords predict {model} - | head -n 1"
    run = subprocess.run(piped, shell=True, input=given, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert json.loads(run.stdout)["label"] == "space"
    assert run.stderr == ""


def test_compare_writes_the_record_and_the_report(bywords, csv, tmp_path):
    code, out, error = bywords("compare", csv, "--systems", "tfidf-svc,tfidf-nb", "--seeds", "2", "--out", "cmp")
    assert (code, error) == (0, "")
    assert "spread over seeds" in out
    assert "cmp/report.html" in out
    run = read_record(RunRecord, tmp_path / "cmp" / "run.json")
    assert run.finished
    assert run.seeds == [0, 1]
    assert "<html" in (tmp_path / "cmp" / "report.html").read_text(encoding="utf-8")


def test_compare_goes_on_where_it_stopped(bywords, csv, tmp_path):
    first = json.loads(bywords("compare", csv, "--systems", "tfidf-nb", "--out", "cmp", "--json")[1])
    more = ["compare", csv, "--systems", "tfidf-nb,tfidf-svc", "--out", "cmp", "--json", "--resume"]
    resumed = json.loads(bywords(*more)[1])
    assert resumed["systems"][0] == first["systems"][0]  # its seconds too: it was not fitted again
    assert [row["name"] for row in resumed["systems"]] == ["tfidf-nb", "tfidf-svc"]
    code, _, error = bywords(*more, "--seeds", "2")
    assert (code, "seeds was [0] and is [0, 1]" in error) == (2, True)


def test_ctrl_c_keeps_the_best_model_so_far(csv, tmp_path):
    settings = ["--keep-test-out", "--set", "training.max_epochs=1000000", "--set", "training.patience=1000000"]
    command = [sys.executable, "-m", "bywords", "train", csv, "--system", "averaging", *settings]
    terminal, inside = pty.openpty()
    with subprocess.Popen(command, cwd=tmp_path, stdin=inside, stdout=inside, stderr=inside) as child:
        os.close(inside)
        try:
            shown = _read_until(terminal, "epoch 3 of")
            child.send_signal(signal.SIGINT)
            shown += _read_until(terminal, None)
        except AssertionError:
            child.kill()  # it would be waited for
            raise
    os.close(terminal)
    assert child.returncode == 0
    assert "validation loss" in shown
    assert "Interrupted: the model is that of epoch" in shown
    assert (tmp_path / "my-model" / "SHA256SUMS").exists()


def test_sigterm_ends_a_command_as_it_should_with_its_files(bywords, csv, monkeypatch, tmp_path):
    closed = []

    def ended(*_, **__):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            closed.append(True)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("bywords.cli.train_steps.run", ended)
    assert bywords("train", csv, "--system", "tfidf-nb", "--out", "new")[0] == 143
    assert closed
    assert not list(tmp_path.glob(".new*"))  # its lock
    assert signal.getsignal(signal.SIGTERM) == before


def _read_until(terminal, words):
    """What a terminal shows until these words appear, or to its end."""
    shown = ""
    while words is None or words not in shown:
        ready, _, _ = select.select([terminal], [], [], 120)
        assert ready, shown
        try:
            new = os.read(terminal, 65536)
        except OSError:  # how a terminal ends on Linux
            break
        if not new:
            break
        shown += new.decode(errors="replace")
    return shown


def test_files_that_differ_only_after_a_dot_get_models_of_their_own(bywords, csv, tmp_path):
    (tmp_path / "my.2024.csv").write_bytes(csv.read_bytes())
    assert json.loads(bywords("train", "my.2024.csv", "--system", "tfidf-nb", "--json")[1])["model"] == "my.2024-model"


def test_a_folder_of_classes_gets_its_model_beside_it(bywords, tmp_path, monkeypatch):
    corpus = small_corpus(60)
    for index, (text, name) in enumerate(zip(corpus.texts, corpus.names(), strict=True)):
        folder = tmp_path / "texts" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{index}.txt").write_text(text)
    monkeypatch.chdir(tmp_path / "texts")
    assert bywords("train", ".", "--system", "tfidf-nb")[0] == 0
    assert (tmp_path / "texts-model" / "SHA256SUMS").exists()


def test_evaluate_says_how_often_sure_answers_are_right(bywords, tmp_path):
    csv, model = write_csv(tmp_path / "more.csv", small_corpus(500)), "more-model"
    assert bywords("train", csv, "--system", "tfidf-nb", "--out", model)[0] == 0
    code, out, _ = bywords("evaluate", model, csv, "--min-confidence", "0.5")
    assert code == 0
    assert "Answers that are at least 50.0% sure, for texts like those of the training: " in out
    answered = json.loads(bywords("evaluate", model, csv, "--abstain", "90%", "--json")[1])["answered"]
    assert 0 < answered["coverage"] <= 1
    assert answered["accuracy"] >= 0.9
    assert "answered" not in json.loads(bywords("evaluate", model, csv, "--json")[1])


def test_evaluate_takes_the_documents_that_were_held_out_in_training(bywords, monkeypatch, tmp_path):
    whole = small_corpus(200)
    given = datasets.Dataset("small", lambda: (whole, None), lambda: True)
    monkeypatch.setitem(datasets.DATASETS, "small", given)
    options = ["--system", "tfidf-nb", "--test-share", "0.1", "--seed", "3"]
    trained = json.loads(bywords("train", "small", *options, "--keep-test-out", "--json")[1])
    scores = json.loads(bywords("evaluate", "small-model", "small", "--json")[1])
    assert {name: scores[name] for name in trained["test"]} == trained["test"]
    assert scores["slices"] == trained["slices"]
    test = write_csv(tmp_path / "other.csv", small_corpus(30, seed=5))
    for more in ([], ["--test", test]):  # learned at last, or from the beginning
        bywords("train", "small", "--system", "tfidf-nb", *more)
        code, _, error = bywords("evaluate", "small-model", "small")
        assert (code, "none of it is left to test on" in error) == (2, True)
    bywords("train", test, "--system", "tfidf-nb")
    assert json.loads(bywords("evaluate", "other-model", "small", "--json")[1])["n_documents"] == 200
    code, _, error = bywords("evaluate", "other-model", "small", "--text", "body")
    assert (code, "small is a data set with fixed columns: leave out --text body" in error) == (2, True)


def test_a_model_with_labels_that_are_numbers_is_evaluated_on_a_file(bywords, tmp_path):
    corpus = small_corpus()
    TextClassifier("tfidf-nb").fit(corpus.texts, corpus.labels * 5).save(tmp_path / "numbers")
    numbered = pl.DataFrame({"text": corpus.texts, "label": corpus.labels * 5})
    numbered.write_csv(tmp_path / "numbers.csv")
    code, out, _ = bywords("evaluate", "numbers", "numbers.csv", "--json")
    assert code == 0
    assert json.loads(out)["accuracy"] > 0.9


def test_vectors_do_not_overwrite_the_texts_they_were_trained_on(bywords, csv, tmp_path):
    (tmp_path / "my.txt").write_text("".join(f"__label__{n % 2} moon car {n % 7}\n" for n in range(50)))
    before = (tmp_path / "my.txt").read_bytes()
    small = ["--set", "dimension=4", "--set", "n_epochs=1", "--min-count", "1"]
    assert bywords("vectors", "train", "my.txt", "--out", "my.npy", *small)[0] == 0
    assert (tmp_path / "my.txt").read_bytes() == before
    assert json.loads(bywords("vectors", "info", "my.npy", "--json")[1])["dimension"] == 4


@pytest.mark.parametrize("method", ["word2vec", "glove"])
def test_training_of_vectors_that_is_interrupted_leaves_those_so_far(bywords, tmp_path, monkeypatch, method):
    (tmp_path / "my.txt").write_text("".join(f"moon car {n % 7}\n" for n in range(50)))
    train = ["vectors", "train", "my.txt", "--out", "my.npy", "--method", method, "--min-count", "1"]
    train += ["--set", "dimension=4", "--set", "n_epochs=3"]
    assert bywords(*train)[0] == 0
    whole = (tmp_path / "my.npy").read_bytes()

    def interrupt(callback, epoch, *_):
        if epoch == last:
            raise KeyboardInterrupt

    monkeypatch.setattr(ProgressLines, "vectors_epoch", interrupt)
    last = 2
    code, out, error = bywords(*train)
    said = (
        "Interrupted: the vectors after 2 of 3 epochs are in my-so-far.npy. To learn for all of them: bywords vectors"
    )
    assert (code, out, error.splitlines()[-1][: len(said)]) == (130, "", said)
    assert json.loads(bywords("vectors", "info", "my-so-far.npy", "--json")[1])["dimension"] == 4
    assert (tmp_path / "my.npy").read_bytes() == whole


@pytest.mark.parametrize(
    ("more", "kept", "says"),
    [
        ([], False, "Nothing is kept: give --checkpoint FOLDER, and what is done stays there for --resume."),
        (["--checkpoint", "ck"], True, "What was kept in ck is there: bywords train my.csv --checkpoint ck --resume"),
        (["--checkpoint", "ck"], False, "Nothing was kept in ck yet: to begin anew, give the same command."),
    ],
)
def test_training_that_is_interrupted_before_there_is_a_model_says_how_one_that_goes_on_is_started(
    bywords, tmp_path, monkeypatch, more, kept, says
):
    def interrupt(*_, **__):
        if kept:
            (tmp_path / "ck").mkdir()
        raise KeyboardInterrupt

    (tmp_path / "my.csv").write_text("text,label\n")
    monkeypatch.setattr(datasets, "read_parts", interrupt)
    assert bywords("train", "my.csv", *more) == (130, "", f"Interrupted before there was a model. {says}\n")


def test_predict_from_nothing_gives_nothing(bywords, model, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    assert bywords("predict", model, "empty.txt") == (0, "", "")


def test_compare_can_train_slow_systems_on_a_part_and_says_so(bywords, csv):
    _, out, _ = bywords("compare", csv, "--systems", "tfidf-nb,tfidf-svc", "--limit", "tfidf-svc=60")
    assert "tfidf-svc: Trained on 60 of the 120 documents." in out
    assert "tfidf-nb: Trained" not in out
    code, _, error = bywords("compare", csv, "--limit", "tfidf-svc")
    assert (code, "expected a system, an equals sign" in error) == (2, True)


def test_vocab_shows_sizes_coverage_and_lengths_and_draws_them(bywords, csv, tmp_path):
    code, out, error = bywords("vocab", csv)
    assert (code, error) == (0, "")
    for words in ("different ones in training", "cover of training", "cuts of training"):
        assert words in out
    assert (tmp_path / "my-words.svg").read_text(encoding="utf-8").lstrip().startswith("<")
    record = json.loads(bywords("vocab", csv, "--json", "--out", "words.png")[1])
    assert record["n_documents"] == {"train": 120, "test": 30}
    assert (tmp_path / "words.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("method", ["word2vec", "glove"])
def test_vectors_are_trained_described_and_searched(bywords, csv, method):
    small = ["--set", "dimension=8", "--set", "n_epochs=5", "--min-count", "1"]
    code, out, error = bywords("vectors", "train", csv, "--method", method, "--out", "v.npy", *small)
    assert (code, error) == (0, "")
    assert "27 words of 8 dimensions" in out
    assert ("The loss fell" in out) == (method == "glove")
    info = json.loads(bywords("vectors", "info", "v.npy", "--data", csv, "--json")[1])
    assert (info["n_words"], info["dimension"], info["types_share"]) == (27, 8, 1.0)
    near = json.loads(bywords("vectors", "nearest", "v.npy", "moon", "-n", "3", "--json")[1])
    assert len(near["nearest"]) == 3
    like = json.loads(bywords("vectors", "analogies", "v.npy", "moon", "moon", "car", "-n", "2", "--json")[1])
    assert not {"moon", "car"} & {row["word"] for row in like["nearest"]}
    word, *numbers = bywords("vectors", "print", "v.npy", "moon")[1].split()
    assert (word, len(numbers)) == ("moon", 8)
    code, _, error = bywords("vectors", "nearest", "v.npy", "mooon")
    assert (code, "Did you mean 'moon'" in error) == (2, True)


def test_vectors_are_trained_on_plain_lines_with_ngrams_for_words_that_are_new(bywords, tmp_path):
    (tmp_path / "lines.txt").write_text("the moon is bright\na rocket to the moon\n", encoding="utf-8")
    small = ["--set", "dimension=8", "--set", "n_buckets=100", "--min-count", "1", "--subwords", "3,6", "--cbow"]
    code, out, error = bywords("vectors", "train", str(tmp_path / "lines.txt"), "--out", "v.npy", *small)
    assert code == 0
    assert "no labels: its 2 lines are all learned from" in error
    assert "fastText: 7 words" in out
    assert bywords("vectors", "nearest", "v.npy", "rockets", "-n", "1")[1].split()[-2] == "rocket"
    for wrong, message in ((["--subwords", "x"], "as in 3,6"), (["--method", "glove", "--cbow"], "is for word2vec")):
        code, _, error = bywords("vectors", "train", str(tmp_path / "lines.txt"), "--out", "w.npy", *wrong)
        assert (code, message in error) == (2, True)


def test_systems_are_listed(bywords):
    assert "averaging-glove-frozen" in bywords("systems")[1]
    assert json.loads(bywords("systems", "--json")[1])["lstm"]["model"]["kind"] == "LSTMConfig"


@pytest.mark.parametrize(
    ("arguments", "may_skip"),
    [(("predict", "model", "bad.csv"), True), (("vocab", "bad.csv"), True),
     (("vectors", "train", "bad.csv", "--out", "v.npy"), True), (("drift", "model", "bad.csv"), False),
     (("label", "bad.csv", "--labels", "a,b", "--export", "out.csv"), False),
     (("train", "my.csv", "--labels", "bad.csv", "--system", "tfidf-nb", "--bad-rows", "skip"), False)],
    ids=lambda given: given[0] if isinstance(given, tuple) else "",
)  # fmt: skip
def test_rows_may_be_skipped_where_the_error_says_so(bywords, model, tmp_path, arguments, may_skip):
    (tmp_path / "bad.csv").write_text("text,label,row,new_label\nmoon,a,0,1,2\nstar rocket,b,0,c\n", encoding="utf-8")
    code, _, error = bywords(*arguments)
    assert (code, "expected 4 fields" in error, "--bad-rows skip" in error) == (2, True, may_skip)
    if may_skip:
        assert "no such option" not in bywords(*arguments, "--bad-rows", "skip")[2].lower()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "{csv}", "--text", "body"], "'text'.*'label'"),
        (["train", "nothing.csv"], "there is no such file"),
        (["train", "{csv}", "--test", "{other}"], "'cooking'"),
        (["train", "{one}"], "one class only"),
        (["train", "{empty}"], "none of its 5 documents has a token"),
        (["train", "{tiny}", "--system", "averaging"], "no word of the training texts occurs 2 times"),
        (["train", "{csv}", "--set", "training.learning_rate=-1"], "learning_rate is -1.0, expected 0 or more"),
        (["train", "{csv}", "--system", "averaging", "--set", "training.learning_rate=1e38"], "not a number in any of"),
        (["train", "{csv}", "--system", "dan", "--set", "model.dropout=2"], "dropout is 2.0, expected less than 1"),
        (["train", "{csv}", "--system", "dan", "--set", "model.dimension=0"], "dimension is 0, expected 1 or more"),
        (["train", "{csv}", "--system", "tfidf-nb", "--set", "model.alpha=-1"], "alpha is -1.0, expected more"),
        (["compare", "{csv}", "--systems", ","], "at least one system"),
        (["vectors", "train", "{csv}", "--out", "{csv}/v.npy"], "cannot be written"),
        (["vectors", "train", "{csv}", "--out", "v.txt"], "ends in .npy"),
        (["train", "{csv}", "--system", "lstm2"], "no system 'lstm2'.*Did you mean 'lstm'"),
        (["train", "{csv}", "--system", "glove-mean", "--vectors", "{cut}"], "line 3: "),
        (["train", "{csv}", "--out", "{csv}"], "it is not a model"),
        (["train", "{csv}", "--out", "{csv}/below/model"], "cannot be written"),
        (["compare", "{csv}", "--systems", "tfidf-nb", "--out", "{csv}"], "cannot be written"),
        (["evaluate", "nowhere", "{csv}"], "there is no such folder"),
        (["predict", "nowhere", "{csv}"], "there is no such folder"),
        (["predict", "{csv}", "{csv}"], "is a file, expected the folder of a model"),
        (["vocab", "{csv}", "--out", "picture.doc"], "picture.doc"),
        (["vectors", "info", "glove-6b-50"], "glove-6b-50d"),
    ],
)
def test_bad_input_gets_one_clear_error_and_nothing_half_written(bywords, csv, tmp_path, arguments, message):
    indices = {
        "csv": csv,
        "other": tmp_path / "other.csv",
        "one": tmp_path / "one.csv",
        "empty": tmp_path / "empty.csv",
        "cut": tmp_path / "cut.txt",
        "tiny": tmp_path / "tiny.csv",
    }
    indices["other"].write_text("text,label\neggs,cooking\n")
    write_csv(indices["one"], small_corpus().select(range(0, 150, 3)))
    indices["empty"].write_text('text,label\n"",a\n" ",a\n"",b\n" ",b\n"",b\n"",a\n')
    indices["tiny"].write_text("text,label\none two,a\nthree four,a\nfive six,b\nseven eight,b\nnine ten,a\nten x,b\n")
    indices["cut"].write_text("moon 1 2 3\ncar 1 2 3\ngoal 1 2")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    code, out, error = bywords(*(argument.format(**indices) for argument in arguments))
    assert code == 2
    assert re.fullmatch(r"(text: text · label: label · [0-9]+ rows\n)?", out)  # what was read, before it went wrong
    assert error.startswith("error: ")
    assert len(error.splitlines()) == 1
    assert re.search(message, error), error
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_vectors_of_another_dimension_than_a_row_are_named_by_line(bywords, csv, tmp_path):
    path = tmp_path / "uneven.txt"
    path.write_text("moon 1 2 3\ncar 1 2 3 4\n")
    code, _, error = bywords("train", csv, "--system", "glove-mean", "--vectors", path)
    assert (code, "line 2" in error) == (2, True)


def test_vectors_of_another_dimension_than_the_model_asks_for_are_refused(bywords, csv, tmp_path):
    given = ["--system", "averaging-glove", "--vectors", write_small_glove(tmp_path), "--set", "model.dimension=300"]
    code, out, error = bywords("train", csv, *given)
    assert (code, out) == (2, "text: text · label: label · 150 rows\n")
    assert "dimension is 300, but the vectors 'small.glove.txt' have 4" in error


def test_a_broken_model_folder_is_refused(bywords, model, csv, tmp_path):
    weights = tmp_path / model / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    code, out, error = bywords("evaluate", model, csv)
    assert (code, out) == (2, "")
    assert "weights.safetensors is damaged" in error


def test_predictions_are_not_written_over_a_folder(bywords, model, csv):
    code, out, error = bywords("predict", model, csv, "--out", ".")
    assert (code, out) == (2, "")
    assert "it is a folder" in error


def test_an_unwritable_index_is_refused_before_training(bywords, csv, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    if os.access(locked, os.W_OK):
        pytest.skip("the super-user may write anywhere")
    code, _, error = bywords("train", csv, "--out", locked / "model")
    assert (code, "cannot be written to" in error) == (2, True)


def test_given_vectors_serve_the_command_line(bywords, csv, tmp_path):
    glove = write_small_glove(tmp_path)
    _, out, _ = bywords("train", csv, "--system", "glove-mean", "--vectors", glove, "--json")
    assert json.loads(out)["test"]["accuracy"] > 0.8


def test_evaluated_on_the_file_it_was_trained_on_it_says_what_it_has_seen(bywords, csv):
    for options, n_seen in (["--keep-test-out"], 120), ([], 150):
        bywords("train", csv, "--system", "tfidf-nb", "--out", "model", *options)
        assert json.loads(bywords("evaluate", "model", csv, "--json")[1])["n_seen_in_training"] == n_seen
        assert f"has learned from {n_seen} of these documents" in bywords("evaluate", "model", csv)[1]
    write_csv(csv, small_corpus(150, seed=4))  # other documents under the same name
    assert "n_seen_in_training" not in json.loads(bywords("evaluate", "model", csv, "--json")[1])
    assert "has learned from" not in bywords("evaluate", "model", csv)[1]


def test_documents_with_any_number_of_labels_are_trained_evaluated_and_predicted(bywords, tmp_path):
    corpus = small_corpus(240)
    rows = [{"text": text, "labels": [name] * (index % 4 > 0) + ["every fifth"] * (index % 5 == 0)}
            for index, (text, name) in enumerate(zip(corpus.texts, corpus.names(), strict=True))]  # fmt: skip
    (tmp_path / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out, error = bywords("train", "many.jsonl")
    assert (code, error) == (0, "")
    assert "micro F1" in out
    assert "given from" in out
    assert "bywords compare many.jsonl" in out
    scores = json.loads(bywords("evaluate", "many-model", "many.jsonl", "--json")[1])
    assert {"micro_f1", "macro_f1", "samples_f1"} <= set(scores)
    (tmp_path / "new.txt").write_text("moon rocket orbit\n")
    row = json.loads(bywords("predict", "many-model", "new.txt")[1])
    assert row["labels"] == ["space"]
    code, out, _ = bywords("compare", "many.jsonl", "--systems", "tfidf-svc,tfidf-nb")
    assert (code, "points of micro F1" in out) == (0, True)
    found = json.loads(bywords("compare", "many.jsonl", "--systems", "tfidf-nb", "--out", "one", "--json")[1])
    assert found["systems"][0]["micro_f1"] > 0.5


def test_a_model_goes_on_with_a_file_and_says_what_was_new(bywords, model, tmp_path):
    corpus = small_corpus(60, seed=3)
    more = pl.DataFrame({"text": [*corpus.texts, *["eggs flour butter"] * 20],
                         "label": [*corpus.names(), *["cooking"] * 20]})  # fmt: skip
    more.write_csv(tmp_path / "more.csv")
    code, out, error = bywords("train", "more.csv", "--from", model, "--out", "model2")
    assert (code, error) == (0, "")
    assert "It had learned from 150 documents before. New words: 3, new classes: 'cooking'." in out
    record = json.loads(bywords("info", "model2", "--json")[1])
    assert "cooking" in json.dumps(record)
    code, _, error = bywords("train", "more.csv", "--from", model, "--system", "dan")
    assert (code, "leave out --system" in error) == (2, True)


def test_class_weights_are_given_by_name_or_balanced(bywords, csv, tmp_path):
    assert bywords("train", csv, "--system", "tfidf-svc", "--class-weight", "balanced")[0] == 0
    assert (
        bywords("train", csv, "--system", "tfidf-svc", "--class-weight", "space=2", "--class-weight", "sport=.5")[0]
        == 0
    )
    told = json.loads((tmp_path / "my-model" / "model.json").read_text())
    assert told["parameters"]["class_weight"] == [["space", 2.0], ["sport", 0.5]]
    for wrong, message in (("space", "expected balanced, or a label"), ("moon=2", "names the label 'moon'")):
        code, _, error = bywords("train", csv, "--system", "tfidf-svc", "--class-weight", wrong)
        assert (code, message in error) == (2, True)
    code, _, error = bywords("train", csv, "--metric", "auc")
    assert (code, "metric is 'auc'" in error) == (2, True)


def test_a_model_of_numbers_or_truth_values_goes_on_and_is_evaluated_from_files(bywords, tmp_path):
    corpus = small_corpus()
    for index, labels in enumerate((corpus.labels * 5, corpus.labels == 1)):
        TextClassifier("tfidf-nb").fit(corpus.texts, labels).save(tmp_path / f"m{index}")
        frame = pl.DataFrame({"text": corpus.texts, "label": labels})
        frame.write_csv(tmp_path / "x.csv")
        frame.write_ndjson(tmp_path / "x.jsonl")
        for name in ("x.csv", "x.jsonl"):
            assert json.loads(bywords("evaluate", f"m{index}", name, "--json")[1])["accuracy"] > 0.9
            code, out, error = bywords("train", name, "--from", f"m{index}", "--out", f"more {name} {index}", "--json")
            assert (code, error) == (0, "")
            assert json.loads(out)["new_classes"] == []


def test_a_model_of_any_number_of_labels_goes_on_with_documents_that_have_one_each(bywords, tmp_path):
    corpus = small_corpus()
    sets = [[name, "all"] if index % 2 else [name] for index, name in enumerate(corpus.names())]
    TextClassifier("tfidf-nb").fit(corpus.texts, sets).save(tmp_path / "many")
    lines = [f"__label__{name} {text}" for text, name in zip(corpus.texts, corpus.names(), strict=True)]
    (tmp_path / "one.txt").write_text("\n".join(lines))
    code, out, error = bywords("train", "one.txt", "--from", "many", "--out", "more")
    assert (code, error) == (0, "")
    assert "Few of the new documents are of 'all'" in out


def test_weights_of_classes_are_refused_on_disk_too_where_documents_have_any_number_of_labels(bywords, tmp_path):
    corpus = small_corpus()
    rows = ({"text": text, "labels": [name]} for text, name in zip(corpus.texts, corpus.names(), strict=True))
    (tmp_path / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, _, error = bywords("train", "many.jsonl", "--on-disk", "d", "--class-weight", "balanced")
    assert (code, "class_weight is for one label a document" in error) == (2, True)
