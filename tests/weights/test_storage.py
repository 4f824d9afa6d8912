"""Arrays over the bytes of a file, and what lies outside of them."""

import numpy as np
import pytest

from paddleseg_ext.weights.refusal import Refused
from paddleseg_ext.weights.storage import BFLOAT16, Storage
from tests.weights.conftest import refusal
from tests.weights.torch_writer import Tensor


@pytest.mark.parametrize(
    "view",
    [
        {"offset": 1},
        {"offset": -1},
        {"shape": (11,)},
        {"shape": (-1,)},
        {"shape": (2.0,)},
        {"shape": ("2",)},
        {"stride": (2,)},
        {"stride": (-1,)},
        {"stride": (1, 1)},
        {"shape": (1 << 60,), "stride": (0,)},
        {"shape": (1 << 21,), "stride": (0,)},
        {"shape": (1 << 40, 1 << 40, 0), "stride": (0, 0, 0)},
        {"shape": (1,) * 70, "stride": (1,) * 70},
        {"offset": None},
        {"shape": "2"},
    ],
)
def test_a_view_outside_its_storage(save, tmp_path, view):
    save([Tensor(np.arange(10.0), **{"shape": (10,), **view})], tmp_path / "wrong.pth")
    refusal(tmp_path / "wrong.pth")


NUMBERS = np.arange(12, dtype=np.float32)


def test_a_view_is_read_only_and_shares_the_bytes():
    data = bytearray(NUMBERS.tobytes())
    view = Storage(memoryview(data)).view("f4", 1, (2, 3), (5, 2))
    np.testing.assert_array_equal(view, [[1, 3, 5], [6, 8, 10]])
    assert not view.flags.writeable
    data[4:8] = np.float32(77).tobytes()
    assert view[0, 0] == 77


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["f4", "i8", "?", "c8"])
def test_either_byte_order(order, kind):
    numbers = np.array([0, 1, 1, 0, 5, 70], kind)
    array = Storage(memoryview(numbers.astype(numbers.dtype.newbyteorder(order)).tobytes()), order).array(kind, (2, 3))
    assert array.dtype == kind and array.dtype.isnative
    np.testing.assert_array_equal(array, numbers.reshape(2, 3))


def test_bfloat16_is_the_upper_half_of_float32_and_decoded_once():
    bits = (NUMBERS.view(np.uint32) >> 16).astype("<u2")
    storage = Storage(memoryview(bits.tobytes()))
    array = storage.array(BFLOAT16, (3, 4))
    np.testing.assert_array_equal(array, NUMBERS.reshape(3, 4))
    assert np.shares_memory(array, storage.view(BFLOAT16, 2, (5,), (1,)))


def test_the_axis_whose_neighbors_are_neighbors():
    storage = Storage(memoryview(NUMBERS.tobytes()))
    np.testing.assert_array_equal(storage.array("f4", (3, 4)), NUMBERS.reshape(3, 4))
    np.testing.assert_array_equal(storage.array("f4", (3, 4), first_axis_fastest=True), NUMBERS.reshape(4, 3).T)
    with pytest.raises(Refused, match="an array of 10 elements in 48 bytes"):
        storage.array("f4", (2, 5))


def test_repeats_are_bounded_and_empty_shapes_are_possible():
    storage = Storage(memoryview(NUMBERS.tobytes()))
    assert storage.view("f4", 0, (1 << 20,), (0,)).sum() == 0
    with pytest.raises(Refused, match=r"makes 1048577 elements out of 12; use another copy"):
        storage.view("f4", 0, ((1 << 20) + 1,), (0,))
    assert storage.view("f4", 0, (0, 1 << 40), (0, 0)).shape == (0, 1 << 40)
    with pytest.raises(Refused, match="of a shape that numpy cannot have"):
        storage.view("f4", 0, (0, 1 << 40, 1 << 40), (0, 0, 0))
