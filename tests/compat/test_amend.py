"""How a function is amended, and what repairing the package twice does."""

import inspect
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import paddle
import paddleseg.transforms
import pytest
from paddleseg.core.train import train
from paddleseg.models.losses import CrossEntropyLoss
from paddleseg.transforms import RandomPaddingCrop

from paddleseg_ext import compat
from paddleseg_ext.compat.amend import amend
from paddleseg_ext.compat.calculate_area import calculate_area

ROOT = Path(__file__).parents[2]


class Base:
    def value(self):
        return 1


class Derived(Base):
    def value(self, factor=2, *, offset=0):
        """What it says."""
        return super().value() * factor - offset  # a fault


def test_amended_function_keeps_all_but_the_fault():
    function = Derived.value
    imported_by_name = function
    amend(function, ("- offset", "+ offset"))
    assert Derived.value is imported_by_name
    assert Derived().value(3, offset=5) == 8  # super(), default, keyword-only argument
    assert function.__doc__ == "What it says." and function.__defaults__ == (2,)
    assert "+ offset" in inspect.getsource(function)


def test_amended_once():
    def function():
        return "a"

    amend(function, ('"a"', '"a" + "a"'))
    amend(function, ('"a"', '"a" + "a"'))
    assert function() == "aa"


def test_unknown_source_is_left_alone():
    def function():
        return "a"

    code = function.__code__
    amend(function, ('"a"', '"b"'), ("absent", "present"))
    assert function.__code__ is code and function() == "a"


def test_escapes_in_paddlesegs_docstrings_warn_nobody(tmp_path, monkeypatch):
    (tmp_path / "escaping.py").write_text('def function():\n    """A \\s."""\n    return "a"\n')
    monkeypatch.syspath_prepend(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from escaping import function
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        amend(function, ('"a"', '"b"'))
    assert function() == "b"


def test_amended_function_can_become_a_static_graph():
    class Network(paddle.nn.Layer):
        def forward(self, x):
            if x.sum() > 0:
                x = x - 1
            return x

    amend(Network.forward, ("x - 1", "x + 1"))
    spec = [paddle.static.InputSpec([None, 2], "float32")]
    static = paddle.jit.to_static(Network(), input_spec=spec)
    np.testing.assert_array_equal(static(paddle.ones([3, 2])).numpy(), np.full((3, 2), 2.0))


def test_apply_again_changes_nothing():
    functions = (CrossEntropyLoss._post_process_loss, RandomPaddingCrop.__call__, train)
    before = [function.__code__ for function in functions]
    compat.apply()
    assert [function.__code__ for function in functions] == before
    assert paddleseg.utils.metrics.calculate_area is calculate_area


@pytest.mark.parametrize("first, works", [("paddleseg_ext", True), ("paddle", paddle.__version__ != "2.6.2")])
def test_zlib_before_paddle(first, works):
    """Paddle 2.6.2 brings a zlib of its own: where Python's is loaded after it, the import of scipy fails."""
    program = [sys.executable, "-c", f"import {first}, scipy.ndimage"]
    assert (subprocess.run(program, cwd=ROOT, capture_output=True).returncode == 0) == works
