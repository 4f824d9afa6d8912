"""Facts about what a YAML file builds, in the words of ``published.yml``.

Nothing here reads that table. Facts come from the layers, the optimizer and the transforms rather than from the YAML
wherever they show there, because a correct file may still build something wrong.
"""

import contextlib
import functools
import inspect
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import paddle
from paddle import nn
from paddle.nn import initializer
from paddleseg.cvlibs import Config, manager

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.config.quiet import quietly
from paddleseg_ext.convert.backbones import PUBLISHED
from paddleseg_ext.engine.evaluate import evaluate
from paddleseg_ext.models import ISANet, PSANet, PSPNet
from paddleseg_ext.models.segmentor import Segmentor
from paddleseg_ext.zoo import curves

_DATA_SETS = {"PascalVOC": "voc12aug", "ADE20K": "ade20k", "Cityscapes": "cityscapes"}
_POSITIONS = {"center": "center", "right_bottom": "right and bottom"}
# Replaces weights that Paddle would draw, because drawing takes most of the time of building.
_UNDRAWN = 0.5


class RowBuilder(Builder):
    """Builds without data sets and without weights, and builds every backbone once.

    Args:
        config: From ``load_config``.
        backbones: The backbones built so far. Pass the same dict for every row.
    """

    def __init__(self, config: Config, backbones: dict[tuple[str, str], nn.Layer]) -> None:
        super().__init__(config, pretrained=False)
        self._backbones = backbones

    def build_component_impl(self, component_class: Any, *args: Any, **kwargs: Any) -> Any:
        name = getattr(component_class, "__name__", "")
        if name not in manager.BACKBONES.components_dict:
            return super().build_component_impl(component_class, *args, **kwargs)
        key = (name, repr(sorted(kwargs.items())))
        if key not in self._backbones:
            self._backbones[key] = super().build_component_impl(component_class, *args, **kwargs)
        for parameter in self._backbones[key].parameters():
            # The parameter groups of an earlier row leave their learning rates behind.
            parameter.optimize_attr["learning_rate"] = 1.0
        return self._backbones[key]

    def transforms(self, dataset: str) -> list[Any]:
        """Build the transforms of ``train_dataset`` or ``val_dataset``."""
        return [self.build_component(item) for item in self.config.dic[dataset]["transforms"]]


def built_facts(path: Union[str, Path], backbones: dict[tuple[str, str], nn.Layer]) -> dict[str, Any]:
    """Build everything that a YAML file describes except its data, and return the facts about it.

    Args:
        path: The file.
        backbones: The backbones built so far, an empty dict at first. A network of 101 layers is slow to build.

    Returns:
        The facts, nested as a row of ``published.yml`` is.

    Raises:
        UserError: The file is wrong, or something in it cannot be built.
    """
    config = load_config(path)
    train_cfg = config.train_dataset_cfg
    pretrained = config.dic["model"]["backbone"].get("pretrained")
    with quietly(), _undrawn_weights():
        builder = RowBuilder(config, backbones)
        model, optimizer, losses = (builder.build(part) for part in ("model", "optimizer", "loss"))
        train, val = builder.transforms("train_dataset"), builder.transforms("val_dataset")
    ignored = getattr(builder.train_dataset_class, "IGNORE_INDEX", train_cfg.get("ignore_index", 255))
    steps = [_step(transform, ignored) for transform in train]
    main, auxiliary = _heads(model)
    return {
        "model": type(model).__name__,
        "data": _data(config, builder, model),
        "crop": next((step["size"] for step in steps if step["step"] in ("crop", "crop or pad")), None),
        "batch": config.dic.get("total_batch_size"),
        "schedule": {"iterations": config.iters, "decay_steps": getattr(builder.lr_scheduler, "decay_steps", None)},
        "optimizer": _optimizer(optimizer, model),
        "learning_rate": _learning_rate(builder, optimizer, config.iters),
        "loss": _loss(losses),
        "backbone": {**_backbone(config, model.backbone), "pretrained": _published_weights(pretrained)},
        **_stages(model.backbone),
        "head": {"layout": config.dic["model"].get("layout"), **main},
        "aux_head": auxiliary,
        "align_corners": model.align_corners,
        "train": steps,
        "test": _test(config, val),
    }


