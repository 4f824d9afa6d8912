"""The notes of mmsegmentation beside its weights: its whole configuration, as Python text in ``meta``."""

from collections.abc import Mapping
from typing import Any, Optional

from paddleseg_ext.convert.configuration_text import UNKNOWN, read_configuration
from paddleseg_ext.convert.notes import Notes, frozen, listed, mapping, numbers, require
from paddleseg_ext.weights.refusal import Refused, shown

# (strides, dilations) of the four stages -> output stride.
_STRIDES = {
    ((1, 2, 1, 1), (1, 1, 2, 4)): 8,
    ((1, 2, 2, 1), (1, 1, 1, 2)): 16,
    ((1, 2, 2, 2), (1, 1, 1, 1)): 32,
}
_EPSILON = 1e-5
_HEADS = {"PSAHead": "psanet", "PSPHead": "pspnet", "ISAHead": "isanet"}
# A head's key -> ours, and the default; None or () if it has none. A tuple means that the value is a list.
_HEAD_KEYS: dict[str, dict[str, tuple[str, Any]]] = {
    "psanet": {
        "mask_size": ("model.mask_size", ()),
        "psa_type": ("model.psa_type", "bi-direction"),
        "compact": ("model.compact", False),
        "shrink_factor": ("model.shrink_factor", 2),
        "normalization_factor": ("model.normalization_factor", 1.0),
        "psa_softmax": ("model.psa_softmax", True),
    },
    "pspnet": {"pool_scales": ("model.bin_sizes", (1, 2, 3, 6))},
    "isanet": {
        "down_factor": ("model.down_factor", (8, 8)),
        "isa_channels": ("model.isa_channels", None),
    },
}
_ANY_HEAD: dict[str, tuple[str, Any]] = {
    "align_corners": ("model.align_corners", False),
    "dropout_ratio": ("model.dropout", 0.1),
}
# Keys that change no prediction, or show in names and shapes.
_WITHOUT_EFFECT = {
    "type", "in_channels", "channels", "num_classes", "in_index", "depth", "stem_channels", "base_channels", "strides",
    "dilations", "contract_dilation", "norm_cfg", "act_cfg", "loss_decode", "ignore_index", "sampler", "init_cfg",
    "pretrained", "train_cfg", "norm_eval", "frozen_stages", "with_cp", "zero_init_residual",
}  # fmt: skip
# The values that the models here have. A threshold belongs to a sigmoid over one channel.
_ONLY: dict[str, dict[str, tuple]] = {
    "decode_head": dict.fromkeys(("input_transform", "conv_cfg", "threshold"), (None,)),
    "auxiliary_head": {
        **dict.fromkeys(("input_transform", "conv_cfg"), (None,)),
        "type": ("FCNHead",),
        "num_convs": (1,),
        "kernel_size": (3,),
        "dilation": (1,),
        "concat_input": (False,),
    },
    "backbone": {
        **dict.fromkeys(("conv_cfg", "dcn", "plugins"), (None,)),
        "type": ("ResNetV1c",),
        "style": ("pytorch",),
        "deep_stem": (True,),
        "avg_down": (False,),
        "num_stages": (4,),
        "out_indices": ((0, 1, 2, 3),),
        "multi_grid": (None, (1, 1, 1)),
        "stage_with_dcn": ((False, False, False, False),),
    },
}
_NORMALIZATIONS = ("BN", "SyncBN", "MMSyncBN", "NaiveSyncBN", "BN2d", "SyncBatchNorm", "BatchNorm2d")
# Steps of a test pipeline that leave sizes alone.
_LOADING = {
    "LoadImageFromFile", "LoadAnnotations", "PackSegInputs", "Normalize", "ImageToTensor", "Collect", "RandomFlip",
}  # fmt: skip
NOTED = frozenset(
    [ours for keys in (_ANY_HEAD, *_HEAD_KEYS.values()) for ours, _ in keys.values()]
    + ["model.backbone_indices", "model.backbone.output_stride", "model.backbone.contract_dilation"]
    + ["Normalize", "ResizeByRatio", "test_config.is_slide"]
)


