import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle.static import InputSpec

from paddleseg_ext.backbones import ResNet18_v1c
from paddleseg_ext.errors import UserError
from paddleseg_ext.models import PSPNet
from paddleseg_ext.models.layouts import PSPNET
from paddleseg_ext.models.pspnet import adaptive_average_pool


def small(layout="ssseg", **kwargs):
    paddle.seed(0)
    arguments = {"num_classes": 4, "pp_out_channels": 16, "aux_channels": 8, **kwargs}
    return PSPNet(backbone=ResNet18_v1c(base_channels=8), layout=layout, **arguments)


@pytest.mark.parametrize("layout", sorted(PSPNET))
def test_contract(layout):
    """[main, aux] at the input's size in training, [main] in eval except PaddleSeg's own, gradients everywhere."""
    model = small(layout)
    x = paddle.rand([2, 3, 65, 72])
    outputs = model(x)
    assert [tuple(y.shape) for y in outputs] == [(2, 4, 65, 72)] * 2
    (outputs[0].mean() + outputs[1].mean()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None and not p.stop_gradient] == []
    model.eval()
    assert [tuple(y.shape) for y in model(x)] == [(2, 4, 65, 72)] * (2 if layout == "paddleseg" else 1)


@pytest.mark.parametrize(("layout", "widths"), {"ssseg": (512, 512), "mmseg": (512, 256), "semseg": (512, 256)}.items())
def test_widths_and_dropout_of_the_peers(layout, widths):
    model = small(layout, pp_out_channels=None, aux_channels=None)
    assert (model.head.conv.weight.shape[1], model.head.auxlayer.conv.weight.shape[1]) == widths
    assert isinstance(model.head.dropout, paddle.nn.Dropout2D)
    assert isinstance(model.head.auxlayer.dropout, paddle.nn.Dropout2D)


@pytest.mark.parametrize("layout", ["ssseg", "mmseg", "semseg"])
def test_one_image_cannot_be_normalised(layout):
    """torch raises there ("Expected more than 1 value per channel"); Paddle would train a constant."""
    model = small(layout)
    with pytest.raises(UserError, match="batch_size of 2"):
        model(paddle.rand([1, 3, 64, 64]))
    small(layout, bin_sizes=(2, 3))(paddle.rand([1, 3, 64, 64]))
    model.eval()
    model(paddle.rand([1, 3, 64, 64]))


class _Pool(paddle.nn.Layer):
    def __init__(self, bins):
        super().__init__()
        self.bins = bins

    def forward(self, x):
        return adaptive_average_pool(x, self.bins)


@pytest.mark.parametrize("bins", [1, 2, 3, 6, 7])
def test_pooling_in_a_program_of_unknown_size(bins, tmp_path):
    """Sizes that bins divide, that they do not divide (parts overlap), and smaller than the number of bins."""
    layer = paddle.jit.to_static(_Pool(bins), input_spec=[InputSpec([None, 3, None, None])], full_graph=True)
    paddle.jit.save(layer, str(tmp_path / "pool"))
    loaded = paddle.jit.load(str(tmp_path / "pool"))
    for size in ((12, 18), (13, 17), (64, 129), (5, 2), (1, 1)):
        x = paddle.rand([2, 3, *size])
        np.testing.assert_allclose(loaded(x).numpy(), F.adaptive_avg_pool2d(x, bins).numpy(), atol=1e-6)


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"layout": "openseg"}, "layout 'openseg'"),
        ({"bin_sizes": (1, 0)}, "bin_sizes"),
        ({"bin_sizes": ()}, "bin_sizes"),
        ({"bin_sizes": True}, "bin_sizes must be one or more positive whole numbers, not True"),
        ({"backbone_indices": (2, 4)}, "backbone_indices"),
    ],
)
def test_wrong_arguments_are_told_in_a_sentence(arguments, words):
    with pytest.raises(UserError, match=words):
        small(**arguments)
