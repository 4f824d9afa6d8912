"""A checkpoint's weights under our names: all of them, and nothing else, or none."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import paddle
import yaml
from paddleseg.cvlibs import Config

from paddleseg_ext.config.config import load_config
from paddleseg_ext.config.quiet import quietly
from paddleseg_ext.convert.checkpoint import Weights, find_weights
from paddleseg_ext.convert.names import their_name
from paddleseg_ext.convert.notes import Notes
from paddleseg_ext.convert.settings import Undecided, settings_of
from paddleseg_ext.convert.target import MODELS, Target, declared_settings, target_of_config, target_of_model
from paddleseg_ext.errors import UserError, nearest
from paddleseg_ext.weights.refusal import Refused, shown
from paddleseg_ext.weights.weight_file import open_checkpoint

# How many names are shown of those that are missing, left over, or of another shape.
_ROWS = 6
_REMARKS = {"model.num_classes": ", and the data sets must have as many"}


@dataclass(frozen=True)
class Conversion:
    """Converted weights and where each comes from.

    Attributes:
        weights: {our name: float32 array}, in the order of our model. Arrays of a file are views of it where its
            tensors are float32.
        origins: {our name: the checkpoint's name}.
        found: The weights in the checkpoint, under its own names.
        remarks: A sentence for each uncertain point.
    """

    weights: dict[str, np.ndarray]
    origins: dict[str, str]
    found: Weights
    remarks: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield a line for each weight: the checkpoint's name, our name, the shape."""
        width = max(map(len, self.origins.values()))
        for ours, theirs in self.origins.items():
            yield f"{theirs:{width}}  {ours}  {list(self.weights[ours].shape)}"
        for name in self.found.left_out:
            yield f"{name:{width}}  left out"


def convert_weights(
    checkpoint: Union[str, Path, Mapping],
    config: Union[str, Path, Config, None] = None,
    model: Optional[paddle.nn.Layer] = None,
    implementation: Optional[str] = None,
    entry: Optional[str] = None,
    opts: Optional[Sequence[str]] = None,
) -> Conversion:
    """Find every weight of a model in a checkpoint that another implementation trained.

        conversion = convert_weights("pspnet_resnet50os8_voc.pth", "configs/pspnet/....yml")
        model.set_state_dict(conversion.weights)

    Running statistics are copied unchanged. torch is not needed. No code of the file runs.

    Args:
        checkpoint: A file, or what one holds: arrays by name, possibly below an entry such as ``state_dict``.
        config: The YAML file that describes the model. A file of ImageNet weights fills its backbone only.
        model: Instead of ``config``, the model or backbone itself. It is not changed. Its layout is not compared, so
            the caller has to choose that of the checkpoint.
        implementation: Whose checkpoint it is, a key of ``implementations.IMPLEMENTATIONS``; None finds it.
        entry: Which entry of the checkpoint holds the weights; None finds it.
        opts: ``key=value`` strings that overrule the YAML.

    Raises:
        UserError: The file cannot be read, has names of no known implementation, or is not exactly of that model. It
            reports what the YAML should say, or which names do not fit and the nearest ones.
    """
    if (config is None) == (model is None):
        raise UserError("convert_weights needs either a config or a model; give one of the two.")
    if config is not None and not isinstance(config, Config):
        with quietly():
            config = load_config(config, opts=opts, training=False)
    if isinstance(checkpoint, Mapping):
        held, name = checkpoint, "The checkpoint"
    else:
        held, name = open_checkpoint(checkpoint), str(checkpoint)
    try:
        found = find_weights(held, entry, implementation)
    except Refused as refused:
        raise UserError(f"{name} {refused}.") from None
    shapes = {theirs: tuple(value.shape) for theirs, value in found.tensors.items()}
    ours = _named(found, name)
    remarks: tuple[str, ...] = ()
    if config is None:
        target = target_of_model(model)
    else:
        fit = fit_of(config, found, held, name)
        target, remarks = _configured(fit), tuple(fit.remarks())
    _require_all(name, found, target, ours, shapes)
    weights = {n: _as_float32(found.tensors[ours[n]], ours[n], name) for n in target.shapes}
    origins = {n: ours[n] for n in target.shapes}
    return Conversion(weights, origins, found, (*remarks, *_numbers(weights, origins, name)))


def _numbers(weights: Mapping, origins: Mapping, name: str) -> Iterator[str]:
    """Check the numbers, and yield a sentence for each thing that looks wrong.

    Raises:
        UserError: Numbers are not finite, or all running variances are zero: the file is damaged.
    """
    variances = [array for n, array in weights.items() if n.endswith("._variance")]
    if variances and not any(array.any() for array in variances):
        raise UserError(
            f"{name} holds nothing but zeros where running variances belong, which no training leaves behind; it is "
            "damaged or was not written to its end, so use another copy."
        )
    endless = [n for n, array in weights.items() if not np.isfinite(array).all()]
    if endless:
        raise UserError(
            f"{name} holds numbers that are not finite in {len(endless)} of its tensors (first {origins[endless[0]]}); "
            "its training had diverged or it is damaged, so use an earlier or another copy."
        )
    empty = [n for n, array in weights.items() if (array.ndim == 4 or n.endswith("._variance")) and not array.any()]
    if len(empty) > 1:
        yield (
            f"{len(empty)} of its convolutions and running variances are all zero (first {origins[empty[0]]}), so it "
            "may be damaged"
        )


def _named(found: Weights, name: str) -> dict[str, str]:
    """Return {our name: the checkpoint's name}, without names that our model does not have."""
    ours: dict[str, str] = {}
    for theirs in found.tensors:
        here = found.name_here(theirs)
        if here in ours:
            raise UserError(
                f"{name} holds one weight twice, as {shown(ours[here])} and {shown(theirs)}; use another copy."
            )
        if here is not None:
            ours[here] = theirs
    return ours


def _configured(fit: "Fit") -> Target:
    """The target of a YAML that fits the checkpoint.

    Raises:
        UserError: The YAML does not fit. The sentence lists the values that do.
    """
    if not fit.differing:
        return fit.target
    found = fit.found
    ours = found.paddle_names and "model.layout" in fit.differing
    hint = " (a file that this project's train.py wrote needs no conversion)" if ours else ""
    raise UserError(
        f"{fit.name} holds {found.title} with other settings than {fit.config.path}, so nothing was converted{hint}; "
        "the YAML should say (--write_config NEW.yml writes one that does)\n" + _advice(fit.differing)
    )


@dataclass(frozen=True)
class Fit:
    """A checkpoint compared with a YAML.

    Attributes:
        name: The file, for messages.
        config: The YAML.
        found: The weights in the checkpoint, under its own names.
        notes: The notes beside the weights.
        target: The model that the YAML describes.
        differing: {key of the YAML: (value that fits the checkpoint, value in the YAML)}.
        doubtful: The same pairs for preprocessing and test protocol. The checkpoint does not note these settings,
            and the YAML differs from the implementation's own programs.
    """

    name: str
    config: Config
    found: Weights
    notes: Notes
    target: Target
    differing: dict[str, tuple[Any, Any]]
    doubtful: dict[str, tuple[Any, Any]]

    def remarks(self) -> Iterator[str]:
        """Yield a sentence for each uncertain point."""
        for key, (value, now) in self.doubtful.items():
            yield (
                f"{self.found.title} needs {key}: {as_yaml(value)}, but {self.config.path} says {as_yaml(now)}, so "
                "predictions may differ; --write_config NEW.yml writes a YAML that fits"
            )
        if self.notes.unread:
            yield "its configuration could not be read, so only what shapes show was compared"
        if self.notes.absent:
            yield "its configuration is not in the file, so only what shapes show was compared"
        if self.notes.passed_over:
            yield f"it notes settings that are unknown here and were not compared: {', '.join(self.notes.passed_over)}"


def fit_of(config: Config, found: Weights, held: Mapping, name: str) -> Fit:
    """Compare what a YAML says with the shapes, the origin and the notes of a checkpoint.

    Raises:
        UserError: The YAML describes another model, or the checkpoint notes a setting that no YAML can express.
    """
    backbone = found.model == "backbone"
    kind = config.dic["model"]["type"]
    if not backbone and MODELS.get(kind, kind) != found.model:
        raise UserError(
            f"{name} holds {found.title}, but model.type in {config.path} is {kind}; give a YAML with that model."
        )
    try:
        notes = Notes() if backbone else found.implementation.read_notes(held, found.model)
    except Refused as refused:
        raise UserError(f"{name} {refused}.") from None
    target = target_of_config(config, backbone)
    written, fixed = target.settings, found.implementation.fixed_settings(found.model)
    if fixed.get("model.layout") != written.get("model.layout"):
        # The YAML's own layout would also be reported through every default that depends on it.
        target = target_of_config(config, layout=fixed["model.layout"])
    beside = {**fixed, **notes.settings}
    shapes = {ours: tuple(found.tensors[theirs].shape) for ours, theirs in _named(found, name).items()}
    masks = [sides for sides in (beside.get("model.mask_size"), written.get("model.mask_size")) if sides]
    shown_by_shapes = settings_of(shapes, found.model, masks)
    if "model.mask_size" in shown_by_shapes:
        beside.pop("model.mask_size", None)
    declared = settings_of(target.shapes, found.model)
    if "model.mask_size" in written:
        declared["model.mask_size"] = written["model.mask_size"]
    # Settings of a part that the YAML's model does not have follow from the one that leaves the part out.
    differing = _differences(shown_by_shapes, declared)
    # Another backbone and another layout have other defaults.
    other = differing.get("model.backbone.type", (None,))[0]
    other = None if isinstance(other, Undecided) else other
    written = declared_settings(config, backbone, other, fixed.get("model.layout"))
    others = _differences(beside, written)
    sure = {key for key in others if key.startswith("model.") or key in notes.settings}
    differing.update({key: others[key] for key in others if key in sure})
    doubtful = {key: others[key] for key in others if key not in sure}
    return Fit(name, config, found, notes, target, differing, doubtful)


def _differences(wanted: Mapping, now: Mapping) -> dict[str, tuple[Any, Any]]:
    """(wanted, now) by key, where both have the key and differ."""
    return {key: (value, now[key]) for key, value in wanted.items() if key in now and not _agree(key, value, now[key])}


def _agree(key: str, value: Any, now: Any) -> bool:
    if isinstance(value, Mapping):
        now = now if isinstance(now, Mapping) else {}
        if key == "Normalize":
            # Several ways to write a step do the same to a pixel.
            value, now = _of_pixels(value), _of_pixels(now)
        return all(name in now and _agree(name, one, now[name]) for name, one in value.items())
    if isinstance(value, (list, tuple)) and isinstance(now, (list, tuple)):
        return len(value) == len(now) and all(_agree(key, *pair) for pair in zip(value, now))
    if all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in (value, now)):
        return math.isclose(value, now, rel_tol=1e-5)
    return value == now


