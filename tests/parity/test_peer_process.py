"""A process of the peers' interpreter: calls, failures, and how the interpreter is found."""

import sys

import numpy as np
import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.parity.peer_process import PYTHON_VARIABLE, PeerProcess, find_python

# bootstrap.answer without torch.
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


def test_the_messages_of_a_failing_process_are_quoted(script):
    with PeerProcess(sys.executable, script) as peer, pytest.raises(UserError, match="this went wrong"):
        peer("fail")


def test_a_missing_script_is_named(tmp_path):
    with pytest.raises(UserError, match=r"absent\.py"):
        PeerProcess(sys.executable, tmp_path / "absent.py")


def test_the_flag_comes_before_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv(PYTHON_VARIABLE, str(tmp_path / "absent"))
    assert find_python(sys.executable) == sys.executable
    with pytest.raises(UserError, match="absent is not a Python interpreter"):
        find_python()
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    assert find_python() == sys.executable
