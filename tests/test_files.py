"""Whole files or none."""

import contextlib
import json
import stat
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from dying import KilledError, dying, failing, numbers

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


OWN = ("sums", "weights")
MINE = {"own/deep.txt": "mine", "notes.txt": "mine"}


@pytest.fixture(params=["exchanged", "moved into it one by one", "has to stay"])
def model(request, tmp_path, monkeypatch):
    """A folder with its own two files, and a file and a folder of somebody else."""
    if request.param == "moved into it one by one":
        monkeypatch.setattr(files, "exchange", lambda one, other: False)
    elif request.param == "has to stay":
        monkeypatch.setattr(files, "_has_to_stay", lambda folder: True)
    elif sys.platform != "linux":
        pytest.skip("folders change places in one step on Linux only")
    (tmp_path / "model" / "own").mkdir(parents=True)
    (tmp_path / "model" / "own" / "deep.txt").write_text("mine")
    (tmp_path / "model" / "notes.txt").write_text("mine")
    for name in OWN:
        (tmp_path / "model" / name).write_text("old")
    return tmp_path / "model"


def contents(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def whole(what):
    return {**MINE, **dict.fromkeys(OWN, what)}


def replace(folder, what):
    with files.write_errors(folder, "Take another."), files.replacing_folder(folder, own=OWN) as beside:
        for name in OWN:
            (beside / name).write_bytes(what.encode())


def test_a_folder_is_replaced_and_somebody_elses_files_stay(model):
    replace(model, "new")
    assert contents(model) == whole("new")
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_a_private_folder_stays_private(model):
    model.chmod(0o700)
    (model / "own").chmod(0o750)
    (model / "sums").chmod(0o400)
    replace(model, "new")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (model, model / "own", model / "sums")]
    assert modes == [0o700, 0o750, 0o400]


def test_a_link_to_a_folder_stays_and_what_it_points_to_is_replaced(model):
    link, dangling = model.with_name("link"), model.with_name("dangling")
    link.symlink_to("model")
    dangling.symlink_to("deep/new")
    replace(link, "new")
    replace(dangling, "new")
    assert contents(model) == whole("new")
    assert (link.is_symlink(), dangling.is_symlink()) == (True, True)
    assert contents(model.parent / "deep" / "new") == dict.fromkeys(OWN, "new")


def test_the_folder_that_one_stands_in_stays_the_same_folder(model, monkeypatch):
    monkeypatch.chdir(model / "own")
    inode = model.stat().st_ino
    replace(Path(".."), "new")
    assert (model.stat().st_ino, contents(model)) == (inode, whole("new"))


def test_a_folder_that_cannot_be_written_stays_as_it_was(model, monkeypatch):
    def attempt(n):
        with failing(monkeypatch, n) as changes:
            try:
                replace(model, "new")
            except SettingError as error:
                assert str(error) == f"{model}: cannot be written: Input/output error. Take another."  # noqa: PT017
        files.recover_folder(model, OWN)
        found = contents(model)
        assert found in (whole("old"), whole("new"))
        replace(model, "old")
        assert [path.name for path in model.parent.iterdir()] == ["model"]
        return next(changes) > n

    numbers(attempt)


def test_at_every_moment_the_folder_or_what_recovers_it_is_whole(model, monkeypatch):
    """Killed before any change, the old folder or the new one is there; and the next save leaves nothing behind."""
    seen = set()

    def attempt(n):
        with dying(monkeypatch, n), contextlib.suppress(KilledError):
            replace(model, "new")
            return False
        assert model.is_dir()
        files.recover_folder(model, OWN)
        found = {name: text for name, text in contents(model).items() if not name.startswith(".bywords-whole.part/")}
        assert found in (whole("old"), whole("new"))
        seen.add(found["weights"])
        replace(model, "old")
        assert contents(model) == whole("old")
        assert [path.name for path in model.parent.iterdir()] == ["model"]
        return True

    assert numbers(attempt) > 10
    assert seen == {"old", "new"}


def test_a_file_is_at_every_moment_the_old_or_the_new_one(tmp_path, monkeypatch):
    path = tmp_path / "page.html"

    def attempt(n):
        path.write_bytes(b"old")
        with dying(monkeypatch, n), contextlib.suppress(KilledError):
            files.write_whole(path, b"new")
            return False
        assert path.read_bytes() in (b"old", b"new")
        return True

    assert numbers(attempt) == 4


def test_what_recovers_a_folder_touches_nothing_outside_of_it(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "weights").write_text("mine")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / ".bywords-whole").symlink_to(tmp_path / "mine")
    assert not files.recover_folder(tmp_path / "model", OWN)
    assert contents(tmp_path / "mine") == {"weights": "mine"}


def test_a_text_that_is_not_unicode_is_written_as_json_can_read_it(tmp_path):
    files.write_whole(tmp_path / "a.json", json.dumps("\udcff", ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == "\udcff"


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 300, "loop"])
def test_what_no_file_can_be_called_is_one_clear_error(tmp_path, name):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(SettingError, match="cannot be written"):
        files.write_whole(tmp_path / name, b"x")


def test_a_disk_without_room_is_said_before_anything_is_written(tmp_path, monkeypatch):
    files.check_room(tmp_path / "model")
    monkeypatch.setattr(files.shutil, "disk_usage", lambda path: SimpleNamespace(total=1e9, free=100_000))
    with pytest.raises(SettingError, match=r"its disk has 0.1 MB left, and it takes 1.0 MB or more. Make room"):
        files.check_room(tmp_path / "model")
