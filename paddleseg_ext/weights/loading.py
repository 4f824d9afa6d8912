"""Weights from a file into a model: the file is read once, compared with the model, and then set."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np
import paddle
from paddleseg.utils import logger

from paddleseg_ext.errors import UserError, nearest
from paddleseg_ext.weights.paddle_file import Tensor
from paddleseg_ext.weights.refusal import naming, shown
from paddleseg_ext.weights.weight_file import open_paddle_weights, refuse_torch_name

WEIGHTS = "model.pdparams"


def read_weights(path: Union[str, Path]) -> dict[str, Tensor]:
    """Return the weights in a ``.pdparams`` file by name, without a copy.

    Args:
        path: The file, or the folder that holds ``model.pdparams``.

    Raises:
        UserError: The file is missing, damaged or not of Paddle.
    """
    path = Path(path)
    refuse_torch_name(path)
    with naming(path):
        is_folder = path.is_dir()
    if is_folder:
        if not (path / WEIGHTS).is_file():
            raise UserError(f"The folder {path} holds no {WEIGHTS}; name the weight file itself.")
        path = path / WEIGHTS
    if path.suffix == ".pdiparams":
        raise UserError(
            f"{path} is part of an exported model, whose weights have other names; give the {WEIGHTS} that it was "
            "exported from."
        )
    return open_paddle_weights(path)


def load_weights(model: paddle.nn.Layer, path: Union[str, Path]) -> None:
    """Load all weights of ``model`` from a ``.pdparams`` file or the folder that holds ``model.pdparams``.

    The file must hold every weight of the model, with its shape, and nothing else. PaddleSeg instead loads what fits
    and warns. A model that is half random then predicts nonsense.

    Raises:
        UserError: The file is missing or damaged, or its weights are of another model; the sentence gives counts and
            names. The model is unchanged.
    """
    set_weights(model, read_weights(path), path)


def set_weights(model: paddle.nn.Layer, weights: Mapping[str, Tensor], path: Union[str, Path]) -> None:
    """Compare ``weights`` with all weights of ``model``, then set them.

    Args:
        weights: From ``read_weights``.
        path: Their file, for the error sentence.

    Raises:
        UserError: The weights are of another model. The model is unchanged.
    """
    check_weights(model, weights, path)
    _set(model.state_dict(), weights)


def check_weights(model: paddle.nn.Layer, weights: Mapping[str, Tensor], path: Union[str, Path]) -> None:
    """Raise the ``UserError`` of ``set_weights`` if ``weights`` are of another model. The model is unchanged."""
    match = _compare(model, weights)
    if match.missing or match.unknown or match.unlike:
        raise UserError(_mismatch(path, type(model).__name__, match, weights))


def set_pretrained(layer: paddle.nn.Layer, path: Path, key: str, whole: bool = False) -> None:
    """Set those weights of ``layer`` that a file of pretrained weights holds, as PaddleSeg does.

    One weight that fits is enough: PaddleSeg's own files may also hold a classifier, and may lack what a model adds to
    its backbone. A position embedding of another size is resized if the layer can do that (ViT, CAE).

    Args:
        layer: A model or backbone that was built without ``pretrained``.
        path: The file.
        key: The key of the YAML, e.g. ``model.backbone.pretrained``.
        whole: Every weight of ``layer`` must be in the file.

    Raises:
        UserError: The file cannot be read, or its weights are of another layer. ``layer`` is unchanged then.
    """
    weights = read_weights(path)
    match = _compare(layer, weights)
    kind, absent = type(layer).__name__, [*match.missing, *match.unlike]
    if len(absent) == len(match.wanted):
        raise UserError(
            f"{key}: none of the {len(weights)} weights in {path} fits the {len(match.wanted)} of {kind}, so "
            f"they are of another model (e.g. {shown(next(iter(weights)))}); correct {key}."
        )
    if whole and absent:
        first = next(name for name in match.wanted if name in absent)
        near = first if first in weights else nearest(first, match.unknown)
        there = f", but it holds {shown(near)} {_form(weights[near].numbers)}" if near else ""
        raise UserError(
            f"{key}: {len(absent)} of the {len(match.wanted)} weights of {kind} are not in {path} (first "
            f"{first} {list(match.wanted[first].shape)}{there}); name the weights of exactly this backbone."
        )
    for name in match.missing:
        logger.warning(f"{name} is not in {path}; it keeps its random values.")
    for name in match.unlike:
        if name == "pos_embed" and hasattr(layer, "resize_pos_embed"):
            _set_resized_positions(layer, weights[name].numbers)
        else:
            forms = _form(weights[name].numbers), _form(match.wanted[name])
            logger.warning(f"{name} of {path} is {forms[0]}, not {forms[1]}; it keeps its random values.")
    fitting = {name: value for name, value in match.wanted.items() if name not in set(absent)}
    _set(fitting, weights)
    logger.info(f"{key}: {len(fitting)} of the {len(match.wanted)} weights of {kind} are set from {path}.")


class _Match(NamedTuple):
    """The weights of a model, and the names by which a file differs: missing in the file, unknown to the model, or of
    another shape or kind of number."""

    wanted: dict[str, paddle.Tensor]
    missing: list[str]
    unknown: list[str]
    unlike: list[str]


def _compare(model: paddle.nn.Layer, weights: Mapping[str, Tensor]) -> _Match:
    wanted = model.state_dict()
    return _Match(
        wanted,
        missing=[name for name in wanted if name not in weights],
        unknown=[name for name in weights if name not in wanted],
        unlike=[
            name
            for name, value in wanted.items()
            if name in weights
            and (list(value.shape) != list(weights[name].numbers.shape) or _kind(value) != _kind(weights[name].numbers))
        ],
    )


def _mismatch(path: Union[str, Path], kind: str, match: _Match, weights: Mapping[str, Tensor]) -> str:
    wanted, missing, unknown, unlike = match
    fits = len(wanted) - len(missing) - len(unlike)
    text = f"{path} holds weights of another model: {fits} of the {len(wanted)} weights of this {kind} fit"
    if missing:
        near = nearest(missing[0], unknown)
        instead = f", the file has {shown(near)}" if near else ""
        text += f", {len(missing)} are missing (first {missing[0]}{instead})"
    if unlike:
        name = unlike[0]
        text += (
            f", {len(unlike)} have another shape or kind of number (first {name}: {_form(weights[name].numbers)}, "
            f"in the model {_form(wanted[name])})"
        )
    if unknown:
        text += f", {len(unknown)} are not in the model (first {shown(unknown[0])})"
    return text + "; give the weights that were trained with this configuration."


def _kind(numbers: Union[np.ndarray, paddle.Tensor]) -> str:
    """Return f for floating point, i for whole, b for truth and c for complex numbers."""
    if isinstance(numbers, np.ndarray):
        return {"u": "i"}.get(numbers.dtype.kind, numbers.dtype.kind)
    if paddle.is_floating_point(numbers):
        return "f"
    return "i" if paddle.is_integer(numbers) else "c" if paddle.is_complex(numbers) else "b"


def _form(numbers: Union[np.ndarray, paddle.Tensor]) -> str:
    """Return shape and dtype, such as ``[64, 3, 7, 7] float32``."""
    return f"{list(numbers.shape)} {str(numbers.dtype).rpartition('.')[2]}"


def _set(wanted: Mapping[str, paddle.Tensor], weights: Mapping[str, Tensor]) -> None:
    for name, value in wanted.items():
        value.set_value(as_tensor(weights[name], value.dtype))


def as_tensor(value: Tensor, dtype: Optional[paddle.dtype] = None) -> paddle.Tensor:
    """Return the numbers of ``value`` as a tensor of Paddle, with ``dtype`` or the dtype in which they were written."""
    tensor = paddle.to_tensor(value.numbers)
    if dtype is None:
        return tensor.astype("bfloat16") if value.is_bfloat16 else tensor
    return tensor if tensor.dtype == dtype else tensor.astype(dtype)


def _set_resized_positions(layer: paddle.nn.Layer, positions: np.ndarray) -> None:
    """Set a position embedding (1, 1 + side * side, channels), resized to the map of the layer."""
    side = int((positions.shape[1] - 1) ** 0.5)
    resized = layer.resize_pos_embed(
        paddle.to_tensor(positions, dtype="float32"), (side, side), (layer.pos_h, layer.pos_w)
    )
    layer.pos_embed.set_value(resized)
