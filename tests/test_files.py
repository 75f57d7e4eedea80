"""Whole files or none."""

import sys
from pathlib import Path

import pytest

from bywords import files
from bywords.errors import SettingError


def test_folders_on_the_way_are_made(tmp_path):
    files.write_whole(tmp_path / "a" / "b.txt", b"x")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"x"


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "b.txt"
    path.write_bytes(b"old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(SettingError, match=r"b.txt: cannot be written: No space left on device"):
        files.write_whole(path, b"new")
    assert [(index.name, index.read_bytes()) for index in tmp_path.iterdir()] == [("b.txt", b"old")]


def test_a_file_where_a_folder_should_be_is_one_clear_error(tmp_path):
    (tmp_path / "a").write_text("a file")
    with pytest.raises(SettingError, match="cannot be written"):
        files.write_whole(tmp_path / "a" / "b.txt", b"x")


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path):
    (tmp_path / "b.txt").write_bytes(b"old")
    (tmp_path / "link.txt").symlink_to("b.txt")
    files.write_whole(tmp_path / "link.txt", b"new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "b.txt").read_bytes() == b"new"


def test_the_file_and_then_its_name_are_brought_to_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(files.os, "fsync", lambda handle: synced.append(Path(f"/proc/self/fd/{handle}").readlink()))
    files.write_whole(tmp_path / "b.txt", b"x")
    beside, folder = synced
    assert (beside.parent, beside.suffix, folder) == (tmp_path, ".part", tmp_path)


@pytest.fixture(params=["exchanged", "renamed twice"])
def model(request, tmp_path, monkeypatch):
    """A folder with a file and a file and a folder of somebody else."""
    if request.param == "renamed twice":
        monkeypatch.setattr(files, "exchange", lambda one, other: False)
    elif sys.platform != "linux":
        pytest.skip("folders change places in one step on Linux only")
    (tmp_path / "model" / "own").mkdir(parents=True)
    (tmp_path / "model" / "own" / "deep.txt").write_text("mine")
    (tmp_path / "model" / "notes.txt").write_text("mine")
    (tmp_path / "model" / "weights").write_text("old")
    return tmp_path / "model"


def contents(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


MINE = {"own/deep.txt": "mine", "notes.txt": "mine"}


def test_a_folder_is_replaced_and_somebody_elses_files_stay(model):
    with files.replacing_folder(model, own={"weights", "sums"}) as beside:
        (beside / "sums").write_text("new")
    assert contents(model) == {**MINE, "sums": "new"}
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_a_folder_that_cannot_be_written_stays_as_it_was(model):
    def fail():
        with files.write_errors(model, "Take another."), files.replacing_folder(model, own={"weights"}) as beside:
            (beside / "weights").write_text("new")
            raise OSError(28, "No space left on device")

    with pytest.raises(SettingError, match=r"model: cannot be written: No space left on device\. Take another\."):
        fail()
    assert contents(model) == {**MINE, "weights": "old"}
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_at_every_moment_the_folder_or_what_recovers_it_is_whole(model, monkeypatch):
    """Killed before any step of putting the new folder in its place, the old one or the new one is there."""

    class KilledError(BaseException):
        pass

    def killed_at(n):
        left = iter(range(n))

        def or_die(step):
            def wrapped(*arguments, **more):
                if next(left, None) is None:
                    raise KilledError
                return step(*arguments, **more)

            return wrapped

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", or_die(Path.rename))
            patch.setattr(files, "exchange", or_die(files.exchange))
            patch.setattr(files.shutil, "rmtree", or_die(files.shutil.rmtree))
            with files.replacing_folder(model, own={"weights"}) as beside:
                (beside / "weights").write_text("new")

    seen = set()
    for n in range(1, 20):
        try:
            killed_at(n)
        except KilledError:
            is_there = model.exists()
            files.recover_folder(model)
            assert contents(model) in ({**MINE, "weights": "old"}, {**MINE, "weights": "new"})
            seen.add((is_there, contents(model)["weights"]))
            (model / "weights").write_text("old")
        else:
            break
    assert seen >= {(True, "old"), (True, "new")}
    assert contents(model) == {**MINE, "weights": "new"}
