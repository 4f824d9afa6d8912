"""The command line before the peers are there, and a peer's side that fails."""

import sys

import numpy as np
import pytest

from paddleseg_ext import cli
from paddleseg_ext.errors import UserError
from paddleseg_ext.parity.__main__ import main
from paddleseg_ext.parity.peer_process import PYTHON_VARIABLE, PeerProcess

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


def test_says_how_to_make_the_environment_that_is_missing(capsys, monkeypatch):
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    assert cli.run(main, CASE) == 1
    assert "tools/peers_environment.sh" in capsys.readouterr().err


# What bootstrap.answer does, without torch.
SCRIPT = """
import json, sys
import numpy as np

for line in sys.stdin:
    question, answer = line.rstrip("\\n").split("\\t")
    with np.load(question) as arrays:
        inputs = dict(arrays)
    settings = json.loads(str(inputs.pop("settings")))
    if settings == "fail":
        raise ValueError("this went wrong")
    np.savez(answer, settings=len(settings), **{name: 2 * value for name, value in inputs.items()})
    print("done", flush=True)
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def test_a_process_answers_many_calls(script):
    with PeerProcess(sys.executable, script) as peer:
        for value in (1.0, 3.0):
            answer = peer({"a": 1, "b": 2}, x=np.array([value]))
            assert int(answer["settings"]) == 2
            np.testing.assert_array_equal(answer["x"], [2 * value])
        assert peer.running
    assert not peer.running


def test_a_failing_process_tells_what_it_said(script):
    with PeerProcess(sys.executable, script) as peer, pytest.raises(UserError, match="this went wrong"):
        peer("fail")


def test_a_missing_script_is_named(tmp_path):
    with pytest.raises(UserError, match=r"absent\.py"):
        PeerProcess(sys.executable, tmp_path / "absent.py")