def read_notes(checkpoint: Mapping, model: str) -> Notes:
    """Return the settings of ``model`` in the configuration that ``checkpoint`` holds, by the keys of our YAML."""
    meta = mapping(checkpoint.get("meta")) or {}
    # 0.x writes config, 1.x writes cfg.
    noted = next((meta[key] for key in ("cfg", "config") if meta.get(key)), None)
    if noted is None:
        return Notes(absent=True)
    configuration = read_configuration(noted)
    notes = Notes(unread=configuration is None)
    _read_model(configuration or {}, model, notes)
    return notes


def _read_model(configuration: Mapping, model: str, notes: Notes) -> None:
    """Read the whole configuration. A setting that a head leaves out has mmsegmentation's default."""
    network = mapping(configuration.get("model")) or configuration
    head, auxiliary, backbone = (_part(network, key, notes) for key in ("decode_head", "auxiliary_head", "backbone"))
    _read_backbone(backbone, notes)
    known = {**_ANY_HEAD, **_HEAD_KEYS[model]}
    unread = [name.partition(".")[2] for name in notes.passed_over if name.startswith("decode_head.")]
    is_ours = _HEADS.get(_unscoped(head.get("type"))) == model
    for key, (ours, default) in known.items():
        value = head.get(key, default)
        if key in head or (is_ours and default not in (None, ()) and key not in unread):
            notes.settings[ours] = listed(value) if isinstance(default, tuple) else value
    for name, part in (("decode_head", head), ("auxiliary_head", auxiliary), ("backbone", backbone)):
        for key, value in part.items():
            if key in _ONLY[name]:
                require(f"{name}.{key}", _unscoped(frozen(value), key), _ONLY[name][key])
            elif key == "out_channels":
                require(f"{name}.{key}", value, (None, part.get("num_classes")))
            elif key not in _WITHOUT_EFFECT and key not in known:
                notes.passed_over.append(f"{name}.{key}")
        _require_normalization(name, part)
    indices: list[Any] = [part.get("in_index") for part in (auxiliary, head)]
    if all(type(index) is int and -4 <= index < 4 for index in indices):
        notes.settings["model.backbone_indices"] = [index % 4 for index in indices]
    _read_protocol(configuration, network, notes)


def _read_backbone(backbone: Mapping, notes: Notes) -> None:
    strides, dilations = (frozen(backbone.get(key)) for key in ("strides", "dilations"))
    if isinstance(strides, tuple):
        known = {pair[0]: pair for pair in _STRIDES}
        pair = (strides, dilations if isinstance(dilations, tuple) else known.get(strides, (None, None))[1])
        if pair not in _STRIDES:
            raise Refused(
                f"notes strides {shown(str(strides))} and dilations {shown(str(dilations))} of its backbone; "
                "supported are output strides 8, 16 and 32, so it cannot be converted"
            )
        notes.settings["model.backbone.output_stride"] = _STRIDES[pair]
        if pair[1][3] == 1:
            return  # Nothing is dilated, so nothing can be contracted.
    if "contract_dilation" in backbone or "type" in backbone:
        notes.settings["model.backbone.contract_dilation"] = backbone.get("contract_dilation", False)


def _require_normalization(name: str, part: Mapping) -> None:
    norm, activation = part.get("norm_cfg"), part.get("act_cfg")
    if "norm_cfg" in part and norm is None:
        raise Refused(
            f"was built without normalization ({name}.norm_cfg=None); the models here have batch normalization after "
            "each convolution, so it cannot be converted"
        )
    if isinstance(norm, Mapping):
        require(f"{name}.norm_cfg.type", _unscoped(norm.get("type", "BN")), _NORMALIZATIONS)
        require(f"{name}.norm_cfg.eps", norm.get("eps", _EPSILON), (_EPSILON,))
    if "act_cfg" in part:
        require(f"{name}.act_cfg.type", _unscoped((mapping(activation) or {}).get("type")), ("ReLU",))


def _unscoped(value: Any, key: str = "type") -> Any:
    """The name of a class without its module, or without the package that registers it; other keys' values as is."""
    return value.rpartition(".")[2] if key == "type" and isinstance(value, str) else value


