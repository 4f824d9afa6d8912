"""A YAML that is right for a checkpoint, from model to test protocol, made of one that is nearly so."""

import contextlib
import copy
import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import yaml
from paddleseg.cvlibs import Config, manager

from paddleseg_ext.config.build import quietly
from paddleseg_ext.config.config import load_config
from paddleseg_ext.convert.conversion import Fit, as_yaml, fit_of
from paddleseg_ext.convert.settings import Undecided, settings_of
from paddleseg_ext.convert.sources import TITLES, find_weights
from paddleseg_ext.errors import UserError
from paddleseg_ext.files.whole import write_whole
from paddleseg_ext.protocol.rescaled_views import RESIZES
from paddleseg_ext.weights.refusal import Refused
from paddleseg_ext.weights.weight_file import open_checkpoint

# Steps of a validation pipeline that are about an image's size.
_RESIZES = {kind.__name__ for kind in RESIZES}
_OF_SIZE = _RESIZES | {"Padding", "PadToSize"}
_EVALUATION = ("absent_classes", "auc_roc")


@contextlib.contextmanager
def fitting_config(
    checkpoint: Union[str, Path],
    config: Union[str, Path],
    output: Union[str, Path],
    source: Optional[str] = None,
    entry: Optional[str] = None,
    opts: Optional[Sequence[str]] = None,
) -> Iterator[Path]:
    """Yield a temporary YAML that fits ``checkpoint``; it becomes ``output`` if the block ends without an error.

    It says everything itself, without ``_base_``. Data sets and training stay those of ``config``; what says how an
    image becomes labels is the checkpoint's.

    Args:
        checkpoint: The file.
        config: The YAML that is nearly right: its model is of the checkpoint's kind, its data sets have its classes.
        output: Where the YAML is to be; must not exist.
        source, entry, opts: As for ``convert_weights``.

    Raises:
        UserError: ``output`` exists, the checkpoint cannot be read, or leaves something open that ``opts`` must say.
    """
    output = Path(output)
    if output.exists():
        raise UserError(f"--write_config: {output} exists; name a new file, nothing is written over.")
    with quietly():
        loaded = _load(config, opts)
    held = open_checkpoint(checkpoint)
    try:
        found = find_weights(held, entry, source)
    except Refused as refused:
        raise UserError(f"{checkpoint} {refused}.") from None
    fit = fit_of(loaded, found, held, str(checkpoint))
    content = fitted(fit)
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=120, allow_unicode=True)
    try:
        with write_whole(output) as temporary:
            temporary.write_text(_heading(fit, checkpoint) + text, encoding="utf-8")
            yield temporary
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"--write_config: {output} could not be written ({reason}); choose another place.") from error


def _load(config: Union[str, Path], opts: Optional[Sequence[str]]) -> Config:
    """The YAML with how to train, where it says so."""
    try:
        return load_config(config, opts=opts)
    except UserError:
        return load_config(config, opts=opts, training=False)


def fitted(fit: Fit) -> dict:
    """The content of the YAML of ``fit`` with everything that differs set right.

    Raises:
        UserError: The checkpoint leaves a value open, or has other classes than the data sets.
    """
    changes = {key: value for key, (value, _) in {**fit.differing, **fit.doubtful}.items()}
    _require_decided(fit, changes)
    dic = copy.deepcopy(fit.config.dic)
    model, layout = dic["model"], changes.get("model.layout")
    for key, value in changes.items():
        *parents, last = key.split(".")
        if parents[:1] == ["model"]:
            place = model if len(parents) == 1 else model.setdefault("backbone", {})
            place[last] = list(value) if isinstance(value, tuple) else value
    if "model.backbone.type" in changes:
        _fit_backbone(model)
    if "model.mask_size" in changes:
        for side in ("mask_h", "mask_w"):
            model.pop(side, None)
    if layout is not None:
        row = manager.MODELS[model["type"]].layouts[layout]
        if row.align_corners is not None:
            model.pop("align_corners", None)
    _fit_steps(dic, fit, changes)
    _fit_protocol(dic, fit, changes)
    return _plain(dic)


def _require_decided(fit: Fit, changes: Mapping) -> None:
    if "model.num_classes" in changes:
        wanted, now = fit.differing["model.num_classes"]
        raise UserError(
            f"{fit.name} has {wanted} classes and the data sets of {fit.config.path} have {now}, so nothing was "
            f"written; give a YAML whose data sets have {wanted} classes."
        )
    for key, value in changes.items():
        if isinstance(value, Undecided):
            levels = value.partition(" ")[0]
            if key == "model.bin_sizes" and levels == "4":
                # No implementation has other four.
                changes[key] = [1, 2, 3, 6]
                continue
            example = {"model.psa_type": "collect", "model.bin_sizes": "[1,2,3]"}.get(key, "...")
            raise UserError(
                f"{fit.name} leaves {key} open ({value}), so no YAML was written; say it: --opts {key}={example}"
            )


def _fit_backbone(model: dict) -> None:
    """Keep of the backbone's arguments those that the other one has; its ImageNet weights are of another network."""
    backbone = model["backbone"]
    known = set(inspect.signature(manager.BACKBONES[backbone["type"]]).parameters) | {"type"}
    for name in [name for name in backbone if name not in known]:
        del backbone[name]
    backbone["pretrained"] = None


