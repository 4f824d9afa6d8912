"""Reasons why a file cannot be read, as sentences."""

import struct
import zlib

import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.weights.refusal import Refused, naming, shown


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("two\nlines\x1b[31m", r"'two\nlines\x1b[31m'"),
        (17, "17"),
        (ValueError("of an error"), "of an error"),
        (["a list"], "a list"),
        (None, "a NoneType"),
        ("x" * 200, "x" * 120 + "..."),
    ],
)
def test_text_of_a_file_fits_into_a_line(text, line):
    assert shown(text) == line


def test_nested_objects_are_not_written_out():
    laughing = ()
    for _ in range(60):
        laughing = (laughing, laughing)
    assert shown(laughing) == "a tuple"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (Refused("is a folder; name the file"), "w.pth is a folder; name the file."),
        (KeyError("a"), "w.pth is damaged or cut short ('a'); use another copy."),
        (ValueError("on\ntwo lines"), "w.pth is damaged or cut short (on two lines); use another copy."),
        (EOFError(), "w.pth is damaged or cut short (EOFError); use another copy."),
        (struct.error("bytes"), "w.pth is damaged or cut short (bytes); use another copy."),
        (zlib.error("stream"), "w.pth is damaged or cut short (stream); use another copy."),
        (PermissionError(13, "Permission denied"), "w.pth cannot be read (Permission denied); check the file."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_of_reading_name_the_file(error, sentence):
    with pytest.raises(UserError) as caught, naming("w.pth"):
        raise error
    assert str(caught.value) == sentence


def test_faults_of_ours_are_not_hidden():
    with pytest.raises(AssertionError), naming("w.pth"):
        raise AssertionError