@contextlib.contextmanager
def _undrawn_weights() -> Iterator[None]:
    """Make ``_UNDRAWN`` the default of all weights, instead of a random draw."""
    constant = initializer.Constant(_UNDRAWN)
    initializer.set_global_initializer(constant, constant)
    try:
        yield
    finally:
        initializer.set_global_initializer(None)


# --- training -------------------------------------------------------------------------------------------------------


def _data(config: Config, builder: Builder, model: Segmentor) -> dict[str, Any]:
    train, val = config.train_dataset_cfg, config.val_dataset_cfg
    of_data = getattr(builder.train_dataset_class, "NUM_CLASSES", train.get("num_classes"))
    classes = {of_data, *(conv.weight.shape[0] for conv in model.classifiers)}
    return {
        "set": _DATA_SETS.get(train["type"], train["type"]) if train["type"] == val["type"] else None,
        "train": train.get("mode"),
        "val": val.get("mode"),
        "classes": classes.pop() if len(classes) == 1 else sorted(classes),
    }


def _optimizer(optimizer: paddle.optimizer.Optimizer, model: nn.Layer) -> dict[str, Any]:
    parameters = optimizer._parameter_list
    one_group = all(isinstance(parameter, paddle.Tensor) for parameter in parameters)
    alike = all(
        parameter.optimize_attr["learning_rate"] == 1.0 and parameter.regularizer is None
        for parameter in model.parameters()
    )
    momentum = isinstance(optimizer, paddle.optimizer.Momentum)
    coupled = momentum and optimizer._regularization_method == "l2_decay"
    return {
        "type": "SGD" if momentum else type(optimizer).__name__,
        "momentum": optimizer._momentum if momentum else None,
        "weight_decay": optimizer._regularization_coeff if coupled else None,
        "nesterov": optimizer._use_nesterov if momentum else None,
        "parameter_groups": 1 if one_group and alike and len(parameters) == len(model.parameters()) else "several",
    }


def _learning_rate(builder: Builder, optimizer: paddle.optimizer.Optimizer, iterations: int) -> dict[str, Any]:
    schedule = builder.lr_scheduler
    rates = {}
    for iteration in curves.points(iterations):
        schedule.step(iteration)
        rates[iteration] = optimizer.get_lr()
    warmup = isinstance(schedule, paddle.optimizer.lr.LinearWarmup)
    decay = schedule.learning_rate if warmup else schedule
    return {
        "start": decay.base_lr,
        "floor": getattr(decay, "end_lr", None),
        "power": getattr(decay, "power", None),
        "warmup": schedule.warmup_steps if warmup else None,
        "at": rates,
    }


_AVERAGES: dict[frozenset, str] = {frozenset({True}): "valid pixels", frozenset({False}): "all pixels"}


def _loss(losses: dict[str, list[Any]]) -> dict[str, Any]:
    kinds = losses["types"]
    plain = all(type(loss).__name__ == "CrossEntropyLoss" and loss.top_k_percent_pixels == 1 for loss in kinds)
    averages = frozenset(getattr(loss, "avg_non_ignore", None) for loss in kinds)
    weights = [getattr(loss, "weight", None) for loss in kinds]
    return {
        "type": "cross entropy" if plain else [type(loss).__name__ for loss in kinds],
        "average": _AVERAGES.get(averages),
        "class_weights": None if all(weight is None for weight in weights) else _alike([_rounded(w) for w in weights]),
        "weights": list(losses["coef"]),
    }


def _rounded(weights: Any) -> Any:
    """Return class weights as the YAML writes them; a loss keeps them in float32."""
    return None if weights is None else [round(float(weight), 6) for weight in np.ravel(weights)]


# --- network --------------------------------------------------------------------------------------------------------


def _conv(layer: nn.Layer) -> dict[str, Any]:
    """Return the facts of a convolution, or of the convolution in PaddleSeg's ``ConvBNReLU``."""
    conv = getattr(layer, "_conv", layer)
    out_channels, in_channels, kernel, _ = conv.weight.shape
    return {"in": in_channels, "out": out_channels, "kernel": kernel, "bias": conv.bias is not None}


def _dropout(layer: nn.Layer) -> dict[str, Any]:
    return {"dropout": layer.p, "drops": "channels" if isinstance(layer, nn.Dropout2D) else "elements"}


