"""Images as the recipes mean them: 8-bit.

PaddleSeg reads every image as float32. The published pipelines resize and distort 8-bit pixels, rounding after each
step, so the same steps on float32 give other pixels, and take up to three times as long.
"""

import cv2
import numpy as np


def eight_bit(image: np.ndarray) -> np.ndarray:
    """``image`` as uint8 if it holds nothing but whole numbers from 0 to 255, else ``image`` itself.

    Args:
        image: (H, W) or (H, W, C), of any dtype. A float image with any other value, one that was normalised say, is
            no 8-bit picture and stays what it is.
    """
    if image.dtype not in (np.float32, np.float64):
        return image
    # This rounds and saturates where a cast would be undefined, so whatever is no such number comes back changed.
    rounded = cv2.convertScaleAbs(image).reshape(image.shape)
    return rounded if cv2.norm(image, rounded.astype(image.dtype), cv2.NORM_INF) == 0 else image


def channels(image: np.ndarray) -> int:
    """Of an image (H, W) or (H, W, C)."""
    return 1 if image.ndim == 2 else image.shape[2]


def undo_needed(data: dict) -> bool:
    """Whether the label stays as it is, so that ``trans_info`` must say how to bring a prediction to its size.

    PaddleSeg transforms labels along with images in training only (``gt_fields``).
    """
    return "label" not in data.get("gt_fields", ())
