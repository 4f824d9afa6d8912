"""A file is written whole or not at all."""

import os

import pytest

from paddleseg_ext.files.whole import write_whole


def test_a_new_file_in_a_new_folder(tmp_path):
    path = tmp_path / "new/er/model.pdparams"
    with write_whole(path) as temporary:
        assert temporary.parent == path.parent and temporary.suffix == ".pdparams"
        temporary.write_bytes(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert [entry.name for entry in path.parent.iterdir()] == ["model.pdparams"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), write_whole(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_the_mode_is_that_of_an_ordinary_file(tmp_path):
    (tmp_path / "ordinary").touch()
    with write_whole(tmp_path / "ours") as temporary:
        temporary.touch()
    modes = [os.stat(tmp_path / name).st_mode for name in ("ours", "ordinary")]
    assert modes[0] == modes[1]


def test_a_writer_that_replaces_the_temporary_file(tmp_path):
    """Some libraries write a file of their own and rename it."""
    with write_whole(tmp_path / "a.txt") as temporary:
        other = tmp_path / "other"
        other.write_text("whole")
        other.replace(temporary)
    assert (tmp_path / "a.txt").read_text() == "whole"
