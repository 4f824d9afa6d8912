"""Random brightness, contrast, saturation and hue, as SSD introduced them."""

from collections.abc import Sequence
from typing import Any, Optional

import cv2
import numpy as np
from paddleseg.cvlibs import manager

from paddleseg_ext.errors import UserError
from paddleseg_ext.transforms import arguments
from paddleseg_ext.transforms.pixels import channels, eight_bit

_LEVELS = np.arange(256, dtype=np.uint8)


@manager.TRANSFORMS.add_component
class PhotoMetricDistortion:
    """Change brightness, contrast, saturation and hue, each with probability 1/2; each step rounds to 8 bits.

    Brightness is added and contrast multiplied, whatever the mean is. Saturation multiplies and hue shifts a channel
    of OpenCV's 8-bit HSV. Contrast comes second or last, each with probability 1/2. Draws and arithmetic are those of
    mmsegmentation 1.x and SSSegmentation, bit for bit. PaddleSeg's ``RandomDistort`` differs: it multiplies brightness,
    blends contrast with the mean, shuffles the order and has other units of hue.

    A step maps each 8-bit value of a channel to another one. So each step is computed once for the 256 values, in the
    peers' arithmetic, and looked up for every pixel.

    Args:
        brightness_delta: The offset is uniform between ``-brightness_delta`` and ``brightness_delta``, for pixels from
            0 to 255.
        contrast_range, saturation_range: [lowest, highest]; the factor is uniform between them.
        hue_delta: The shift is a whole number from ``-hue_delta`` to ``hue_delta - 1``, in OpenCV's units of 2 degrees.
        swapped_hsv: Exchange red and blue in the conversions to and from HSV. SSSegmentation does so: it uses the RGB
            codes on the BGR image that OpenCV reads.

    Raises:
        UserError: An argument is out of range.
    """

    takes_eight_bit = True  # see reading.py

    def __init__(
        self,
        brightness_delta: float = 32,
        contrast_range: Sequence[float] = (0.5, 1.5),
        saturation_range: Sequence[float] = (0.5, 1.5),
        hue_delta: int = 18,
        swapped_hsv: bool = False,
    ) -> None:
        name = type(self).__name__
        self.brightness_delta = arguments.number(name, "brightness_delta", brightness_delta, low=0, high=255)
        self.contrast_range = arguments.limits(name, "contrast_range", contrast_range)
        self.saturation_range = arguments.limits(name, "saturation_range", saturation_range)
        self.hue_delta = arguments.number(name, "hue_delta", hue_delta, low=1, high=180, whole=True)
        self.swapped_hsv = arguments.flag(name, "swapped_hsv", swapped_hsv)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """Distort ``img``, (H, W, 3) in RGB with values from 0 to 255, which becomes uint8.

        Raises:
            UserError: The image does not have three channels, or not such values.
        """
        image = eight_bit(data["img"])
        if image.dtype != np.uint8:
            raise UserError(
                "PhotoMetricDistortion needs whole numbers from 0 to 255, but the image holds others; "
                "put it before Normalize."
            )
        if channels(image) != 3:
            raise UserError(
                "PhotoMetricDistortion needs red, green and blue for saturation and hue, but the image has "
                f"{channels(image)} channel(s); leave it out of the transforms."
            )
        if image.strides[1] < 0:
            # RandomHorizontalFlip leaves a view. OpenCV needs the pixels in order, and orders them much faster itself.
            image = cv2.flip(image[:, ::-1], 1)
        # Steps on R, G and B are collected in one table; it is applied before a step on HSV, or at the end.
        levels = self._brightness()
        contrast_last = np.random.randint(2) == 0
        if not contrast_last:
            levels = self._contrast(levels)
        saturation = self._saturation()
        hue = self._hue()
        if saturation is not None or hue is not None:
            image, levels = _look_up(image, levels), None
            image = self._in_hsv(image, 1, saturation)
            image = self._in_hsv(image, 0, hue)
        if contrast_last:
            levels = self._contrast(levels)
        data["img"] = _look_up(image, levels)
        return data

    def _brightness(self) -> Optional[np.ndarray]:
        """The table of 256 values to look up, or None for no change. The next three methods return the same."""
        if not np.random.randint(2):
            return None
        return _scaled(_LEVELS, 1, np.random.uniform(-self.brightness_delta, self.brightness_delta))

    def _contrast(self, levels: Optional[np.ndarray]) -> Optional[np.ndarray]:
        if not np.random.randint(2):
            return levels
        return _scaled(_LEVELS if levels is None else levels, np.random.uniform(*self.contrast_range), 0)

    def _saturation(self) -> Optional[np.ndarray]:
        if not np.random.randint(2):
            return None
        return _scaled(_LEVELS, np.random.uniform(*self.saturation_range), 0)

    def _hue(self) -> Optional[np.ndarray]:
        if not np.random.randint(2):
            return None
        return ((_LEVELS.astype(int) + np.random.randint(-self.hue_delta, self.hue_delta)) % 180).astype(np.uint8)

    def _in_hsv(self, image: np.ndarray, channel: int, levels: Optional[np.ndarray]) -> np.ndarray:
        """Look up one channel of HSV. RGB is rounded again, so saturation and hue cannot share a conversion."""
        if levels is None:
            return image
        hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV if self.swapped_hsv else cv2.COLOR_RGB2HSV)
        cv2.insertChannel(cv2.LUT(cv2.extractChannel(hsv, channel), levels), hsv, channel)
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR if self.swapped_hsv else cv2.COLOR_HSV2RGB)


def _scaled(levels: np.ndarray, factor: float, offset: float) -> np.ndarray:
    """8-bit values times ``factor`` plus ``offset``, in the peers' single precision, clipped and rounded down."""
    return np.clip(levels.astype(np.float32) * factor + offset, 0, 255).astype(np.uint8)


def _look_up(image: np.ndarray, levels: Optional[np.ndarray]) -> np.ndarray:
    return image if levels is None else cv2.LUT(image, levels)
