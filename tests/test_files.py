"""Whole files or none."""

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
