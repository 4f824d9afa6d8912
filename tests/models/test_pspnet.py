"""What is PSPNet's own; ``test_contract.py`` tests what every model does."""

import functools

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle.static import InputSpec

from paddleseg_ext.errors import UserError
from paddleseg_ext.models.pspnet import adaptive_average_pool
from tests.models.small import TwoConvolutions, small

pspnet = functools.partial(small, "PSPNet")


@pytest.mark.parametrize(("layout", "widths"), {"ssseg": (512, 512), "mmseg": (512, 256), "semseg": (512, 256)}.items())
def test_widths_and_dropout_of_the_peers(layout, widths):
    with paddle.LazyGuard():
        model = pspnet(layout, TwoConvolutions(), pp_out_channels=None, aux_channels=None)
    assert (model.head.conv.weight.shape[1], model.head.auxlayer.conv.weight.shape[1]) == widths
    assert isinstance(model.head.dropout, paddle.nn.Dropout2D)
    assert isinstance(model.head.auxlayer.dropout, paddle.nn.Dropout2D)


@pytest.mark.parametrize("layout", ["ssseg", "mmseg", "semseg"])
def test_one_image_cannot_be_normalized(layout):
    """torch raises there ("Expected more than 1 value per channel"); Paddle would train a constant."""
    model = pspnet(layout)
    with pytest.raises(UserError, match="batch_size of 2"):
        model(paddle.rand([1, 3, 64, 64]))
    pspnet(layout, bin_sizes=(2, 3))(paddle.rand([1, 3, 64, 64]))
    model.eval()
    model(paddle.rand([1, 3, 64, 64]))


def test_paddlesegs_own_layout_trains_on_one_image():
    assert len(pspnet("paddleseg")(paddle.rand([1, 3, 64, 64]))) == 2


class _Pool(paddle.nn.Layer):
    def __init__(self, bins):
        super().__init__()
        self.bins = bins

    def forward(self, x):
        return adaptive_average_pool(x, self.bins)


@pytest.mark.parametrize("bins", [1, 2, 3, 6, 7])
def test_pooling_in_a_program_of_unknown_size(bins, tmp_path):
    """Sizes that bins divide, that they do not divide (parts overlap), and smaller than the number of bins."""
    paddle.seed(0)
    layer = paddle.jit.to_static(_Pool(bins), input_spec=[InputSpec([None, 3, None, None])], full_graph=True)
    paddle.jit.save(layer, str(tmp_path / "pool"))
    loaded = paddle.jit.load(str(tmp_path / "pool"))
    for size in ((12, 18), (13, 17), (64, 129), (5, 2), (1, 1)):
        x = paddle.rand([2, 3, *size])
        # In float64, because the framework's own pooling of large maps in float32 is off by more than this.
        expected = F.adaptive_avg_pool2d(x.astype("float64"), bins)
        np.testing.assert_allclose(loaded(x).numpy(), expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("bins", [2, 3, 6])
def test_pooling_in_float64_is_exact(bins):
    """The framework's own is not: its gradient is divided in float32."""
    x = paddle.rand([2, 3, 9, 13], "float64")
    x.stop_gradient = False
    weights = paddle.rand([2, 3, bins, bins], "float64")
    (adaptive_average_pool(x, bins) * weights).sum().backward()
    gradient = np.zeros(x.shape)
    for i, j in np.ndindex(bins, bins):
        rows, columns = (slice(n * side // bins, -(-(n + 1) * side // bins)) for n, side in ((i, 9), (j, 13)))
        part = gradient[:, :, rows, columns]
        part += weights[:, :, i : i + 1, j : j + 1].numpy() / (part.shape[2] * part.shape[3])
    np.testing.assert_allclose(x.grad.numpy(), gradient, rtol=1e-12)
