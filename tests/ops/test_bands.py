"""Point-wise attention in bands, as large maps are made, against the whole map."""

import numpy as np
import paddle
import pytest

from paddleseg_ext.ops import attention, library


@pytest.fixture(autouse=True)
def no_gradients():
    with paddle.no_grad():
        yield


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
    with paddle.enable_grad():
        assert attended(monkeypatch, 1, (8, 8), (3, 3), "collect")[1] == 64**2


def test_a_map_that_is_made_whole_says_what_it_takes(monkeypatch, capfd):
    attention._say_what_it_takes.cache_clear()
    attended(monkeypatch, 1, (8, 8), (15, 15), "collect")
    assert "Point-wise attention over 8x8 features takes 0.0 GB" in "".join(capfd.readouterr())
    attended(monkeypatch, 1, (8, 8), (3, 3), "collect")
    assert "Point-wise attention" not in "".join(capfd.readouterr())