def _alike(facts: list[Any]) -> Any:
    """Return the one fact if all of ``facts`` are equal, else all of them."""
    return facts[0] if all(fact == facts[0] for fact in facts) else facts


def _initialization(classifier: nn.Conv2D) -> str:
    """Return the scheme that drew a classifier's weights, recognized by their spread."""
    weight = classifier.weight.numpy()
    if (weight == _UNDRAWN).all():
        return "paddle"
    spread, fan_in = float(weight.std()), weight[0].size
    for name, expected in (("torch", 1 / math.sqrt(3 * fan_in)), ("mmseg", 0.01)):
        if abs(spread / expected - 1) < 0.1:
            return name
    return f"standard deviation {spread:.3g}"


def _aux_head(conv: nn.Layer, dropout: nn.Layer) -> dict[str, Any]:
    facts = _conv(conv)
    width, in_channels = facts.pop("out"), facts.pop("in")
    return {"in_channels": in_channels, "channels": width, **facts, **_dropout(dropout)}


@functools.singledispatch
def _heads(model: Segmentor) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the facts of the main and of the auxiliary head."""
    raise TypeError(f"The facts of a {type(model).__name__} are not known.")


@_heads.register
def _psanet(model: PSANet) -> tuple[dict[str, Any], dict[str, Any]]:
    psa, head, auxiliary = model.psa, model.head, model.aux_head
    assert psa is not None and auxiliary is not None, "every published recipe has both"
    reduces, attentions = [psa.reduce_layer], [psa.attention]
    if psa.psa_type == "bi-direction":
        reduces.append(psa.reduce_p)
        attentions.append(psa.attention_p)
    main = {
        "psa_type": psa.psa_type,
        "compact": psa.compact,
        "shrink_factor": psa.shrink_factor,
        "shrink_rule": "by parity" if psa.row.parity_shrink else "rounded up",
        "mask_size": list(psa.mask_size),
        "normalization_factor": psa.normalization_factor,
        "psa_softmax": psa.psa_softmax,
        "branches": list(psa.row.branch_order),
        "reduce": _alike([_conv(layer) for layer in reduces]),
        "attention": _alike([_conv(layer[1]) for layer in attentions]),
        "proj": {**_conv(psa.proj), "padding": psa.proj._conv._padding},
        "fuse": _conv(head.conv_bn_relu),
        **_dropout(head.dropout),
        "initialization": _initialization(model.classifiers[0]),
    }
    return main, _aux_head(auxiliary.conv_bn_relu, auxiliary.dropout)


@_heads.register
def _pspnet(model: PSPNet) -> tuple[dict[str, Any], dict[str, Any]]:
    head = model.head
    pyramid, auxiliary = head.psp_module, head.auxlayer
    bins = list(pyramid.bin_sizes)
    main = {
        "bins": bins,
        "branches": ["input", *(reversed(bins) if pyramid.row.reversed_bins else bins)],
        "level": _alike([_conv(stage[1]) for stage in pyramid.stages]),
        "fuse": _conv(pyramid.conv_bn_relu2),
        **_dropout(head.dropout),
        "initialization": _initialization(model.classifiers[0]),
    }
    return main, _aux_head(auxiliary.conv_bn_relu, auxiliary.dropout)


@_heads.register
def _isanet(model: ISANet) -> tuple[dict[str, Any], dict[str, Any]]:
    head = model.head
    relations = (head.global_relation, head.local_relation)
    main = {
        "down_factor": list(head.down_factor),
        "in_conv": _conv(head.in_conv),
        "query": _alike([list(map(_conv, layers)) for r in relations for layers in (r.query_project, r.key_project)]),
        "value": _alike([_conv(r.value_project) for r in relations]),
        "branches": ["attended", "feature"] if head.attended_first else ["feature", "attended"],
        "fuse": _conv(head.out_conv),
        **_dropout(head.cls[0]),
        "initialization": _initialization(model.classifiers[0]),
    }
    return main, _aux_head(head.aux[0], head.aux[1])


def _published_weights(pretrained: Optional[str]) -> dict[str, Optional[str]]:
    """Return the address that the YAML's ``pretrained`` weights were published at."""
    name = (pretrained or "").rpartition("zoo://")[2]
    return {"url": PUBLISHED.get(name, pretrained)}


