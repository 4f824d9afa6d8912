"""ResNets with a deep stem: sizes, dilations, stems, wrong arguments."""

import paddle
import pytest
from paddleseg.cvlibs import manager

from paddleseg_ext.backbones import (
    ResNet,
    ResNet18_v1c,
    ResNet50_deepstem,
    ResNet50_v1c,
    ResNet101_deepstem,
    ResNet101_v1c,
)
from paddleseg_ext.errors import UserError


@pytest.mark.parametrize("build", [ResNet18_v1c, ResNet50_v1c, ResNet101_v1c, ResNet50_deepstem, ResNet101_deepstem])
@pytest.mark.parametrize(("output_stride", "expected"), [(8, (4, 8, 8, 8)), (16, (4, 8, 16, 16)), (32, (4, 8, 16, 32))])
def test_features_follow_the_output_stride(build, output_stride, expected):
    backbone = build(output_stride=output_stride, base_channels=4)
    features = backbone(paddle.rand([1, 3, 64, 96]))
    sizes = [tuple(f.shape[1:]) for f in features]
    assert sizes == [(c, 64 // s, 96 // s) for c, s in zip(backbone.feat_channels, expected)]


def dilations(backbone, layer):
    return [block.conv2._dilation[0] for block in getattr(backbone, layer)]


def test_v1c_contracts_the_dilation_of_a_stages_first_block():
    backbone = ResNet50_v1c(base_channels=4)
    assert dilations(backbone, "layer3") == [1, 2, 2, 2, 2, 2]
    assert dilations(backbone, "layer4") == [2, 4, 4]
    assert dilations(ResNet50_v1c(base_channels=4, output_stride=16), "layer4") == [1, 2, 2]


def test_deep_stem_dilates_every_block_in_full():
    backbone = ResNet50_deepstem(base_channels=4)
    assert dilations(backbone, "layer3") == [2] * 6
    assert dilations(backbone, "layer4") == [4] * 3


def test_stems():
    assert [m.weight.shape[0] for m in ResNet50_v1c().stem if hasattr(m, "_stride")] == [32, 32, 64]
    assert [m.weight.shape[0] for m in ResNet50_deepstem().stem if hasattr(m, "_stride")] == [64, 64, 128]


def test_number_of_blocks():
    for build, blocks in ((ResNet18_v1c, [2, 2, 2, 2]), (ResNet50_v1c, [3, 4, 6, 3]), (ResNet101_v1c, [3, 4, 23, 3])):
        backbone = build(base_channels=4)
        assert [len(getattr(backbone, f"layer{i}")) for i in range(1, 5)] == blocks


def test_input_channels():
    assert ResNet18_v1c(in_channels=4, base_channels=8)(paddle.rand([1, 4, 64, 64]))[3].shape == [1, 64, 8, 8]


def test_wrong_arguments_are_named():
    with pytest.raises(UserError, match="output_stride is 4 and must be one of 8, 16, 32"):
        ResNet50_v1c(output_stride=4)
    with pytest.raises(UserError, match="depth is 34 and must be one of 18, 50, 101"):
        ResNet(34)


@pytest.mark.parametrize("build", [ResNet18_v1c, ResNet50_v1c, ResNet101_v1c, ResNet50_deepstem, ResNet101_deepstem])
def test_registered(build):
    assert manager.BACKBONES[build.__name__] is build
