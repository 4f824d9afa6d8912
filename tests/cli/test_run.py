"""How a command ends: exit code, one sentence, and a traceback for those who ask for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from paddleseg_ext import cli
from paddleseg_ext.cli.interrupt import Interrupted
from paddleseg_ext.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


ENDINGS = {
    "success": (None, 0, ""),
    "error of the user": (UserError("it is wrong; correct it."), 1, "error: it is wrong; correct it.\n"),
    "Ctrl-C that saved": (Interrupted("all is saved.", 2), 130, "stopped: all is saved.\n"),
    "SIGTERM that saved": (Interrupted("all is saved.", 15), 143, "stopped: all is saved.\n"),
    "Ctrl-C before the work": (
        KeyboardInterrupt(),
        130,
        "stopped: interrupted before there was anything to save.\n",
    ),
}


@pytest.mark.parametrize("case", ENDINGS)
def test_exit_code_and_sentence(case, capsys):
    error, code, sentence = ENDINGS[case]
    seen = []

    def main(arguments):
        seen.append(arguments)
        if error is not None:
            raise error

    assert cli.run(main, ["a", "b"]) == code
    assert seen == [["a", "b"]]
    assert capsys.readouterr().err == sentence


def test_the_words_of_the_process(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["it.py", "--flag"])
    seen = []
    assert cli.run(seen.extend) == 0
    assert seen == ["--flag"]


def test_fault_of_the_program_is_not_hidden(capsys):
    def main(arguments):
        raise ZeroDivisionError("division by zero")

    assert cli.run(main, []) == 1
    assert "unexpected ZeroDivisionError: division by zero" in capsys.readouterr().err
    assert cli.run(main, ["--traceback"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize("flag", [[], ["--traceback"]])
def test_as_a_process(flag):
    command = [sys.executable, "train.py", "--config", "nowhere.yml", *flag]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == ("error: --config: the file nowhere.yml does not exist; check the path.")
    assert ("Traceback" in done.stderr) == bool(flag)


@pytest.mark.parametrize("flag", ("--traceback", "--traceb", "--tr"))
def test_a_traceback_is_shown_for_a_beginning_too(flag, capsys):
    def main(arguments):
        cli.Parser("A command.", "python it.py").parse_args([*arguments, "--no_such_flag"])

    assert cli.run(main, [flag]) == 1
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err and "does not know --no_such_flag" in err
    assert cli.run(main, []) == 1
    assert "Traceback" not in capsys.readouterr().err
