"""openseg.pytorch, by the authors of ISANet. Its checkpoints hold their configuration in ``config_dict``."""

from collections.abc import Mapping

from paddleseg_ext.convert.implementation import STAGES, STEM, Case, Implementation, Known, Protocol
from paddleseg_ext.convert.notes import Notes, frozen, listed, mapping, numbers, require
from paddleseg_ext.weights.refusal import Refused

# In all its configurations except that of LIP, which has another mean; config_dict notes it.
_PIXELS = {"mean": [102.9801, 115.9465, 122.7717], "std": [1.0, 1.0, 1.0], "scale": 1, "channel_order": "BGR"}
_INPLACE_ABN = (
    "was trained with inplace_abn, where leaky ReLU of slope 0.01 follows every normalization of the head; "
    "the ISANet here has plain ReLU and would give other predictions, so only checkpoints trained with "
    "torchbn or torchsyncbn (isa_head.1.0.weight) can be converted"
)


def _read_notes(checkpoint: Mapping, model: str) -> Notes:
    notes = Notes()
    configuration = checkpoint.get("config_dict")
    if not isinstance(configuration, Mapping):
        return notes
    network, data, norm = (mapping(configuration.get(key)) or {} for key in ("network", "data", "normalize"))
    name = network.get("backbone")
    for stride in (8, 16):
        if isinstance(name, str) and name.endswith(f"dilated{stride}"):
            notes.settings["model.backbone.output_stride"] = stride
    if "inplace_abn" in str(network.get("bn_type")):
        raise Refused(_INPLACE_ABN)
    if network.get("multi_grid") is not None:
        require("network.multi_grid", frozen(network["multi_grid"]), ((1, 1, 1),))
    factors = listed(network.get("factors"))
    if factors is not None:
        if len(factors) != 1:
            raise Refused(
                f"notes {len(factors)} pairs of factors of its attention, but our ISANet has one; it cannot be "
                "converted, so use a checkpoint with one pair"
            )
        notes.settings["model.down_factor"] = listed(factors[0])
    mean, std = numbers(norm.get("mean")), numbers(norm.get("std"))
    order = data.get("input_mode")
    if mean and std and order in ("RGB", "BGR"):
        scale = norm.get("div_value", 1.0)
        scale = scale if numbers([scale]) and scale > 0 else 1.0
        notes.settings["Normalize"] = {"mean": mean, "std": std, "scale": scale, "channel_order": order}
    if data.get("image_tool", "cv2") != "cv2":
        notes.passed_over.append("data.image_tool")
    _read_sizes(configuration, notes)
    return notes


def _read_sizes(configuration: Mapping, notes: Notes) -> None:
    """Read what validation does to the size of a picture."""
    trans = mapping(configuration.get("val_trans"))
    if trans is not None and "resize" not in (listed(trans.get("trans_seq")) or ()):
        # A missing resize is a setting too: pictures keep their size.
        notes.settings["ResizeByRatio"] = None
    elif trans is not None:
        resize = mapping(trans.get("resize")) or {}
        side, target = resize.get("min_side_length"), numbers(resize.get("target_size"))
        if type(side) is int:
            notes.settings["ResizeByRatio"] = {"base_size": [side, side], "fit": "cover", "interpolation": "cubic"}
        elif len(target) == 2:
            notes.settings["ResizeByRatio"] = {"base_size": target, "fit": "stretch", "interpolation": "cubic"}
        else:
            notes.passed_over.append("val_trans.resize")
    val = mapping(configuration.get("val")) or {}
    transformer = mapping(val.get("data_transformer"))
    if transformer is not None:
        stride = transformer.get("fit_stride")
        notes.size_divisor = stride if type(stride) is int and stride > 0 else 1
    if val.get("mode") not in (None, "ss_test", "ms_test"):
        notes.passed_over.append("val.mode")


def _protocol(case: Case) -> Protocol:
    test_config = {
        "absent_classes": "skip",
        "scales": [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0],
        "flip_horizontal": True,
        "interpolation": "cubic",
    }
    divisor = 8 if case.notes.size_divisor is None else case.notes.size_divisor
    return Protocol(test_config, after=[{"type": "PadToSize", "size_divisor": divisor}] if divisor > 1 else [])


OPENSEG = Implementation(
    name="openseg",
    title="openseg.pytorch",
    address="https://github.com/openseg-group/openseg.pytorch",
    version="aefc755",
    known_by=(
        Known("isanet", ("isa_head.",)),
        Known("backbone", ("resinit.", "layer1.0.", "layer4.0.")),
        # Its published file, before its program renames the stem.
        Known("backbone", ("conv1.", "layer1.0.", "layer4.0."), if_asked=True),
    ),
    family="backbone.resinit.",
    conv_bn=("0", "1.0"),
    backbone={
        **{f"backbone.stem.{place}": f"backbone.resinit.{name}" for place, name in STEM},
        **{f"backbone.{stage}": f"backbone.{stage}" for stage in STAGES},
    },
    heads={
        "isanet": {
            "head.in_conv": ("isa_head.0", "isa_head.1.0"),
            **{
                f"head.{ours}_relation.{project}": f"isa_head.2.stages.0.{theirs}_range_sa.{name}"
                for ours, theirs in (("global", "long"), ("local", "short"))
                for project, name in (("value_project", "f_value"), ("output_project", "W"))
            },
            **{
                f"head.{ours}_relation.{kind}_project.{k}": (
                    f"isa_head.2.stages.0.{theirs}_range_sa.f_{kind}.{2 * k}",
                    f"isa_head.2.stages.0.{theirs}_range_sa.f_{kind}.{2 * k + 1}.0",
                )
                for ours, theirs in (("global", "long"), ("local", "short"))
                for kind in ("key", "query")
                for k in range(2)
            },
            "head.out_conv": "isa_head.2.conv_bn",
            "head.cls.1": "cls_head",
            "head.aux.0": "dsn_head",
            "head.aux.2": "dsn_head.3",
        },
    },
    # With torchbn it is isa_head.1.0.weight.
    refused={"isa_head.1.weight": _INPLACE_ABN},
    left_out={"config_dict": "openseg's configuration"},
    settings={
        "Normalize": _PIXELS,
        "model.backbone.contract_dilation": True,
        "model.backbone.ceil_mode": True,
        "test_config.resize_once": False,
    },
    # ImageNet training feeds the same pixels.
    backbone_settings={"Normalize": _PIXELS},
    noted=frozenset({"model.down_factor", "model.backbone.output_stride", "Normalize", "ResizeByRatio"}),
    read_notes=_read_notes,
    protocol=_protocol,
)
