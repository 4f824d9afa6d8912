"""What an exported model should put out, so that the labels made of it are those of ``predict.py``.

Labels can only be repeated, dropped or cut off. Wherever a test protocol averages or resizes, it needs scores.
"""

import dataclasses
from typing import Any

import numpy as np
import paddleseg.transforms as T
from paddleseg.utils import logger

from paddleseg_ext.errors import UserError
from paddleseg_ext.protocol.inference import InferenceProtocol

# (height, width) of pictures that one or the other is resized, whatever a transform takes as a limit.
_SMALL_AND_LARGE = ((65, 97), (1500, 2100))


def choose_output(output_op: str, protocol: InferenceProtocol, transforms: T.Compose, model: Any) -> tuple:
    """Settle ``--output_op`` and the protocol that ``deploy.yaml`` will hold.

    Args:
        output_op: ``auto``: labels where the protocol allows it, else logits, else logits at the size of the features;
            or one of ``OUTPUT_OPS``, which is obeyed with a warning if labels will differ from ``predict.py``'s.
        protocol: Of the configuration.
        transforms: The preprocessing.
        model: The network.

    Returns:
        The output_op, and the protocol that goes with it.

    Raises:
        UserError: The protocol cannot be followed with that output at all.
    """
    protocol.check_model(model)
    best = _best(protocol, transforms, model)
    if output_op == "auto":
        reason = "" if best == "argmax" else ", as test_config or a resize of the transforms needs them"
        logger.info(f"The model will put out {_WHAT[best]}{reason}.")
        output_op = best
    if output_op == "features" and not protocol.resize_once:
        raise UserError("--output_op features is for a test_config with resize_once; use --output_op none.")
    if output_op == "argmax" and (protocol.is_slide or protocol.aug_eval):
        raise UserError(
            "--output_op argmax: the labels of windows, scales or mirrored images cannot be averaged, and test_config "
            "asks for that; use --output_op none."
        )
    if output_op != best and best != "argmax":
        logger.warning(
            f"With --output_op {output_op} some labels will differ from predict.py's; {best} gives the same."
        )
    return output_op, dataclasses.replace(protocol, resize_once=output_op == "features")


_WHAT = {"argmax": "labels", "none": "logits", "features": "logits at the size of the features"}


def _best(protocol: InferenceProtocol, transforms: T.Compose, model: Any) -> str:
    """The smallest output that all of the protocol can be followed with."""
    averages, resizes = protocol.is_slide or protocol.aug_eval, _resizes(transforms)
    if protocol.resize_once:
        # The model's own resize does as well if it is to the image's size, and the same function.
        same = (model.align_corners, model.align_mode) == (protocol.align_corners, 0)
        return "features" if averages or resizes or not same else "argmax"
    return "none" if averages or resizes else "argmax"


def _resizes(transforms: T.Compose) -> bool:
    """Whether the transforms resize some picture, by what they note in ``trans_info``."""
    for size in _SMALL_AND_LARGE:
        shape = size if transforms.img_channels == 1 else (*size, transforms.img_channels)
        try:
            data = transforms({"img": np.zeros(shape, np.float32)})
        except Exception:  # A padding refuses what is larger; it resizes nothing.
            continue
        if any(kind == "resize" for kind, _ in data["trans_info"]):
            return True
    return False
