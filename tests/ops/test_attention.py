"""Point-wise attention: mask, softmax and weighted sum as one operation, at once and in bands."""

import numpy as np
import paddle
import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.ops import attention, library, point_wise_attention
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
    with pytest.raises(UserError, match="with equal N, H and W"):
        point_wise_attention(paddle.zeros(shape), paddle.zeros([2, 9, 5, 6]), "collect", 3)


@pytest.fixture
def no_gradients():
    with paddle.no_grad():
        yield


# Large maps are made in bands when no gradient is needed.
def attended(monkeypatch, largest_map, shape, mask_size, psa_type, backend="native", count=1, softmax=True):
    """The sums for drawn features and logits, and the largest map that was made on the way."""
    made = []
    psamask = attention.psamask

    def noted(*arguments):
        weight = psamask(*arguments)
        made.append(int(np.prod(weight.shape)))
        return weight

    draw = np.random.RandomState(0)
    feature = paddle.to_tensor(draw.randn(count, 6, *shape).astype(np.float32))
    logits = paddle.to_tensor(draw.randn(count, mask_size[0] * mask_size[1], *shape).astype(np.float32))
    with monkeypatch.context() as patch:
        patch.setattr(attention, "psamask", noted)
        patch.setattr(attention, "LARGEST_MAP", largest_map)
        sums = attention.point_wise_attention(feature, logits, psa_type, mask_size, None, softmax, backend)
    return sums.numpy(), max(made)


@pytest.mark.usefixtures("no_gradients")
@pytest.mark.parametrize("softmax", [True, False])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("psa_type", ["collect", "distribute"])
@pytest.mark.parametrize("backend", ["compiled", "native"])
@pytest.mark.parametrize(
    ("shape", "mask_size"), [((40, 12), (5, 7)), ((41, 9), (6, 4)), ((40, 3), (1, 1)), ((16, 10), (31, 19))], ids=str
)
def test_bands_give_the_sums_of_the_whole_map(shape, mask_size, backend, psa_type, count, softmax, monkeypatch):
    if backend == "compiled" and library.load() is None:
        pytest.skip(f"no compiled operator: {library.why_not()}")
    cells = count * (shape[0] * shape[1]) ** 2
    arguments = (shape, mask_size, psa_type, backend, count, softmax)
    expected, whole = attended(monkeypatch, cells, *arguments)
    assert whole == cells
    found, largest = attended(monkeypatch, cells - 1, *arguments)
    # Where the mask does not reach every row, no map is as large; where it does, only the softmax is in bands.
    assert largest < cells / 4 if mask_size[0] < 10 else largest == cells
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_gradients_need_the_whole_map(monkeypatch):
    assert attended(monkeypatch, 1, (8, 8), (3, 3), "collect")[1] == 64**2


@pytest.mark.usefixtures("no_gradients")
def test_a_whole_map_is_made_with_a_warning_of_its_memory(monkeypatch, capfd):
    attention._warn_of_memory.cache_clear()
    attended(monkeypatch, 1, (8, 8), (15, 15), "collect")
    assert "Point-wise attention over 8x8 features needs 0.0 GB" in "".join(capfd.readouterr())
    attended(monkeypatch, 1, (8, 8), (3, 3), "collect")
    assert "Point-wise attention" not in "".join(capfd.readouterr())
