"""A file is called what it is, by its first bytes."""

import os

import pytest

from paddleseg_ext.weights.content import MapStream, map_file
from paddleseg_ext.weights.refusal import Refused
from tests.weights.conftest import refusal

OTHER_FILES = {
    "a text file": b"hello w\xc3\xb6rld\n" * 400,
    "a web page": b"\n<!DOCTYPE html><html><body>404</body></html>",
    "web page, perhaps from a download": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "PNG": b"\x89PNG\r\n\x1a\n" + bytes(50),
    "JPEG": b"\xff\xd8\xff\xe0" + bytes(50),
    "PDF": b"%PDF-1.7",
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(50),
    "ONNX": b"\x08\x08\x12\x07pytorch\x1a\x052.1.0" + bytes(50),
    "numpy array": b"\x93NUMPY\x01\0" + bytes(50),
    "neither": bytes(range(256)),
    "empty": b"",
    "no whole": b"\x80",
    "damaged": b"\x80\x02",
    "cut short": b"\x1f\x8b\x08\0",
    "zip archive": b"PK\x03\x04" + bytes(50),
}


@pytest.mark.parametrize("what", OTHER_FILES)
def test_other_files_are_called_what_they_are(tmp_path, what):
    (tmp_path / "model.pth").write_bytes(OTHER_FILES[what])
    message = refusal(tmp_path / "model.pth")
    assert what in message or what == "no whole"


def test_what_is_no_file(tmp_path):
    assert "does not exist" in refusal(tmp_path / "model.pth")
    assert "is a folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refusal(tmp_path / "pipe")


def test_a_map_is_read_like_a_file(tmp_path):
    (tmp_path / "f").write_bytes(bytes(range(100)))
    with open(tmp_path / "f", "rb") as file:
        stream = MapStream(map_file(tmp_path / "f"))
        for step in (("read", 10), ("seek", -5, os.SEEK_CUR), ("read", 3), ("tell",), ("seek", -4, os.SEEK_END)):
            assert getattr(stream, step[0])(*step[1:]) == getattr(file, step[0])(*step[1:])
        assert stream.read() == file.read() == bytes(range(96, 100))
        assert stream.read(5) == file.read(5) == b""
        for each in (stream, file):
            with pytest.raises(OSError, match=r"Invalid argument|before the beginning"):
                each.seek(-101, os.SEEK_END)


def test_more_than_an_honest_archive_asks_for_is_refused(tmp_path):
    (tmp_path / "f").write_bytes(bytes(100))
    stream = MapStream(map_file(tmp_path / "f"), 20)
    assert len(stream.read(20)) == 20
    with pytest.raises(Refused, match="too large to be true"):
        stream.read(21)
