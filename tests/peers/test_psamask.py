"""psamask against mmcv's PSAMask: forward and backward hold the same values, bit for bit."""

import numpy as np
import paddle
import pytest

from paddleseg_ext.ops import psamask


@pytest.mark.parametrize("psa_type", ["collect", "distribute"])
@pytest.mark.parametrize("size, mask_size", [((6, 8), (5, 3)), ((5, 7), (9, 13)), ((5, 4), (6, 4)), ((1, 1), (3, 3))])
def test_values_and_gradients(peer, psa_type, size, mask_size):
    random = np.random.default_rng(3)
    positions = size[0] * size[1]
    values = random.standard_normal((2, mask_size[0] * mask_size[1], *size)).astype("float32")
    grad = random.standard_normal((2, positions, *size)).astype("float32")
    theirs = peer("psamask", settings={"psa_type": psa_type, "mask_size": mask_size}, values=values, grad=grad)

    x = paddle.to_tensor(values, stop_gradient=False)
    output = psamask(x, psa_type, mask_size)
    output.backward(paddle.to_tensor(grad))
    np.testing.assert_array_equal(output.numpy(), theirs["output"])
    np.testing.assert_array_equal(x.grad.numpy(), theirs["grad"])
