"""PSANet: Point-wise Spatial Attention Network for Scene Parsing (ECCV 2018).

https://hszhao.github.io/papers/eccv18_psanet.pdf
"""

from collections.abc import Sequence
from typing import Optional, Union

import paddle
from paddle import nn
from paddleseg.cvlibs import manager
from paddleseg.models import layers

from paddleseg_ext.errors import UserError
from paddleseg_ext.models.initialization import initialize
from paddleseg_ext.models.layouts import PSANET, PSANetLayout, find_layout
from paddleseg_ext.models.resize import Size, resize, spatial_size
from paddleseg_ext.models.segmentor import Segmentor, fcn_head
from paddleseg_ext.models.sides import whole_sides
from paddleseg_ext.ops import attend, point_wise_attention

# PSANet_paddle and semseg write psa_type as a number.
PSA_TYPES: dict[Union[str, int], str] = {0: "collect", 1: "distribute", 2: "bi-direction"}


@manager.MODELS.add_component
class PSANet(Segmentor):
    """PSANet with the head of one of its four published implementations.

    Args:
        num_classes: Number of target classes.
        backbone: A backbone with ``feat_channels`` that returns a list of features.
        backbone_indices: Which features feed the auxiliary and the main head.
        layout: Whose head to build: 'psanet_paddle', 'ssseg', 'mmseg' or 'semseg' (``models/layouts.py``).
        psa_type: 'collect', 'distribute' or 'bi-direction' (or 0, 1, 2).
        compact: Whether the attention has one logit for every position instead of every offset. ``mask_size`` must
            then be the size of the shrunk map.
        shrink_factor: How many times smaller the map is under the attention.
        mask_size: Side, or (height, width), of the window of offsets that a position attends to; None: 59. A side of
            ``2 * s - 1`` covers a shrunk map of side s. An even side reaches one cell further down and right than up
            and left.
        normalization_factor: Divisor of the weighted sum; None: the number of cells of the mask.
        psa_softmax: Whether the attention goes through a softmax.
        use_psa: Whether the model has the attention. Without it, it is a dilated FCN, for comparison.
        feats_channels: Width of the attention and of the head, 512 in every published configuration.
        aux_channels: Width of the auxiliary head; None: that of the layout.
        dropout: Dropout ratio before both classifiers.
        enable_auxiliary_loss: Whether training also returns the auxiliary logits.
        align_corners: ``align_corners`` of the resize of the logits, if the layout leaves it open, and of the resize
            after the attention if ``shrink_factor`` is 1 and the layout has ``parity_shrink``.
        pretrained: Path or address of weights of the whole model, or None.
        mask_h, mask_w: Height and width of the mask, as PSANet_paddle and semseg write them. Give both or neither;
            both replace ``mask_size``.

    Raises:
        UserError: An argument is not one of those above, or the layout does not have a compact mode.
    """

    layouts = PSANET

    def __init__(
        self,
        num_classes: int,
        backbone: nn.Layer,
        backbone_indices: Sequence[int] = (2, 3),
        layout: str = "psanet_paddle",
        psa_type: Union[str, int] = "bi-direction",
        compact: bool = False,
        shrink_factor: int = 2,
        mask_size: Union[int, Sequence[int], None] = None,
        normalization_factor: Optional[float] = 1.0,
        psa_softmax: bool = True,
        use_psa: bool = True,
        feats_channels: int = 512,
        aux_channels: Optional[int] = None,
        dropout: float = 0.1,
        enable_auxiliary_loss: bool = True,
        align_corners: bool = False,
        pretrained: Optional[str] = None,
        mask_h: Optional[int] = None,
        mask_w: Optional[int] = None,
    ):
        row = find_layout(PSANET, layout, "PSANet")
        super().__init__(
            backbone,
            backbone_indices,
            enable_auxiliary_loss,
            align_corners,
            row,
        )
        if use_psa and compact and not row.has_compact_mode:
            able = ", ".join(name for name, other in PSANET.items() if other.has_compact_mode)
            raise UserError(f"PSANet's layout '{layout}' does not have a compact mode; use one of {able}.")
        aux_in, main_in = self.in_channels
        sides = mask_sides(mask_size, mask_h, mask_w)
        self.psa = None
        if use_psa:
            self.psa = PointWiseSpatialAttention(
                main_in,
                feats_channels,
                row,
                psa_type=psa_type,
                compact=compact,
                shrink_factor=shrink_factor,
                mask_size=sides,
                normalization_factor=normalization_factor,
                psa_softmax=psa_softmax,
                align_corners=self.align_corners,
            )
        self.head = fcn_head(main_in * (2 if use_psa else 1), feats_channels, num_classes, dropout, row.channel_dropout)
        self.aux_head = None
        if enable_auxiliary_loss:
            self.aux_head = fcn_head(
                aux_in, aux_channels or row.aux_channels, num_classes, dropout, row.channel_dropout
            )
        heads = [head for head in (self.psa, self.head, self.aux_head) if head is not None]
        initialize(heads, self.classifiers, row.initialization)
        self.follow_variance_rule()
        self.load_pretrained(pretrained)

    @property
    def classifiers(self) -> list[nn.Conv2D]:
        return [self.head.conv] if self.aux_head is None else [self.head.conv, self.aux_head.conv]

    def feature_logits(self, x: paddle.Tensor) -> list[paddle.Tensor]:
        auxiliary, main = self.features(x)
        if self.psa is not None:
            main = self.psa(main)
        logits = [self.head(main)]
        if auxiliary is not None and self.aux_head is not None:
            logits.append(self.aux_head(auxiliary))
        return logits


