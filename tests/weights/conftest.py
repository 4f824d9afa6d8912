"""Small weights, and the ways to save and to refuse them."""

import numpy as np
import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.weights.weight_file import open_checkpoint
from tests.weights.torch_writer import SAVERS


@pytest.fixture(scope="module")
def weights():
    """{name: array} of a small layer, with every kind of number that Paddle's layers hold."""
    random = np.random.RandomState(0)
    return {
        "conv.weight": random.randn(4, 3, 2, 2).astype(np.float32),
        "bn._mean": random.randn(4),
        "half": random.randn(3).astype(np.float16),
        "count": np.array([7], np.int64),
        "mask": np.array([True, False]),
        "scalar": np.float32(2.5),
        "turned": np.asfortranarray(random.randn(3, 2).astype(np.float32)),
    }


@pytest.fixture(params=SAVERS)
def save(request):
    return SAVERS[request.param]


def refusal(path) -> str:
    """The one sentence in which ``open_checkpoint`` refuses a file."""
    with pytest.raises(UserError) as caught:
        open_checkpoint(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and message.endswith(".") and "\n" not in message and len(message) < 500
    return message


def same(got, wanted):
    assert list(got) == list(wanted)
    for name, array in wanted.items():
        assert got[name].dtype == array.dtype and not got[name].flags.writeable, name
        np.testing.assert_array_equal(got[name], array, err_msg=name)
