"""Who writes somewhere is alone there, until it ends, however that is."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bywords import TextClassifier, locks
from bywords.errors import ModelFolderError, SettingError
from bywords.locks import locked, while_locked

# Python 3.12 warns of any fork beside threads; these children only lock and leave.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
HOLDS = """
import sys, pathlib
from bywords.locks import locked
with locked(pathlib.Path(sys.argv[1])):
    print(flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another process that has locked a file in a folder that it has made: its process, and the path."""
    path = tmp_path / "deep" / "out.csv"
    with subprocess.Popen([sys.executable, "-c", HOLDS, path], stdin=-1, stdout=-1) as process:
        process.stdout.readline()
        yield process, path
        process.kill()


@pytest.mark.parametrize("address", ["s3://bucket/model", "gs://bucket/model", "file:///tmp/model", "memory://model"])
def test_nothing_is_written_to_an_address_as_if_it_were_a_folder(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    says = rf"^{address.replace('///', '//')}: cannot be written: it is the address of a store"
    with pytest.raises(SettingError, match=says), locked(Path(address)):
        pass
    with pytest.raises(ModelFolderError, match=says):
        TextClassifier("tfidf-nb").fit(["good film", "bad film"] * 20, ["x", "y"] * 20).save(address)
    assert not list(tmp_path.iterdir())
    (tmp_path / address.partition("/")[0]).mkdir()  # whoever has made it means it
    with locked(Path(address)):
        pass


def test_the_second_process_is_refused_at_once_with_the_first_ones_number(other):
    process, path = other
    started = time.perf_counter()
    says = rf"out.csv: process {process.pid} is writing there already\. Wait until"
    with pytest.raises(SettingError, match=says), locked(path):
        pass
    assert time.perf_counter() - started < 1


def test_a_lock_ends_with_its_process_and_leaves_nothing_behind(other):
    process, path = other
    process.kill()
    process.wait()
    with locked(path):
        path.write_text("x")
    assert list(path.parent.iterdir()) == [path]


def test_a_normal_end_leaves_nothing_behind_not_even_folders_made_on_the_way(other, tmp_path):
    process, _ = other
    process.communicate(b"")
    assert list(tmp_path.iterdir()) == []


def test_the_second_thread_is_refused_and_the_same_thread_is_not(tmp_path):
    told = []

    def second():
        try:
            with locked(tmp_path / "model", error=ModelFolderError):
                told.append("locked")
        except ModelFolderError as error:
            told.append(str(error))

    with locked(tmp_path / "model"), locked(tmp_path / "model"), locked(tmp_path / "model" / "inner.html"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    advice = "Wait until it has ended, or choose another path."
    assert told == [f"{tmp_path / 'model'}: another thread is writing there already. {advice}"]
    second()
    assert told[1:] == ["locked"]


def test_of_many_threads_that_come_and_go_one_at_a_time_is_in(tmp_path):
    """The file of the lock goes at each end: no two may have files of the same name that are not the same."""
    inside, most, n_locked = [], [], []

    def run():
        for _ in range(200):
            try:
                with locked(tmp_path / "out"):
                    inside.append(1)
                    most.append(len(inside))
                    n_locked.append(1)
                    inside.pop()
            except SettingError:
                continue

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(n_locked) > 100
    assert list(tmp_path.iterdir()) == []


def test_links_are_followed_to_what_is_locked(tmp_path, other):
    _, path = other
    (tmp_path / "link.csv").symlink_to(path)
    with pytest.raises(SettingError, match="is writing there already"), locked(tmp_path / "link.csv"):
        pass


def test_a_forked_child_does_not_have_the_lock(tmp_path):
    """It would hold it when its parent is long gone."""
    path = tmp_path / "out.csv"
    read, write = os.pipe()
    with locked(path):
        child = os.fork()
        if not child:
            os.read(read, 1)
            os._exit(0)
    with locked(path):  # while the child is still there
        pass
    os.write(write, b"x")
    assert os.waitpid(child, 0)[1] == 0
    os.close(read)
    os.close(write)


def test_a_child_forked_while_a_lock_is_held_is_refused_and_takes_nothing_away(tmp_path):
    path = tmp_path / "out.csv"
    with locked(path):
        child = os.fork()
        if not child:
            try:
                with locked(path):
                    os._exit(0)
            except SettingError:
                os._exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
        assert [found.name for found in tmp_path.iterdir()] == [".out.csv.bywords-lock"]


def test_where_the_file_system_has_no_locks_one_writes_without(tmp_path, monkeypatch):
    def fails(descriptor, how):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", fails)
    with locked(tmp_path / "out"), locked(tmp_path / "out"):
        assert not locks.is_locked_here(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_beside_which_nothing_can_be_put_is_locked_itself(tmp_path, monkeypatch):
    (tmp_path / "volume").mkdir()
    really = os.open

    def refuses(path, flags, *more):
        if flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied")
        return really(path, flags, *more)

    monkeypatch.setattr(locks.os, "open", refuses)
    with locked(tmp_path / "volume"):
        assert list(tmp_path.rglob("*")) == [tmp_path / "volume"]
        child = os.fork()
        if not child:
            try:
                with locked(tmp_path / "volume"):
                    os._exit(0)
            except SettingError:
                os._exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    assert (tmp_path / "volume").is_dir()
    with pytest.raises(SettingError, match="none: cannot be written: Permission denied"), locked(tmp_path / "none"):
        pass


def test_a_file_of_somebody_else_at_the_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / ".out.bywords-lock").symlink_to("mine.txt")
    with pytest.raises(SettingError, match="cannot be written"), locked(tmp_path / "out"):
        pass
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_what_a_function_is_told_to_write_to_is_locked_while_it_runs(tmp_path, other):
    @while_locked("checkpoint")
    def fit(texts: str, *, checkpoint: Path | None = None) -> str:
        return texts if checkpoint is None or locks.is_locked_here(checkpoint) else "not locked"

    assert (fit("a"), fit("a", checkpoint=tmp_path / "ck")) == ("a", "a")
    with pytest.raises(SettingError, match="is writing there already"):
        fit("a", checkpoint=other[1])