def _backbone(config: Config, backbone: nn.Layer) -> dict[str, Any]:
    stem, stages = _stem(backbone), _blocks(backbone)
    if hasattr(backbone, "stem"):
        pooled = {"strided convolution"}
    else:
        firsts = [stage[0] for stage in stages]
        pooled = {"average pooling" for block in firsts if block.short.is_vd_mode}
    depths: dict[tuple[int, ...], int] = {(3, 4, 6, 3): 50, (3, 4, 23, 3): 101}
    depth = depths.get(tuple(map(len, stages)))
    return {
        "name": config.dic["model"]["backbone"]["type"],
        "depth": depth,
        "stem": [conv.weight.shape[0] for conv in stem],
        "shortcut": " and ".join(pooled) or "strided convolution",
    }


def _stages(backbone: nn.Layer) -> dict[str, Any]:
    stem, stages = _stem(backbone), _blocks(backbone)
    middles = [[_middle(block) for block in stage] for stage in stages]
    strides = [stage[0]._stride[0] for stage in middles]
    # The max pooling after the stem halves once more.
    return {
        "output_stride": 2 * math.prod(conv._stride[0] for conv in stem) * math.prod(strides),
        "stages": {
            "strides": strides,
            "dilations": [_alike([conv._dilation[0] for conv in stage[1:]]) for stage in middles],
            "first_dilations": [stage[0]._dilation[0] for stage in middles],
        },
    }


def _stem(backbone: nn.Layer) -> list[nn.Conv2D]:
    """Return the convolutions of the stem, of our ResNet or of PaddleSeg's ``ResNet_vd``."""
    if hasattr(backbone, "stem"):
        return [layer for layer in backbone.stem if isinstance(layer, nn.Conv2D)]
    return [layer._conv for layer in (backbone.conv1_1, backbone.conv1_2, backbone.conv1_3)]


def _blocks(backbone: nn.Layer) -> list[list[nn.Layer]]:
    """Return the blocks of each stage, of our ResNet or of PaddleSeg's ``ResNet_vd``."""
    if hasattr(backbone, "stem"):
        return [list(getattr(backbone, f"layer{i}")) for i in range(1, 5)]
    return backbone.stage_list


def _middle(block: nn.Layer) -> nn.Conv2D:
    """Return the 3x3 convolution of a bottleneck. It has the block's stride and dilation."""
    return block.conv2 if isinstance(block.conv2, nn.Conv2D) else block.conv1._conv


# --- pictures -------------------------------------------------------------------------------------------------------


def _eight_bit(values: Any, scale: float) -> list[float]:
    """Return mean or std of ``Normalize`` for pixels from 0 to 255 of 3 channels; it divides them by scale first."""
    values = [float(value) * scale for value in np.ravel(values)]
    return values * 3 if len(values) == 1 else values


def _fill(values: Any) -> Any:
    """Return the number that pads every channel, or all numbers if the channels differ."""
    values = {float(value) for value in np.ravel(values)}
    return values.pop() if len(values) == 1 else sorted(values)


def _label(value: float, ignored: int) -> Any:
    return "ignored" if value == ignored else value


def _random(transform: Any, name: str) -> dict[str, Any]:
    return {"range": getattr(transform, f"{name}_range"), "probability": getattr(transform, f"{name}_prob")}


