"""An exported model in Paddle Inference, with oneDNN if it is right.

Whether oneDNN is right depends on the release of Paddle, on the model and on the processor. For example, Paddle 3.3
raises for a bilinear resize, and any Paddle 3 may silently give a custom operator a tensor in oneDNN's blocked layout.
So oneDNN is tried on the model itself.
"""

import os
from collections.abc import Sequence
from typing import Any, Optional

import cv2
import numpy as np
import paddle
from paddle import inference
from paddleseg.utils import logger

from paddleseg_ext.deploy.deploy_yaml import Deploy
from paddleseg_ext.errors import UserError, paddle_sentence

# The largest difference of a probe, relative to the largest output. Rounding is below 1e-5, a wrong layout is near 1.
_TOLERANCE = 1e-3
# The share of labels that may change, because two classes may tie. A wrong layout changes far more.
_FLIPPED_LABELS = 0.01
_PROBE_SIDE = (97, 129)


class Predictor:
    """A loaded model. Call it with a batch.

    Args:
        deploy: From ``read_deploy``.
        device: ``'cpu'`` or ``'gpu'``.
        device_id: The number of the card.
        onednn: Whether the CPU computes with oneDNN.
        cpu_threads: The number of threads; None is all cores that this process may use.
        verbose: Whether Paddle Inference logs its steps.

    Raises:
        UserError: The model needs a custom operator that is not available, its files are damaged, or it was exported
            with a newer Paddle.
    """

    def __init__(
        self,
        deploy: Deploy,
        device: str = "cpu",
        device_id: int = 0,
        onednn: bool = False,
        cpu_threads: Optional[int] = None,
        verbose: bool = False,
    ) -> None:
        register_custom_ops(deploy)
        if deploy.model.endswith(".json") and not hasattr(paddle.base.core, "deserialize_pir_program"):
            # Paddle 2 would crash with a segmentation fault.
            raise UserError(
                f"{deploy.folder / deploy.model} was exported with Paddle 3, but Paddle {paddle.__version__} cannot "
                "read it; export again with this Paddle, or run it with Paddle 3."
            )
        config = inference.Config(str(deploy.folder / deploy.model), str(deploy.folder / deploy.params))
        if not verbose:
            config.disable_glog_info()
        if device == "gpu":
            config.enable_use_gpu(256, device_id)
        else:
            config.disable_gpu()
            config.set_cpu_math_library_num_threads(cpu_threads or _cores())
            if onednn:
                config.enable_mkldnn()
                # oneDNN keeps compiled kernels for each input size; without a limit the cache only grows.
                config.set_mkldnn_cache_capacity(10)
            else:
                config.disable_mkldnn()
        try:
            self._predictor = inference.create_predictor(config)
        except Exception as error:
            raise UserError(
                f"Paddle {paddle.__version__} cannot load {deploy.folder / deploy.model} (exported with Paddle "
                f"{deploy.paddle_version or 'of an unknown version'}): {paddle_sentence(error)}; "
                "copy or export it again."
            ) from error
        self._input = self._predictor.get_input_handle(self._predictor.get_input_names()[0])

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Return the output for a batch (N, C, H, W). The batch becomes float32; the output is as in ``Deploy``."""
        batch = np.ascontiguousarray(batch, dtype=np.float32)
        self._input.reshape(batch.shape)
        self._input.copy_from_cpu(batch)
        self._predictor.run()
        return self._predictor.get_output_handle(self._predictor.get_output_names()[0]).copy_to_cpu()


def open_predictor(deploy: Deploy, onednn: Optional[bool] = None, device: str = "cpu", **settings: Any) -> Predictor:
    """Load an exported model, on a CPU with oneDNN if it is right there.

    Args:
        deploy: From ``read_deploy``.
        onednn: True or False decides. None runs the model on a small picture with and without oneDNN. If oneDNN raises
            or gives other numbers, it is off, and a log line says so.
        device, settings: See ``Predictor``.

    Raises:
        UserError: See ``Predictor``.
    """
    if device != "cpu" or onednn is not None:
        return Predictor(deploy, device, onednn=bool(onednn), **settings)
    plain = Predictor(deploy, onednn=False, **settings)
    batch = sample_input(deploy.input_shape, _PROBE_SIDE)
    try:
        fast = Predictor(deploy, onednn=True, **settings)
        answer = fast(batch)
    except Exception as error:
        reason = paddle_sentence(error)
        logger.info(f"oneDNN is off: Paddle {paddle.__version__} cannot run this model with it ({reason}).")
        return plain
    expected = plain(batch)
    if deploy.output_op == "argmax":
        difference, limit = float(np.mean(answer != expected)), _FLIPPED_LABELS
    else:
        difference, limit = float(np.abs(answer - expected).max() / np.abs(expected).max()), _TOLERANCE
    # In this form NaN is wrong, too.
    if not difference <= limit:
        logger.info(
            f"oneDNN is off: Paddle {paddle.__version__} gives other results with it (they differ by {difference:.1e}, "
            f"allowed is {limit:.0e})."
        )
        return plain
    logger.info(f"oneDNN is on: same results as without it (within {difference:.1e}).")
    return fast


def register_custom_ops(deploy: Deploy) -> None:
    """Register the custom operators that the model needs. Paddle cannot load the model without them.

    Raises:
        UserError: An operator is not available; the sentence gives the reason.
    """
    # Imported here because most models need no operator, and then nothing is searched for.
    from paddleseg_ext.ops import library

    for name in deploy.custom_ops:
        if name != "psamask":
            raise UserError(
                f"{deploy.folder}: the model needs the operator {name!r}, which this package does not have; "
                "export it again with export.py."
            )
        if library.load() is None:
            raise UserError(
                f"{deploy.folder / deploy.model} needs the compiled operator psamask, which is not available: "
                f"{library.why_not()} Or export again with --ops native, which needs no operator."
            )


def sample_input(input_shape: Sequence[int], size: tuple[int, int], batch: int = 1) -> np.ndarray:
    """Return a float32 batch of pictures with regions and edges, always the same ones.

    A network would see plain noise as the same everywhere, and give it one label.

    Args:
        input_shape: (N, C, H, W); -1 is open.
        size: (height, width), used where ``input_shape`` is open.
        batch: Used if N is open.
    """
    n, channels, height, width = (
        int(given) if given > 0 else wanted for given, wanted in zip(input_shape, (batch, 3, *size))
    )
    draw = np.random.RandomState(0)
    images = np.empty((n, channels, height, width), dtype=np.float32)
    for image in images:
        for plane in image:
            coarse = draw.uniform(-2, 2, (5, 7)).astype(np.float32)
            plane[:] = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    return images + draw.normal(0, 0.2, images.shape).astype(np.float32)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
