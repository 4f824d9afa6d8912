"""The settings of a YAML that the shapes of weights show.

``settings_of`` reads the shapes of a model and of a checkpoint alike; where the two disagree, the YAML has to change.
What the shapes do not show follows from the implementation (``Implementation.fixed_settings``), is noted beside the
weights (``Implementation.read_notes``), or has to be said by the user.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

Shapes = Mapping[str, tuple[int, ...]]


class Undecided(str):
    """A setting that shapes narrow down but do not decide, with words for what is known."""


# Blocks of the third stage -> depth.
_DEPTHS = {2: 18, 6: 50, 23: 101}
_HEADS = {
    # classifier, auxiliary head, its first convolution, what the YAML calls the width of the classifier's input
    "psanet": ("head.conv.weight", "aux_head.", "conv_bn_relu._conv.weight", "feats_channels"),
    "pspnet": ("head.conv.weight", "head.auxlayer.", "conv_bn_relu._conv.weight", "pp_out_channels"),
    "isanet": ("head.cls.1.weight", "head.aux.", "0._conv.weight", "feats_channels"),
}


def settings_of(shapes: Shapes, model: str, masks: Sequence[Sequence[int]] = ()) -> dict[str, Any]:
    """Return {key of the YAML: value} of the settings that fit tensors of these shapes.

    Args:
        shapes: Shape by our name, of a whole model or of a backbone alone. What they do not show is left out.
        model: 'pspnet', 'psanet', 'isanet' or 'backbone'.
        masks: Sides of PSANet's mask to choose from, best first: its weights only show how many cells it has.
    """
    if model == "backbone":
        return _backbone(shapes, "")
    classifier, auxiliary, convolution, width = _HEADS[model]
    found = {
        **_backbone(shapes, "backbone."),
        "model.num_classes": _axis(shapes, classifier, 0),
        "model.enable_auxiliary_loss": _has(shapes, auxiliary),
        "model.aux_channels": _axis(shapes, auxiliary + convolution, 0),
        **{"psanet": _psanet, "pspnet": _pspnet, "isanet": _isanet}[model](shapes),
    }
    found[f"model.{width}"] = _axis(shapes, classifier, 1)
    cells = _axis(shapes, "psa.attention.1.weight", 0)
    if cells is not None:
        found["model.mask_size"] = _mask_sides(cells, masks)
    return {key: value for key, value in found.items() if value is not None}


def _psanet(shapes: Shapes) -> dict[str, Any]:
    if not _has(shapes, "psa."):
        return {"model.use_psa": False}
    both = _has(shapes, "psa.reduce_p.")
    return {"model.use_psa": True, "model.psa_type": "bi-direction" if both else Undecided("collect or distribute")}


def _axis(shapes: Shapes, name: str, axis: int) -> Optional[int]:
    """The length of an axis of a convolution's weight, if there is such a convolution."""
    shape = shapes.get(name, ())
    return shape[axis] if len(shape) == 4 else None


def _has(shapes: Shapes, prefix: str) -> bool:
    return any(name.startswith(prefix) for name in shapes)


def _mask_sides(cells: int, masks: Sequence[Sequence[int]]) -> Union[list[int], Undecided]:
    """The sides of a mask of so many cells: one of ``masks``, or a square; else what their product has to be."""
    for sides in masks:
        if math.prod(sides) == cells:
            return list(sides)
    side = math.isqrt(cells)
    return [side, side] if side * side == cells else Undecided(f"two sides whose product is {cells}")


def _pspnet(shapes: Shapes) -> dict[str, Any]:
    levels = sum(re.fullmatch(r"head\.psp_module\.stages\.\d+\.1\._conv\.weight", name) is not None for name in shapes)
    return {"model.bin_sizes": Undecided(f"{levels} side{'s' if levels != 1 else ''}")}


def _isanet(shapes: Shapes) -> dict[str, Any]:
    return {"model.isa_channels": _axis(shapes, "head.global_relation.key_project.0._conv.weight", 0)}


def _backbone(shapes: Shapes, prefix: str) -> dict[str, Any]:
    if f"{prefix}conv1_1._conv.weight" in shapes:
        return {"model.backbone.type": Undecided("ResNet*_vd of PaddleSeg")}
    stem = tuple(_axis(shapes, f"{prefix}stem.{place}.weight", 0) for place in (0, 6))
    base = _axis(shapes, f"{prefix}layer1.0.conv1.weight", 0)
    blocks = {name.split(".")[-3] for name in shapes if re.fullmatch(rf"{prefix}layer3\.\d+\.conv1\.weight", name)}
    if None in stem or base is None or len(blocks) not in _DEPTHS:
        return {}
    families: dict[tuple, str] = {(base // 2, base): "v1c", (base, 2 * base): "deepstem"}
    family = families.get(stem)
    kind = f"ResNet{_DEPTHS[len(blocks)]}_{family}" if family else Undecided(f"a ResNet of stem {stem[0]}, {stem[1]}")
    return {
        "model.backbone.type": kind,
        "model.backbone.base_channels": base,
        "model.backbone.in_channels": _axis(shapes, f"{prefix}stem.0.weight", 1),
    }
