"""The layouts of the published implementations: one table for each model, one row for each implementation.

A row holds what the implementations of one model disagree about. Every row was read off the implementation and is
held to its real outputs by ``tests/models/test_golden.py``, which lists the exceptions.
``tests/models/test_layouts.py`` varies every attribute of every row alone and holds it to what is said here. The
implementations are

* ``paddleseg``: PaddleSeg 2.8.0;
* ``psanet_paddle``: https://github.com/justld/PSANet_paddle;
* ``ssseg``: SSSegmentation 1.7.0;
* ``mmseg``: mmsegmentation 1.2.2;
* ``semseg``: https://github.com/hszhao/semseg, by the authors of PSPNet and PSANet;
* ``openseg``: https://github.com/openseg-group/openseg.pytorch, by the authors of ISANet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional, TypeVar

from paddleseg_ext.errors import UserError


@dataclass(frozen=True)
class Layout:
    """The differences between implementations that every model has.

    Attributes:
        align_corners: Replaces the model's argument ``align_corners``; None: the argument counts.
        original_align_corners: ``align_corners`` of the resize of the logits to the picture's original size; None: that
            of the resize to the input's size.
        align_mode: Which points the resize of the logits to the input's size matches without ``align_corners``: 0
            for the centers of pixels, 1 for their corners, as PaddleSeg's ISANet does.
        auxiliary_in_eval: Whether evaluation returns the auxiliary logits too.
        initialization: How the weights of the heads are drawn: a scheme of ``initialization.py``.
        unbiased_variance: Whether batch normalization keeps its running variance as torch does, see
            ``running_variance.py``.
    """

    align_corners: Optional[bool] = None
    original_align_corners: Optional[bool] = None
    align_mode: int = 0
    auxiliary_in_eval: bool = False
    initialization: str = "torch"
    unbiased_variance: bool = True


@dataclass(frozen=True)
class PSPNetLayout(Layout):
    """The differences of one published PSPNet from the others.

    Attributes:
        reversed_bins: Whether the finest level of the pyramid follows the feature in the concatenation, and the
            coarsest comes last.
        branch_channels: Width of a level. 'shared' divides the width of the feature among the levels, 'head' takes the
            width of the head.
        head_channels: Width of the head.
        conv_bias: Whether the convolutions before batch normalization have a bias.
        aux_channels: Width of the auxiliary head; None: a quarter of the width of its feature.
        channel_dropout: Whether dropout drops whole channels (Dropout2D) instead of single elements.
        trains_on_one_image: Whether training takes a batch of one image. A level of a single bin then has one value
            per channel, and torch's batch normalization refuses that.
    """

    reversed_bins: bool = False
    branch_channels: str = "head"
    head_channels: int = 512
    conv_bias: bool = False
    aux_channels: Optional[int] = 256
    channel_dropout: bool = True
    trains_on_one_image: bool = False


PSPNET = {
    "paddleseg": PSPNetLayout(
        reversed_bins=True,
        branch_channels="shared",
        head_channels=1024,
        conv_bias=True,
        aux_channels=None,
        channel_dropout=False,
        trains_on_one_image=True,
        original_align_corners=False,
        auxiliary_in_eval=True,
        initialization="paddle",
        unbiased_variance=False,
    ),
    "ssseg": PSPNetLayout(aux_channels=512),
    "mmseg": PSPNetLayout(initialization="mmseg"),
    "semseg": PSPNetLayout(branch_channels="shared", align_corners=True),
}


@dataclass(frozen=True)
class PSANetLayout(Layout):
    """The differences of one published PSANet from the others.

    Attributes:
        branch_order: Order in which a bi-directional head concatenates its two attended maps.
        proj_padding: Padding of the 1x1 projection after the attention. With 1 the map grows by a ring of zeros,
            which takes part in batch normalization, before it is resized back.
        parity_shrink: Which rule shrinks the map for the attention. True: a map with two odd sides shrinks to
            ``(side - 1) // factor + 1`` and is resized with align_corners; any other shrinks to ``side // factor`` and
            is resized without; a factor of 1 shrinks nothing, and the map is resized back as the logits are.
            False: every map shrinks to ``(side - 1) // factor + 1`` and is resized with align_corners.
        compact_transposes: The psa_type ('collect' or 'distribute') whose compact attention is transposed in a head
            of one branch; None: the layout does not have a compact mode. A bi-directional head transposes that of its
            distribute branch in every layout.
        aux_channels: Width of the auxiliary head.
        channel_dropout: Whether dropout drops whole channels (Dropout2D) instead of single elements.
    """

    branch_order: tuple[str, str] = ("collect", "distribute")
    proj_padding: int = 0
    parity_shrink: bool = False
    compact_transposes: Optional[str] = None
    aux_channels: int = 256
    channel_dropout: bool = True

    @property
    def has_compact_mode(self) -> bool:
        """Whether the layout takes ``compact=True``."""
        return self.compact_transposes is not None


PSANET = {
    "psanet_paddle": PSANetLayout(
        branch_order=("distribute", "collect"),
        channel_dropout=False,
        original_align_corners=False,
        initialization="paddle",
        unbiased_variance=False,
    ),
    "ssseg": PSANetLayout(proj_padding=1, parity_shrink=True, compact_transposes="collect", aux_channels=512),
    "mmseg": PSANetLayout(proj_padding=1, parity_shrink=True, compact_transposes="collect", initialization="mmseg"),
    "semseg": PSANetLayout(compact_transposes="distribute", align_corners=True),
}


@dataclass(frozen=True)
class ISANetLayout(Layout):
    """The differences of one published ISANet from the others.

    Attributes:
        fuse_kernel: Kernel of the convolution over the concatenated maps.
        attended_first: Whether the attended map comes before the feature in the concatenation.
        value_bias: Whether the projection to values has a bias.
        aux_channels: Width of the auxiliary head.
        dropout: Dropout ratio before both classifiers. It drops whole channels in every layout.
        auxiliary_always: Whether the auxiliary head is built even without the auxiliary loss.
    """

    fuse_kernel: int = 1
    attended_first: bool = True
    value_bias: bool = False
    aux_channels: int = 512
    dropout: float = 0.1
    auxiliary_always: bool = False


ISANET = {
    "paddleseg": ISANetLayout(
        value_bias=True,
        aux_channels=256,
        auxiliary_always=True,
        original_align_corners=False,
        align_mode=1,
        auxiliary_in_eval=True,
        initialization="paddle",
        unbiased_variance=False,
    ),
    "ssseg": ISANetLayout(fuse_kernel=3),
    "mmseg": ISANetLayout(value_bias=True, aux_channels=256, initialization="mmseg"),
    "openseg": ISANetLayout(attended_first=False, dropout=0.05, align_corners=True),
}

Row = TypeVar("Row", bound=Layout)


def find_layout(table: Mapping[str, Row], name: str, model: str) -> Row:
    """Return the row ``name`` of ``table``.

    Args:
        table: One of the tables above.
        name: The layout.
        model: The model's name, for the message.

    Raises:
        UserError: The table does not have such a row.
    """
    if name not in table:
        raise UserError(f"{model} has no layout '{name}'; the layouts are {', '.join(sorted(table))}.")
    return table[name]
