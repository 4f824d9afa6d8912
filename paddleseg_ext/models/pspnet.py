"""PSPNet: Pyramid Scene Parsing Network (CVPR 2017).

https://openaccess.thecvf.com/content_cvpr_2017/papers/Zhao_Pyramid_Scene_Parsing_CVPR_2017_paper.pdf
"""

from collections.abc import Sequence
from typing import Optional, Union

import paddle
import paddle.nn.functional as F
from paddle import nn
from paddleseg.models import layers

from paddleseg_ext.errors import UserError
from paddleseg_ext.models.initialization import initialize
from paddleseg_ext.models.layouts import PSPNET, PSPNetLayout, find_layout
from paddleseg_ext.models.resize import Size, margin, resize, rows_and_columns, spatial_size
from paddleseg_ext.models.segmentor import Segmentor, fcn_head
from paddleseg_ext.models.sides import whole_sides
from paddleseg_ext.ops.shapes import sizes


class PSPNet(Segmentor):
    """PSPNet with the head of one of its four published implementations.

    With PaddleSeg's arguments alone it is ``paddleseg.models.PSPNet``: the same parameter names and the same outputs,
    bit for bit.

    Args:
        num_classes: Number of target classes.
        backbone: A backbone with ``feat_channels`` that returns a list of features.
        backbone_indices: Which features feed the auxiliary and the main head.
        pp_out_channels: Width of the head; None: that of the layout (1024 in 'paddleseg', 512 in the others).
        bin_sizes: Sides of the pooled maps: one number, or a sequence of them.
        enable_auxiliary_loss: Whether training also returns the auxiliary logits.
        align_corners: ``align_corners`` of the resizes of the pooled maps and of the logits, if the layout leaves it
            open.
        pretrained: Path or address of weights of the whole model, or None.
        layout: Whose head to build: 'paddleseg', 'ssseg', 'mmseg' or 'semseg' (``models/layouts.py``).
        aux_channels: Width of the auxiliary head; None: that of the layout.
        dropout: Dropout ratio before both classifiers.

    Raises:
        UserError: An argument is not one of those above. In training: a batch has one image, and the layout refuses
            that (all but 'paddleseg' do), because batch normalization needs more than one value per channel.
    """

    layouts = PSPNET

    def __init__(
        self,
        num_classes: int,
        backbone: nn.Layer,
        backbone_indices: Sequence[int] = (2, 3),
        pp_out_channels: Optional[int] = None,
        bin_sizes: Union[int, Sequence[int]] = (1, 2, 3, 6),
        enable_auxiliary_loss: bool = True,
        align_corners: bool = False,
        pretrained: Optional[str] = None,
        layout: str = "paddleseg",
        aux_channels: Optional[int] = None,
        dropout: float = 0.1,
    ):
        row = find_layout(PSPNET, layout, "PSPNet")
        bin_sizes = whole_sides("bin_sizes", bin_sizes)
        super().__init__(
            backbone,
            backbone_indices,
            enable_auxiliary_loss,
            align_corners,
            row,
        )
        self.head = PSPHead(
            num_classes,
            self.in_channels,
            pp_out_channels or row.head_channels,
            bin_sizes,
            enable_auxiliary_loss,
            self.align_corners,
            row,
            aux_channels=aux_channels,
            dropout=dropout,
        )
        initialize([self.head], self.classifiers, row.initialization)
        self.follow_variance_rule()
        self.load_pretrained(pretrained)

    @property
    def classifiers(self) -> list[nn.Conv2D]:
        return self.head.classifiers

    def feature_logits(self, x: paddle.Tensor) -> list[paddle.Tensor]:
        return self.head(*self.features(x))


