"""semseg, by the authors of PSPNet and PSANet. Its checkpoints note nothing about their configuration."""

import math

from paddleseg_ext.convert.implementation import IMAGENET_PIXELS, LEVELS, STAGES, Case, Implementation, Known, Protocol


def _window(case: Case) -> list[int]:
    """(width, height) of the window that semseg's configurations have for such a checkpoint."""
    side = 713 if case.is_cityscapes else 473
    if case.model != "psanet":
        return [side, side]
    mask, factor = case.settings["model.mask_size"], case.settings["model.shrink_factor"]
    if not all(cells % 2 and cells > 1 for cells in mask):
        return [705, 705] if case.is_cityscapes else [465, 465]
    # A mask covers the map of a window: 2 * ((side - 1) / (8 * factor) + 1) - 1 cells.
    height, width = ((cells - 1) // 2 * 8 * factor + 1 for cells in mask)
    return [width, height]


def _protocol(case: Case) -> Protocol:
    window = _window(case)
    test_config = {
        "is_slide": True,
        "crop_size": window,
        "stride": [math.ceil(side * 2 / 3) for side in window],
        "aug_eval": True,
        "scales": [1.0],
        "flip_horizontal": True,
        "aug_average": "window",
        "aug_rescale": "base",
        "absent_classes": "zero",
    }
    before = [{"type": "ResizeByLong", "long_size": 2048 if case.is_cityscapes else 512}]
    after = [{"type": "PadToSize", "target_size": window, "position": "center", "at_least": True}]
    return Protocol(test_config, before, after)


SEMSEG = Implementation(
    name="semseg",
    title="semseg",
    address="https://github.com/hszhao/semseg",
    version="4f274c3",
    known_by=(Known("psanet", ("layer0.", "psa.")), Known("pspnet", ("layer0.", "ppm."))),
    family="layer0.",
    backbone={"backbone.stem": "layer0", **{f"backbone.{stage}": stage for stage in STAGES}},
    heads={
        "psanet": {
            "psa.reduce_layer": "psa.reduce",
            "psa.reduce_p": "psa.reduce_p",
            "psa.attention.0": "psa.attention",
            "psa.attention.1": "psa.attention.3",
            "psa.attention_p.0": "psa.attention_p",
            "psa.attention_p.1": "psa.attention_p.3",
            "psa.proj": "psa.proj",
            "head.conv_bn_relu": "cls",
            "head.conv": "cls.4",
            "aux_head.conv_bn_relu": "aux",
            "aux_head.conv": "aux.4",
        },
        "pspnet": {
            **{f"head.psp_module.stages.{k}.1": (f"ppm.features.{k}.1", f"ppm.features.{k}.2") for k in LEVELS},
            "head.psp_module.conv_bn_relu2": "cls",
            "head.conv": "cls.4",
            "head.auxlayer.conv_bn_relu": "aux",
            "head.auxlayer.conv": "aux.4",
        },
    },
    left_out={"epoch": "semseg's progress"},
    settings={
        # In its programs, not in its configurations.
        "Normalize": IMAGENET_PIXELS,
        "model.backbone.contract_dilation": False,
        "model.backbone.ceil_mode": False,
        "test_config.resize_once": False,
    },
    protocol=_protocol,
)
