"""ISANet: Interlaced Sparse Self-Attention for Semantic Segmentation (https://arxiv.org/abs/1907.12273)."""

import math
from collections.abc import Sequence
from typing import Optional, Union

import paddle
import paddle.nn.functional as F
from paddle import nn
from paddleseg.models import layers

from paddleseg_ext.models.initialization import initialize
from paddleseg_ext.models.layouts import ISANET, ISANetLayout, find_layout
from paddleseg_ext.models.resize import Size
from paddleseg_ext.models.segmentor import Segmentor
from paddleseg_ext.models.sides import whole_sides
from paddleseg_ext.ops.shapes import sizes


class ISANet(Segmentor):
    """ISANet with the head of one of its four published implementations.

    With PaddleSeg's arguments alone it is ``paddleseg.models.ISANet``: the same parameter names and the same outputs,
    bit for bit.

    Args:
        num_classes: Number of target classes.
        backbone: A backbone with ``feat_channels`` that returns a list of features.
        backbone_indices: Which features feed the auxiliary and the main head.
        isa_channels: Width of queries and keys.
        down_factor: Height and width of the local groups: one number for both, or two. A global group takes one
            position of every local group.
        enable_auxiliary_loss: Whether training also returns the auxiliary logits.
        align_corners: ``align_corners`` of the resize of the logits, if the layout leaves it open.
        pretrained: Path or address of weights of the whole model, or None.
        layout: Whose head to build: 'paddleseg', 'ssseg', 'mmseg' or 'openseg' (``models/layouts.py``).
        aux_channels: Width of the auxiliary head; None: that of the layout.
        dropout: Dropout ratio before both classifiers; None: that of the layout.
        feats_channels: Width of the head; None: a quarter of the width of its feature, 512 in every published
            configuration.

    Raises:
        UserError: An argument is not one of those above.
    """

    layouts = ISANET

    def __init__(
        self,
        num_classes: int,
        backbone: nn.Layer,
        backbone_indices: Sequence[int] = (2, 3),
        isa_channels: int = 256,
        down_factor: Union[int, Sequence[int]] = (8, 8),
        enable_auxiliary_loss: bool = True,
        align_corners: bool = False,
        pretrained: Optional[str] = None,
        layout: str = "paddleseg",
        aux_channels: Optional[int] = None,
        dropout: Optional[float] = None,
        feats_channels: Optional[int] = None,
    ):
        row = find_layout(ISANET, layout, "ISANet")
        rows, columns = whole_sides("down_factor", down_factor, count=2)
        if feats_channels is not None:
            feats_channels = whole_sides("feats_channels", feats_channels, count=1)[0]
        super().__init__(
            backbone,
            backbone_indices,
            enable_auxiliary_loss,
            align_corners,
            row,
        )
        self.head = ISAHead(
            num_classes,
            self.in_channels,
            isa_channels,
            (rows, columns),
            enable_auxiliary_loss,
            row,
            aux_channels=aux_channels,
            dropout=row.dropout if dropout is None else dropout,
            feats_channels=feats_channels,
        )
        initialize([self.head], self.classifiers, row.initialization)
        self.follow_variance_rule()
        self.load_pretrained(pretrained)

    @property
    def classifiers(self) -> list[nn.Conv2D]:
        return self.head.classifiers

    def feature_logits(self, x: paddle.Tensor) -> list[paddle.Tensor]:
        return self.head(*self.features(x))


