"""PaddleSeg's ``Normalize``, faster for 8-bit pixels, with any scale and either order of the channels."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import paddleseg.transforms as T
from paddleseg.utils import logger

from paddleseg_ext.errors import UserError
from paddleseg_ext.transforms import arguments
from paddleseg_ext.transforms.pixels import channels

PADDLESEG_SCALE = 255.0
CHANNEL_ORDERS = ("RGB", "BGR")


class Normalize(T.Normalize):
    """Compute ``(image / scale - mean) / std`` in float32.

    With ``mean`` and ``std`` only, the image is the one of PaddleSeg's ``Normalize``, bit for bit. PaddleSeg computes
    every pixel in float64. A uint8 image, as our transforms leave it, has only 256 values per channel. They are
    normalized once and looked up, which is about ten times as fast.

    openseg.pytorch subtracts (102.98, 115.95, 122.77) from undivided BGR pixels: ``scale: 1`` and
    ``channel_order: BGR``. If ``scale`` is not 255, the arithmetic is in float32, as in torch, so the pixels are those
    of openseg.pytorch, bit for bit.

    Args:
        mean, std: One number for each channel, in ``channel_order``, or one for all. They are in the units of the
            divided pixels.
        scale: Pixels from 0 to 255 are divided by it first.
        channel_order: ``'RGB'``, or ``'BGR'`` to exchange red and blue.

    Raises:
        UserError: An argument is out of range.
    """

    takes_eight_bit = True  # see reading.py

    def __init__(
        self,
        mean: Sequence[float] = (0.5,),
        std: Sequence[float] = (0.5,),
        scale: float = PADDLESEG_SCALE,
        channel_order: str = "RGB",
    ) -> None:
        for key, value in (("mean", mean), ("std", std)):
            if not isinstance(value, (list, tuple)) or not value:
                raise UserError(f"Normalize: {key} is {value!r} and must be a list of numbers, such as [0.5].")
        super().__init__(mean, std)
        self.scale = float(arguments.number("Normalize", "scale", scale, low=1e-6))
        if self.scale == PADDLESEG_SCALE and max(np.abs(self.mean)) > 1:
            logger.warning(
                f"Normalize: the mean {list(mean)} is for pixels from 0 to 255, but scale 255 makes them 0 to 1; "
                "if the pixels should stay undivided, add scale: 1."
            )
        self.channel_order = arguments.word("Normalize", "channel_order", channel_order, CHANNEL_ORDERS)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """Normalize ``img`` (H, W[, C]) of any dtype; the result is float32.

        Raises:
            UserError: ``mean`` or ``std`` does not have one number, or as many as the image has channels; or
                ``channel_order`` is BGR and the image does not have three channels.
        """
        image = data["img"]
        for key, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels(image)):
                raise UserError(
                    f"Normalize: {key} has {len(values)} numbers, but the image has {channels(image)} channels; "
                    "give one number for each channel, or one for all."
                )
        if self.channel_order == "BGR":
            if channels(image) != 3:
                raise UserError(
                    f"Normalize: channel_order BGR needs three channels, but the image has {channels(image)}; "
                    "leave channel_order out."
                )
            image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        if image.dtype == np.uint8:
            levels = np.arange(256, dtype=np.uint8)[np.newaxis, :, np.newaxis].repeat(channels(image), axis=2)
            data["img"] = cv2.LUT(image, self._normalized(levels)).reshape(image.shape)
        else:
            data["img"] = self._normalized(image)
        return data

    def _normalized(self, image: np.ndarray) -> np.ndarray:
        if self.scale == PADDLESEG_SCALE:
            return super().__call__({"img": image})["img"]
        image = image.astype(np.float32) / np.float32(self.scale)
        return (image - self.mean.astype(np.float32)) / self.std.astype(np.float32)
