"""psamask against ten lines of numpy, by numeric gradient, in every dtype, and one backend against the other."""

import numpy as np
import paddle
import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.ops import psamask
from tests.ops.brute_force import brute_force

KINDS = ["collect", "distribute"]
BACKENDS = ["compiled", "native"]
DTYPES = ["float32", "float64", "float16", "bfloat16"]

# (height, width), (mask_h, mask_w): odd, even, mixed; smaller and larger than the map; a side of one; sizes that
# are and are not whole vectors, tiles and strips of the kernels.
CASES = [
    ((5, 7), (3, 5)),
    ((4, 6), (4, 6)),
    ((6, 4), (5, 2)),
    ((3, 5), (9, 66)),
    ((8, 8), (15, 15)),
    ((1, 9), (3, 4)),
    ((7, 1), (4, 3)),
    ((1, 1), (1, 1)),
    ((1, 1), (6, 5)),
    ((3, 33), (2, 65)),
    ((2, 130), (3, 7)),
    ((2, 270), (1, 300)),
    ((10, 9), (66, 66)),
]


def logits(size: tuple, mask: tuple, batch: int = 2, seed: int = 0) -> np.ndarray:
    """Small whole numbers, which every dtype holds exactly; none of them is 0."""
    rng = np.random.RandomState(seed)
    return rng.randint(1, 200, (batch, mask[0] * mask[1], *size)).astype("float32")


def run(x: np.ndarray, psa_type: str, mask: tuple, backend: str, dtype: str = "float32"):
    """Output and, with the whole numbers 1, 2, .. as the output's gradient, the gradient of ``x``."""
    x = paddle.to_tensor(x).astype(dtype)
    x.stop_gradient = False
    out = psamask(x, psa_type, mask, backend)
    weight = paddle.arange(out.size, dtype="float32").reshape(out.shape) % 251 + 1
    out.backward(weight.astype(dtype))
    assert str(out.dtype).endswith(dtype) and str(x.grad.dtype).endswith(dtype)
    return out.astype("float64").numpy(), x.grad.astype("float64").numpy()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("psa_type", KINDS)
@pytest.mark.parametrize(("size", "mask"), CASES)
def test_values_are_the_brute_force(size, mask, psa_type, backend):
    x = logits(size, mask)
    out, _ = run(x, psa_type, mask, backend)
    np.testing.assert_array_equal(out, brute_force(x, psa_type, *mask))


@pytest.mark.parametrize("psa_type", KINDS)
def test_gradient_is_the_brute_force_inverted(psa_type):
    size, mask = (6, 35), (4, 66)
    x = logits(size, mask)
    # Where each output comes from: the brute force of the input's own numbering (0 means from nowhere).
    numbers = np.arange(1, x.size + 1, dtype="float64").reshape(x.shape)
    origin = brute_force(numbers, psa_type, *mask).astype("int64").ravel()
    expected = np.zeros(x.size + 1)
    expected[origin] = np.arange(origin.size) % 251 + 1
    for backend in BACKENDS:
        _, grad = run(x, psa_type, mask, backend)
        np.testing.assert_array_equal(grad.ravel(), expected[1:])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("psa_type", KINDS)
@pytest.mark.parametrize(("size", "mask"), [((3, 2), (3, 4)), ((2, 3), (2, 1)), ((1, 4), (1, 5))])
def test_numeric_gradient(size, mask, psa_type, backend):
    rng = np.random.RandomState(3)
    start = rng.randn(2, mask[0] * mask[1], *size)
    weight = paddle.to_tensor(rng.randn(2, size[0] * size[1], *size))

    def loss(value: np.ndarray) -> paddle.Tensor:
        x = paddle.to_tensor(value, stop_gradient=False)
        # Squared, so that the gradient depends on the values.
        result = (psamask(x, psa_type, mask, backend) ** 2 * weight).sum()
        return result, x

    result, x = loss(start)
    result.backward()
    analytic, step = x.grad.numpy(), 1e-6
    for index in np.ndindex(start.shape):
        up, down = start.copy(), start.copy()
        up[index] += step
        down[index] -= step
        numeric = (float(loss(up)[0]) - float(loss(down)[0])) / (2 * step)
        assert abs(numeric - analytic[index]) < 1e-6, index


