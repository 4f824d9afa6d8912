"""Finding, building and refusing the compiled library."""

import json
import os
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.ops import library

ROOT = Path(__file__).resolve().parents[2]


def wheel(folder: Path, monkeypatch, **changes) -> Path:
    """An installed wheel whose stamp is this environment's, with ``changes``."""
    package = folder / library.WHEEL
    package.mkdir(parents=True)
    recipe = library._recipe()
    (package / "__init__.py").write_text("")
    (package / recipe.LIBRARY).write_bytes(b"")
    (package / recipe.STAMP).write_text(json.dumps({**recipe.stamp(), **changes}))
    monkeypatch.syspath_prepend(str(folder))
    return package / recipe.LIBRARY


def test_a_wheel_that_fits_comes_first(fresh, monkeypatch):
    path = wheel(fresh / "site", monkeypatch)
    assert library._from_wheel() == path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"paddle": "9.9.9"}, "paddle 9.9.9 instead of "),
        ({"cuda": "11.8"}, "cuda 11.8 instead of "),
        ({"sources": "0"}, "sources 0 instead of "),
    ],
)
def test_a_wheel_for_something_else_is_refused_in_a_sentence(fresh, monkeypatch, said, changes, words):
    wheel(fresh / "site", monkeypatch, **changes)
    assert library._from_wheel() is None
    assert len(said) == 1 and words in said[0] and "pip install --no-build-isolation" in said[0]


def test_a_wheel_without_a_stamp_is_refused(fresh, monkeypatch, said):
    path = wheel(fresh / "site", monkeypatch)
    (path.parent / library._recipe().STAMP).write_text("{")
    assert library._from_wheel() is None
    assert len(said) == 1 and "no readable" in said[0]


def test_a_lock_that_is_held_too_long_is_named(fresh, monkeypatch):
    monkeypatch.setattr(library, "LOCK_SECONDS", 0.2)
    lock = fresh / "cache" / f"{library._recipe().key()}.lock"
    lock.parent.mkdir()
    with filelock.FileLock(lock), pytest.raises(UserError, match=str(lock)):
        library._from_cache()


def test_a_cache_that_cannot_be_written_is_named(fresh, monkeypatch):
    (fresh / "file").write_text("")
    monkeypatch.setenv("PADDLESEG_EXT_CACHE", str(fresh / "file"))
    with pytest.raises(UserError, match="PADDLESEG_EXT_CACHE"):
        library._from_cache()


def test_eight_processes_at_once_build_once(tmp_path):
    """A lock file left behind by a process that was killed is in the way of nobody."""
    counter = tmp_path / "counting-g++"
    builds = tmp_path / "builds"
    counter.write_text(f'#!/bin/sh\necho built >> {builds}\nexec g++ "$@"\n')
    counter.chmod(0o755)
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / f"{library._recipe().key()}.lock").write_text("left behind")
    environment = {
        **os.environ,
        "CXX": str(counter),
        "PADDLESEG_EXT_CACHE": str(cache),
        "PADDLESEG_EXT_OPS": "compiled",
        "PYTHONPATH": str(ROOT),
    }
    program = (
        "import paddleseg_ext, paddle; from paddleseg_ext.ops import library, psamask; library.WHEEL = 'no_such_wheel';"
        "print('sum', float(psamask(paddle.ones([1, 9, 2, 2]), 'collect', 3).sum()))"
    )
    command = [sys.executable, "-c", program]
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(8)
    ]
    for process in processes:
        output = process.communicate(timeout=300)[0]
        assert process.returncode == 0, output
        assert "sum 16.0" in output
    assert builds.read_text().split() == ["built"]
    assert len(list(cache.rglob("*.so"))) == 1
