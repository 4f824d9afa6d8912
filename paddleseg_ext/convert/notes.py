"""What a training script noted beside its weights, in the words of our YAML.

mmsegmentation saves its whole configuration as Python text in ``meta``, openseg.pytorch its as a dict in
``config_dict``. SSSegmentation, semseg and the Paddle projects note nothing. Nothing noted is run: the text is parsed,
and only plain values are taken from it.
"""

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from paddleseg_ext.weights.refusal import Refused, shown

# A configuration takes some kB; far more than that is none.
_LONGEST = 1 << 22
# (strides, dilations) of the four stages -> output stride, where a dilated stage's first block may be contracted.
_STRIDES = {
    ((1, 2, 1, 1), (1, 1, 2, 4)): 8,
    ((1, 2, 2, 1), (1, 1, 1, 2)): 16,
    ((1, 2, 2, 2), (1, 1, 1, 1)): 32,
}
_EPSILON = 1e-5


@dataclass
class Notes:
    """What is noted.

    Attributes:
        settings: By the YAML's keys. ``Normalize``, ``ResizeByRatio`` and ``test_config.*`` are of preprocessing and
            test protocol, the others of the model.
        passed_over: Names of what is noted, is unknown here and was compared with nothing.
        unread: Whether there is a configuration that could not be read.
        absent: Whether there is none although this implementation notes it.
        size_divisor: What the sides of pictures are padded to a multiple of in a test; None: nothing says so.
    """

    settings: dict = field(default_factory=dict)
    passed_over: list = field(default_factory=list)
    unread: bool = False
    absent: bool = False
    size_divisor: Optional[int] = None


def notes_of(checkpoint: Any, source: str, model: str) -> Notes:
    """What ``checkpoint`` notes.

    Args:
        checkpoint: What the file held.
        source: 'mmseg', 'openseg' or another implementation.
        model: 'pspnet', 'psanet', 'isanet' or 'backbone'.

    Raises:
        Refused: It notes something that no YAML here can say, so that the model would compute something else.
    """
    notes = Notes()
    if not isinstance(checkpoint, Mapping) or model == "backbone":
        return notes
    if source == "mmseg":
        meta = _mapping(checkpoint.get("meta")) or {}
        # 0.x says config, 1.x says cfg.
        noted = next((meta[key] for key in ("cfg", "config") if meta.get(key)), None)
        notes.absent = noted is None
        if noted is not None:
            configuration = _configuration(noted)
            notes.unread = configuration is None
            _mmseg(configuration or {}, model, notes)
    if source == "openseg" and isinstance(checkpoint.get("config_dict"), Mapping):
        _openseg(checkpoint["config_dict"], notes)
    return notes


# ------------------------------------------------------------------------------------------------------ mmsegmentation


@dataclass(frozen=True)
class _Key:
    """A key of mmsegmentation's heads: our key, the value where it is left out, whether it is a list."""

    ours: str
    default: Any
    is_list: bool = False


_HEADS = {"PSAHead": "psanet", "PSPHead": "pspnet", "ISAHead": "isanet"}
_HEAD_KEYS = {
    "psanet": {
        # The head asks for it, so it has no default.
        "mask_size": _Key("model.mask_size", None, is_list=True),
        "psa_type": _Key("model.psa_type", "bi-direction"),
        "compact": _Key("model.compact", False),
        "shrink_factor": _Key("model.shrink_factor", 2),
        "normalization_factor": _Key("model.normalization_factor", 1.0),
        "psa_softmax": _Key("model.psa_softmax", True),
    },
    "pspnet": {"pool_scales": _Key("model.bin_sizes", (1, 2, 3, 6), is_list=True)},
    "isanet": {
        "down_factor": _Key("model.down_factor", (8, 8), is_list=True),
        "isa_channels": _Key("model.isa_channels", None),
    },
}
_ANY_HEAD = {"align_corners": _Key("model.align_corners", False), "dropout_ratio": _Key("model.dropout", 0.1)}
# What changes no prediction, or shows in names and shapes.
_WITHOUT_EFFECT = {
    "type",
    "in_channels",
    "channels",
    "num_classes",
    "in_index",
    "depth",
    "stem_channels",
    "base_channels",
    "strides",
    "dilations",
    "contract_dilation",
    "norm_cfg",
    "act_cfg",
    "loss_decode",
    "ignore_index",
    "sampler",
    "init_cfg",
    "pretrained",
    "train_cfg",
    "norm_eval",
    "frozen_stages",
    "with_cp",
    "zero_init_residual",
}
# (part, key) -> the values that the models here have.
_ONLY = {
    ("decode_head", "input_transform"): (None,),
    ("decode_head", "conv_cfg"): (None,),
    # Of a sigmoid over one channel.
    ("decode_head", "threshold"): (None,),
    ("auxiliary_head", "type"): ("FCNHead",),
    ("auxiliary_head", "num_convs"): (1,),
    ("auxiliary_head", "kernel_size"): (3,),
    ("auxiliary_head", "dilation"): (1,),
    ("auxiliary_head", "concat_input"): (False,),
    ("auxiliary_head", "input_transform"): (None,),
    ("auxiliary_head", "conv_cfg"): (None,),
    ("backbone", "type"): ("ResNetV1c",),
    ("backbone", "style"): ("pytorch",),
    ("backbone", "deep_stem"): (True,),
    ("backbone", "avg_down"): (False,),
    ("backbone", "num_stages"): (4,),
    ("backbone", "out_indices"): ((0, 1, 2, 3),),
    ("backbone", "multi_grid"): (None, (1, 1, 1)),
    ("backbone", "dcn"): (None,),
    ("backbone", "stage_with_dcn"): ((False, False, False, False),),
    ("backbone", "plugins"): (None,),
    ("backbone", "conv_cfg"): (None,),
}
_NORMALIZATIONS = ("BN", "SyncBN", "MMSyncBN", "NaiveSyncBN", "BN2d", "SyncBatchNorm", "BatchNorm2d")
# Steps of a test pipeline that leave sizes alone.
_LOADING = {
    "LoadImageFromFile",
    "LoadAnnotations",
    "PackSegInputs",
    "Normalize",
    "ImageToTensor",
    "Collect",
    "RandomFlip",
}