def _of_pixels(settings: Mapping) -> dict[str, Any]:
    """``Normalize`` without its scale: mean and deviation of three channels of pixels from 0 to 255."""
    if not settings:
        return {}
    scaled = {
        key: [float(value) * float(settings["scale"]) for value in np.ravel(settings[key])] for key in ("mean", "std")
    }
    scaled = {key: values * 3 if len(values) == 1 else values for key, values in scaled.items()}
    return {**scaled, "channel_order": settings["channel_order"]}


def _advice(differing: Mapping) -> str:
    """Return a line of YAML for each setting, with the present value behind it."""
    lines = {key: f"{key}: {as_yaml(value)}" for key, (value, _) in differing.items()}
    # Long lines do not push the others' second column to the right.
    width = max((len(line) for line in lines.values() if len(line) <= 60), default=0)
    return "\n".join(
        f"  {line.ljust(width)}  (now {as_yaml(differing[key][1])}{_REMARKS.get(key, '')})"
        for key, line in lines.items()
    )


def as_yaml(value: Any) -> str:
    """Return ``value`` as one line of YAML. A string is returned unchanged: it may explain a value that is open."""
    if isinstance(value, str):
        return value
    text = yaml.safe_dump(plain(value), default_flow_style=True, width=10**6, sort_keys=False)
    return text.strip().removesuffix("...").strip()


