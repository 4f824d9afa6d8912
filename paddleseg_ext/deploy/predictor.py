"""An exported model in Paddle Inference, with oneDNN where it is right.

Whether oneDNN is right depends on the Paddle release, the model and the processor: Paddle 3.3 raises for a bilinear
resize, every Paddle 3 can hand a custom operator a tensor in oneDNN's blocked layout without a word. So it is tried on
the model itself.
"""

import os
from typing import Any, Optional

import cv2
import numpy as np
import paddle
from paddle import inference
from paddleseg.utils import logger

from paddleseg_ext.deploy.deploy_yaml import Deploy
from paddleseg_ext.errors import UserError, paddle_sentence

# What a probe may differ by, relative to the largest output; rounding stays below 1e-5, a wrong layout is near 1.
_TOLERANCE = 1e-3
# Labels may flip where two classes tie; a wrong layout flips far more.
_FLIPPED_LABELS = 0.01
_PROBE_SIDE = (97, 129)


class Predictor:
    """A loaded model; call it with a batch.

    Args:
        deploy: From ``read_deploy``.
        device: ``'cpu'`` or ``'gpu'``.
        device_id: Which card.
        onednn: Whether the CPU computes with oneDNN.
        cpu_threads: None: all cores this process may use.
        verbose: Whether Paddle Inference logs what it does.

    Raises:
        UserError: The model needs an operator that cannot be had, or its files are damaged.
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
            # Paddle 2 would end with a segmentation fault.
            raise UserError(
                f"{deploy.folder / deploy.model} was exported with Paddle 3, and Paddle {paddle.__version__} cannot "
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
                # One set of compiled kernels per input size: unlimited, it grows with every new size.
                config.set_mkldnn_cache_capacity(10)
            else:
                config.disable_mkldnn()
        try:
            self._predictor = inference.create_predictor(config)
        except Exception as error:
            raise UserError(
                f"Paddle {paddle.__version__} cannot load {deploy.folder / deploy.model}, which Paddle "
                f"{deploy.paddle_version or 'of an unknown version'} wrote: {paddle_sentence(error)}; "
                "copy or export it again."
            ) from error
        self._input = self._predictor.get_input_handle(self._predictor.get_input_names()[0])

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """The output for a batch (N, C, H, W), float32."""
        batch = np.ascontiguousarray(batch, dtype=np.float32)
        self._input.reshape(batch.shape)
        self._input.copy_from_cpu(batch)
        self._predictor.run()
        return self._predictor.get_output_handle(self._predictor.get_output_names()[0]).copy_to_cpu()


def open_predictor(deploy: Deploy, onednn: Optional[bool] = None, device: str = "cpu", **settings: Any) -> Predictor:
    """Load an exported model, on a CPU with oneDNN if that proves right.

    Args:
        onednn: True and False decide; None tries the model on a small picture with oneDNN and without, and leaves it
            out, with a log line, when it raises or gives other numbers.
        device, settings: See ``Predictor``.
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
    # Written so that NaN is not right.
    if not difference <= limit:
        logger.info(
            f"oneDNN is off: Paddle {paddle.__version__} gives other results with it (by {difference:.1e}, "
            f"allowed {limit:.0e})."
        )
        return plain
    logger.info(f"oneDNN is on: same results as without it (within {difference:.1e}).")
    return fast


def register_custom_ops(deploy: Deploy) -> None:
    """Register the operators that the model needs; Paddle cannot load it before.

    Raises:
        UserError: There is no compiled operator, and why.
    """
    # Imported here because most models need no operator, and then nothing is looked for.
    from paddleseg_ext.ops import library

    for name in deploy.custom_ops:
        if name != "psamask":
            raise UserError(f"{deploy.folder}: the model needs the operator {name!r}, which this package has not.")
        if library.load() is None:
            raise UserError(
                f"{deploy.folder / deploy.model} needs the compiled operator psamask, and there is none: "
                f"{library.why_not()} Or export again with --ops native, which needs no operator."
            )


def sample_input(input_shape: tuple, size: tuple, batch: int = 1) -> np.ndarray:
    """A float32 batch with regions and edges, of ``size`` (height, width) where ``input_shape`` leaves it open.

    Plain noise would look the same to a network everywhere, and its labels would all be one class.
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
