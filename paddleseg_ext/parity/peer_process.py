"""Processes of the peers' Python interpreter."""

import contextlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Optional, Union

import numpy as np

from paddleseg_ext.errors import UserError

PYTHON_VARIABLE = "PADDLESEG_EXT_PEERS_PYTHON"
PEER_SIDE = Path(__file__).parent / "peer_side"


def find_python(given: Optional[str] = None) -> str:
    """The peers' interpreter: ``given``, else the one that ``PADDLESEG_EXT_PEERS_PYTHON`` names.

    Raises:
        UserError: Neither is a program.
    """
    python = given or os.environ.get(PYTHON_VARIABLE)
    how = (
        "make the peers' environment with `bash tools/peers_environment.sh DIR` in a clone of the repository, then "
        f"give DIR/bin/python to --peers_python or {PYTHON_VARIABLE}."
    )
    if not python:
        raise UserError(f"The peers need their own environment, but none is named; {how}")
    if not (Path(python).is_file() and os.access(python, os.X_OK)):
        raise UserError(f"{python} is not a Python interpreter; {how}")
    return python


class PeerProcess:
    """A running script of the peers' side. It imports torch once and answers any number of calls.

    Args:
        python: The peers' interpreter.
        script: The script, which ends with ``bootstrap.answer(main)``.

    Raises:
        UserError: The script does not exist.
    """

    def __init__(self, python: str, script: Union[str, Path]) -> None:
        self.script = Path(script)
        if not self.script.is_file():
            raise UserError(f"The peers' script {self.script} does not exist; reinstall paddleseg_ext.")
        self._folder = tempfile.TemporaryDirectory(prefix="peers_")
        self._messages = (Path(self._folder.name) / "messages").open("w+")
        self._calls = 0
        self._process = subprocess.Popen(
            [python, str(self.script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            text=True,
            env={**os.environ, "PYTHONPATH": str(PEER_SIDE)},
        )
        assert self._process.stdin and self._process.stdout
        self._questions, self._answers = self._process.stdin, self._process.stdout

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.poll() is None

    def __call__(self, settings: object = None, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        """The arrays, by name, that the script's ``main(settings, **arrays)`` returns.

        Args:
            settings: Any value that JSON can hold.

        Raises:
            UserError: The script failed. The sentence has the end of its messages.
        """
        self._calls += 1
        question, answer = (Path(self._folder.name) / f"{self._calls}_{end}.npz" for end in ("in", "out"))
        np.savez(question, settings=np.array(json.dumps({} if settings is None else settings)), **arrays)
        try:
            self._questions.write(f"{question}\t{answer}\n")
            self._questions.flush()
            done = self._answers.readline() == "done\n"
        except BrokenPipeError:
            done = False
        if not done:
            self._process.wait()
            self._messages.seek(0)
            raise UserError(f"{self.script.name} failed in the peers' environment:\n{self._messages.read()[-8000:]}")
        with np.load(answer) as found:
            outputs = dict(found)
        question.unlink()
        answer.unlink()
        return outputs

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(BrokenPipeError):
            self._questions.close()
        self._answers.close()
        self._process.wait()
        self._messages.close()
        self._folder.cleanup()

    def __enter__(self) -> "PeerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
