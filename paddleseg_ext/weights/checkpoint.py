"""Weights on disk: read with every mismatch told, written whole or not at all.

A checkpoint is PaddleSeg's ``iter_N/{model.pdparams, model.pdopt}``, so PaddleSeg's own tools read it, and beside them
``trainer.json``: what else a run needs to go on as if it had never stopped.
"""

import difflib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import paddle

from paddleseg_ext.errors import UserError
from paddleseg_ext.files.whole import write_whole
from paddleseg_ext.weights.safe_pickle import refuse_code

WEIGHTS, OPTIMIZER, EMA, STATE = "model.pdparams", "model.pdopt", "ema_model.pdparams", "trainer.json"


def read_weights(path: Union[str, Path]) -> dict:
    """Read a ``.pdparams`` file: {name: array or tensor}.

    Args:
        path: The file, or the folder that holds ``model.pdparams``.

    Raises:
        UserError: Missing, truncated or foreign file.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / WEIGHTS).is_file():
            raise UserError(f"The folder {path} holds no {WEIGHTS}; name the weight file itself.")
        path = path / WEIGHTS
    weights = _load(path)
    named = isinstance(weights, dict) and all(isinstance(k, str) and hasattr(v, "shape") for k, v in weights.items())
    if not named or not weights:
        raise UserError(f"{path} does not hold the weights of a model; give a model.pdparams file.")
    return weights


def refuse_pytorch(path: Union[str, Path]) -> None:
    """Raise ``UserError`` that names the converter for what is by its name no file of Paddle's."""
    if Path(path).suffix in (".pth", ".pt", ".ckpt", ".safetensors"):
        raise UserError(
            f"{path} is a checkpoint of PyTorch by its name; convert it first: python -m paddleseg_ext.convert {path} "
            "--config FILE.yml --output FILE.pdparams"
        )


def load_weights(model: paddle.nn.Layer, path: Union[str, Path]) -> None:
    """Load all weights of ``model`` from a ``.pdparams`` file or the folder that holds ``model.pdparams``.

    Every weight of the model must be in the file with its shape, and nothing else. PaddleSeg loads what fits and warns,
    and a model that is half random then predicts nonsense.

    Raises:
        UserError: Missing or truncated file, or weights of another model, with counts and names.
    """
    refuse_pytorch(path)
    weights = read_weights(path)
    wanted = model.state_dict()
    missing = [name for name in wanted if name not in weights]
    unknown = [name for name in weights if name not in wanted]
    unlike = [n for n in wanted if n in weights and list(wanted[n].shape) != list(weights[n].shape)]
    if missing or unknown or unlike:
        raise UserError(_mismatch(path, type(model).__name__, wanted, weights, missing, unknown, unlike))
    model.set_state_dict(weights)


def _mismatch(path, kind: str, wanted: dict, weights: dict, missing: list, unknown: list, unlike: list) -> str:
    fits = len(wanted) - len(missing) - len(unlike)
    text = f"{path} holds weights of another model: {fits} of the {len(wanted)} weights of this {kind} fit"
    if missing:
        near = difflib.get_close_matches(missing[0], unknown, n=1)
        nearest = f", the nearest there is {near[0]}" if near else ""
        text += f", {len(missing)} are missing (first {missing[0]}{nearest})"
    if unlike:
        name = unlike[0]
        text += (
            f", {len(unlike)} have another shape (first {name}: {list(weights[name].shape)} "
            f"where the model has {list(wanted[name].shape)})"
        )
    if unknown:
        text += f", {len(unknown)} are not in the model (first {unknown[0]})"
    return text + "; give the weights that were trained with this configuration."


def _load(path: Path) -> Any:
    if not path.is_file():
        raise UserError(f"The file {path} does not exist; check the path.")
    refuse_code(path)
    try:
        return paddle.load(str(path))
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path} is truncated or no Paddle file ({reason}); use another copy.") from error


