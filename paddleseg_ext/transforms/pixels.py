"""Images with 8-bit pixels, as the published recipes have them.

PaddleSeg reads every image as float32. The published pipelines resize and distort 8-bit pixels and round after each
step. The same steps on float32 give other pixels, and take up to three times as long.
"""

from typing import Any

import cv2
import numpy as np


def eight_bit(image: np.ndarray) -> np.ndarray:
    """``image`` as uint8 if all its values are whole numbers from 0 to 255, else ``image`` itself.

    Args:
        image: (H, W) or (H, W, C), of any dtype. A float image with any other value, such as a normalized one, stays
            as it is.
    """
    if image.dtype not in (np.float32, np.float64):
        return image
    # It rounds and saturates where a cast would be undefined, so any other value comes back changed. The largest
    # difference (NORM_INF) would pass over NaN.
    rounded = cv2.convertScaleAbs(image).reshape(image.shape)
    return rounded if cv2.norm(image, rounded.astype(image.dtype), cv2.NORM_L1) == 0 else image


def channels(image: np.ndarray) -> int:
    """The number of channels of an image (H, W) or (H, W, C)."""
    return 1 if image.ndim == 2 else image.shape[2]


def undo_needed(data: dict[str, Any]) -> bool:
    """Return whether ``trans_info`` must say how to undo a transform, because the label is not transformed.

    PaddleSeg transforms labels along with images only in training; ``gt_fields`` names them.
    """
    return "label" not in data.get("gt_fields", ())