def mask_sides(
    mask_size: Union[int, Sequence[int], None] = None, mask_h: Optional[int] = None, mask_w: Optional[int] = None
) -> tuple[int, int]:
    """Return (height, width) of PSANet's mask from the three arguments that can give it.

    Raises:
        UserError: They contradict each other, or one is not a positive whole number.
    """
    if mask_h is None and mask_w is None:
        height, width = whole_sides("mask_size", 59 if mask_size is None else mask_size, count=2)
        return height, width
    if mask_h is None or mask_w is None:
        missing = "mask_h" if mask_h is None else "mask_w"
        raise UserError(f"mask_h and mask_w go together, and {missing} is missing; add it, or write mask_size.")
    if mask_size is not None:
        raise UserError("mask_h and mask_w are another way to write mask_size; write either those two or mask_size.")
    return whole_sides("mask_h", mask_h, count=1)[0], whole_sides("mask_w", mask_w, count=1)[0]


class PointWiseSpatialAttention(nn.Layer):
    """The PSA module: feature (N, C, h, w) to the feature and the attended map, concatenated: (N, 2C, h, w).

    Args:
        in_channels: C.
        channels: Width of the reduced feature and of the attention.
        row: The layout.
        mask_size: (height, width).
        psa_type, compact, shrink_factor, normalization_factor, psa_softmax: See :class:`PSANet`.
        align_corners: ``align_corners`` of the resize after the attention if the map was not shrunk.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        row: PSANetLayout,
        psa_type: Union[str, int],
        compact: bool,
        shrink_factor: int,
        mask_size: tuple[int, int],
        normalization_factor: Optional[float],
        psa_softmax: bool,
        align_corners: bool,
    ):
        super().__init__()
        psa_type = PSA_TYPES.get(psa_type, str(psa_type))
        if psa_type not in PSA_TYPES.values():
            raise UserError(f"psa_type '{psa_type}' does not exist; use one of {', '.join(PSA_TYPES.values())}.")
        if not isinstance(shrink_factor, int) or shrink_factor < 1:
            raise UserError(f"shrink_factor must be a whole number of at least 1, not {shrink_factor}.")
        self.row = row
        self.psa_type = psa_type
        self.compact = compact
        self.shrink_factor = shrink_factor
        self.mask_size = mask_size
        cells = mask_size[0] * mask_size[1]
        self.normalization_factor = cells if normalization_factor is None else normalization_factor
        self.psa_softmax = psa_softmax
        self.align_corners = align_corners

        # The names are PSANet_paddle's, whose weights load unchanged.
        self.reduce_layer = _reduce(in_channels, channels)
        self.attention = _attention(channels, mask_size)
        branches = 1
        if psa_type == "bi-direction":
            branches = 2
            self.reduce_p = _reduce(in_channels, channels)
            self.attention_p = _attention(channels, mask_size)
        self.proj = layers.ConvBNReLU(
            channels * branches, in_channels, kernel_size=1, padding=row.proj_padding, bias_attr=False
        )

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        size = spatial_size(x)
        shrunk, align_corners = self._shrunk_size(size)
        if self.psa_type == "bi-direction":
            branches = {
                "collect": self._branch("collect", x, self.reduce_layer, self.attention, shrunk, align_corners),
                "distribute": self._branch("distribute", x, self.reduce_p, self.attention_p, shrunk, align_corners),
            }
            attended = paddle.concat([branches[name] for name in self.row.branch_order], axis=1)
        else:
            attended = self._branch(self.psa_type, x, self.reduce_layer, self.attention, shrunk, align_corners)
        attended = resize(self.proj(attended), size, align_corners)
        return paddle.concat([x, attended], axis=1)

    @paddle.jit.not_to_static
    def _shrunk_size(self, size: tuple[Size, Size]) -> tuple[tuple[Size, Size], Union[bool, paddle.Tensor]]:
        """Return the size of the map under the attention, and the align_corners of the resizes to it and back."""
        factor, (height, width) = self.shrink_factor, size
        if factor == 1 and self.row.parity_shrink:
            return size, self.align_corners
        up = (height - 1) // factor + 1, (width - 1) // factor + 1
        if not self.row.parity_shrink:
            return up, True
        down = height // factor, width // factor
        if isinstance(height, int) and isinstance(width, int):
            return (up, True) if height % 2 == 1 and width % 2 == 1 else (down, False)
        odd = [paddle.full([], side, "int32") if isinstance(side, int) else side for side in size]
        both_odd = paddle.logical_and(odd[0] % 2 == 1, odd[1] % 2 == 1)
        choice = paddle.cast(both_odd, "int32")
        rows, columns = (d + choice * (u - d) for u, d in zip(up, down))
        return (rows, columns), both_odd

    def _branch(
        self,
        kind: str,
        x: paddle.Tensor,
        reduce: nn.Layer,
        attention: nn.Layer,
        shrunk: tuple[Size, Size],
        align_corners: Union[bool, paddle.Tensor],
    ) -> paddle.Tensor:
        feature = resize(reduce(x), shrunk, align_corners)
        logits = attention(feature)
        if not self.compact:
            return point_wise_attention(
                feature, logits, kind, self.mask_size, self.normalization_factor, self.psa_softmax
            )
        transposed = "distribute" if self.psa_type == "bi-direction" else self.row.compact_transposes
        return attend(
            feature,
            _position_map(feature, logits, self.mask_size, transpose=kind == transposed),
            self.normalization_factor,
            self.psa_softmax,
        )


def _position_map(
    feature: paddle.Tensor, logits: paddle.Tensor, mask_size: tuple[int, int], transpose: bool
) -> paddle.Tensor:
    """Return compact logits, one channel for every position, as a map (N, H*W, H, W) of attention."""
    size = spatial_size(feature)
    if all(isinstance(side, int) for side in size) and size != mask_size:
        raise UserError(
            f"Compact PSANet has mask_size {list(mask_size)} but its shrunk feature map is {list(size)}; they must be "
            f"equal, so set mask_size to {list(size)}, or train and predict at another image size."
        )
    cells = mask_size[0] * mask_size[1]
    if not transpose:
        return logits
    flat = paddle.reshape(logits, [0, cells, cells])
    return paddle.reshape(paddle.transpose(flat, [0, 2, 1]), [0, cells, mask_size[0], mask_size[1]])


def _reduce(in_channels: int, channels: int) -> nn.Layer:
    return layers.ConvBNReLU(in_channels, channels, kernel_size=1, bias_attr=False)


def _attention(channels: int, mask_size: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        layers.ConvBNReLU(channels, channels, kernel_size=1, bias_attr=False),
        nn.Conv2D(channels, mask_size[0] * mask_size[1], kernel_size=1, bias_attr=False),
    )