def _read_protocol(configuration: Mapping, network: Mapping, notes: Notes) -> None:
    # 0.x had it beside the model.
    places = [mapping(place.get("test_cfg")) or {} for place in (network, configuration)]
    test = next((one for one in places if "mode" in one), {})
    if test.get("mode") in ("whole", "slide"):
        notes.settings["test_config.is_slide"] = test["mode"] == "slide"
        if test["mode"] == "slide":
            for key in ("crop_size", "stride"):
                side = listed(test.get(key))
                if side is not None:
                    # mmsegmentation says (height, width).
                    notes.settings[f"test_config.{key}"] = side[::-1]
    norm = mapping(configuration.get("img_norm_cfg")) or {}
    rgb = norm.get("to_rgb", True)
    for place in (configuration, network):
        preprocessor = mapping(place.get("data_preprocessor")) or {}
        if preprocessor.get("mean") is not None:
            norm, rgb = preprocessor, preprocessor.get("bgr_to_rgb", False)
        if preprocessor.get("test_cfg") and "data_preprocessor.test_cfg" not in notes.passed_over:
            notes.passed_over.append("data_preprocessor.test_cfg")
    pixels = [numbers(norm.get(key)) for key in ("mean", "std")]
    if all(pixels):
        mean, std = ([round(float(value) / 255, 10) for value in values] for values in pixels)
        order = "RGB" if rgb else "BGR"
        notes.settings["Normalize"] = {"mean": mean, "std": std, "scale": 255, "channel_order": order}
    steps = _test_steps(configuration)
    if steps is not None:
        # A pipeline without a resize is a setting too: pictures keep their size.
        notes.settings["ResizeByRatio"] = None
    for step in steps or ():
        kind = _unscoped(step.get("type"))
        if kind in ("Resize", "MultiScaleFlipAug"):
            _read_resize(kind, step, notes)
        elif kind not in _LOADING:
            notes.passed_over.append(f"test_pipeline.{kind}")


def _read_resize(kind: str, step: Mapping, notes: Notes) -> None:
    """Read the size that a test resizes pictures to."""
    size, resize = numbers(step.get("scale", step.get("img_scale"))), step
    if kind == "MultiScaleFlipAug":
        # 0.x gives the size to the outer step; the inner resize keeps proportions unless it says otherwise.
        inner = listed(step.get("transforms")) or ()
        resize = next((one for one in inner if isinstance(one, Mapping) and _unscoped(one.get("type")) == "Resize"), {})
    interpolation = {"bilinear": "linear", "bicubic": "cubic"}.get(resize.get("interpolation", "bilinear"))
    if len(size) != 2 or interpolation is None:
        del notes.settings["ResizeByRatio"]
        notes.passed_over.append(f"test_pipeline.{kind}")
        return
    keeps = resize.get("keep_ratio", kind == "MultiScaleFlipAug")
    notes.settings["ResizeByRatio"] = {
        "base_size": size,
        "fit": "inside" if keeps else "stretch",
        "interpolation": interpolation,
    }


def _test_steps(configuration: Mapping) -> Optional[list]:
    """The steps of the test pipeline; those of the tested data set come first. None: there are no such steps."""
    for place in (("test_dataloader", "dataset"), ("data", "test"), ()):
        held: Any = configuration
        for key in place:
            held = mapping(held.get(key)) or {}
        found = held.get("pipeline" if place else "test_pipeline")
        if isinstance(found, (list, tuple)):
            return [step for step in found if isinstance(step, Mapping)]
    return None


def _part(network: Mapping, key: str, notes: Notes) -> Mapping:
    """The settings of a head or the backbone that are plain values; the others are noted as passed over.

    ``auxiliary_head`` may be a list that holds one head.
    """
    part = network.get(key)
    if isinstance(part, (list, tuple)) and len(part) == 1:
        part = part[0]
    part = mapping(part) or {}
    notes.passed_over += [f"{key}.{name}" for name, value in part.items() if value is UNKNOWN]
    return {name: value for name, value in part.items() if value is not UNKNOWN}
