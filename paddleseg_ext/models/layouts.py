"""What the published implementations of one model disagree about, as tables.

Every row was read off that implementation and is held to its real outputs by ``tests/models/test_golden.py``. The
implementations are

* ``paddleseg``: PaddleSeg 2.8.0;
* ``psanet_paddle``: https://github.com/justld/PSANet_paddle;
* ``ssseg``: SSSegmentation 1.7.0;
* ``mmseg``: mmsegmentation 1.2.2;
* ``semseg``: the authors' of PSPNet and PSANet, https://github.com/hszhao/semseg;
* ``openseg``: the authors' of ISANet, https://github.com/openseg-group/openseg.pytorch.
"""

from dataclasses import dataclass
from typing import Optional, TypeVar

from paddleseg_ext.errors import UserError


@dataclass(frozen=True)
class PSPNetLayout:
    """How one published PSPNet differs from the others.

    Attributes:
        reversed_bins: Whether the finest level of the pyramid comes first after the feature in the concatenation.
        branch_channels: Width of a level: 'shared' divides that of the input among the levels, 'head' takes the head's.
        head_channels: Width of the head.
        conv_bias: Whether convolutions before batch normalisation have a bias.
        aux_channels: Width of the auxiliary head; None: a quarter of its input's.
        channel_dropout: True drops whole channels (Dropout2D), False single elements.
        pyramid_align_corners: Forced for the resize of the levels; None: the model's argument.
        align_corners: Forced for the resize of the logits to the input's size; None: the model's argument.
        original_align_corners: Forced for the resize of the logits to the picture's original size; None: that of the
            former resize.
        auxiliary_in_eval: Whether evaluation returns the auxiliary logits too.
        initialisation: Of the heads, see ``initialisation.py``.
        unbiased_variance: Whether running variances are kept as torch does, see ``running_variance.py``.
    """

    reversed_bins: bool = False
    branch_channels: str = "head"
    head_channels: int = 512
    conv_bias: bool = False
    aux_channels: Optional[int] = 256
    channel_dropout: bool = True
    pyramid_align_corners: Optional[bool] = None
    align_corners: Optional[bool] = None
    original_align_corners: Optional[bool] = None
    auxiliary_in_eval: bool = False
    initialisation: str = "torch"
    unbiased_variance: bool = True


PSPNET = {
    "paddleseg": PSPNetLayout(
        reversed_bins=True,
        branch_channels="shared",
        head_channels=1024,
        conv_bias=True,
        aux_channels=None,
        channel_dropout=False,
        original_align_corners=False,
        auxiliary_in_eval=True,
        initialisation="paddle",
        unbiased_variance=False,
    ),
    "ssseg": PSPNetLayout(aux_channels=512),
    "mmseg": PSPNetLayout(initialisation="mmseg"),
    "semseg": PSPNetLayout(branch_channels="shared", pyramid_align_corners=True, align_corners=True),
}


@dataclass(frozen=True)
class PSANetLayout:
    """How one published PSANet differs from the others.

    Attributes:
        branch_order: Order in which the two attended maps of a bi-directional head are concatenated.
        proj_padding: Padding of the 1x1 projection after the attention. With 1 the map grows by a ring of zeros,
            which takes part in batch normalisation, before it is resized back.
        parity_shrink: True: a map with both sides odd shrinks to ``(side - 1) // factor + 1`` with align_corners,
            any other to ``side // factor`` without. False: always the former.
        compact_transposes: Which single-branch psa_type reads its compact attention transposed
            (a bi-directional head transposes its distribute branch everywhere); None: it has no compact mode.
        aux_channels: Width of the auxiliary head.
        channel_dropout: True drops whole channels (Dropout2D), False single elements.
        align_corners: Forced for the resize of the logits to the input's size; None: the model's argument.
        original_align_corners: Forced for the resize of the logits to the picture's original size; None: that of the
            former resize.
        initialisation: Of the heads, see ``initialisation.py``.
        unbiased_variance: Whether running variances are kept as torch does, see ``running_variance.py``.
    """

    branch_order: tuple = ("collect", "distribute")
    proj_padding: int = 0
    parity_shrink: bool = False
    compact_transposes: Optional[str] = None
    aux_channels: int = 256
    channel_dropout: bool = True
    align_corners: Optional[bool] = None
    original_align_corners: Optional[bool] = None
    initialisation: str = "torch"
    unbiased_variance: bool = True


PSANET = {
    "psanet_paddle": PSANetLayout(
        branch_order=("distribute", "collect"),
        channel_dropout=False,
        original_align_corners=False,
        initialisation="paddle",
        unbiased_variance=False,
    ),
    "ssseg": PSANetLayout(proj_padding=1, parity_shrink=True, compact_transposes="collect", aux_channels=512),
    "mmseg": PSANetLayout(proj_padding=1, parity_shrink=True, compact_transposes="collect", initialisation="mmseg"),
    "semseg": PSANetLayout(compact_transposes="distribute", align_corners=True),
}


@dataclass(frozen=True)
class ISANetLayout:
    """How one published ISANet differs from the others.

    Attributes:
        fuse_kernel: Kernel of the convolution over the joined maps.
        attended_first: Whether the attended map comes before the feature in the concatenation.
        value_bias: Whether the projection to values has a bias.
        aux_channels: Width of the auxiliary head.
        dropout: Ratio before both classifiers, of whole channels everywhere.
        align_corners: Forced for the resize of the logits to the input's size; None: the model's argument.
        original_align_corners: Forced for the resize of the logits to the picture's original size; None: that of the
            former resize.
        align_mode: Of that resize without align_corners: 0 for half-pixel centres, 1 for PaddleSeg's corner pixels.
        auxiliary_in_eval: Whether evaluation returns the auxiliary logits too.
        auxiliary_always: Whether the auxiliary head is there even without the auxiliary loss.
        initialisation: Of the heads, see ``initialisation.py``.
        unbiased_variance: Whether running variances are kept as torch does, see ``running_variance.py``.
    """

    fuse_kernel: int = 1
    attended_first: bool = True
    value_bias: bool = False
    aux_channels: int = 512
    dropout: float = 0.1
    align_corners: Optional[bool] = None
    original_align_corners: Optional[bool] = None
    align_mode: int = 0
    auxiliary_in_eval: bool = False
    auxiliary_always: bool = False
    initialisation: str = "torch"
    unbiased_variance: bool = True


ISANET = {
    "paddleseg": ISANetLayout(
        value_bias=True,
        aux_channels=256,
        align_mode=1,
        original_align_corners=False,
        auxiliary_in_eval=True,
        auxiliary_always=True,
        initialisation="paddle",
        unbiased_variance=False,
    ),
    "ssseg": ISANetLayout(fuse_kernel=3),
    "mmseg": ISANetLayout(value_bias=True, aux_channels=256, initialisation="mmseg"),
    "openseg": ISANetLayout(attended_first=False, dropout=0.05, align_corners=True),
}

Layout = TypeVar("Layout")


def find_layout(table: dict[str, Layout], name: str, model: str) -> Layout:
    """The row ``name`` of ``table``.

    Raises:
        UserError: there is no such row.
    """
    if name not in table:
        raise UserError(f"{model} has no layout '{name}'; the layouts are {', '.join(sorted(table))}.")
    return table[name]
