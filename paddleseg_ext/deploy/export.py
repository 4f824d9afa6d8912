"""Export a model for Paddle Inference or in another form. The export is compared with the live model first."""

import dataclasses
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, Optional, Union

import numpy as np
import paddle
import paddle.nn.functional as F
from paddleseg.utils import logger

from paddleseg_ext.deploy.comparison import Comparison
from paddleseg_ext.deploy.deploy_yaml import NAME, OUTPUT_OPS, Deploy, write_deploy
from paddleseg_ext.deploy.older_program import older_functions, refusing_function
from paddleseg_ext.deploy.portable_resize import portable_resizes
from paddleseg_ext.deploy.predictor import Predictor
from paddleseg_ext.errors import UserError, paddle_sentence

# Paddle 3 writes .json and Paddle 2 .pdmodel; the module older_program explains both.
PROGRAM_SUFFIXES = (".json", ".pdmodel")


class MainOutput(paddle.nn.Layer):
    """A model that returns its main output only, as labels, probabilities or logits.

    Args:
        model: Returns a list whose first item is the logits (N, num_classes, H, W).
        output_op: ``'argmax'`` returns labels (N, H, W), int32; ``'softmax'`` probabilities; ``'none'`` logits;
            ``'features'`` logits at the size of the features, for which the model needs ``feature_logits``.
    """

    def __init__(self, model: paddle.nn.Layer, output_op: str) -> None:
        super().__init__()
        self.model = model
        self.output_op = output_op

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Images (N, C, H, W) to the output."""
        if self.output_op == "features":
            return self.model.feature_logits(x)[0]
        logits = self.model(x)[0]
        if self.output_op == "argmax":
            return paddle.argmax(logits, axis=1, dtype="int32")
        if self.output_op == "softmax":
            return F.softmax(logits, axis=1)
        return logits


@dataclasses.dataclass(frozen=True)
class Form:
    """A file format of exported models.

    Attributes:
        save: Takes a model and the wanted ``Deploy``, and writes the files into its ``folder``. Returns the ``Deploy``
            with the names of the files and of the custom operators that the export needs.
        compare: Takes what ``save`` returned, and the model. Returns the largest difference, or raises ``UserError`` if
            it is too large. See the function ``compare``.
    """

    save: Callable[[paddle.nn.Layer, Deploy], Deploy]
    compare: Callable[[Deploy, paddle.nn.Layer], float]


def export(
    model: paddle.nn.Layer,
    save_dir: Union[str, Path],
    transforms: list[dict[str, Any]],
    class_names: Sequence[str],
    palette: np.ndarray,
    input_shape: Optional[Sequence[int]] = None,
    output_op: str = "argmax",
    img_channels: int = 3,
    test_config: Optional[dict[str, Any]] = None,
    form: Optional[Form] = None,
) -> Path:
    """Export a model, compare the export with the model, and only then move it into ``save_dir``.

    Args:
        model: In any mode; it is set to eval.
        save_dir: The files of an earlier export are replaced, ``deploy.yaml`` last. Other files stay.
        transforms, class_names, palette, img_channels, test_config: The content of ``deploy.yaml``, see ``Deploy``.
        input_shape: (N, C, H, W); -1 is any. None leaves all open but the channels.
        output_op: See ``MainOutput``.
        form: None is ``PADDLE_INFERENCE``.

    Returns:
        The path of ``deploy.yaml``, or of the model if the model itself holds the content of ``deploy.yaml``.

    Raises:
        UserError: The model cannot be exported in this form, or the export differs from it: see ``compare``.
    """
    save_dir = Path(save_dir)
    shape = tuple(input_shape or (-1, img_channels, -1, -1))
    if output_op not in OUTPUT_OPS:
        raise UserError(f"output_op must be one of {', '.join(OUTPUT_OPS)}, not {output_op!r}.")
    if len(shape) != 4 or not all(side == -1 or side > 0 for side in shape) or shape[1] != img_channels:
        raise UserError(
            f"--input_shape {' '.join(map(str, shape))}: give N {img_channels} H W, each a whole number from 1 up, "
            "or -1 for any size; without the flag any size is accepted."
        )
    if save_dir.exists() and not save_dir.is_dir():
        raise UserError(f"--save_dir: {save_dir} is a file; name a folder.")
    model.eval()
    form = form or PADDLE_INFERENCE
    wanted = Deploy(
        folder=save_dir,
        model="",
        params="",
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
        deploy = form.save(model, dataclasses.replace(wanted, folder=folder))
        if output_op == "argmax":
            # Labels hide small errors, so the same graph is also compared with softmax instead of argmax.
            twin = folder / "probabilities"
            twin.mkdir()
            form.compare(form.save(model, dataclasses.replace(wanted, folder=twin, output_op="softmax")), model)
        form.compare(deploy, model)
        return _install(deploy, save_dir)


def save_program(model: paddle.nn.Layer, wanted: Deploy) -> Deploy:
    """Trace the model, and write program and weights into ``wanted.folder``.

    Returns:
        ``wanted`` with the names of the files and of the custom operators. The program's name depends on the release of
        Paddle.

    Raises:
        UserError: The model cannot be traced.
    """
    folder, shape = wanted.folder, wanted.input_shape
    # A new list, because InputSpec changes the one that it gets.
    spec = [paddle.static.InputSpec([None if side == -1 else side for side in shape], "float32", "x")]
    try:
        with portable_resizes(), older_functions(), warnings.catch_warnings():
            # Paddle 3 warns of operators that its own layers and functions put into a program.
            warnings.filterwarnings("ignore", message=".*do not have 'place' interface")
            warnings.filterwarnings("ignore", message=r".*Attr\(force_cpu\) of Op\(fill_constant\)")
            traced: Any = paddle.jit.to_static(MainOutput(model, wanted.output_op), input_spec=spec, full_graph=True)
            program = traced.forward.concrete_program.main_program
            paddle.jit.save(traced, str(folder / "model"))
    except UserError:
        raise
    except Exception as error:
        function = refusing_function(error)
        if function:
            raise UserError(
                f"{type(model).__name__} calls {function}, which Paddle {paddle.__version__} cannot write in the older "
                f"format that FLAGS_enable_pir_api=0 selects; leave the flag out, or export with Paddle 2.6.2."
            ) from error
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
        raise UserError(
            f"{type(model).__name__} cannot be exported with input shape {list(shape)}: {reason}; "
            "a fixed --input_shape may help."
        ) from error
    finally:
        # to_static leaves the wrapper's forward behind; the model's own is untouched.
        model.eval()
    program_file = next(folder / f"model{suffix}" for suffix in PROGRAM_SUFFIXES if _there(folder, suffix))
    custom_ops = ("psamask",) if "psamask" in _operators(program) else ()
    return dataclasses.replace(wanted, model=program_file.name, params="model.pdiparams", custom_ops=custom_ops)


def _there(folder: Path, suffix: str) -> bool:
    return (folder / f"model{suffix}").is_file()


def _operators(program: Any) -> set[str]:
    """Return the names of a program's operators, without PIR's dialect (``custom_op.psamask``)."""
    block = program.global_block()
    names = [op.name() if callable(getattr(op, "name", None)) else op.type for op in block.ops]
    return {name.rpartition(".")[2] for name in names}


def compare(deploy: Deploy, model: paddle.nn.Layer) -> float:
    """Run an export in Paddle Inference at several input sizes, and compare it with the live model.

    Without oneDNN, a difference that is too large is an error. With oneDNN it is a warning: ``open_predictor`` tries
    oneDNN again on the machine that runs the model, and turns it off if it is wrong there.

    Returns:
        The largest difference without oneDNN; see ``Comparison``.

    Raises:
        UserError: This difference is too large.
    """
    comparison = Comparison(model, deploy.output_op, deploy.input_shape)
    worst = comparison.difference(Predictor(deploy, onednn=False))
    logger.info(f"Export against the live model, {comparison}: largest difference {worst:.2e} without oneDNN.")
    comparison.require_small(worst)
    try:
        fast = comparison.difference(Predictor(deploy, onednn=True))
    except Exception as error:
        logger.warning(f"oneDNN cannot run this model on Paddle {paddle.__version__}: {paddle_sentence(error)}")
    else:
        if comparison.too_large(fast):
            logger.warning(f"oneDNN is wrong for this model on Paddle {paddle.__version__}: it differs by {fast:.2e}.")
        else:
            logger.info(f"The same with oneDNN: largest difference {fast:.2e}.")
    return worst


PADDLE_INFERENCE = Form(save_program, compare)


def _install(deploy: Deploy, save_dir: Path) -> Path:
    """Move the checked files into ``save_dir``. ``deploy.yaml`` is last, so that it never names a missing file.

    An earlier export's program in the other format is deleted, because the weights beside it are replaced.
    """
    names, others = [deploy.model], []
    if deploy.params:
        write_deploy(deploy)
        names = [deploy.params, deploy.model, NAME]
        others = [f"model{suffix}" for suffix in PROGRAM_SUFFIXES if f"model{suffix}" != deploy.model]
    if not save_dir.exists():
        save_dir.mkdir()
    for name in names:
        with open(deploy.folder / name, "rb") as written:
            os.fsync(written.fileno())
        os.replace(deploy.folder / name, save_dir / name)
    for name in others:
        (save_dir / name).unlink(missing_ok=True)
    return save_dir / names[-1]
