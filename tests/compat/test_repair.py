"""Every repair has a provocation, which meets the fault without the repair on the Paddle releases that it names.

The provocations are the tests of the other files. They pass, because importing the package repairs paddleseg.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Optional

import paddle
import pytest

from paddleseg_ext.compat import REPAIRS
from tests.compat.provocation import met_alone

ROOT = Path(__file__).parents[2]
RELEASES = {"2.6.2", "3.2.2", "3.3.1"}


@pytest.fixture(scope="module")
def unrepaired(tmp_path_factory) -> dict[str, Optional[str]]:
    """What each provocation met in a process that does not import this package."""
    outcome = tmp_path_factory.mktemp("unrepaired") / "outcome.json"
    subprocess.run([sys.executable, "-m", "tests.compat.unrepaired", str(outcome)], check=True, cwd=ROOT)
    return json.loads(outcome.read_text())


def test_repairs_and_provocations_are_one_list(unrepaired):
    assert sorted(unrepaired) == sorted(repair.name for repair in REPAIRS)


@pytest.mark.parametrize("repair", REPAIRS, ids=lambda repair: repair.name)
def test_fault_without_repair(repair, unrepaired):
    """A release that nobody recorded may show the fault or not."""
    assert repair.fault and repair.shows and repair.shows.keys() <= RELEASES
    met = unrepaired[repair.name]
    if paddle.__version__ in repair.shows:
        assert met is not None and met.split(":")[0] == repair.shows[paddle.__version__].__name__, met
    elif paddle.__version__ in RELEASES:
        assert met is None


def test_death_is_reported():
    """A provocation that kills its process leaves the others their outcomes."""
    assert met_alone(lambda: os.kill(os.getpid(), signal.SIGFPE)) == "SIGFPE"
    assert met_alone(lambda: None) is None
