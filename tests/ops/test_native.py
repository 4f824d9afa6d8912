"""psamask from Paddle's own operators: the skew that it is built of, and what keeps it exportable."""

import numpy as np
import paddle
import pytest

from paddleseg_ext.ops import native


@pytest.mark.parametrize("offsets", [1, 2, 5, 8])
@pytest.mark.parametrize("side", [1, 3, 4])
def test_skew_puts_each_offset_at_its_position(side, offsets):
    x = np.random.RandomState(0).randint(1, 99, (2, side, offsets, 3)).astype("float32")
    expected = np.zeros((2, side, side, 3), "float32")
    for own, other in np.ndindex(side, side):
        offset = other - own + (offsets - 1) // 2
        if 0 <= offset < offsets:
            expected[:, own, other] = x[:, own, offset]
    out = native._skew(paddle.to_tensor(x), 2, offsets, side, 2, 3)
    np.testing.assert_array_equal(out.numpy(), expected)


def test_bfloat16_on_the_cpu_keeps_its_dtype_and_has_a_gradient():
    x = paddle.ones([1, 6, 2, 3], dtype="bfloat16")
    x.stop_gradient = False
    out = native.psamask(x, "distribute", 2, 3)
    out.sum().backward()
    assert out.dtype == x.grad.dtype == paddle.bfloat16
    assert float(x.grad.astype("float32").sum()) == float(out.astype("float32").sum())