def _mmseg(configuration: Mapping, model: str, notes: Notes) -> None:
    network = _mapping(configuration.get("model")) or configuration
    head, auxiliary, backbone = (_part(network, key, notes) for key in ("decode_head", "auxiliary_head", "backbone"))
    _mmseg_backbone(backbone, notes)
    known = {**_ANY_HEAD, **_HEAD_KEYS[model]}
    unread = [name.partition(".")[2] for name in notes.passed_over if name.startswith("decode_head.")]
    for key, one in known.items():
        value = head.get(key)
        if key in head:
            notes.settings[one.ours] = _listed(value) if one.is_list else value
        elif _HEADS.get(_unscoped(head.get("type"))) == model and one.default is not None and key not in unread:
            notes.settings[one.ours] = _listed(one.default) if one.is_list else one.default
    for name, part in (("decode_head", head), ("auxiliary_head", auxiliary), ("backbone", backbone)):
        for key, value in part.items():
            if (name, key) in _ONLY:
                _require(f"{name}.{key}", _unscoped(_frozen(value), key), _ONLY[name, key])
            elif key == "out_channels":
                _require(f"{name}.{key}", value, (None, part.get("num_classes")))
            elif key not in _WITHOUT_EFFECT and key not in known:
                notes.passed_over.append(f"{name}.{key}")
        _require_normalization(name, part)
    indices = [part.get("in_index") for part in (auxiliary, head)]
    if all(type(index) is int and -4 <= index < 4 for index in indices):
        notes.settings["model.backbone_indices"] = [index % 4 for index in indices]
    _mmseg_protocol(configuration, network, notes)