def save_weights(weights: dict, path: Union[str, Path]) -> None:
    """Write a state_dict to a ``.pdparams`` file, whole or not at all."""
    with write_whole(path) as temporary:
        paddle.save(weights, str(temporary))


def save_checkpoint(
    folder: Union[str, Path],
    model: paddle.nn.Layer,
    optimizer: paddle.optimizer.Optimizer,
    state: dict,
    ema_model: Optional[paddle.nn.Layer] = None,
) -> None:
    """Write a checkpoint folder whole or not at all; one that is there already is replaced.

    Args:
        folder: e.g. ``output/iter_1000``.
        state: What ``trainer.json`` holds, of JSON's types.

    Raises:
        UserError: The weights hold NaN or infinity. Nothing is written.
    """
    folder = Path(folder)
    for name, value in model.state_dict().items():
        if paddle.is_floating_point(value) and not bool(paddle.isfinite(value.astype("float32")).all()):
            raise UserError(
                f"The weight {name} is not finite, so {folder} was not written and what was saved before is untouched; "
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
) -> dict:
    """Load a checkpoint into a model, its optimizer (with the learning-rate schedule) and the EMA model.

    Returns:
        What ``trainer.json`` held; for a checkpoint that PaddleSeg wrote just ``{"iter": N}``, from the folder's name.

    Raises:
        UserError: Missing folder or file, or weights of another model.
    """
    folder = Path(os.path.normpath(folder))
    if not folder.is_dir():
        raise UserError(f"--resume_model: the folder {folder} does not exist; name one such as output/iter_1000.")
    for name in (WEIGHTS, OPTIMIZER):
        if not (folder / name).is_file():
            raise UserError(f"--resume_model: {folder} holds no {name}; name a folder such as output/iter_1000.")
    state = _read_state(folder)
    optimizer_state = _load(folder / OPTIMIZER)
    saved_names = {name: getattr(value, "name", "") for name, value in read_weights(folder / WEIGHTS).items()}
    load_weights(model, folder / WEIGHTS)
    optimizer.set_state_dict(_renamed(optimizer_state, saved_names, model))
    if ema_model is not None:
        load_weights(ema_model, folder / (EMA if (folder / EMA).is_file() else WEIGHTS))
    return state


def _read_state(folder: Path) -> dict:
    path = folder / STATE
    if path.is_file():
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{path} is damaged ({error}); resume from another checkpoint.") from error
    number = folder.name.rpartition("_")[2]
    if not number.isdigit():
        raise UserError(
            f"--resume_model: {folder} has no {STATE} and its name does not end in the iteration; "
            "name a folder such as output/iter_1000."
        )
    return {"iter": int(number)}


def _renamed(state: dict, saved_names: dict, model: paddle.nn.Layer) -> dict:
    """The optimizer's state under the parameter names of this process.

    Paddle names parameters by counting (``conv2d_7.w_0``), so the second model of a process has other names than the
    first, and its optimizer would not find its state. The file of the weights keeps the names they had.
    """
    now = {name: value.name for name, value in model.named_parameters()}
    new_name = {saved_names[name]: now[name] for name in saved_names if name in now}
    # Longest first, so that the owner of a_b_velocity_0 is a_b and not a.
    owners = sorted(new_name, key=len, reverse=True)
    renamed = {}
    for key, value in state.items():
        if key == "master_weights":
            renamed[key] = {new_name.get(name, name): weight for name, weight in value.items()}
            continue
        owner = next((name for name in owners if key.startswith(name + "_")), None)
        renamed[key if owner is None else new_name[owner] + key[len(owner) :]] = value
    return renamed


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def as_json(value: Any) -> Any:
    """``value`` with tensors and numpy numbers as JSON's own."""
    if isinstance(value, dict):
        return {key: as_json(inner) for key, inner in value.items()}
    if isinstance(value, (paddle.Tensor, np.ndarray, np.generic)):
        return np.asarray(value).tolist()
    return value
