"""The choice of a backend: what is logged, what is refused, and who decides."""

import os

import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.ops import backend


def test_no_compiler_means_the_native_backend_and_one_line(fresh, monkeypatch, said):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(fresh))
    assert backend.selected_backend() == "native"
    assert backend.selected_backend() == "native"
    assert [line for line in said if "native backend" in line and "No C++ compiler found" in line] == said
    assert not list(fresh.rglob("*.so"))


def test_a_compiler_that_fails_is_quoted(fresh, monkeypatch, said):
    compiler = fresh / "broken-g++"
    compiler.write_text("#!/bin/sh\necho 'psamask_op.cc:1: fatal error: the disk is made of cheese'\nexit 3\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    assert backend.selected_backend() == "native"
    assert "made of cheese" in said[-1] and "exit code 3" in said[-1]
    assert not list(fresh.rglob("*.so"))


def test_compiled_and_nothing_else_is_an_error_when_there_is_none(fresh, monkeypatch):
    monkeypatch.setenv("CXX", str(fresh / "missing"))
    monkeypatch.setenv(backend.VARIABLE, "compiled")
    with pytest.raises(UserError, match=r"PADDLESEG_EXT_OPS demands the compiled psamask, .* No C\+\+ compiler found"):
        backend.selected_backend()


def test_native_on_wish_builds_nothing(fresh, monkeypatch):
    monkeypatch.setenv(backend.VARIABLE, "native")
    assert backend.selected_backend() == "native"
    assert not (fresh / "cache").exists()


def test_an_unknown_wish_is_an_error(fresh, monkeypatch):
    monkeypatch.setenv(backend.VARIABLE, "fast")
    with pytest.raises(UserError, match="must be auto, compiled or native, not 'fast'"):
        backend.selected_backend()


def test_a_wish_decides_for_its_block_and_leaves_the_environment_alone(fresh, monkeypatch):
    monkeypatch.setenv(backend.VARIABLE, "fast")
    before = dict(os.environ)
    with backend.wished("native"):
        assert backend.selected_backend() == "native"
        with backend.wished(None):
            assert backend.selected_backend() == "native"
        assert dict(os.environ) == before
    with pytest.raises(UserError, match="not 'fast'"):
        backend.selected_backend()
    assert not (fresh / "cache").exists()


def test_an_unknown_backend_is_refused():
    with pytest.raises(UserError, match="'compiled' or 'native', not 'cuda'"):
        backend.require("cuda")
