"""A short run of the fuzz program, which watches its own interpreter and so needs one to itself."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_damaged_and_hostile_files():
    command = [sys.executable, "-m", "tests.weights.fuzz", "--examples", "400"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "refused" in done.stdout
