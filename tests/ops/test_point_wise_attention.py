"""Mask, softmax and weighted sum as one operation."""

import numpy as np
import paddle
import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.ops import point_wise_attention
from tests.ops.brute_force import brute_force

KINDS = ["collect", "distribute"]
BACKENDS = ["compiled", "native"]


def expected(feature, logits, psa_type, mask, factor, softmax):
    n, c, h, w = feature.shape
    weight = brute_force(logits, psa_type, *mask).reshape(n, h * w, h * w)
    if softmax:
        weight = np.exp(weight)  # cells out of reach are 0 and count as exp(0)
        weight = weight / weight.sum(axis=1, keepdims=True)
    return (feature.reshape(n, c, h * w) @ weight / factor).reshape(feature.shape)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("psa_type", KINDS)
@pytest.mark.parametrize("softmax", [True, False])
@pytest.mark.parametrize(("factor", "divisor"), [(1.0, 1), (2.5, 2.5), (None, 20)])
def test_values(backend, psa_type, softmax, factor, divisor):
    rng = np.random.RandomState(0)
    feature, logits = rng.randn(2, 3, 5, 6), rng.randn(2, 20, 5, 6)
    out = point_wise_attention(
        paddle.to_tensor(feature), paddle.to_tensor(logits), psa_type, (4, 5), factor, softmax, backend
    )
    np.testing.assert_allclose(
        out.numpy(), expected(feature, logits, psa_type, (4, 5), divisor, softmax), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (1, 3, 5, 6), (2, 3, 30)])
def test_feature_and_logits_must_agree(shape):
    with pytest.raises(UserError, match="must agree in N, H and W"):
        point_wise_attention(paddle.zeros(shape), paddle.zeros([2, 9, 5, 6]), "collect", 3)