def _mmseg_backbone(backbone: Mapping, notes: Notes) -> None:
    strides, dilations = (_frozen(backbone.get(key)) for key in ("strides", "dilations"))
    if isinstance(strides, tuple):
        known = {pair[0]: pair for pair in _STRIDES}
        pair = (strides, dilations if isinstance(dilations, tuple) else known.get(strides, (None, None))[1])
        if pair not in _STRIDES:
            raise Refused(
                f"notes strides {shown(str(strides))} and dilations {shown(str(dilations))} of its backbone; here are "
                "those of output strides 8, 16 and 32 only, so it would predict something else"
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
        _require(f"{name}.norm_cfg.type", _unscoped(norm.get("type", "BN")), _NORMALIZATIONS)
        _require(f"{name}.norm_cfg.eps", norm.get("eps", _EPSILON), (_EPSILON,))
    if "act_cfg" in part:
        _require(f"{name}.act_cfg.type", _unscoped((_mapping(activation) or {}).get("type")), ("ReLU",))


def _unscoped(value: Any, key: str = "type") -> Any:
    """The name of a class without the package that it is registered in, or without its module."""
    return value.rpartition(".")[2] if key == "type" and isinstance(value, str) else value


def _require(key: str, value: Any, allowed: tuple) -> None:
    if value not in allowed:
        words = " or ".join(str(one) for one in allowed)
        raise Refused(
            f"notes {key}={shown(str(value), 60)}, which no YAML here can say (only {words}); it would predict "
            "something else, so it cannot be converted"
        )


def _mmseg_protocol(configuration: Mapping, network: Mapping, notes: Notes) -> None:
    # 0.x had it beside the model.
    places = [_mapping(place.get("test_cfg")) or {} for place in (network, configuration)]
    test = next((one for one in places if "mode" in one), {})
    if test.get("mode") in ("whole", "slide"):
        notes.settings["test_config.is_slide"] = test["mode"] == "slide"
        if test["mode"] == "slide":
            for key in ("crop_size", "stride"):
                side = _listed(test.get(key))
                if side is not None:
                    # mmsegmentation says (height, width).
                    notes.settings[f"test_config.{key}"] = side[::-1]
    norm = _mapping(configuration.get("img_norm_cfg")) or {}
    rgb = norm.get("to_rgb", True)
    for place in (configuration, network):
        preprocessor = _mapping(place.get("data_preprocessor")) or {}
        if preprocessor.get("mean") is not None:
            norm, rgb = preprocessor, preprocessor.get("bgr_to_rgb", False)
        if preprocessor.get("test_cfg") and "data_preprocessor.test_cfg" not in notes.passed_over:
            notes.passed_over.append("data_preprocessor.test_cfg")
    mean, std = _listed(norm.get("mean")), _listed(norm.get("std"))
    if _are_numbers(mean) and _are_numbers(std):
        notes.settings["Normalize"] = normalization(mean, std, 255, "RGB" if rgb else "BGR")
    steps = _test_steps(configuration)
    if steps is not None:
        # That there is no resize is noted, too: pictures are tested on as they are.
        notes.settings["ResizeByRatio"] = None
    for step in steps or ():
        kind = _unscoped(step.get("type"))
        if kind in ("Resize", "MultiScaleFlipAug"):
            _mmseg_resize(kind, step, notes)
        elif kind not in _LOADING:
            notes.passed_over.append(f"test_pipeline.{kind}")


def _mmseg_resize(kind: str, step: Mapping, notes: Notes) -> None:
    """The size that pictures are brought to in a test."""
    size, resize = _listed(step.get("scale", step.get("img_scale"))), step
    if kind == "MultiScaleFlipAug":
        # 0.x gives the size to the step around the others, whose resize keeps proportions unless it says otherwise.
        inner = step.get("transforms")
        inner = inner if isinstance(inner, (list, tuple)) else ()
        resize = next((one for one in inner if isinstance(one, Mapping) and _unscoped(one.get("type")) == "Resize"), {})
    interpolation = {"bilinear": "linear", "bicubic": "cubic"}.get(resize.get("interpolation", "bilinear"))
    if not _are_numbers(size) or len(size) != 2 or interpolation is None:
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
    """The steps of mmsegmentation's test pipeline, of the data that is tested on where that says them; None: none."""
    for place in (("test_dataloader", "dataset"), ("data", "test"), ()):
        held: Any = configuration
        for key in place:
            held = _mapping(held.get(key)) or {}
        found = held.get("pipeline" if place else "test_pipeline")
        if isinstance(found, (list, tuple)):
            return [step for step in found if isinstance(step, Mapping)]
    return None


def _configuration(noted: Any) -> Optional[Mapping]:
    """A configuration as data, from a mapping or from text of Python or JSON; None if it cannot be read."""
    if isinstance(noted, Mapping):
        return noted
    if not isinstance(noted, str) or len(noted) > _LONGEST:
        return None
    for text in (noted, f"model = dict({noted})"):
        try:
            return _assignments(ast.parse(text))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _assignments(tree: ast.Module) -> dict:
    found: dict = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            value = _value(statement.value, found)
            if isinstance(target, ast.Name) and value is not _UNKNOWN:
                found[target.id] = value
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, (ast.Constant, ast.Dict)):
            # JSON is an expression of Python, but for three words.
            value = _value(statement.value, {"true": True, "false": False, "null": None})
            if isinstance(value, dict):
                found.update(value)
    return found


_UNKNOWN = object()


