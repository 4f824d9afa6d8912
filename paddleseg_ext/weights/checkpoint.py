"""Checkpoints of a training run: write them whole or not at all, and read them again.

A checkpoint is PaddleSeg's ``iter_N/{model.pdparams, model.pdopt}``, so PaddleSeg's own tools read it. ``trainer.json``
beside them holds all else that a run needs to continue as if it had never stopped.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import paddle

from paddleseg_ext.errors import UserError, one_line
from paddleseg_ext.files.whole import write_whole
from paddleseg_ext.weights.loading import WEIGHTS, as_tensor, check_weights, read_weights, set_weights
from paddleseg_ext.weights.optimizer_state import check_optimizer_state, is_finite_number
from paddleseg_ext.weights.paddle_file import Tensor
from paddleseg_ext.weights.weight_file import open_paddle_state

# An entry that paddle.save may add: the names of the parameters in the process that wrote the file.
NAMES = "StructuredToParameterName@@"
OPTIMIZER, EMA, STATE = "model.pdopt", "ema_model.pdparams", "trainer.json"


def save_weights(weights: dict[str, Any], path: Union[str, Path]) -> None:
    """Write a state_dict to a ``.pdparams`` file, whole or not at all."""
    with write_whole(path) as temporary:
        paddle.save(weights, str(temporary))


def save_checkpoint(
    folder: Union[str, Path],
    model: paddle.nn.Layer,
    optimizer: paddle.optimizer.Optimizer,
    state: dict[str, Any],
    ema_model: Optional[paddle.nn.Layer] = None,
) -> None:
    """Write a checkpoint folder whole or not at all. It replaces an earlier one of the same name.

    Args:
        folder: e.g. ``output/iter_1000``.
        model, optimizer, ema_model: Their state_dicts are written.
        state: The content of ``trainer.json``, in JSON's types.

    Raises:
        UserError: The weights hold NaN or infinity. Nothing is written.
    """
    folder = Path(folder)
    for name, value in model.state_dict().items():
        if paddle.is_floating_point(value) and not bool(paddle.isfinite(value.astype("float32")).all()):
            raise UserError(
                f"The weight {name} is not finite, so {folder} was not written, and earlier checkpoints are unchanged; "
                "lower the learning rate and resume from the last checkpoint."
            )
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        paddle.save(model.state_dict(), str(temporary / WEIGHTS))
        paddle.save(optimizer.state_dict(), str(temporary / OPTIMIZER))
        if ema_model is not None:
            paddle.save(ema_model.state_dict(), str(temporary / EMA))
        (temporary / STATE).write_text(json.dumps(state), encoding="utf-8")
        for path in (*temporary.iterdir(), temporary):
            _sync(path)
        # mkdtemp makes a folder that only its owner may enter.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o777 & ~umask)
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
            os.replace(folder, old / folder.name)
            os.replace(temporary, folder)
            shutil.rmtree(old)
        else:
            os.replace(temporary, folder)
        _sync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load_checkpoint(
    folder: Union[str, Path],
    model: paddle.nn.Layer,
    optimizer: paddle.optimizer.Optimizer,
    ema_model: Optional[paddle.nn.Layer] = None,
) -> dict[str, Any]:
    """Load a checkpoint into a model, its optimizer (with the learning-rate schedule) and the EMA model.

    Returns:
        The content of ``trainer.json``. PaddleSeg does not write that file; then it is ``{"iter": N}``, from the name
        of the folder.

    Raises:
        UserError: The folder or a file is missing or damaged, or the weights or the state are of another model or
            optimizer. Model, optimizer and EMA model are unchanged.
    """
    folder = Path(os.path.normpath(folder))
    if not folder.is_dir():
        raise UserError(f"--resume_model: the folder {folder} does not exist; name one such as output/iter_1000.")
    for name in (WEIGHTS, OPTIMIZER):
        if not (folder / name).is_file():
            raise UserError(f"--resume_model: {folder} holds no {name}; name a folder such as output/iter_1000.")
    state = _read_state(folder)
    weights = read_weights(folder / WEIGHTS)
    optimizer_state = open_paddle_state(folder / OPTIMIZER)
    ema_path = folder / EMA if os.path.lexists(folder / EMA) else folder / WEIGHTS
    ema_weights = read_weights(ema_path) if ema_model is not None and ema_path.name == EMA else weights
    # Everything is compared before anything is set.
    check_weights(model, weights, folder / WEIGHTS)
    if ema_model is not None:
        check_weights(ema_model, ema_weights, ema_path)
    # Its names are those of the weights, so it comes after them.
    optimizer_state = _state_of_optimizer(optimizer_state, weights, model)
    check_optimizer_state(optimizer_state, optimizer, model, folder / OPTIMIZER)
    set_weights(model, weights, folder / WEIGHTS)
    if ema_model is not None:
        set_weights(ema_model, ema_weights, ema_path)
    if any(isinstance(value, paddle.Tensor) for value in optimizer_state.values()):
        # Paddle takes entries out with the first step, and starts from zero where it finds none and nothing is left.
        # With an entry that stays it raises an error instead.
        optimizer_state["complete"] = True
    optimizer.set_state_dict(optimizer_state)
    return state


def _read_state(folder: Path) -> dict[str, Any]:
    path = folder / STATE
    if os.path.lexists(path):
        if not path.is_file():
            raise UserError(f"{path} is not a regular file; resume from another checkpoint.")
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path} is damaged ({one_line(error)}); resume from another checkpoint.") from error
        if not isinstance(state, dict):
            raise UserError(f"{path} is damaged (it does not hold a JSON object); resume from another checkpoint.")
        _check_state(state, path)
        return state
    number = folder.name.rpartition("_")[2]
    # More digits than any run has iterations are not a number for Python either.
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise UserError(
            f"--resume_model: {folder} has no {STATE} and its name does not end in the iteration; "
            "name a folder such as output/iter_1000."
        )
    return {"iter": int(number)}


def _is_whole(value: Any, least: int, most: int = 2**63 - 1) -> bool:
    return type(value) is int and least <= value <= most


_KEYS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "iter": ("a whole number from 0", lambda value: _is_whole(value, 0)),
    "data_seed": ("a whole number from 0 to 2**32 - 1", lambda value: _is_whole(value, 0, 2**32 - 1)),
    "best_mean_iou": ("a finite number", is_finite_number),
    "best_iter": ("a whole number from -1", lambda value: _is_whole(value, -1)),
    "best_ema_mean_iou": ("a finite number", is_finite_number),
    "best_ema_iter": ("a whole number from -1", lambda value: _is_whole(value, -1)),
    "evaluations_without_gain": ("a whole number from 0", lambda value: _is_whole(value, 0)),
    "random_states": (
        "a list of objects",
        lambda value: type(value) is list and all(type(one) is dict for one in value),
    ),
    "scaler": ("an object or null", lambda value: value is None or type(value) is dict),
}


def _check_state(state: dict[str, Any], path: Path) -> None:
    """Check the types and ranges of the keys of ``trainer.json``. Other keys are ignored."""
    if "iter" not in state:
        raise UserError(f"{path} is damaged (the key iter is missing); resume from another checkpoint.")
    for key, (wanted, fits) in _KEYS.items():
        if key in state and not fits(state[key]):
            shown = json.dumps(state[key])
            shown = shown if len(shown) <= 40 else shown[:40] + "..."
            raise UserError(
                f"{path} is damaged (the key {key} is {shown} instead of {wanted}); resume from another checkpoint."
            )


def _state_of_optimizer(state: dict[str, Any], weights: Mapping[str, Tensor], model: paddle.nn.Layer) -> dict[str, Any]:
    """Return the argument for ``set_state_dict`` of an optimizer, with the parameter names of this process.

    Paddle numbers parameters (``conv2d_7.w_0``), so the second model of a process has other names than the first, and
    its optimizer would not find its state. The file of the weights holds the names of the process that wrote it.
    """
    now = {name: value.name for name, value in model.named_parameters()}
    new_name = {weights[name].name: now[name] for name in now if weights[name].name}
    # The longest first, so that the owner of a_b_velocity_0 is a_b and not a.
    owners = sorted(new_name, key=len, reverse=True)

    def renamed(name: str) -> str:
        owner = next((owner for owner in owners if name == owner or name.startswith(owner + "_")), None)
        return name if owner is None else new_name[owner] + name[len(owner) :]

    def restored(value: Any, rename: bool) -> Any:
        if isinstance(value, Tensor):
            if not value.name and value.numbers.ndim == 0:
                # The plain values of a schedule may hold a number of numpy.
                return value.numbers[()]
            tensor = as_tensor(value)
            if value.name:
                tensor.name = renamed(value.name)
            return tensor
        if isinstance(value, dict):
            return {renamed(key) if rename else key: restored(inner, False) for key, inner in value.items()}
        return value

    # Mixed precision (O2) keeps master_weights, in full precision, under the names of the parameters.
    return {
        renamed(key): restored(value, rename=key == "master_weights") for key, value in state.items() if key != NAMES
    }


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def as_json(value: Any) -> Any:
    """Return ``value`` with tensors and numpy values as JSON's lists and numbers."""
    if isinstance(value, dict):
        return {key: as_json(inner) for key, inner in value.items()}
    if isinstance(value, (paddle.Tensor, np.ndarray, np.generic)):
        return np.asarray(value).tolist()
    return value
