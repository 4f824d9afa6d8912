"""What the three models have in common: a backbone, a head that gives logits at the features' size, the resize."""

from collections.abc import Sequence
from typing import ClassVar, Optional

import paddle
from paddle import nn
from paddleseg.models import layers
from paddleseg.utils import utils

from paddleseg_ext.errors import UserError
from paddleseg_ext.models.resize import resize, spatial_size
from paddleseg_ext.models.running_variance import keep_unbiased_variance


class Segmentor(nn.Layer):
    """A model whose forward is ``feature_logits`` resized to the input.

    A subclass builds its heads and defines ``feature_logits``.

    Args:
        backbone: A backbone with ``feat_channels`` that returns a list of features.
        backbone_indices: Which features feed the auxiliary and the main head.
        enable_auxiliary_loss: Whether training also returns the auxiliary logits.
        align_corners: Of the resize of the logits to the input's size.
        original_align_corners: Of their resize to a picture's original size in a test; None: as of the former.
        align_mode: Of the same resize, see ``resize``.
        auxiliary_in_eval: Whether evaluation returns the auxiliary logits too.
        unbiased_variance: Whether batch normalisation, the backbone's too, keeps its running variance as torch does.

    Raises:
        UserError: ``backbone_indices`` are not two features of the backbone.

    Attributes:
        layouts: Of a subclass, its table of ``layouts.py``.
    """

    layouts: ClassVar[dict] = {}

    def __init__(
        self,
        backbone: nn.Layer,
        backbone_indices: Sequence[int],
        enable_auxiliary_loss: bool,
        align_corners: bool,
        align_mode: int = 0,
        auxiliary_in_eval: bool = False,
        unbiased_variance: bool = False,
        original_align_corners: Optional[bool] = None,
    ):
        super().__init__()
        count = len(backbone.feat_channels)
        if len(backbone_indices) != 2 or not all(-count <= index < count for index in backbone_indices):
            raise UserError(
                f"{type(self).__name__} takes two backbone_indices (auxiliary, main) of the backbone's {count} "
                f"features, not {list(backbone_indices)}."
            )
        self.backbone = backbone
        self.backbone_indices = tuple(backbone_indices)
        self.enable_auxiliary_loss = enable_auxiliary_loss
        self.align_corners = align_corners
        self.original_align_corners = align_corners if original_align_corners is None else original_align_corners
        self.align_mode = align_mode
        self.auxiliary_in_eval = auxiliary_in_eval
        self.unbiased_variance = unbiased_variance

    @property
    def in_channels(self) -> tuple:
        """Channels of the auxiliary and of the main feature."""
        return tuple(self.backbone.feat_channels[index] for index in self.backbone_indices)

    def features(self, x: paddle.Tensor) -> tuple:
        """The auxiliary feature, or None if it is not wanted now, and the main one."""
        found = self.backbone(x)
        auxiliary, main = (found[index] for index in self.backbone_indices)
        wanted = self.enable_auxiliary_loss and (self.training or self.auxiliary_in_eval)
        return auxiliary if wanted else None, main

    def feature_logits(self, x: paddle.Tensor) -> list:
        """Image (N, 3, H, W) to logits (N, num_classes, h, w) at the features' size: [main, auxiliary] or [main]."""
        raise NotImplementedError

    def forward(self, x: paddle.Tensor) -> list:
        """Image (N, 3, H, W) to logits (N, num_classes, H, W): [main, auxiliary] in training, [main] in evaluation.

        PaddleSeg's own layouts return the auxiliary logits in evaluation too, as PaddleSeg does.
        """
        size = spatial_size(x)
        return [resize(logits, size, self.align_corners, self.align_mode) for logits in self.feature_logits(x)]

    def train(self) -> Optional[nn.Layer]:
        """As every layer's. What ``convert_sync_batchnorm`` has replaced by then keeps its running variance alike."""
        result = super().train()
        self.follow_variance_rule()
        return result

    def follow_variance_rule(self) -> None:
        """Apply ``unbiased_variance`` to all layers there are; a subclass calls this once its heads are built."""
        if self.unbiased_variance:
            keep_unbiased_variance(self)

    def load_pretrained(self, pretrained: Optional[str]) -> None:
        """Load weights of the whole model from a path or an address; None keeps the drawn ones."""
        if pretrained is not None:
            utils.load_entire_model(self, pretrained)


def fcn_head(
    in_channels: int,
    channels: int,
    num_classes: int,
    dropout: float,
    channel_dropout: bool = True,
    conv_bias: bool = False,
) -> layers.AuxLayer:
    """3x3 convolution, batch normalisation, ReLU, dropout and a 1x1 classifier: (N, C, h, w) to (N, num_classes, h, w).

    Args:
        channel_dropout: Drops whole channels, not single elements.
        conv_bias: Whether the 3x3 convolution has a bias.
    """
    # None is Paddle's word for the default bias, False for no bias.
    bias = {} if conv_bias else {"bias_attr": False}
    head = layers.AuxLayer(in_channels, channels, num_classes, dropout_prob=dropout, **bias)
    if channel_dropout:
        head.dropout = nn.Dropout2D(dropout)
    return head
