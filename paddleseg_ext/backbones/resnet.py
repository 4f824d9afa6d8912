"""ResNet with a deep stem and dilated stages, as the published PSPNet, PSANet and ISANet use it.

"Deep Residual Learning for Image Recognition" (https://arxiv.org/abs/1512.03385). The two families here differ from
PaddleSeg's ``ResNet_vd`` and from each other:

* v1c (SSSegmentation, mmsegmentation) has the stem 32-32-64, plain strided 1x1 shortcuts and a *contracted* dilation:
  the first block of a dilated stage keeps the dilation of the stage before it.
* deep stem has the stem 64-64-128. In semseg, by the authors of PSPNet and PSANet, every block of a dilated stage has
  the full dilation. In openseg.pytorch, by the authors of ISANet, the dilation is contracted and the max pooling
  rounds up.

Parameters have the names of the peers' checkpoints (``stem.0``, ``layer1.0.conv1``, ``layer1.0.downsample.0``).
"""

from collections.abc import Sequence
from typing import Any, Optional

import paddle
from paddle import nn
from paddleseg.cvlibs import manager
from paddleseg.models import layers
from paddleseg.utils import utils

from paddleseg_ext.errors import UserError

_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}

# output stride -> (strides, dilations) of the four stages
_STAGES = {
    8: ((1, 2, 1, 1), (1, 1, 2, 4)),
    16: ((1, 2, 2, 1), (1, 1, 1, 2)),
    32: ((1, 2, 2, 2), (1, 1, 1, 1)),
}


