"""PaddleSeg's ``Normalize``, quick where the pixels are 8-bit."""

import cv2
import numpy as np
import paddleseg.transforms as T

from paddleseg_ext.transforms.pixels import channels


class Normalize(T.Normalize):
    """``paddleseg.transforms.Normalize``: same arguments, same float32 image, bit for bit.

    PaddleSeg works in float64 on every pixel. A uint8 image, which our transforms leave behind, has 256 values to a
    channel: those are normalised by PaddleSeg's own code and looked up, which is about ten times as fast.
    """

    takes_eight_bit = True  # see reading.py

    def __call__(self, data: dict) -> dict:
        """Normalise ``img`` (H, W[, C])."""
        image = data["img"]
        if image.dtype != np.uint8:
            return super().__call__(data)
        levels = np.arange(256, dtype=np.uint8)[np.newaxis, :, np.newaxis].repeat(channels(image), axis=2)
        table = super().__call__({"img": levels})["img"]
        data["img"] = cv2.LUT(image, table).reshape(image.shape)
        return data
