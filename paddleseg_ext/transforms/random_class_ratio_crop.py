"""A random crop that one class does not fill."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from paddleseg.cvlibs import manager

from paddleseg_ext.errors import UserError
from paddleseg_ext.transforms import arguments
from paddleseg_ext.transforms.pixels import undo_needed


@manager.TRANSFORMS.add_component
class RandomClassRatioCrop:
    """Crop at random; draw again if the crop has fewer than two classes, or one class covers too much of it.

    The first good draw is kept, or the last of ``attempts`` draws. A side of the image that is shorter than the crop
    stays whole: pad it afterwards (``PadToSize``).

    mmsegmentation 1.x checks ten crops and keeps an eleventh without a check: ``attempts: 11``. SSSegmentation draws
    ten: ``attempts: 10``. If the tenth shows no class at all, it does not crop (``uncropped_if_void: true``), and
    ``PadToSize`` with ``position: center`` then keeps the middle of the image. PaddleSeg's ``RandomPaddingCrop`` with
    ``category_max_ratio`` pads first, so its draws and its place in the pipeline differ.

    Args:
        crop_size: [width, height] in pixels.
        max_ratio: The largest class must cover less than this share of the crop's labeled pixels. With 1, the first
            draw is kept without a check.
        attempts: The largest number of draws.
        ignore_index: The label of pixels that belong to no class.
        uncropped_if_void: Do not crop the image if the last draw has no labeled pixel.

    Raises:
        UserError: An argument is out of range.
    """

    takes_eight_bit = True  # see reading.py

    def __init__(
        self,
        crop_size: Sequence[int],
        max_ratio: float = 0.75,
        attempts: int = 11,
        ignore_index: int = 255,
        uncropped_if_void: bool = False,
    ) -> None:
        name = type(self).__name__
        self.crop_size = arguments.size(name, "crop_size", crop_size)
        self.max_ratio = arguments.number(name, "max_ratio", max_ratio, low=0, high=1)
        self.attempts = arguments.number(name, "attempts", attempts, low=1, whole=True)
        self.ignore_index = arguments.number(name, "ignore_index", ignore_index, low=0, high=255, whole=True)
        self.uncropped_if_void = arguments.flag(name, "uncropped_if_void", uncropped_if_void)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """Crop ``img`` (H, W[, C]) and all ``gt_fields``.

        Raises:
            UserError: The label is not transformed along, as in validation and prediction. A crop cannot be undone.
        """
        if undo_needed(data):
            raise UserError(
                "RandomClassRatioCrop crops image and label, but the label is not transformed here, and a prediction "
                "for a crop has the wrong size; use it in train_dataset only."
            )
        window = self._draw(data["img"])
        if self.max_ratio < 1:
            label = data["label"]
            counts = self._class_counts(label[window])
            for _ in range(self.attempts - 1):
                # A single class has a share of 1.
                if counts.any() and counts.max() / counts.sum() < self.max_ratio:
                    break
                window = self._draw(data["img"])
                counts = self._class_counts(label[window])
            if self.uncropped_if_void and not counts.any():
                return data
        for key in ("img", *data.get("gt_fields", ())):
            data[key] = data[key][window]
        return data

    def _draw(self, image: np.ndarray) -> tuple[slice, slice]:
        """Slices of rows and columns, drawn in the peers' order."""
        (height, width), (crop_width, crop_height) = image.shape[:2], self.crop_size
        top = np.random.randint(0, max(height - crop_height, 0) + 1)
        left = np.random.randint(0, max(width - crop_width, 0) + 1)
        return slice(top, top + crop_height), slice(left, left + crop_width)

    def _class_counts(self, label: np.ndarray) -> np.ndarray:
        """Return the number of pixels of each label, int64, without the ignored label."""
        if label.dtype == np.uint8 and label.size < 1 << 24:
            # Ten times as fast as sorting. It counts in float32, which is exact below 2**24.
            counts = cv2.calcHist([label], [0], None, [256], [0, 256]).ravel().astype(np.int64)
            counts[self.ignore_index] = 0
            return counts
        values, counts = np.unique(label, return_counts=True)
        return counts[values != self.ignore_index]
