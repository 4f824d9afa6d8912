"""PaddleSeg's ``Normalize``, quick where the pixels are 8-bit, for any scale and either order of the channels."""

from collections.abc import Sequence

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
    """``(image / scale - mean) / std``; with PaddleSeg's two arguments its float32 image, bit for bit.

    PaddleSeg works in float64 on every pixel. A uint8 image, which our transforms leave behind, has 256 values to a
    channel: those are normalized once and looked up, which is about ten times as fast.

    openseg.pytorch feeds BGR minus (102.98, 115.95, 122.77), undivided: ``scale: 1`` and ``channel_order: BGR``. With
    another scale than 255 the arithmetic is float32's, as torch has it, so that its pixels are openseg.pytorch's bits.

    Args:
        mean, std: A number for each channel, or one for all, in ``channel_order``; in the units of the divided pixels.
        scale: Pixels from 0 to 255 are divided by it first.
        channel_order: 'RGB', or 'BGR' to hand red and blue to the network in exchanged places.

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
                f"Normalize: the mean {list(mean)} is that of pixels from 0 to 255, and scale 255 makes them 0 to 1; "
                "if it is meant for undivided pixels, add scale: 1."
            )
        self.channel_order = arguments.word("Normalize", "channel_order", channel_order, CHANNEL_ORDERS)

    def __call__(self, data: dict) -> dict:
        """Normalize ``img`` (H, W[, C]).

        Raises:
            UserError: ``mean`` or ``std`` has another number of values than the image has channels, or
                ``channel_order`` is BGR and the image does not have three.
        """
        image = data["img"]
        for key, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels(image)):
                raise UserError(
                    f"Normalize: {key} has {len(values)} numbers and the image has {channels(image)} channels; "
                    "give one number for each channel, or one for all."
                )
        if self.channel_order == "BGR":
            if channels(image) != 3:
                raise UserError(
                    f"Normalize: channel_order BGR is for images of three channels and this one has {channels(image)}; "
                    "leave it out."
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