class ISAHead(nn.Layer):
    """Global attention, local attention and both classifiers.

    It maps the auxiliary feature, or None, and the main feature to the logits: [main, auxiliary] or [main].

    Args:
        num_classes: Number of target classes.
        in_channels: Channels of the auxiliary and of the main feature.
        isa_channels, down_factor, enable_auxiliary_loss, aux_channels, dropout, feats_channels: See :class:`ISANet`.
        row: The layout.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: Sequence[int],
        isa_channels: int,
        down_factor: tuple[int, int],
        enable_auxiliary_loss: bool,
        row: ISANetLayout,
        aux_channels: Optional[int] = None,
        dropout: float = 0.1,
        feats_channels: Optional[int] = None,
    ):
        super().__init__()
        aux_in, main_in = in_channels
        channels = main_in // 4 if feats_channels is None else feats_channels
        self.down_factor = down_factor
        self.attended_first = row.attended_first
        # The names are PaddleSeg's, whose weights load unchanged.
        self.in_conv = layers.ConvBNReLU(main_in, channels, 3, bias_attr=False)
        self.global_relation = SelfAttention(channels, isa_channels, row.value_bias)
        self.local_relation = SelfAttention(channels, isa_channels, row.value_bias)
        self.out_conv = layers.ConvBNReLU(channels * 2, channels, row.fuse_kernel, bias_attr=False)
        self.cls = nn.Sequential(nn.Dropout2D(dropout), nn.Conv2D(channels, num_classes, 1))
        if enable_auxiliary_loss or row.auxiliary_always:
            width = aux_channels or row.aux_channels
            self.aux = nn.Sequential(
                layers.ConvBNReLU(aux_in, width, 3, bias_attr=False),
                nn.Dropout2D(dropout),
                nn.Conv2D(width, num_classes, 1),
            )

    @property
    def classifiers(self) -> list[nn.Conv2D]:
        """See :class:`Segmentor`."""
        return [self.cls[1], self.aux[2]] if hasattr(self, "aux") else [self.cls[1]]

    def forward(self, auxiliary: Optional[paddle.Tensor], main: paddle.Tensor) -> list[paddle.Tensor]:
        x = self.in_conv(main)
        attended = self._attend(x)
        joined = [attended, x] if self.attended_first else [x, attended]
        logits = [self.cls(self.out_conv(paddle.concat(joined, axis=1)))]
        if auxiliary is not None:
            logits.append(self.aux(auxiliary))
        return logits

    @paddle.jit.not_to_static
    def _attend(self, x: paddle.Tensor) -> paddle.Tensor:
        """Attend among positions ``down_factor`` apart, then among neighbors: (N, C, h, w) to the same shape.

        Zeros pad the map on all sides to a multiple of ``down_factor``. No published implementation masks them: they
        are queries, keys and values, and they take part in the batch statistics.
        """
        n, c, height, width = sizes(x)
        local = self.down_factor
        groups = [-(-side // factor) for side, factor in zip((height, width), local)]
        rows, columns = (count * factor for count, factor in zip(groups, local))
        above, left = (rows - height) // 2, (columns - width) // 2
        x = _pad(x, above, left, rows, columns, local)

        x = paddle.reshape(x, [n, c, groups[0], local[0], groups[1], local[1]])
        x = paddle.reshape(paddle.transpose(x, [0, 3, 5, 1, 2, 4]), [n * math.prod(local), c, *groups])
        x = self.global_relation(x)
        x = paddle.reshape(x, [n, *local, c, *groups])
        x = paddle.reshape(paddle.transpose(x, [0, 4, 5, 3, 1, 2]), [n * groups[0] * groups[1], c, *local])
        x = self.local_relation(x)
        x = paddle.reshape(x, [n, *groups, c, *local])
        x = paddle.reshape(paddle.transpose(x, [0, 3, 1, 4, 2, 5]), [n, c, rows, columns])
        return _crop(x, above, left, height, width)


class SelfAttention(nn.Layer):
    """Self-attention within each map of a batch: (N, C, h, w) to the same shape.

    Two 1x1 convolutions with batch normalization project queries, and two project keys. One plain 1x1 convolution
    projects values.

    Args:
        in_channels: C.
        channels: Width of queries and keys.
        value_bias: Whether the projection to values has a bias.
    """

    def __init__(self, in_channels: int, channels: int, value_bias: bool):
        super().__init__()
        self.channels = channels
        # In PaddleSeg's order, so that a seed draws the same weights for both classes.
        self.key_project = _projection(in_channels, channels)
        self.query_project = _projection(in_channels, channels)
        bias = {} if value_bias else {"bias_attr": False}
        self.value_project = nn.Conv2D(in_channels, in_channels, 1, **bias)
        self.output_project = layers.ConvBNReLU(in_channels, in_channels, kernel_size=1, bias_attr=False)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        query = paddle.transpose(_flatten(self.query_project(x)), [0, 2, 1])
        key = _flatten(self.key_project(x))
        value = paddle.transpose(_flatten(self.value_project(x)), [0, 2, 1])
        similarity = F.softmax(self.channels**-0.5 * paddle.matmul(query, key), axis=-1)
        context = paddle.transpose(paddle.matmul(similarity, value), [0, 2, 1])
        return self.output_project(_unflatten(context, x))


def _projection(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        layers.ConvBNReLU(in_channels, channels, kernel_size=1, bias_attr=False),
        layers.ConvBNReLU(channels, channels, kernel_size=1, bias_attr=False),
    )


@paddle.jit.not_to_static
def _flatten(x: paddle.Tensor) -> paddle.Tensor:
    n, c, height, width = sizes(x)
    return paddle.reshape(x, [n, c, height * width])


@paddle.jit.not_to_static
def _unflatten(x: paddle.Tensor, like: paddle.Tensor) -> paddle.Tensor:
    n, c, height, width = sizes(like)
    return paddle.reshape(x, [n, c, height, width])


def _pad(x: paddle.Tensor, above: Size, left: Size, rows: Size, columns: Size, most: tuple[int, int]) -> paddle.Tensor:
    """Place ``x`` (N, C, h, w) on a map of zeros (N, C, rows, columns), from row ``above`` and column ``left`` on.

    A program first pads every side with ``most`` (rows, columns), which is more than ever needed, then crops. It does
    not pad by an unknown width, because paddle2onnx 2.1.0 converts that to a padding with a random fill value.
    """
    n, c, height, width = sizes(x)
    widths = [left, columns - width - left, above, rows - height - above]
    if all(isinstance(width, int) for width in widths) and not any(widths):
        return x
    if paddle.in_dynamic_mode():
        return F.pad(x, widths)
    zeros = paddle.zeros([n, c, most[0], width], x.dtype)
    x = _crop(paddle.concat([zeros, x, zeros], axis=2), most[0] - above, 0, rows, width)
    zeros = paddle.zeros([n, c, rows, most[1]], x.dtype)
    return _crop(paddle.concat([zeros, x, zeros], axis=3), 0, most[1] - left, rows, columns)


def _crop(x: paddle.Tensor, above: Size, left: Size, height: Size, width: Size) -> paddle.Tensor:
    return x[:, :, above : above + height, left : left + width]