def plain(value: Any) -> Any:
    """A copy of ``value`` of the types that a YAML has, with nothing shared, which a YAML would write as anchors."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _require_all(name: str, found: Weights, target: Target, ours: Mapping, shapes: Mapping) -> None:
    """Raise ``UserError`` with a table unless the target's names are those of ``ours``, shape by shape."""
    missing = [n for n in target.shapes if n not in ours]
    over = [theirs for theirs in found.tensors if found.name_here(theirs) not in target.shapes]
    unlike = [n for n in target.shapes if n in ours and shapes[ours[n]] != target.shapes[n]]
    if not (missing or over or unlike):
        return
    expected = {_their_name(n, found): n for n in missing}
    # The nearest of hundreds of names takes long to find, so it is looked for only where it is shown.
    rows = [
        (f"  missing    {theirs} {list(target.shapes[n])}", _nearest(theirs, over, "in the file"))
        for theirs, n in list(expected.items())[:_ROWS]
    ]
    rows += [
        (f"  left over  {shown(n)} {list(shapes[n])}", _nearest(n, list(expected), "wanted")) for n in over[:_ROWS]
    ]
    rows += [
        (f"  shape      {ours[n]} {list(shapes[ours[n]])}", f"wanted {list(target.shapes[n])} ({n})")
        for n in unlike[:_ROWS]
    ]
    width = max(len(left) for left, _ in rows)
    lines = [f"{left:{width}}  {right}".rstrip() for left, right in rows]
    more = len(missing) + len(over) + len(unlike) - len(rows)
    if more:
        lines.append(f"  and {more} more")
    fitting = len(target.shapes) - len(missing) - len(unlike)
    raise UserError(
        f"{name} holds {found.title}, but only {fitting} of the {len(target.shapes)} weights of {target.described_by} "
        f"fit ({len(missing)} missing, {len(over)} left over, {len(unlike)} of another shape), so nothing was "
        "converted; give a checkpoint of exactly this model\n" + "\n".join(lines)
    )


def _their_name(ours: str, found: Weights) -> str:
    """Return the name that the checkpoint would have for ``ours``."""
    if found.paddle_names:
        return ours
    try:
        return their_name(ours, found.named_by, found.model)
    except ValueError:
        # The model has parts that the implementation does not have.
        return ours


def _nearest(name: str, among: Sequence[str], where: str) -> str:
    near = nearest(name, among, cutoff=0.5)
    return f"nearest {where}: {shown(near)}" if near else ""


def _as_float32(value: Any, theirs: str, name: str) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind != "f":
        raise UserError(f"{name}: {theirs} is of {array.dtype}; only floating-point weights can be converted.")
    return np.asarray(array, dtype=np.float32)
