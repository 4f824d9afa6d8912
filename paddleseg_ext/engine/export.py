"""Export for Paddle Inference, proved against the live model before it is put in its place."""

import copy
import dataclasses
import functools
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np
import paddle
import paddle.nn.functional as F
from paddleseg.utils import logger

from paddleseg_ext.engine.deploy_yaml import NAME, OUTPUT_OPS, Deploy, write_deploy
from paddleseg_ext.engine.portable_resize import portable_resizes
from paddleseg_ext.engine.predictor import Predictor, paddle_sentence, sample_input
from paddleseg_ext.errors import UserError

LIMIT = 1e-4
ROUNDINGS = 4
# Sides that no stride divides, and one batch of two.
_CHECKED = (((97, 129), 1), ((128, 96), 2), ((161, 113), 1))


class ExportForm(paddle.nn.Layer):
    """A model as it is exported: the main output alone, as labels, probabilities or logits.

    Args:
        model: Returns a list whose first item is the logits (N, num_classes, H, W).
        output_op: ``'argmax'``: labels (N, H, W), int32; ``'softmax'``: probabilities; ``'none'``: logits;
            ``'features'``: logits at the size of the features, of a model with ``feature_logits``.
    """

    def __init__(self, model: paddle.nn.Layer, output_op: str) -> None:
        super().__init__()
        self.model = model
        self.output_op = output_op

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        if self.output_op == "features":
            return self.model.feature_logits(x)[0]
        logits = self.model(x)[0]
        if self.output_op == "argmax":
            return paddle.argmax(logits, axis=1, dtype="int32")
        if self.output_op == "softmax":
            return F.softmax(logits, axis=1)
        return logits


def export(
    model: paddle.nn.Layer,
    save_dir: Union[str, Path],
    transforms: list,
    class_names: Sequence[str],
    palette: np.ndarray,
    input_shape: Optional[Sequence[int]] = None,
    output_op: str = "argmax",
    img_channels: int = 3,
    test_config: Optional[dict] = None,
) -> Path:
    """Export a model, compare the export with the model, and only then put it into ``save_dir``.

    Args:
        model: In any mode; it is set to eval.
        save_dir: Other files in it stay; an earlier export's are replaced, the new ``deploy.yaml`` last.
        transforms: PaddleSeg's list of preprocessing steps, for ``deploy.yaml``.
        class_names, palette: For ``deploy.yaml``.
        input_shape: (N, C, H, W), -1 for any; None: everything but the channels is left open.
        output_op: See ``ExportForm``.
        test_config: For ``deploy.yaml``: how an image becomes labels.

    Returns:
        The path of ``deploy.yaml``.

    Raises:
        UserError: The model cannot be exported in this form, or differs from its export: see ``compare``.
    """
    save_dir = Path(save_dir)
    shape = tuple(input_shape or (-1, img_channels, -1, -1))
    if output_op not in OUTPUT_OPS:
        raise UserError(f"output_op must be one of {', '.join(OUTPUT_OPS)}, not {output_op!r}.")
    if len(shape) != 4 or not all(side == -1 or side > 0 for side in shape) or shape[1] != img_channels:
        raise UserError(
            f"--input_shape {' '.join(map(str, shape))}: give N {img_channels} H W, each a whole number from 1 up, "
            "or -1 for any size; without the flag every size goes."
        )
    if save_dir.exists() and not save_dir.is_dir():
        raise UserError(f"--save_dir: {save_dir} is a file; name a folder.")
    model.eval()
    wanted = Deploy(
        folder=save_dir,
        model="",
        params="model.pdiparams",
        transforms=transforms,
        img_channels=img_channels,
        input_shape=shape,
        output_op=output_op,
        output_dtype="int32" if output_op == "argmax" else "float32",
        custom_ops=(),
        class_names=list(class_names),
        palette=palette,
        paddle_version=paddle.__version__,
        test_config=test_config or {},
    )
    save_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{save_dir.name}.", dir=save_dir.parent) as temporary:
        folder = Path(temporary)
        deploy = save_program(model, dataclasses.replace(wanted, folder=folder))
        if output_op == "argmax":
            # Labels hide small errors, so the same graph is compared with the softmax in the place of the argmax too.
            twin = folder / "probabilities"
            twin.mkdir()
            compare(save_program(model, dataclasses.replace(wanted, folder=twin, output_op="softmax")), model)
        compare(deploy, model)
        write_deploy(deploy)
        return _install(deploy, save_dir)


def save_program(model: paddle.nn.Layer, wanted: Deploy) -> Deploy:
    """Trace the model and write program and weights into ``wanted.folder``.

    Returns:
        ``wanted`` with the program's file name, which depends on the Paddle release, and the operators it needs.
    """
    folder, shape = wanted.folder, wanted.input_shape
    # A fresh list, because InputSpec changes the one it is given.
    spec = [paddle.static.InputSpec([None if side == -1 else side for side in shape], "float32", "x")]
    try:
        with portable_resizes(), warnings.catch_warnings():
            # Paddle 3 says so for every tensor that its own layers make in a program.
            warnings.filterwarnings("ignore", message=".*do not have 'place' interface")
            traced = paddle.jit.to_static(ExportForm(model, wanted.output_op), input_spec=spec, full_graph=True)
            program = traced.forward.concrete_program.main_program
            paddle.jit.save(traced, str(folder / "model"))
    except UserError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
        raise UserError(
            f"{type(model).__name__} cannot be exported with input shape {list(shape)}: {reason}; "
            "a fixed --input_shape may help."
        ) from error
    finally:
        # to_static leaves the wrapper's forward behind; the model's own is untouched.
        model.eval()
    program_file = next(folder / f"model{suffix}" for suffix in (".json", ".pdmodel") if _there(folder, suffix))
    custom_ops = ("psamask",) if "psamask" in _operators(program) else ()
    return dataclasses.replace(wanted, model=program_file.name, custom_ops=custom_ops)