def _fit_steps(dic: dict, fit: Fit, changes: Mapping) -> None:
    """Set how images are prepared: the pixels in all data sets, the sizes in validation."""
    if "Normalize" in changes:
        step = {"type": "Normalize", **changes["Normalize"]}
        if step["channel_order"] == "RGB":
            del step["channel_order"]
        if step["scale"] == 255:
            del step["scale"]
        for part in ("train_dataset", "val_dataset", "test_dataset"):
            steps = (dic.get(part) or {}).get("transforms")
            if steps is not None:
                here = [number for number, old in enumerate(steps) if old.get("type") == "Normalize"]
                for number in here:
                    steps[number] = dict(step)
                if not here:
                    steps.append(dict(step))
    steps = (dic.get("val_dataset") or {}).get("transforms")
    if steps is None:
        return
    before, after = [], []
    if "model.layout" in changes:
        before, after = _sizes_of(fit, steps)
        steps[:] = [step for step in steps if step.get("type") not in _OF_SIZE]
    if "ResizeByRatio" in changes:
        steps[:] = [step for step in steps if step.get("type") not in _RESIZES]
        size = changes["ResizeByRatio"]
        before = [] if size is None else [{"type": "ResizeByRatio", **_without_defaults(size)}]
    steps[:] = [*before, *steps, *after]


def _without_defaults(size: Mapping) -> dict:
    usual = {"fit": "inside", "interpolation": "linear"}
    return {key: value for key, value in size.items() if usual.get(key) != value}


def _fit_protocol(dic: dict, fit: Fit, changes: Mapping) -> None:
    """Set the test protocol: the implementation's own where the YAML was of another, then what is noted."""
    test = dict(dic.get("test_config") or {})
    if "model.layout" in changes:
        test = {key: value for key, value in test.items() if key in _EVALUATION}
        test.update(protocol_for(fit))
    for key, value in {**fit.notes.settings, **changes}.items():
        if key.startswith("test_config."):
            test[key.partition(".")[2]] = value
    if not test.get("is_slide"):
        for key in ("is_slide", "crop_size", "stride"):
            test.pop(key, None)
    if test.get("resize_once") is False:
        del test["resize_once"]
    # It follows the model.
    test.pop("align_corners", None)
    dic.pop("test_config", None)
    if test:
        dic["test_config"] = test


def protocol_for(fit: Fit) -> dict:
    """``test_config`` as the implementation of a checkpoint tests, single scale where it has a choice."""
    source = fit.found.source
    if source == "ssseg":
        return {"resize_once": True, "absent_classes": "skip"}
    if source == "mmseg":
        return {
            "absent_classes": "skip",
            "scales": [0.5, 0.75, 1.0, 1.25, 1.5, 1.75],
            "flip_horizontal": True,
            "aug_average": "softmax",
            "aug_rescale": "image",
        }
    if source == "semseg":
        window = _semseg_window(fit)
        return {
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
    if source == "openseg":
        return {
            "absent_classes": "skip",
            "scales": [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0],
            "flip_horizontal": True,
            "interpolation": "cubic",
        }
    return {}


def _semseg_window(fit: Fit) -> list:
    """(width, height) of the window that semseg's configurations have for such a checkpoint."""
    side = 713 if _classes_of(fit) == 19 else 473
    if fit.found.model != "psanet":
        return [side, side]
    mask, factor = (
        fit.differing.get(key, (fit.target.settings[key], None))[0]
        for key in ("model.mask_size", "model.shrink_factor")
    )
    if not all(cells % 2 and cells > 1 for cells in mask):
        return [705, 705] if _classes_of(fit) == 19 else [465, 465]
    # A mask covers the map of a window: 2 * ((side - 1) / (8 * factor) + 1) - 1 cells.
    height, width = ((cells - 1) // 2 * 8 * factor + 1 for cells in mask)
    return [width, height]


def _classes_of(fit: Fit) -> int:
    """How many there are, in the checkpoint as in the YAML."""
    return settings_of(fit.target.shapes, fit.found.model)["model.num_classes"]


def _sizes_of(fit: Fit, steps: Sequence[Mapping]) -> tuple:
    """Steps about sizes before and after ``Normalize``, in validation, of the checkpoint's implementation.

    Args:
        steps: Those of the YAML, which was of another implementation.
    """
    source = fit.found.source
    if source == "openseg":
        divisor = 8 if fit.notes.size_divisor is None else fit.notes.size_divisor
        return [], [{"type": "PadToSize", "size_divisor": divisor}] if divisor > 1 else []
    if source == "semseg":
        long_size = 2048 if _classes_of(fit) == 19 else 512
        pad = {"target_size": _semseg_window(fit), "position": "center", "at_least": True}
        return [{"type": "ResizeByLong", "long_size": long_size}], [{"type": "PadToSize", **pad}]
    if source in ("ssseg", "mmseg"):
        for step in steps:
            if step.get("type") == "ResizeByRatio" and not {"fit", "interpolation"} & set(step):
                return [dict(step)], []
        # Of their configurations: Cityscapes, and all else.
        return [{"type": "ResizeByRatio", "base_size": [2048, 1024 if _classes_of(fit) == 19 else 512]}], []
    return [], []


def _heading(fit: Fit, checkpoint: Union[str, Path]) -> str:
    lines = [f"{Path(checkpoint).name}: {fit.found.title}. Made of {fit.config.path} by paddleseg_ext.convert."]
    differing = {**fit.differing, **fit.doubtful}
    lines += [f"  {key}: {as_yaml(value)}  (was {as_yaml(now)})" for key, (value, now) in differing.items()]
    if "model.layout" in fit.differing:
        title = TITLES[fit.found.source]
        lines.append(f"Sizes and test protocol are those of {title}; check that they are those of your data.")
    return "".join(f"# {line}\n" for line in lines) + "\n"


def _plain(value: Any) -> Any:
    """Copies without anything shared, which a YAML would write as anchors."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, str) else value
