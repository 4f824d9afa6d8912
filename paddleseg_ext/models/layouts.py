"""What the published implementations of one model disagree about, as a table.

Every row was read off that implementation and is held to its real outputs by ``tests/models/test_golden.py``.
"""

from dataclasses import dataclass
from typing import Optional

from paddleseg_ext.errors import UserError


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
    """

    branch_order: tuple
    proj_padding: int
    parity_shrink: bool
    compact_transposes: Optional[str]
    aux_channels: int
    channel_dropout: bool
    align_corners: Optional[bool]


PSANET = {
    # https://github.com/justld/PSANet_paddle
    "psanet_paddle": PSANetLayout(
        branch_order=("distribute", "collect"),
        proj_padding=0,
        parity_shrink=False,
        compact_transposes=None,
        aux_channels=256,
        channel_dropout=False,
        align_corners=None,
    ),
    # SSSegmentation 1.7.0
    "ssseg": PSANetLayout(
        branch_order=("collect", "distribute"),
        proj_padding=1,
        parity_shrink=True,
        compact_transposes="collect",
        aux_channels=512,
        channel_dropout=True,
        align_corners=None,
    ),
    # mmsegmentation 1.2.2
    "mmseg": PSANetLayout(
        branch_order=("collect", "distribute"),
        proj_padding=1,
        parity_shrink=True,
        compact_transposes="collect",
        aux_channels=256,
        channel_dropout=True,
        align_corners=None,
    ),
    # the authors' own: https://github.com/hszhao/semseg
    "semseg": PSANetLayout(
        branch_order=("collect", "distribute"),
        proj_padding=0,
        parity_shrink=False,
        compact_transposes="distribute",
        aux_channels=256,
        channel_dropout=True,
        align_corners=True,
    ),
}


def find_layout(table: dict, name: str, model: str) -> PSANetLayout:
    """The row ``name`` of ``table``.

    Raises:
        UserError: there is no such row.
    """
    if name not in table:
        raise UserError(f"{model} has no layout '{name}'; the layouts are {', '.join(sorted(table))}.")
    return table[name]
