"""The operator of ``custom_ops/`` as a program calls it, without the Python function before it."""

import paddle
import pytest

from paddleseg_ext.ops import library
from paddleseg_ext.ops.compiled import _run_custom_op


@pytest.fixture(autouse=True)
def operator():
    assert library.load() is not None, library.why_not()


@pytest.mark.parametrize(
    ("shape", "attributes", "said"),
    [
        ((1, 8, 4, 4), (0, 3, 3), "must have 9 channels"),
        ((1, 9, 4), (0, 3, 3), "must have 4 dimensions"),
        ((1, 9, 4, 4), (2, 3, 3), "psa_type must be 0"),
        ((1, 9, 4, 4), (0, 0, 3), "at least 1 x 1"),
    ],
)
def test_the_operator_checks_its_own_arguments(shape, attributes, said):
    """A program reaches the operator without the checks of the Python function."""
    with pytest.raises((RuntimeError, ValueError, OSError), match=said):
        _run_custom_op("psamask", paddle.zeros(shape), *attributes)


def test_the_operator_refuses_whole_numbers():
    with pytest.raises((RuntimeError, ValueError, OSError), match="dtype must be"):
        _run_custom_op("psamask", paddle.zeros([1, 9, 4, 4], dtype="int32"), 0, 3, 3)