@pytest.mark.parametrize("psa_type", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("size", "mask"), [((5, 7), (4, 6)), ((3, 33), (3, 66)), ((4, 19), (7, 21))])
def test_every_dtype_and_both_backends_give_the_same_bits(size, mask, dtype, psa_type):
    x = logits(size, mask)
    expected_out, expected_grad = run(x, psa_type, mask, "native", "float32")
    for backend in BACKENDS:
        out, grad = run(x, psa_type, mask, backend, dtype)
        np.testing.assert_array_equal(out, expected_out)
        np.testing.assert_array_equal(grad, expected_grad)


@pytest.mark.parametrize("psa_type", KINDS)
def test_large_enough_for_several_threads(psa_type):
    size, mask = (24, 40), (31, 47)
    x = logits(size, mask)
    for ours, native in zip(run(x, psa_type, mask, "compiled"), run(x, psa_type, mask, "native")):
        np.testing.assert_array_equal(ours, native)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("psa_type", KINDS)
def test_empty_batch(psa_type, backend):
    x = paddle.zeros([0, 15, 4, 6])
    x.stop_gradient = False
    out = psamask(x, psa_type, (3, 5), backend)
    assert list(out.shape) == [0, 24, 4, 6] and out.dtype == paddle.float32


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("psa_type", KINDS)
def test_tensors_that_are_views_of_others(psa_type, backend):
    """Paddle 3 makes transposes and slices without a copy; a kernel that took their memory as it lies would err."""
    x = logits((5, 6), (3, 4))
    turned = paddle.to_tensor(np.ascontiguousarray(x.transpose(0, 1, 3, 2)), stop_gradient=False)
    out = psamask(turned.transpose([0, 1, 3, 2]), psa_type, (3, 4), backend)
    np.testing.assert_array_equal(out.numpy(), brute_force(x, psa_type, 3, 4))
    weight = np.random.RandomState(1).randint(1, 9, (6, 5, 30, 2)).astype("float32")
    (out.transpose([3, 2, 1, 0]) * paddle.to_tensor(weight)).sum().backward()
    straight = paddle.to_tensor(x, stop_gradient=False)
    weight = np.ascontiguousarray(weight.transpose(3, 2, 1, 0))
    (psamask(straight, psa_type, (3, 4), backend) * paddle.to_tensor(weight)).sum().backward()
    np.testing.assert_array_equal(turned.grad.numpy(), straight.grad.numpy().transpose(0, 1, 3, 2))


def test_distribute_is_the_transpose_of_collect():
    x = paddle.to_tensor(logits((4, 5), (5, 7)))
    collect = psamask(x, "collect", (5, 7)).reshape([2, 20, 20])
    distribute = psamask(x, "distribute", (5, 7)).reshape([2, 20, 20])
    np.testing.assert_array_equal(collect.numpy(), distribute.numpy().transpose(0, 2, 1))


def test_one_integer_stands_for_both_sides_of_the_mask():
    x = paddle.to_tensor(logits((4, 5), (3, 3)))
    np.testing.assert_array_equal(psamask(x, "collect", 3).numpy(), psamask(x, "collect", (3, 3)).numpy())


@pytest.mark.parametrize(
    ("shape", "psa_type", "mask", "backend", "said"),
    [
        ((1, 9, 4, 4), "collet", 3, None, "'collect' or 'distribute', not 'collet'"),
        ((1, 8, 4, 4), "collect", 3, None, r"needs logits of shape \(N, 9, H, W\), not \[1, 8, 4, 4\]"),
        ((1, 9, 4), "collect", 3, None, r"not \[1, 9, 4\]"),
        ((1, 9, 4, 4), "collect", 0, None, "positive integer"),
        ((1, 9, 4, 4), "collect", (3, 3, 1), None, "positive integer"),
        ((1, 9, 4, 4), "collect", 3.0, None, "positive integer"),
        ((1, 9, 4, 4), "collect", 3, "cuda", "'compiled' or 'native', not 'cuda'"),
    ],
)
def test_wrong_arguments_are_named(shape, psa_type, mask, backend, said):
    with pytest.raises(UserError, match=said):
        psamask(paddle.zeros(shape), psa_type, mask, backend)