def _step(transform: Any, ignored: int) -> dict[str, Any]:
    """Return the facts of one training transform; ``ignored`` is the label of void pixels."""
    kind, t = type(transform).__name__, transform
    if kind == "ResizeByRatio":
        return {"step": "resize", "base": list(t.base_size), "ratio": [t.min_ratio, t.max_ratio]}
    if kind == "RandomClassRatioCrop":
        return {
            "step": "crop",
            "size": list(t.crop_size),
            "class_ratio": t.max_ratio,
            "draws": t.attempts,
            "void": "uncropped" if t.uncropped_if_void else "kept",
        }
    if kind == "RandomHorizontalFlip":
        return {"step": "flip", "probability": t.prob}
    if kind == "PhotoMetricDistortion":
        return {
            "step": "distort",
            "brightness": t.brightness_delta,
            "contrast": list(t.contrast_range),
            "saturation": list(t.saturation_range),
            "hue": t.hue_delta,
            "codes": "RGB" if t.swapped_hsv else "BGR",
        }
    if kind == "Normalize":
        return {"step": "normalize", "mean": _eight_bit(t.mean, t.scale), "std": _eight_bit(t.std, t.scale)}
    if kind == "PadToSize":
        return {
            "step": "pad",
            "size": list(t.target_size),
            "position": _POSITIONS[t.position],
            "image": _fill(t.im_padding_value),
            "label": _label(t.label_padding_value, ignored),
        }
    if kind == "ResizeStepScaling":
        return {
            "step": "resize by steps",
            "ratio": [t.min_scale_factor, t.max_scale_factor],
            "increment": t.scale_step_size,
        }
    if kind == "RandomPaddingCrop":
        return {
            "step": "crop or pad",
            # PaddleSeg takes [width, height] and keeps (height, width).
            "size": list(reversed(t.crop_size)),
            "class_ratio": None if t.category_max_ratio >= 1 else t.category_max_ratio,
            "image": _fill(t.im_padding_value),
            "label": _label(t.label_padding_value, ignored),
        }
    if kind == "RandomDistort":
        names = ("brightness", "contrast", "saturation", "hue", "sharpness")
        return {"step": "distort as PaddleSeg", **{name: _random(t, name) for name in names}}
    return {"step": kind}


def _resize(resize: Any) -> Any:
    """Return the size that a test resizes pictures to."""
    if resize is None:
        return None
    if hasattr(resize, "long_size"):
        return {"long": resize.long_size}
    size = list(resize.base_size)
    if (resize.fit, resize.interpolation) == ("inside", "linear"):
        return size
    word, value = {"cover": ("short", min(size)), "stretch": ("to", size), "inside": ("inside", size)}[resize.fit]
    return {word: value, "interpolation": resize.interpolation}


def _pad(pad: Any) -> dict[str, Any]:
    """Return the size that a test pads pictures to."""
    facts: dict[str, Any] = {}
    if pad.target_size is not None:
        facts["at_least" if pad.at_least else "to"] = list(pad.target_size)
        facts["position"] = _POSITIONS[pad.position]
    if pad.size_divisor != 1:
        facts["multiple"] = pad.size_divisor
    if _fill(pad.im_padding_value) != 0:
        facts["image"] = _fill(pad.im_padding_value)
    return facts


def _test(config: Config, transforms: list[Any]) -> dict[str, Any]:
    kinds = {type(transform).__name__: transform for transform in transforms}
    resize = kinds.pop("ResizeByRatio", None) or kinds.pop("ResizeByLong", None)
    pad, normalize = kinds.pop("PadToSize", None), kinds.pop("Normalize", None)
    protocol = {name: p.default for name, p in inspect.signature(evaluate).parameters.items()}
    protocol.update(config.test_config)
    facts = {
        "mode": "slide" if protocol["is_slide"] else "whole",
        "resize": _resize(resize),
        "mean": None if normalize is None else _eight_bit(normalize.mean, normalize.scale),
        "std": None if normalize is None else _eight_bit(normalize.std, normalize.scale),
        "logits": "once" if protocol["resize_once"] else "twice",
        "align_corners": bool(protocol["align_corners"]),
        "absent_classes": protocol["absent_classes"],
        "multi_scale": None,
    }
    if protocol["is_slide"]:
        facts.update(window=list(protocol["crop_size"]), stride=list(protocol["stride"]))
    if protocol["flip_horizontal"] or protocol["scales"] not in (1.0, [1.0]):
        facts["multi_scale"] = {
            "scales": protocol["scales"],
            "flip": protocol["flip_horizontal"],
            "average": protocol["aug_average"],
            "rescale": protocol["aug_rescale"],
        }
    if pad is not None:
        facts["pad"] = _pad(pad)
    if normalize is not None and normalize.channel_order != "RGB":
        facts["channel_order"] = normalize.channel_order
    if protocol["interpolation"] != "linear":
        facts["interpolation"] = protocol["interpolation"]
    # The table does not have words for these, and the plain figure is measured without them.
    for switch in ("aug_eval", "flip_vertical"):
        if protocol[switch]:
            facts[switch] = True
    if kinds:
        facts["other transforms"] = sorted(kinds)
    return facts
