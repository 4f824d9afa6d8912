"""Resizing in one step to a base size times a random ratio."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from paddleseg.cvlibs import manager

from paddleseg_ext.errors import UserError
from paddleseg_ext.transforms import arguments
from paddleseg_ext.transforms.pixels import eight_bit, undo_needed

INTERPOLATIONS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
FITS = ("inside", "cover", "stretch")


@manager.TRANSFORMS.add_component
class ResizeByRatio:
    """Resize an image to ``base_size`` times a random ratio, in one step and with its proportions kept.

    The longer side of the base limits the longer side of the image, in both orientations. Sizes are rounded as in
    mmcv's ``imrescale`` and SSSegmentation's ``Resize``: the base down, the image to the nearest, halves up. Images are
    resized bilinearly as 8-bit pixels, labels to the nearest pixel. PaddleSeg's ``Resize`` and ``ResizeStepScaling``
    would interpolate twice and round halves to even.

    ``fit: cover`` and ``fit: stretch`` are openseg.pytorch's ``min_side_length`` and ``target_size``. openseg.pytorch
    resizes with ``interpolation: cubic`` and rounds halves to even; so do these two.

    In validation and prediction, ``trans_info`` gets the size before, and PaddleSeg resizes the prediction back to it.

    Args:
        base_size: [width, height] in pixels.
        min_ratio, max_ratio: The ratio is uniform between them. If they are equal, nothing is drawn.
        fit: With ``inside``, the image fits into the base. With ``cover``, its shorter side is the base's shorter side.
            With ``stretch``, it has the size of the base, and its proportions are not kept.
        interpolation: ``linear`` or ``cubic``, for the image.

    Raises:
        UserError: An argument is out of range.
    """

    takes_eight_bit = True  # see reading.py

    def __init__(
        self,
        base_size: Sequence[int],
        min_ratio: float = 1.0,
        max_ratio: float = 1.0,
        fit: str = "inside",
        interpolation: str = "linear",
    ) -> None:
        name = type(self).__name__
        self.fit = arguments.word(name, "fit", fit, FITS)
        self.interpolation = arguments.word(name, "interpolation", interpolation, INTERPOLATIONS)
        self.base_size = arguments.size(name, "base_size", base_size)
        self.min_ratio, self.max_ratio = (
            arguments.number(name, key, value, low=0.01, high=100)
            for key, value in (("min_ratio", min_ratio), ("max_ratio", max_ratio))
        )
        if min_ratio > max_ratio:
            raise UserError(
                f"{name}: min_ratio is {min_ratio} and must not be larger than max_ratio, which is {max_ratio}."
            )

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """Resize ``img`` (H, W[, C]) and all ``gt_fields``; 8-bit values in float32 become uint8."""
        image = eight_bit(data["img"])
        height, width = image.shape[:2]
        if undo_needed(data):
            data["trans_info"].append(("resize", (height, width)))
        new_size = self._new_size(width, height)
        data["img"] = _resize(image, new_size, INTERPOLATIONS[self.interpolation])
        for key in data.get("gt_fields", ()):
            data[key] = _resize(data[key], new_size, cv2.INTER_NEAREST)
        return data

    def _new_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the resized image, from those of the image."""
        ratio = self.min_ratio
        if self.min_ratio < self.max_ratio:
            # The peers draw and compute like this. The last bit of numpy's uniform() may differ.
            ratio = np.random.random_sample() * (self.max_ratio - self.min_ratio) + self.min_ratio
        bound = max(int(self.base_size[0] * ratio), 1), max(int(self.base_size[1] * ratio), 1)
        if self.fit == "stretch":
            return bound
        if self.fit == "cover":
            factor = min(bound) / min(width, height)
            return round(width * factor), round(height * factor)
        factor = min(max(bound) / max(width, height), min(bound) / min(width, height))
        # Without the 1, the shorter side of a picture of 5000x7 pixels would vanish.
        return max(int(width * factor + 0.5), 1), max(int(height * factor + 0.5), 1)


def _resize(image: np.ndarray, new_size: tuple[int, int], interpolation: int) -> np.ndarray:
    width, height = new_size
    if image.shape[:2] == (height, width):
        return image
    # OpenCV drops the channel axis of an image with one channel.
    return cv2.resize(image, new_size, interpolation=interpolation).reshape(height, width, *image.shape[2:])
