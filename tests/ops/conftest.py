"""A process that has not looked for the compiled library yet."""

import pytest
from paddleseg.utils import logger

from paddleseg_ext.ops import backend, library


@pytest.fixture
def said(monkeypatch):
    """The lines that were logged."""
    lines = []
    for level in ("info", "warning"):
        monkeypatch.setattr(logger, level, lines.append)
    return lines


@pytest.fixture
def fresh(monkeypatch, tmp_path, said):
    """A process that has not looked for a library yet, with no wheel and an empty cache."""
    monkeypatch.setenv("PADDLESEG_EXT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(backend.VARIABLE, raising=False)
    monkeypatch.setattr(library, "_loaded", None)
    monkeypatch.setattr(library, "_reason", None)
    monkeypatch.setattr(library, "WHEEL", "paddleseg_ext_ops_of_this_test")
    backend.selected_backend.cache_clear()
    yield tmp_path
    backend.selected_backend.cache_clear()
