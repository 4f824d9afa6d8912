"""The base class of the three models: a backbone, a head with logits at the features' size, a resize of the logits."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Optional

import paddle
from paddle import nn
from paddleseg.models import layers
from paddleseg.utils import utils

from paddleseg_ext.errors import UserError
from paddleseg_ext.models.layouts import Layout
from paddleseg_ext.models.resize import resize, spatial_size
from paddleseg_ext.models.running_variance import keep_unbiased_variance


class Segmentor(nn.Layer):
    """A model that resizes the logits of ``feature_logits`` to the input's size.

    A subclass builds its heads, and defines ``classifiers`` and ``feature_logits``.

    Args:
        backbone: A backbone with ``feat_channels`` that returns a list of features.
        backbone_indices: Which features feed the auxiliary and the main head.
        enable_auxiliary_loss: Whether training also returns the auxiliary logits.
        align_corners: ``align_corners`` of the model's resizes, if the layout leaves it open.
        row: The layout.

    Raises:
        UserError: ``backbone_indices`` are not two features of the backbone.

    Attributes:
        layouts: The table of the model's layouts by name, from ``layouts.py``. A subclass sets it.
    """

    layouts: ClassVar[Mapping[str, Layout]] = {}

    def __init__(
        self,
        backbone: nn.Layer,
        backbone_indices: Sequence[int],
        enable_auxiliary_loss: bool,
        align_corners: bool,
        row: Layout,
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
        self.align_corners = align_corners if row.align_corners is None else row.align_corners
        original = row.original_align_corners
        self.original_align_corners = self.align_corners if original is None else original
        self.align_mode = row.align_mode
        self.auxiliary_in_eval = row.auxiliary_in_eval
        self.unbiased_variance = row.unbiased_variance

    @property
    def in_channels(self) -> tuple[int, int]:
        """Channels of the auxiliary and of the main feature."""
        auxiliary, main = (self.backbone.feat_channels[index] for index in self.backbone_indices)
        return auxiliary, main

    @property
    def classifiers(self) -> list[nn.Conv2D]:
        """The convolutions that give logits: [main, auxiliary], or [main] without an auxiliary head."""
        raise NotImplementedError

    def features(self, x: paddle.Tensor) -> tuple[Optional[paddle.Tensor], paddle.Tensor]:
        """Return the auxiliary and the main feature. The auxiliary is None if its logits are not returned now."""
        found = self.backbone(x)
        auxiliary, main = (found[index] for index in self.backbone_indices)
        wanted = self.enable_auxiliary_loss and (self.training or self.auxiliary_in_eval)
        return auxiliary if wanted else None, main

    def feature_logits(self, x: paddle.Tensor) -> list[paddle.Tensor]:
        """Image (N, 3, H, W) to logits (N, num_classes, h, w) at the features' size: [main, auxiliary] or [main]."""
        raise NotImplementedError

    def forward(self, x: paddle.Tensor) -> list[paddle.Tensor]:
        """Image (N, 3, H, W) to logits (N, num_classes, H, W): [main, auxiliary] in training, [main] in evaluation.

        A layout with ``auxiliary_in_eval`` returns the auxiliary logits in evaluation too, as PaddleSeg does.
        """
        size = spatial_size(x)
        return [resize(logits, size, self.align_corners, self.align_mode) for logits in self.feature_logits(x)]

    def train(self) -> Optional[nn.Layer]:
        """Switch to training mode, as every layer does.

        ``convert_sync_batchnorm`` may have put new normalizations into the model. They then follow
        ``unbiased_variance`` too.
        """
        result = super().train()
        self.follow_variance_rule()
        return result

    def follow_variance_rule(self) -> None:
        """Apply ``unbiased_variance`` to all layers built so far. A subclass calls this after it has built its head."""
        if self.unbiased_variance:
            keep_unbiased_variance(self)

    def load_pretrained(self, pretrained: Optional[str]) -> None:
        """Load the weights of the whole model from a path or an address; None keeps the drawn weights."""
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
    """Build a 3x3 convolution, batch normalization, ReLU, dropout and a 1x1 classifier.

    The layer maps a feature (N, in_channels, h, w) to logits (N, num_classes, h, w).

    Args:
        in_channels: Channels of the feature.
        channels: Width between the two convolutions.
        num_classes: Number of target classes.
        dropout: Dropout ratio.
        channel_dropout: Whether dropout drops whole channels instead of single elements.
        conv_bias: Whether the 3x3 convolution has a bias.
    """
    # None is Paddle's word for the default bias, False for no bias.
    bias = {} if conv_bias else {"bias_attr": False}
    head = layers.AuxLayer(in_channels, channels, num_classes, dropout_prob=dropout, **bias)
    if channel_dropout:
        head.dropout = nn.Dropout2D(dropout)
    return head