class PSPHead(nn.Layer):
    """The pyramid and both classifiers.

    It maps the auxiliary feature, or None, and the main feature to the logits: [main, auxiliary] or [main].

    Args:
        num_classes: Number of target classes.
        in_channels: Channels of the auxiliary and of the main feature.
        channels: Width after the pyramid.
        row: The layout.
        bin_sizes, enable_auxiliary_loss, align_corners, aux_channels, dropout: See :class:`PSPNet`.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: Sequence[int],
        channels: int,
        bin_sizes: Sequence[int],
        enable_auxiliary_loss: bool,
        align_corners: bool,
        row: PSPNetLayout,
        aux_channels: Optional[int] = None,
        dropout: float = 0.1,
    ):
        super().__init__()
        aux_in, main_in = in_channels
        # The names are PaddleSeg's, whose weights load unchanged.
        self.psp_module = PyramidPooling(
            main_in,
            channels,
            bin_sizes,
            align_corners,
            row,
        )
        self.dropout = nn.Dropout2D(dropout) if row.channel_dropout else nn.Dropout(dropout)
        self.conv = nn.Conv2D(channels, num_classes, kernel_size=1)
        if enable_auxiliary_loss:
            self.auxlayer = fcn_head(
                aux_in,
                aux_channels or row.aux_channels or aux_in // 4,
                num_classes,
                dropout,
                row.channel_dropout,
                row.conv_bias,
            )

    @property
    def classifiers(self) -> list[nn.Conv2D]:
        """See :class:`Segmentor`."""
        return [self.conv, self.auxlayer.conv] if hasattr(self, "auxlayer") else [self.conv]

    def forward(self, auxiliary: Optional[paddle.Tensor], main: paddle.Tensor) -> list[paddle.Tensor]:
        logits = [self.conv(self.dropout(self.psp_module(main)))]
        if auxiliary is not None:
            logits.append(self.auxlayer(auxiliary))
        return logits


class PyramidPooling(nn.Layer):
    """The pyramid pooling module: feature (N, C, h, w) to (N, channels, h, w).

    Args:
        in_channels: C.
        channels: Width of the result.
        bin_sizes: Sides of the pooled maps.
        align_corners: ``align_corners`` of the resize of the pooled maps to (h, w).
        row: The layout.
    """

    def __init__(
        self, in_channels: int, channels: int, bin_sizes: Sequence[int], align_corners: bool, row: PSPNetLayout
    ):
        super().__init__()
        self.bin_sizes = tuple(bin_sizes)
        self.align_corners = align_corners
        self.row = row
        branch = in_channels // len(bin_sizes) if row.branch_channels == "shared" else channels
        bias = {} if row.conv_bias else {"bias_attr": False}
        # Pooling has no parameters; it has a place in the sequence so that the names are PaddleSeg's.
        self.stages = nn.LayerList(
            [
                nn.Sequential(nn.Identity(), layers.ConvBNReLU(in_channels, branch, kernel_size=1, **bias))
                for _ in bin_sizes
            ]
        )
        self.conv_bn_relu2 = layers.ConvBNReLU(
            in_channels + branch * len(bin_sizes), channels, kernel_size=3, padding=1, **bias
        )

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        self._require_samples(x)
        size = spatial_size(x)
        levels = [
            resize(stage(adaptive_average_pool(x, side)), size, self.align_corners)
            for side, stage in zip(self.bin_sizes, self.stages)
        ]
        if self.row.reversed_bins:
            levels.reverse()
        return self.conv_bn_relu2(paddle.concat([x, *levels], axis=1))

    @paddle.jit.not_to_static
    def _require_samples(self, x: paddle.Tensor) -> None:
        """Refuse a batch that torch's batch normalization refuses: one value per channel.

        PaddleSeg's own layout trains with it, and its coarsest level is then a constant.
        """
        if not self.training or 1 not in self.bin_sizes or x.shape[0] != 1 or self.row.trains_on_one_image:
            return
        synchronized = isinstance(self.stages[0][1]._batch_norm, nn.SyncBatchNorm)
        if not (synchronized and paddle.distributed.get_world_size() > 1):
            raise UserError(
                "PSPNet pools every image to a single bin, and batch normalization cannot normalize one image alone; "
                "train with a batch_size of 2 or more."
            )


@paddle.jit.not_to_static
def adaptive_average_pool(x: paddle.Tensor, bins: int) -> paddle.Tensor:
    """Average ``x`` (N, C, h, w) over bins x bins parts: (N, C, bins, bins).

    Part i covers rows ``floor(i * h / bins)`` to ``ceil((i + 1) * h / bins)``. Parts overlap if bins does not divide h.

    The averages are two matrix products in a program, because ONNX does not have an adaptive pooling of an unknown
    size. They are two matrix products in float64 too, because the framework's backward pass divides in float32.
    """
    if paddle.in_dynamic_mode() and x.dtype != paddle.float64:
        return F.adaptive_avg_pool2d(x, bins)
    _, _, height, width = sizes(x)
    return rows_and_columns(x, _averaging_matrix(bins, height, x.dtype), _averaging_matrix(bins, width, x.dtype))


def _averaging_matrix(bins: int, length: Size, dtype: paddle.dtype) -> paddle.Tensor:
    """Return the matrix of averages for ``rows_and_columns``: row i holds 1 / length of part i where part i is.

    It is computed in float64, as the matrices of ``resize`` are.
    """
    beyond = margin(length)
    length = paddle.full([], length, "float64") if isinstance(length, int) else paddle.cast(length, "float64")
    index = paddle.unsqueeze(paddle.arange(0, bins, 1, "float64"), 1)
    # A tensor, because dividing by a number multiplies by its reciprocal in float32, and floor and ceil show it.
    count = paddle.full([], bins, "float64")
    start = paddle.floor(index * length / count)
    end = paddle.ceil((index + 1) * length / count)
    at = paddle.unsqueeze(
        paddle.cast(paddle.arange(0, paddle.cast(length, "int64") + beyond, 1, "int64"), "float64"), 0
    )
    inside = paddle.logical_and(at >= start, at < end)
    return paddle.cast(paddle.cast(inside, "float64") / (end - start), dtype)
