"""The output of an exported model: labels if the test protocol allows it, else logits.

Labels can be cut off, but not averaged or resized. A test protocol that does either needs logits, or the labels would
not be those of ``predict.py``.
"""

import dataclasses
from typing import Any

import numpy as np
import paddleseg.transforms as T
from paddleseg.utils import logger

from paddleseg_ext.errors import UserError
from paddleseg_ext.protocol.inference import InferenceProtocol

# (height, width). A transform that resizes only large or only small pictures resizes one of them.
_SMALL_AND_LARGE = ((65, 97), (1500, 2100))


def choose_output(
    output_op: str, protocol: InferenceProtocol, transforms: T.Compose, model: Any
) -> tuple[str, InferenceProtocol]:
    """Return the output of an exported model, and the protocol for ``deploy.yaml``.

    Args:
        output_op: ``--output_op``. ``auto`` chooses labels if the protocol allows it, else logits at the size of the
            features if the protocol needs these, else logits. One of ``OUTPUT_OPS`` is kept; a warning follows if the
            labels will not be those of ``predict.py``.
        protocol: The protocol of the configuration.
        transforms: The preprocessing.
        model: The network.

    Raises:
        UserError: The protocol cannot be used with this output, or with this model.
    """
    protocol.check_model(model)
    best = _best(protocol, transforms, model)
    if output_op == "auto":
        reason = "" if best == "argmax" else ", because test_config or a resize among the transforms needs them"
        logger.info(f"The output of the model will be {_WHAT[best]}{reason}.")
        output_op = best
    if output_op == "features" and not protocol.resize_once:
        raise UserError("--output_op features is for a test_config with resize_once; use --output_op none.")
    if output_op == "argmax" and (protocol.is_slide or protocol.aug_eval):
        raise UserError(
            "--output_op argmax: test_config averages over windows, scales or mirrored images, and labels cannot be "
            "averaged; use --output_op none."
        )
    if output_op != best and best != "argmax":
        logger.warning(
            f"With --output_op {output_op} some labels will differ from those of predict.py; {best} gives the same."
        )
    return output_op, dataclasses.replace(protocol, resize_once=output_op == "features")


_WHAT = {"argmax": "labels", "none": "logits", "features": "logits at the size of the features"}


def _best(protocol: InferenceProtocol, transforms: T.Compose, model: Any) -> str:
    """Return the smallest output that gives the labels of ``predict.py``."""
    averages, resizes = protocol.is_slide or protocol.aug_eval, _resizes(transforms)
    if protocol.resize_once:
        # The model's own resize is enough if it ends at the image's size and is the same function.
        same = (model.align_corners, model.align_mode) == (protocol.align_corners, 0)
        return "features" if averages or resizes or not same else "argmax"
    return "none" if averages or resizes else "argmax"


def _resizes(transforms: T.Compose) -> bool:
    """Return whether the transforms resize a picture, by what they record in ``trans_info``."""
    for size in _SMALL_AND_LARGE:
        shape = size if transforms.img_channels == 1 else (*size, transforms.img_channels)
        try:
            data = transforms({"img": np.zeros(shape, np.float32)})
        except Exception:  # A padding refuses a larger picture; it resizes nothing.
            continue
        if any(kind == "resize" for kind, _ in data["trans_info"]):
            return True
    return False
