"""What a model inherits; ``test_contract.py`` tests it in each model."""

import paddle
import pytest
from paddle import nn

from paddleseg_ext.models import PSPNet
from paddleseg_ext.models.segmentor import fcn_head
from tests.models.small import TwoConvolutions, small


@pytest.mark.parametrize("conv_bias", [False, True])
@pytest.mark.parametrize(("channel_dropout", "kind"), [(False, nn.Dropout), (True, nn.Dropout2D)])
def test_an_fcn_head(channel_dropout, kind, conv_bias):
    head = fcn_head(6, 4, 3, 0.2, channel_dropout, conv_bias)
    assert head(paddle.rand([2, 6, 5, 7])).shape == [2, 3, 5, 7]
    assert type(head.dropout) is kind and head.dropout.p == 0.2
    assert (head.conv_bn_relu._conv.bias is not None) == conv_bias


def test_backbone_indices_choose_the_features():
    model = small("PSPNet", "ssseg", TwoConvolutions((16, 24)), backbone_indices=(-1, 0))
    assert model.in_channels == (24, 16)
    auxiliary, main = model.features(paddle.rand([1, 3, 32, 32]))
    assert (auxiliary.shape[1], main.shape[1]) == (24, 16)
    model.eval()
    assert model.features(paddle.rand([1, 3, 32, 32]))[0] is None


@pytest.mark.parametrize("layout", PSPNet.layouts)
def test_the_layout_decides_align_corners_before_the_argument(layout):
    row, model = PSPNet.layouts[layout], small("PSPNet", layout, TwoConvolutions(), align_corners=False)
    assert model.align_corners == bool(row.align_corners)
    original = row.original_align_corners
    assert model.original_align_corners == (model.align_corners if original is None else original)
