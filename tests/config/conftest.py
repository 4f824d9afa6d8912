"""Configurations with a few lines in front, and what is logged about them."""

import pytest
from paddleseg.utils import logger

from paddleseg_ext.config.config import load_config


@pytest.fixture
def warnings(monkeypatch):
    """What is logged as a warning."""
    logged = []
    monkeypatch.setattr(logger, "warning", logged.append)
    return logged


@pytest.fixture
def load(scenes):
    """Load the configuration of the scenes with lines before it: ``load(text)``."""
    path = scenes / "config.yml"
    rest = path.read_text()

    def apply(text, **settings):
        path.write_text(f"{text}\n{rest}")
        return load_config(path, **settings)

    apply.path = path
    apply.rest = rest
    return apply
