"""Every repair: its fault is there without it, on the Paddle releases its docstring names, and gone with it."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import paddle
import pytest

from paddleseg_ext.compat import models as compat
from tests.compat.test_models import PROVOCATIONS, meet, met_alone

KNOWN_RELEASES = {"2.6.2", "3.2.2", "3.3.1"}


@pytest.fixture(scope="module")
def without_repairs(tmp_path_factory) -> dict:
    """What the provocations met in a process that never imports this package."""
    outcome = tmp_path_factory.mktemp("unrepaired") / "outcome.json"
    program = Path(__file__).with_name("test_models.py")
    subprocess.run([sys.executable, str(program), str(outcome)], check=True, cwd=outcome.parent)
    return json.loads(outcome.read_text())


def shows(repair) -> str:
    """Where the docstring says that the fault shows, and as what."""
    return re.search(r"Shows on: (.*?)Pinned by", repair.__doc__, re.DOTALL)[1]


def releases_with(repair) -> set:
    return set(re.findall(r"\d+\.\d+\.\d+", shows(repair)))


def errors_of(repair) -> set:
    """What a provocation may raise; an assertion of its own where PaddleSeg goes on with something wrong."""
    named = set(re.findall(r"\w+(?:Error|Exit)", shows(repair)))
    return named | ({"AssertionError"} if re.search("wrong|zero", shows(repair)) else set())


def test_every_repair_has_a_provocation():
    assert [repair.__name__ for repair in compat.REPAIRS] == list(PROVOCATIONS)
    for repair in compat.REPAIRS:
        assert releases_with(repair) <= KNOWN_RELEASES and releases_with(repair), repair.__name__


def test_death_is_told():
    """One provocation that kills its process leaves the others their outcomes."""
    assert met_alone(lambda: os.kill(os.getpid(), signal.SIGFPE)) == "SIGFPE"
    assert met_alone(lambda: None) is None


@pytest.mark.parametrize("repair", compat.REPAIRS, ids=lambda repair: repair.__name__)
def test_fault_without_repair(repair, without_repairs):
    """Releases that nobody recorded say nothing either way."""
    met = without_repairs[repair.__name__]
    if paddle.__version__ in releases_with(repair):
        assert met is not None and met.split(":")[0] in errors_of(repair), met
    elif paddle.__version__ in KNOWN_RELEASES:
        assert met is None


@pytest.mark.parametrize("name", PROVOCATIONS)
def test_repaired(name):
    meet(PROVOCATIONS[name])
