"""A small data set of the quickstart's scenes."""

from pathlib import Path

import pytest

from paddleseg_ext.datasets import quickstart

TINY = {"train": 4, "val": 2, "size": (32, 64)}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data") / "scenes"
    assert quickstart.generate(root, seed=7, **TINY)
    return root
