"""``python -m paddleseg_ext.parity`` without the peers: wrong flags, and how to make their environment."""

import sys

import pytest

from paddleseg_ext import cli
from paddleseg_ext.parity.__main__ import main
from paddleseg_ext.parity.peer_process import PYTHON_VARIABLE

CASE = ["--peer", "mmseg", "--model", "pspnet"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "pspnet"], "--peer"),
        (["--peer", "semseg", "--model", "pspnet"], "semseg"),
        ([*CASE, "--depth", "34"], "34"),
        ([*CASE, "--size", "64"], "--size"),
        ([*CASE, "--size", "8", "64"], "16 or more"),
        ([*CASE, "--base_channels", "12"], "multiple of 8"),
        ([*CASE, "--steps", "forwards"], "forwards"),
        ([*CASE, "--peers_python", "/no/such/python"], "tools/peers_environment.sh"),
    ],
)
def test_wrong_flags_are_one_sentence(arguments, sentence, capsys, monkeypatch):
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    assert cli.run(main, arguments) == 1
    message = capsys.readouterr().err
    assert sentence in message
    assert "Traceback" not in message


def test_the_sentence_says_how_to_make_the_environment(capsys, monkeypatch):
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    assert cli.run(main, CASE) == 1
    assert "tools/peers_environment.sh" in capsys.readouterr().err
