"""Where commands write: nobody else at the same time, nothing that is somebody else's, and known before any work."""

import os
import subprocess
import sys
from types import SimpleNamespace

import polars as pl
import pytest
from small_corpus import small_corpus

from bywords import files
from bywords.classifier import TextClassifier
from bywords.records.run import RunRecord

GARBAGE = b"\x00\x01\x02" * 100  # what any command would stumble over that reads it
WRITE = {  # a command, and where it writes
    "train garbage.csv --out model": "model",
    "train garbage.csv": "garbage-model",
    "train garbage.csv --checkpoint ck": "ck",
    "train garbage.csv --on-disk ids --system dan --out m": "ids",
    "predict model garbage.csv --out out.csv": "out.csv",
    "predict model garbage.csv --out out.csv --resume": "out.csv",
    "explain model garbage.csv --out page.html": "page.html",
    "compare garbage.csv --out compared": "compared",
    "curve garbage.csv --out curved": "curved",
    "audit garbage.csv": "garbage-audit",
    "vectors train garbage.csv --out v.npy": "v.npy",
    "vocab garbage.csv": "garbage-words.svg",
}
HOLDS = """
import contextlib, sys, pathlib
from bywords.locks import locked
with contextlib.ExitStack() as stack:
    for path in sys.argv[1:]:
        stack.enter_context(locked(pathlib.Path(path)))
    print(flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a small model and a file that cannot be read, and nothing else at the end."""
    folder = tmp_path_factory.mktemp("places")
    corpus = small_corpus(60)
    TextClassifier("tfidf-nb").fit(corpus.texts, corpus.names()).save(folder / "model")
    (folder / "garbage.csv").write_bytes(GARBAGE)
    yield folder
    assert sorted(path.name for path in folder.iterdir()) in (
        ["busy", "garbage.csv", "model"],
        ["garbage.csv", "model"],
    )


@pytest.fixture
def inside(folder, bywords, monkeypatch):
    """Run a command in that folder: exit code and standard error."""
    monkeypatch.chdir(folder)

    def run(command):
        code, _, error = bywords(*command.split())
        return code, error

    return run


@pytest.fixture(scope="module")
def busy(folder):
    """The number of a process that writes to all of these places, in a folder of its own."""
    (folder / "busy").mkdir()
    for name in ("garbage.csv", "model"):
        (folder / "busy" / name).symlink_to(folder / name)
    places = [folder / "busy" / place for place in dict.fromkeys(WRITE.values())]
    with subprocess.Popen([sys.executable, "-c", HOLDS, *places], stdin=-1, stdout=-1) as process:
        process.stdout.readline()
        yield process.pid
        process.communicate(b"")


@pytest.mark.parametrize("command", WRITE)
def test_a_command_is_refused_at_once_where_another_one_writes(inside, busy, folder, command, monkeypatch):
    monkeypatch.chdir(folder / "busy")
    code, error = inside(command)
    place = (folder / "busy" / WRITE[command]).resolve()
    says = f"error: {place}: process {busy} is writing there already. Wait until it has ended, or choose another path."
    assert (code, error.splitlines()[-1]) == (2, says)


@pytest.mark.parametrize("command", WRITE)
def test_a_full_disk_is_said_before_anything_is_read(inside, folder, command, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda path: SimpleNamespace(total=1e9, free=4096))
    code, error = inside(command)
    assert (code, "its disk has 0.0 MB left" in error) == (2, True), error


@pytest.mark.parametrize(
    ("command", "there", "says"),
    [
        ("compare garbage.csv --out mine", {"run.json": "{}"}, "run.json: is there already, and not from this command"),
        ("curve garbage.csv --out mine", {"curve.html": "<html>"}, "curve.html: is there already, and not from this"),
        ("audit garbage.csv --out mine", {"audit.html": "<html>"}, "audit.html: is there already, and not from this"),
        ("audit garbage.csv --out mine", {"label-errors.csv": "a,b\n1,2\n"}, "label-errors.csv: is there already, and"),
        (
            "audit garbage.csv --out mine",
            {"label-errors.csv": "row,label,suggested,confidence,new_label,text\n1,a,b,.5,b,x\n2,a,b,.5,,y\n"},
            "label-errors.csv: somebody has written 1 new labels into it, which would be lost. Rename it",
        ),
        ("vectors train garbage.csv --out mine/v.npy", {"v.vocab": "word\n"}, "v.vocab: is there already, and has no"),
        ("vectors train mine/v.vocab --out mine/v.npy", {"v.vocab": "a b\n", "v.npy": "x"}, "v.vocab: is what is read"),
        ("train garbage.csv --checkpoint mine", {"thesis.txt": "mine"}, "there is something already, and it is not"),
        ("train garbage.csv --system dan --on-disk mine", {"corpus.json": "{}"}, "'corpus.json' in it already"),
        ("train garbage.csv --out mine", {"SHA256SUMS": "mine", "README.md": "mine"}, "something already, and it is n"),
    ],
)  # fmt: skip
def test_what_is_somebody_elses_stays(inside, tmp_path, folder, command, there, says):
    (tmp_path / "mine").mkdir()
    for name, content in there.items():
        (tmp_path / "mine" / name).write_text(content)
    code, error = inside(command.replace("mine", str(tmp_path / "mine")))
    assert (code, says in error) == (2, True), error
    assert {path.name: path.read_text() for path in (tmp_path / "mine").iterdir()} == there


def test_a_record_of_an_earlier_version_is_replaced(inside, tmp_path):
    (tmp_path / "run.json").write_text('{"format": "bywords-run/1"}')
    _, error = inside(f"compare garbage.csv --out {tmp_path}")
    assert RunRecord.FORMAT != "bywords-run/1"
    assert "not from this command" not in error


@pytest.mark.parametrize("command", ["predict model garbage.csv --out model/vocabulary.txt"])
def test_a_file_of_the_model_is_not_written_over(inside, folder, command):
    before = (folder / "model" / "vocabulary.txt").read_bytes()
    code, error = inside(command)
    assert (code, "is what is read, and would be overwritten" in error) == (2, True)
    assert (folder / "model" / "vocabulary.txt").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--out x --on-disk x", "the documents on disk cannot be in the folder of the model"),
        ("--out x/y --on-disk x", "the model cannot be in the folder of the documents on disk"),
        ("--out x --checkpoint x/ck", "the checkpoint cannot be in the folder of the model"),
        ("--out y --checkpoint x --on-disk x", "cannot be in the folder of the"),
    ],
)
def test_folders_that_are_written_are_apart(inside, folder, options, says):
    code, error = inside(f"train garbage.csv {options}")
    assert (code, says in error) == (2, True), error


def test_a_model_may_be_in_its_checkpoint(inside, tmp_path):
    corpus = small_corpus(60)
    pl.DataFrame({"text": corpus.texts, "label": corpus.names()}).write_csv(tmp_path / "t.csv")
    command = f"train {tmp_path}/t.csv --system tfidf-nb --checkpoint {tmp_path}/ck --out {tmp_path}/ck/model"
    again = f"{tmp_path}/ck/model is there already: it stays until a new one is ready to take its place.\n"
    assert [inside(command) for _ in range(2)] == [(0, ""), (0, again)]


def test_what_is_no_regular_file_is_not_written_a_chunk_at_a_time(inside, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    code, error = inside(f"predict model garbage.csv --format lines --out {tmp_path / 'pipe.csv'}")
    assert (code, "is a pipe or a device" in error) == (2, True)
    assert (tmp_path / "pipe.csv").is_fifo()
