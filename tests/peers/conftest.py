"""Runs the published implementations in their own environment: torch and Paddle never share a process.

``PADDLESEG_EXT_PEERS_PYTHON`` names that environment's interpreter (tools/peers_environment.sh makes it); without it
this folder is not collected.
"""

import os
from pathlib import Path

import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.parity import limits, our_side
from paddleseg_ext.parity.peer_process import PEER_SIDE, PYTHON_VARIABLE, PeerProcess

PYTHON = os.environ.get(PYTHON_VARIABLE)
FOLDER = Path(__file__).parent
PEERS = ["ssseg", "mmseg"]

if not PYTHON:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def peer():
    """``peer(name, settings={...}, **arrays) -> {name: array}``: what ``tests/peers/peer_NAME.py`` answers.

    ``settings`` is anything that JSON holds. A script stays alive between calls, so it must not keep anything that a
    later call could see; a failing one fails the test with its whole error output, and the next call starts it anew.
    """
    running = {}

    def call(name, settings=None, **arrays):
        if name not in running or not running[name].running:
            running[name] = PeerProcess(PYTHON, FOLDER / f"peer_{name}.py")
        try:
            return running[name](settings, **arrays)
        except UserError as error:
            pytest.fail(str(error), pytrace=False)

    yield call
    for process in running.values():
        process.close()


@pytest.fixture(scope="session")
def peer_answers():
    """``peer_answers(settings)``: what the peer's half of ``paddleseg_ext.parity`` answers."""
    with PeerProcess(PYTHON, PEER_SIDE / "protocol.py") as peer:
        yield peer


@pytest.fixture
def protocol(peer_answers):
    """``protocol(peer=..., model=..., ...)``: both sides' answers differ by no more than the limits."""

    def compare(**changes):
        settings = our_side.default_settings(**changes)
        theirs = peer_answers(settings)
        found = limits.differences(our_side.run(settings), theirs, settings["depth"])
        assert [str(each) for each in found if each.failed] == []
        return theirs

    return compare
