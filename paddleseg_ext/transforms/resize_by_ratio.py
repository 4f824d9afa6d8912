"""Resizing in one step to a base size times a random ratio."""

from collections.abc import Sequence

import cv2
import numpy as np
from paddleseg.cvlibs import manager

from paddleseg_ext.errors import UserError
from paddleseg_ext.transforms import arguments
from paddleseg_ext.transforms.pixels import eight_bit, undo_needed


@manager.TRANSFORMS.add_component
class ResizeByRatio:
    """Make an image as large as fits into ``base_size`` times a random ratio, its proportions kept, in one step.

    The longer side of the base bounds the longer side of the image, whichever way the image lies. Sizes round as
    mmcv's ``imrescale`` and SSSegmentation's ``Resize`` round: the base down, the image to the nearest, halves up.
    Images are resized bilinearly as 8-bit pixels, labels to the nearest pixel. PaddleSeg's ``Resize`` followed by
    ``ResizeStepScaling`` interpolates twice and rounds halves to even.

    In validation and prediction the size before is noted in ``trans_info``, so that PaddleSeg resizes what is
    predicted back to it.

    Args:
        base_size: [width, height] in pixels.
        min_ratio, max_ratio: The ratio is drawn uniformly between them; where they are equal nothing is drawn.

    Raises:
        UserError: An argument is out of range.
    """

    takes_eight_bit = True  # see reading.py

    def __init__(self, base_size: Sequence[int], min_ratio: float = 1.0, max_ratio: float = 1.0) -> None:
        name = type(self).__name__
        self.base_size = arguments.size(name, "base_size", base_size)
        self.min_ratio, self.max_ratio = (
            arguments.number(name, key, value, low=0.01, high=100)
            for key, value in (("min_ratio", min_ratio), ("max_ratio", max_ratio))
        )
        if min_ratio > max_ratio:
            raise UserError(f"{name}: min_ratio is {min_ratio} and must not be larger than max_ratio, {max_ratio}.")

    def __call__(self, data: dict) -> dict:
        """Resize ``img`` (H, W[, C]) and all ``gt_fields``; 8-bit values in float32 become uint8."""
        image = eight_bit(data["img"])
        height, width = image.shape[:2]
        if undo_needed(data):
            data["trans_info"].append(("resize", (height, width)))
        new_size = self._new_size(width, height)
        data["img"] = _resize(image, new_size, cv2.INTER_LINEAR)
        for key in data.get("gt_fields", ()):
            data[key] = _resize(data[key], new_size, cv2.INTER_NEAREST)
        return data

    def _new_size(self, width: int, height: int) -> tuple:
        """(width, height) of what an image of that size becomes."""
        ratio = self.min_ratio
        if self.min_ratio < self.max_ratio:
            # The draw and the arithmetic of the peers: numpy's uniform() may differ from it in the last bit.
            ratio = np.random.random_sample() * (self.max_ratio - self.min_ratio) + self.min_ratio
        bound = [int(side * ratio) for side in self.base_size]
        factor = min(max(bound) / max(width, height), min(bound) / min(width, height))
        # The shorter side of a picture 5000 times as long as wide would vanish.
        return max(int(width * factor + 0.5), 1), max(int(height * factor + 0.5), 1)


def _resize(image: np.ndarray, new_size: tuple, interpolation: int) -> np.ndarray:
    width, height = new_size
    if image.shape[:2] == (height, width):
        return image
    # OpenCV drops the channel axis where there is one channel.
    return cv2.resize(image, new_size, interpolation=interpolation).reshape(height, width, *image.shape[2:])
