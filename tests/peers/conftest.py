"""Runs the published implementations in their own environment: torch and Paddle never share a process.

``PADDLESEG_EXT_PEERS_PYTHON`` names that environment's interpreter (tools/peers_environment.sh makes it); without it
this folder is not collected.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

PYTHON = os.environ.get("PADDLESEG_EXT_PEERS_PYTHON")
FOLDER = Path(__file__).parent

if not PYTHON:
    collect_ignore_glob = ["test_*.py"]


class _Peer:
    """One running ``peer_NAME.py``: it imports torch once and answers any number of calls."""

    def __init__(self, name, folder):
        script = FOLDER / f"peer_{name}.py"
        assert script.is_file(), f"there is no {script}"
        self.name, self.folder, self.calls = name, folder, 0
        self.messages = (folder / f"{name}.log").open("w+")
        self.process = subprocess.Popen(
            [PYTHON, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.messages,
            text=True,
            env={**os.environ, "PYTHONPATH": ""},
        )

    def __call__(self, inputs):
        self.calls += 1
        question, answer = (self.folder / f"{self.name}_{self.calls}_{end}.npz" for end in ("in", "out"))
        settings = np.array(json.dumps(inputs.pop("settings", {})))
        np.savez(question, settings=settings, **inputs)
        try:
            self.process.stdin.write(f"{question}\t{answer}\n")
            self.process.stdin.flush()
            done = self.process.stdout.readline() == "done\n"
        except BrokenPipeError:
            done = False
        if not done:
            self.process.wait()
            self.messages.seek(0)
            pytest.fail(f"peer_{self.name}.py failed:\n{self.messages.read()[-8000:]}", pytrace=False)
        with np.load(answer) as arrays:
            outputs = dict(arrays)
        question.unlink()
        answer.unlink()
        return outputs

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self.messages.close()


@pytest.fixture(scope="session")
def peer():
    """``peer(name, settings={...}, **arrays) -> {name: array}``: what ``tests/peers/peer_NAME.py`` answers.

    ``settings`` is anything that JSON holds. A script stays alive between calls, so it must not keep anything that a
    later call could see; a failing one fails the test with its whole error output, and the next call starts it anew.
    """
    running = {}
    with tempfile.TemporaryDirectory() as folder:

        def call(name, **inputs):
            if name not in running or running[name].process.poll() is not None:
                running[name] = _Peer(name, Path(folder))
            return running[name](inputs)

        yield call
        for process in running.values():
            process.close()