def _conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Conv2D:
    return nn.Conv2D(
        in_channels,
        out_channels,
        kernel,
        stride=stride,
        padding=dilation * (kernel // 2),
        dilation=dilation,
        bias_attr=False,
    )


class BasicBlock(nn.Layer):
    """Two 3x3 convolutions. Only the first is strided and dilated, as in both peers."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int, dilation: int, downsample: Optional[nn.Layer]):
        super().__init__()
        self.conv1 = _conv(in_channels, channels, 3, stride, dilation)
        self.bn1 = layers.SyncBatchNorm(channels)
        self.conv2 = _conv(channels, channels, 3)
        self.bn2 = layers.SyncBatchNorm(channels)
        self.relu = nn.ReLU()
        self.downsample = downsample

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(y + shortcut)


class Bottleneck(nn.Layer):
    """1x1, 3x3 and 1x1 convolutions. Only the 3x3 one is strided and dilated."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int, dilation: int, downsample: Optional[nn.Layer]):
        super().__init__()
        self.conv1 = _conv(in_channels, channels, 1)
        self.bn1 = layers.SyncBatchNorm(channels)
        self.conv2 = _conv(channels, channels, 3, stride, dilation)
        self.bn2 = layers.SyncBatchNorm(channels)
        self.conv3 = _conv(channels, channels * self.expansion, 1)
        self.bn3 = layers.SyncBatchNorm(channels * self.expansion)
        self.relu = nn.ReLU()
        self.downsample = downsample

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(y + shortcut)


class ResNet(nn.Layer):
    """Dilated ResNet that returns the output of each of its four stages.

    Args:
        depth: 18, 50 or 101.
        output_stride: 8, 16 or 32: the input is this many times as large as the last feature map.
        stem_channels: Widths of the three 3x3 stem convolutions.
        contract_dilation: If true, the first block of a dilated stage has half its dilation (SSSegmentation,
            mmsegmentation, openseg.pytorch). If false, it has the full dilation (semseg).
        ceil_mode: Whether the max pooling after the stem rounds sizes up (openseg.pytorch).
        in_channels: Channels of the input image.
        base_channels: Width of the first stage, 64 in the paper. The other stages are 2, 4 and 8 times as wide.
        pretrained: Path or address of ``.pdparams`` weights, or None.

    Raises:
        UserError: ``depth`` or ``output_stride`` has another value.
    """

    def __init__(
        self,
        depth: int,
        output_stride: int = 8,
        stem_channels: Sequence[int] = (32, 32, 64),
        contract_dilation: bool = True,
        ceil_mode: bool = False,
        in_channels: int = 3,
        base_channels: int = 64,
        pretrained: Optional[str] = None,
    ):
        super().__init__()
        if depth not in _BLOCKS:
            raise UserError(f"ResNet: depth is {depth} and must be one of {', '.join(map(str, _BLOCKS))}.")
        if output_stride not in _STAGES:
            raise UserError(
                f"ResNet: output_stride is {output_stride} and must be one of {', '.join(map(str, _STAGES))}."
            )
        block = BasicBlock if depth < 50 else Bottleneck
        widths = [base_channels * 2**i for i in range(4)]
        # PaddleSeg's models read here how many channels the four returned features have.
        self.feat_channels = [width * block.expansion for width in widths]

        stem = []
        channels = in_channels
        for i, width in enumerate(stem_channels):
            stem += [
                _conv(channels, width, 3, stride=2 if i == 0 else 1),
                layers.SyncBatchNorm(width),
                nn.ReLU(),
            ]
            channels = width
        self.stem = nn.Sequential(*stem)
        self.maxpool = nn.MaxPool2D(3, stride=2, padding=1, ceil_mode=ceil_mode)

        strides, dilations = _STAGES[output_stride]
        for i, (blocks, width, stride, dilation) in enumerate(zip(_BLOCKS[depth], widths, strides, dilations)):
            first_dilation = dilation // 2 if contract_dilation and dilation > 1 else dilation
            stage = []
            for k in range(blocks):
                downsample = None
                if k == 0 and (stride != 1 or channels != width * block.expansion):
                    downsample = nn.Sequential(
                        _conv(channels, width * block.expansion, 1, stride),
                        layers.SyncBatchNorm(width * block.expansion),
                    )
                stage.append(
                    block(
                        channels,
                        width,
                        stride if k == 0 else 1,
                        first_dilation if k == 0 else dilation,
                        downsample,
                    )
                )
                channels = width * block.expansion
            self.add_sublayer(f"layer{i + 1}", nn.Sequential(*stage))

        if pretrained is not None:
            utils.load_pretrained_model(self, pretrained)

    def forward(self, x: paddle.Tensor) -> list[paddle.Tensor]:
        """The features of the four stages, finest first, from images (N, in_channels, H, W)."""
        x = self.maxpool(self.stem(x))
        features = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            features.append(x)
        return features


def _v1c(depth: int, base_channels: int = 64, **kwargs: Any) -> ResNet:
    return ResNet(
        depth,
        stem_channels=(base_channels // 2, base_channels // 2, base_channels),
        base_channels=base_channels,
        **kwargs,
    )


def _deepstem(depth: int, base_channels: int = 64, **kwargs: Any) -> ResNet:
    return ResNet(
        depth,
        stem_channels=(base_channels, base_channels, base_channels * 2),
        base_channels=base_channels,
        **kwargs,
    )


@manager.BACKBONES.add_component
def ResNet18_v1c(
    output_stride: int = 8,
    contract_dilation: bool = True,
    in_channels: int = 3,
    base_channels: int = 64,
    pretrained: Optional[str] = None,
) -> ResNet:
    """ResNet-18 v1c of SSSegmentation and mmsegmentation; see :class:`ResNet` for the arguments."""
    return _v1c(
        18,
        base_channels,
        output_stride=output_stride,
        contract_dilation=contract_dilation,
        in_channels=in_channels,
        pretrained=pretrained,
    )


@manager.BACKBONES.add_component
def ResNet50_v1c(
    output_stride: int = 8,
    contract_dilation: bool = True,
    in_channels: int = 3,
    base_channels: int = 64,
    pretrained: Optional[str] = None,
) -> ResNet:
    """ResNet-50 v1c of SSSegmentation and mmsegmentation; see :class:`ResNet` for the arguments."""
    return _v1c(
        50,
        base_channels,
        output_stride=output_stride,
        contract_dilation=contract_dilation,
        in_channels=in_channels,
        pretrained=pretrained,
    )


@manager.BACKBONES.add_component
def ResNet101_v1c(
    output_stride: int = 8,
    contract_dilation: bool = True,
    in_channels: int = 3,
    base_channels: int = 64,
    pretrained: Optional[str] = None,
) -> ResNet:
    """ResNet-101 v1c of SSSegmentation and mmsegmentation; see :class:`ResNet` for the arguments."""
    return _v1c(
        101,
        base_channels,
        output_stride=output_stride,
        contract_dilation=contract_dilation,
        in_channels=in_channels,
        pretrained=pretrained,
    )


@manager.BACKBONES.add_component
def ResNet50_deepstem(
    output_stride: int = 8,
    contract_dilation: bool = False,
    ceil_mode: bool = False,
    in_channels: int = 3,
    base_channels: int = 64,
    pretrained: Optional[str] = None,
) -> ResNet:
    """ResNet-50 with the stem 64-64-128 of the authors' implementations; see :class:`ResNet` for the arguments.

    The defaults are semseg's. With ``contract_dilation`` and ``ceil_mode`` it is openseg.pytorch's.
    """
    return _deepstem(
        50,
        base_channels,
        output_stride=output_stride,
        contract_dilation=contract_dilation,
        ceil_mode=ceil_mode,
        in_channels=in_channels,
        pretrained=pretrained,
    )


@manager.BACKBONES.add_component
def ResNet101_deepstem(
    output_stride: int = 8,
    contract_dilation: bool = False,
    ceil_mode: bool = False,
    in_channels: int = 3,
    base_channels: int = 64,
    pretrained: Optional[str] = None,
) -> ResNet:
    """ResNet-101 with the stem 64-64-128 of the authors' implementations; see :class:`ResNet` for the arguments.

    The defaults are semseg's. With ``contract_dilation`` and ``ceil_mode`` it is openseg.pytorch's.
    """
    return _deepstem(
        101,
        base_channels,
        output_stride=output_stride,
        contract_dilation=contract_dilation,
        ceil_mode=ceil_mode,
        in_channels=in_channels,
        pretrained=pretrained,
    )
