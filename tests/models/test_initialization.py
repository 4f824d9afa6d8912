"""The first weights of the heads follow the published implementations' distributions."""

import math

import numpy as np
import paddle
import pytest

from paddleseg_ext.models import ISANet, PSANet, PSPNet
from tests.models.small import TwoConvolutions

# The widths of a ResNet-18's last two features.
CHANNELS = (256, 512)
BUILD = {
    "PSPNet": lambda layout: PSPNet(19, TwoConvolutions(CHANNELS), layout=layout, pp_out_channels=64),
    "PSANet": lambda layout: PSANet(19, TwoConvolutions(CHANNELS), layout=layout, mask_size=9, feats_channels=64),
    "ISANet": lambda layout: ISANet(19, TwoConvolutions(CHANNELS), layout=layout, isa_channels=64),
}


def convolutions(model):
    """(name, convolution, whether a batch normalization follows, whether it gives logits) of the heads."""
    for name, layer in model.named_sublayers():
        if isinstance(layer, paddle.nn.Conv2D) and not name.startswith("backbone"):
            yield name, layer, name.endswith("_conv"), layer.weight.shape[0] == 19


def is_uniform(values, bound):
    return np.abs(values).max() <= bound and abs(values.std() - bound / math.sqrt(3)) < 0.1 * bound


@pytest.mark.parametrize("model", sorted(BUILD))
def test_torch_default(model):
    paddle.seed(4)
    for name, layer, _, _ in convolutions(BUILD[model]("ssseg")):
        bound = 1 / math.sqrt(np.prod(layer.weight.shape[1:]))
        assert is_uniform(layer.weight.numpy(), bound), name
        if layer.bias is not None:
            assert np.abs(layer.bias.numpy()).max() <= bound, name
            assert layer.bias.numpy().std() > 0.3 * bound, name


@pytest.mark.parametrize("model", sorted(BUILD))
def test_mmsegmentation(model):
    paddle.seed(4)
    for name, layer, normalized, classifies in convolutions(BUILD[model]("mmseg")):
        weight = layer.weight.numpy()
        if classifies:
            assert abs(weight.std() - 0.01) < 0.001, name
            assert (layer.bias.numpy() == 0).all(), name
        elif normalized:
            expected = math.sqrt(2 / (weight.shape[0] * weight.shape[2] * weight.shape[3]))
            assert abs(weight.std() / expected - 1) < 0.05, name
            assert np.abs(weight).max() > 2.5 * expected, name
        else:
            assert is_uniform(weight, 1 / math.sqrt(weight.shape[1])), name


def test_paddles_own_layouts_keep_paddles_defaults():
    paddle.seed(4)
    model = BUILD["PSPNet"]("paddleseg")
    weight = model.head.psp_module.conv_bn_relu2._conv.weight.numpy()
    assert abs(weight.std() / math.sqrt(2 / np.prod(weight.shape[1:])) - 1) < 0.05
    assert (model.head.conv.bias.numpy() == 0).all()