def _there(folder: Path, suffix: str) -> bool:
    return (folder / f"model{suffix}").is_file()


def _operators(program) -> set:
    """The names of a program's operators, without PIR's dialect (``custom_op.psamask``)."""
    block = program.global_block()
    names = [op.name() if callable(getattr(op, "name", None)) else op.type for op in block.ops]
    return {name.rpartition(".")[2] for name in names}


def compare(deploy: Deploy, model: paddle.nn.Layer) -> float:
    """Run an export in Paddle Inference at several input sizes, and compare it with the live model.

    With oneDNN off too large a difference is an error. With oneDNN on it is a warning, because deploy/python tries
    oneDNN again on the machine that runs the model and leaves it out where it is wrong.

    Too large is more than ``LIMIT``. An untrained deep network may round by more than that in float32; then the live
    model is run in float64 as well, and ``ROUNDINGS`` times its own rounding is allowed.

    Args:
        deploy: Its output is compared. Of labels the difference is half the lead, in the live model's probabilities, of
            a class that was not chosen: an error of that size in each probability is needed to swap the two.

    Returns:
        The largest difference with oneDNN off.

    Raises:
        UserError: The difference is too large.
    """
    what = {"argmax": "labels", "softmax": "probabilities"}.get(deploy.output_op, "logits")
    checked = _CHECKED if -1 in deploy.input_shape else _CHECKED[:1]
    batches = [sample_input(deploy.input_shape, size, count) for size, count in checked]
    live = [_logits(deploy.output_op, model, batch) for batch in batches]

    def largest(predictor: Predictor) -> float:
        return float(np.max([_difference(deploy.output_op, x, predictor(batch)) for x, batch in zip(live, batches)]))

    @functools.lru_cache(maxsize=1)
    def rounding() -> float:
        return _rounding(deploy.output_op, model, batches, live)

    # Written so that NaN is too large.
    def too_large(difference: float) -> bool:
        return not (difference <= LIMIT or difference <= ROUNDINGS * rounding())

    where = ", ".join("x".join(map(str, batch.shape)) for batch in batches)
    worst = largest(Predictor(deploy, onednn=False))
    logger.info(f"Export against the live model, {what} at {where}: largest difference {worst:.2e} without oneDNN.")
    if too_large(worst):
        raise UserError(
            f"The exported model differs from the live one by {worst:.2e} ({what}, allowed {LIMIT:.0e}); nothing was "
            "written. Please report this with the configuration."
        )
    try:
        fast = largest(Predictor(deploy, onednn=True))
    except Exception as error:
        logger.warning(f"oneDNN cannot run this model on Paddle {paddle.__version__}: {paddle_sentence(error)}")
    else:
        if too_large(fast):
            logger.warning(f"oneDNN is not right for this model on Paddle {paddle.__version__}: {fast:.2e}.")
        else:
            logger.info(f"The same with oneDNN: largest difference {fast:.2e}.")
    return worst


def _logits(output_op: str, model: paddle.nn.Layer, batch: np.ndarray) -> np.ndarray:
    forward = model.feature_logits if output_op == "features" else model
    with paddle.no_grad():
        return forward(paddle.to_tensor(batch))[0].numpy()


def _rounding(output_op: str, model: paddle.nn.Layer, batches: list, live: list) -> float:
    """How far float32 takes the live model from itself in float64; 0 for a model that does not run in float64."""
    try:
        double = copy.deepcopy(model).to(dtype="float64")
        exact = [_logits(output_op, double, batch.astype(np.float64)) for batch in batches]
    except Exception as error:
        logger.warning(f"The model does not run in float64, so its rounding is unknown: {paddle_sentence(error)}")
        return 0.0
    rounded = [_as_output(output_op, logits) for logits in live]
    rounding = float(np.max([_difference(output_op, x, output) for x, output in zip(exact, rounded)]))
    logger.info(f"The live model's own rounding, float32 against float64: {rounding:.2e}.")
    return rounding


def _as_output(output_op: str, logits: np.ndarray) -> np.ndarray:
    if output_op in ("none", "features"):
        return logits
    if output_op == "argmax":
        return logits.argmax(axis=1)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _difference(output_op: str, logits: np.ndarray, output: np.ndarray) -> float:
    """The largest difference of an output from what the logits say it should be."""
    if output_op != "argmax":
        return _largest(output, _as_output(output_op, logits))
    probabilities = _as_output("softmax", logits)
    chosen = np.take_along_axis(probabilities, output[:, None].astype(np.int64), axis=1)
    return float((probabilities.max(axis=1, keepdims=True) - chosen).max() / 2)


def _largest(output: np.ndarray, expected: np.ndarray) -> float:
    if output.shape != expected.shape:
        return float("inf")
    return float(np.abs(output.astype(np.float64) - expected).max())


def _install(deploy: Deploy, save_dir: Path) -> Path:
    """Move the checked files to where they belong; ``deploy.yaml`` last, so that it never names what is not there."""
    if not save_dir.exists():
        save_dir.mkdir()
    for name in (deploy.params, deploy.model, NAME):
        with open(deploy.folder / name, "rb") as written:
            os.fsync(written.fileno())
        os.replace(deploy.folder / name, save_dir / name)
    return save_dir / NAME
