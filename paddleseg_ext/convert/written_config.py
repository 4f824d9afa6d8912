"""A YAML that fits a checkpoint, from model to test protocol, made from one that nearly does."""

import contextlib
import copy
import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import yaml
from paddleseg.cvlibs import manager

from paddleseg_ext.config.config import load_config
from paddleseg_ext.config.quiet import quietly
from paddleseg_ext.convert.checkpoint import find_weights
from paddleseg_ext.convert.conversion import Fit, as_yaml, fit_of, plain
from paddleseg_ext.convert.implementation import Case, Protocol
from paddleseg_ext.convert.settings import Undecided, settings_of
from paddleseg_ext.errors import UserError
from paddleseg_ext.files.whole import write_whole
from paddleseg_ext.protocol.rescaled_views import RESIZES
from paddleseg_ext.weights.refusal import Refused
from paddleseg_ext.weights.weight_file import open_checkpoint

# Steps of a validation pipeline that are about an image's size.
_RESIZES = {kind.__name__ for kind in RESIZES}
_OF_SIZE = _RESIZES | {"Padding", "PadToSize"}
_CITYSCAPES = 19
_EVALUATION = ("absent_classes", "auc_roc")


@contextlib.contextmanager
def fitting_config(
    checkpoint: Union[str, Path],
    config: Union[str, Path],
    output: Union[str, Path],
    implementation: Optional[str] = None,
    entry: Optional[str] = None,
    opts: Optional[Sequence[str]] = None,
) -> Iterator[Path]:
    """Yield a temporary YAML that fits ``checkpoint``; it becomes ``output`` if the block ends without an error.

    It stands alone, without ``_base_``. Data sets and training stay those of ``config``; model, preprocessing and test
    protocol become the checkpoint's.

    Args:
        checkpoint: The file.
        config: The YAML that nearly fits: it has the same model, and data sets with as many classes.
        output: The file to write; must not exist.
        implementation, entry, opts: See ``convert_weights``.

    Raises:
        UserError: ``output`` exists, the checkpoint cannot be read, or it leaves a value open that ``opts`` must give.
    """
    output = Path(output)
    if output.exists():
        raise UserError(f"--write_config: {output} exists; name a new file, because existing files are not replaced.")
    with quietly():
        try:
            loaded = load_config(config, opts=opts)
        except UserError:
            # It may describe no training.
            loaded = load_config(config, opts=opts, training=False)
    held = open_checkpoint(checkpoint)
    try:
        found = find_weights(held, entry, implementation)
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


def fitted(fit: Fit) -> dict[str, Any]:
    """The content of the YAML of ``fit``, corrected where it differs.

    Raises:
        UserError: The checkpoint leaves a value open, or has another number of classes than the data sets.
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
    protocol = _protocol(dic, fit) if layout is not None else None
    _fit_steps(dic, protocol, changes)
    _fit_protocol(dic, fit, protocol, changes)
    return plain(dic)


def _require_decided(fit: Fit, changes: dict[str, Any]) -> None:
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
                # Every implementation here has these four.
                changes[key] = [1, 2, 3, 6]
                continue
            example = {"model.psa_type": "collect", "model.bin_sizes": "[1,2,3]"}.get(key, "...")
            raise UserError(
                f"{fit.name} leaves {key} open ({value}), so no YAML was written; say it: --opts {key}={example}"
            )


def _fit_backbone(model: dict) -> None:
    """Keep the arguments that the new backbone has too, without ImageNet weights: those are of another network."""
    backbone = model["backbone"]
    known = set(inspect.signature(manager.BACKBONES[backbone["type"]]).parameters) | {"type"}
    for name in [name for name in backbone if name not in known]:
        del backbone[name]
    backbone["pretrained"] = None


def _fit_steps(dic: dict, protocol: Optional[Protocol], changes: Mapping) -> None:
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
    if protocol is not None:
        before, after = protocol.before, protocol.after
        steps[:] = [step for step in steps if step.get("type") not in _OF_SIZE]
    if "ResizeByRatio" in changes:
        steps[:] = [step for step in steps if step.get("type") not in _RESIZES]
        size = changes["ResizeByRatio"]
        usual = {"fit": "inside", "interpolation": "linear"}
        given = {key: value for key, value in (size or {}).items() if usual.get(key) != value}
        before = [] if size is None else [{"type": "ResizeByRatio", **given}]
    steps[:] = [*before, *steps, *after]


def _fit_protocol(dic: dict, fit: Fit, protocol: Optional[Protocol], changes: Mapping) -> None:
    """Set the test protocol: the implementation's own where the YAML was of another, then what is noted."""
    test = dict(dic.get("test_config") or {})
    if protocol is not None:
        test = {key: value for key, value in test.items() if key in _EVALUATION}
        test.update(protocol.test_config)
    for key, value in {**fit.notes.settings, **changes}.items():
        if key.startswith("test_config."):
            test[key.partition(".")[2]] = value
    if not test.get("is_slide"):
        for key in ("is_slide", "crop_size", "stride"):
            test.pop(key, None)
    if test.get("resize_once") is False:
        del test["resize_once"]
    # The model decides it.
    test.pop("align_corners", None)
    dic.pop("test_config", None)
    if test:
        dic["test_config"] = test


def _protocol(dic: Mapping, fit: Fit) -> Protocol:
    """Return the test protocol of the checkpoint's implementation. ``dic`` is a YAML of another implementation."""
    settings = {**fit.target.settings, **{key: value for key, (value, _) in fit.differing.items()}}
    classes = settings_of(fit.target.shapes, fit.found.model)["model.num_classes"]
    steps = (dic.get("val_dataset") or {}).get("transforms") or ()
    return fit.found.implementation.protocol(Case(fit.found.model, classes == _CITYSCAPES, settings, fit.notes, steps))


def _heading(fit: Fit, checkpoint: Union[str, Path]) -> str:
    lines = [f"{Path(checkpoint).name}: {fit.found.title}. Made of {fit.config.path} by paddleseg_ext.convert."]
    differing = {**fit.differing, **fit.doubtful}
    lines += [f"  {key}: {as_yaml(value)}  (was {as_yaml(now)})" for key, (value, now) in differing.items()]
    if "model.layout" in fit.differing:
        title = fit.found.implementation.title
        lines.append(f"Sizes and test protocol are those of {title}; check that they suit your data.")
    return "".join(f"# {line}\n" for line in lines) + "\n"