def _value(node: ast.AST, names: Mapping) -> Any:
    """A literal, a ``dict(...)``, or a name that has been given one; ``_UNKNOWN`` for anything else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names.get(node.id, _UNKNOWN)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _value(node.operand, names)
        return -value if isinstance(value, (int, float)) else _UNKNOWN
    if isinstance(node, (ast.List, ast.Tuple)):
        values = tuple(_value(element, names) for element in node.elts)
        return _UNKNOWN if _UNKNOWN in values else values
    pairs = ()
    if isinstance(node, ast.Dict):
        pairs = [(_value(key, names), value) for key, value in zip(node.keys, node.values) if key is not None]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        pairs = [(keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg is not None]
    else:
        return _UNKNOWN
    return {key: _value(value, names) for key, value in pairs if isinstance(key, str)}


# ------------------------------------------------------------------------------------------------------ openseg.pytorch


def _openseg(configuration: Mapping, notes: Notes) -> None:
    network, data, norm = (_mapping(configuration.get(key)) or {} for key in ("network", "data", "normalize"))
    name = network.get("backbone")
    for stride in (8, 16):
        if isinstance(name, str) and name.endswith(f"dilated{stride}"):
            notes.settings["model.backbone.output_stride"] = stride
    if "inplace_abn" in str(network.get("bn_type")):
        raise Refused(INPLACE_ABN)
    if network.get("multi_grid") is not None:
        _require("network.multi_grid", _frozen(network["multi_grid"]), ((1, 1, 1),))
    factors = _listed(network.get("factors"))
    if factors is not None:
        if len(factors) != 1:
            raise Refused(
                f"notes {len(factors)} pairs of factors of its attention, and the ISANet here has one, so it cannot be "
                "converted"
            )
        notes.settings["model.down_factor"] = _listed(factors[0])
    mean, std = _listed(norm.get("mean")), _listed(norm.get("std"))
    order = data.get("input_mode")
    if _are_numbers(mean) and _are_numbers(std) and order in ("RGB", "BGR"):
        scale = norm.get("div_value", 1.0)
        scale = scale if _are_numbers([scale]) and scale > 0 else 1.0
        notes.settings["Normalize"] = {"mean": mean, "std": std, "scale": scale, "channel_order": order}
    if data.get("image_tool", "cv2") != "cv2":
        notes.passed_over.append("data.image_tool")
    _openseg_sizes(configuration, notes)


def _openseg_sizes(configuration: Mapping, notes: Notes) -> None:
    """What is done to the size of a picture in validation."""
    trans = _mapping(configuration.get("val_trans"))
    if trans is not None:
        resize = (_mapping(trans.get("resize")) or {}) if "resize" in (_listed(trans.get("trans_seq")) or ()) else None
        side, target = (
            (None, None) if resize is None else (resize.get("min_side_length"), _listed(resize.get("target_size")))
        )
        size = None
        if type(side) is int:
            size = {"base_size": [side, side], "fit": "cover", "interpolation": "cubic"}
        elif _are_numbers(target) and len(target) == 2:
            size = {"base_size": target, "fit": "stretch", "interpolation": "cubic"}
        if resize is None or size is not None:
            notes.settings["ResizeByRatio"] = size
        else:
            notes.passed_over.append("val_trans.resize")
    val = _mapping(configuration.get("val")) or {}
    transformer = _mapping(val.get("data_transformer"))
    if transformer is not None:
        stride = transformer.get("fit_stride")
        notes.size_divisor = stride if type(stride) is int and stride > 0 else 1
    if val.get("mode") not in (None, "ss_test", "ms_test"):
        notes.passed_over.append("val.mode")


INPLACE_ABN = (
    "was trained with inplace_abn, where leaky ReLU of slope 0.01 follows every normalization of the head; "
    "the ISANet here has plain ReLU and would give other predictions, so only checkpoints trained with "
    "torchbn or torchsyncbn (isa_head.1.0.weight) can be converted"
)


# -------------------------------------------------------------------------------------------------------------- values


def normalization(mean: list, std: list, scale: float, order: str) -> dict:
    """Arguments of ``Normalize`` for a mean and deviation of pixels from 0 to 255."""
    mean, std = ([round(float(value) / scale, 10) for value in values] for values in (mean, std))
    return {"mean": mean, "std": std, "scale": scale, "channel_order": order}


def _part(network: Mapping, key: str, notes: Notes) -> Mapping:
    """A head or the backbone; of a list of auxiliary heads the one there is. What is no plain value is set aside."""
    part = network.get(key)
    if isinstance(part, (list, tuple)) and len(part) == 1:
        part = part[0]
    part = _mapping(part) or {}
    notes.passed_over += [f"{key}.{name}" for name, value in part.items() if value is _UNKNOWN]
    return {name: value for name, value in part.items() if value is not _UNKNOWN}


def _mapping(value: Any) -> Optional[Mapping]:
    return value if isinstance(value, Mapping) else None


def _listed(value: Any) -> Optional[list]:
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    return list(value) if isinstance(value, (list, tuple)) else None


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _are_numbers(values: Any) -> bool:
    return bool(values) and all(
        isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) for value in values
    )
