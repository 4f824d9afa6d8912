"""What the weights, and the notes saved beside them, say about the YAML that fits them.

``settings_of`` reads the shapes of a model and of a checkpoint alike; where the two disagree, the YAML has to change.
Neither stride nor dilation leaves a trace in the weights, but two implementations save their configuration with them.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Optional

# Blocks of the third stage -> depth.
_DEPTHS = {2: 18, 6: 50, 23: 101}
_HEADS = {
    # classifier, auxiliary head, its first convolution, what the YAML calls the width of the classifier's input
    "psanet": ("head.conv.weight", "aux_head.", "conv_bn_relu._conv.weight", "feats_channels"),
    "pspnet": ("head.conv.weight", "head.auxlayer.", "conv_bn_relu._conv.weight", "pp_out_channels"),
    "isanet": ("head.cls.1.weight", "head.aux.", "0._conv.weight", None),
}


def settings_of(shapes: Mapping, model: str, masks: Sequence = ()) -> dict:
    """Settings, by their YAML keys, that tensors of such shapes go with.

    Args:
        shapes: Shape by our name, of a whole model or of a backbone alone. What cannot be read off is left out.
        model: 'pspnet', 'psanet', 'isanet' or 'backbone'.
        masks: Sides of PSANet's mask to choose from, best first: its weights only tell how many cells it has.
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
    if width is not None:
        found[f"model.{width}"] = _axis(shapes, classifier, 1)
    cells = _axis(shapes, "psa.attention.1.weight", 0)
    if cells is not None:
        found["model.mask_size"] = _mask_sides(cells, masks)
    return {key: value for key, value in found.items() if value is not None}


def _psanet(shapes: Mapping) -> dict:
    if not _has(shapes, "psa."):
        return {"model.use_psa": False}
    both = _has(shapes, "psa.reduce_p.")
    return {"model.use_psa": True, "model.psa_type": "bi-direction" if both else "collect or distribute"}


def _axis(shapes: Mapping, name: str, axis: int) -> Optional[int]:
    """The length of an axis of a convolution's weight, if there is such a convolution."""
    shape = shapes.get(name, ())
    return shape[axis] if len(shape) == 4 else None


def _has(shapes: Mapping, prefix: str) -> bool:
    return any(name.startswith(prefix) for name in shapes)


def _mask_sides(cells: int, masks: Sequence) -> object:
    """The sides of a mask of so many cells: one of ``masks``, or a square; else what they have to come to."""
    for sides in masks:
        if math.prod(sides) == cells:
            return list(sides)
    side = math.isqrt(cells)
    return [side, side] if side * side == cells else f"two sides whose product is {cells}"


def _pspnet(shapes: Mapping) -> dict:
    levels = sum(re.fullmatch(r"head\.psp_module\.stages\.\d+\.1\._conv\.weight", name) is not None for name in shapes)
    return {"model.bin_sizes": f"{levels} sides"}


def _isanet(shapes: Mapping) -> dict:
    return {"model.isa_channels": _axis(shapes, "head.global_relation.key_project.0._conv.weight", 0)}


def _backbone(shapes: Mapping, prefix: str) -> dict:
    if f"{prefix}conv1_1._conv.weight" in shapes:
        return {"model.backbone.type": "ResNet*_vd of PaddleSeg"}
    stem = tuple(_axis(shapes, f"{prefix}stem.{place}.weight", 0) for place in (0, 6))
    base = _axis(shapes, f"{prefix}layer1.0.conv1.weight", 0)
    blocks = {name.split(".")[-3] for name in shapes if re.fullmatch(rf"{prefix}layer3\.\d+\.conv1\.weight", name)}
    if None in stem or base is None or len(blocks) not in _DEPTHS:
        return {}
    family = {(base // 2, base): "v1c", (base, 2 * base): "deepstem"}.get(stem)
    kind = f"ResNet{_DEPTHS[len(blocks)]}_{family}" if family else f"a ResNet whose stem has {stem[0]}, {stem[1]}"
    return {
        "model.backbone.type": kind,
        "model.backbone.base_channels": base,
        "model.backbone.in_channels": _axis(shapes, f"{prefix}stem.0.weight", 1),
    }


def fixed_settings(source: str, model: str) -> dict:
    """Settings that every checkpoint of ``source`` goes with although its weights do not show them."""
    if model == "backbone":
        return {}
    fixed = {"model.layout": source}
    if source in ("semseg", "openseg"):
        fixed["model.backbone.contract_dilation"] = source == "openseg"
        fixed["model.backbone.ceil_mode"] = source == "openseg"
    return fixed


def noted_settings(checkpoint: Any, source: str) -> dict:
    """Settings in the configuration that mmsegmentation and openseg save beside the weights; empty if there is none."""
    if not isinstance(checkpoint, Mapping):
        return {}
    if source == "mmseg" and isinstance(checkpoint.get("meta"), Mapping):
        meta = checkpoint["meta"]
        # 0.x says config, 1.x says cfg.
        text = next((meta[key] for key in ("cfg", "config") if isinstance(meta.get(key), str)), "")
        return _mmseg_notes(text)
    if source == "openseg" and isinstance(checkpoint.get("config_dict"), Mapping):
        network = checkpoint["config_dict"].get("network")
        stride = re.search(r"dilated(8|16)$", str(network.get("backbone")) if isinstance(network, Mapping) else "")
        return {"model.backbone.output_stride": int(stride[1])} if stride else {}
    return {}


def _mmseg_notes(text: str) -> dict:
    notes = {}
    strides = _numbers(text, r"\bstrides=[(\[]([\d,\s]+)[)\]]")
    if strides:
        # The stem and the pooling after it halve the image twice.
        notes["model.backbone.output_stride"] = 4 * math.prod(strides)
    mask = _numbers(text, r"\bmask_size=[(\[]([\d,\s]+)[)\]]")
    if mask:
        notes["model.mask_size"] = list(mask)
    align = set(re.findall(r"\balign_corners=(True|False)", text))
    if len(align) == 1:
        notes["model.align_corners"] = align == {"True"}
    return notes


def _numbers(text: str, pattern: str) -> Optional[tuple]:
    """The numbers of the one list that ``pattern`` finds; None if it finds none, or different ones."""
    found = {tuple(int(word) for word in re.findall(r"\d+", match)) for match in re.findall(pattern, text)}
    return found.pop() if len(found) == 1 else None
