"""Reading images as the 8-bit pixels they are on disk.

PaddleSeg's ``Compose`` makes an image float32 before the first transform sees it. Ours want 8 bits, and turning a
Cityscapes image into float32 and back takes a quarter of the time of everything else that is done to it.
"""

import functools

import cv2
import numpy as np
import paddleseg.transforms as T

_compose = T.Compose.__call__


@functools.wraps(_compose)
def _call(self: T.Compose, data: dict) -> dict:
    eight_bit = getattr(next(iter(self.transforms), None), "takes_eight_bit", False)
    if eight_bit and isinstance(data.get("img"), str):
        image = cv2.imread(data["img"], self.read_flag)
        # What cannot be read is left to PaddleSeg, and to its message.
        data["img"] = data["img"] if image is None else image
    data = _compose(self, data)
    if eight_bit and data["img"].dtype == np.uint8:
        # Transforms without Normalize: the network takes what PaddleSeg would have given it.
        data["img"] = data["img"].astype(np.float32)
    return data


def keep_eight_bit() -> None:
    """Let ``Compose`` leave an image that it reads 8-bit if the first of its transforms has ``takes_eight_bit``.

    What comes out is float32 all the same. PaddleSeg's data sets hold the class already, so its method is replaced.
    """
    T.Compose.__call__ = _call
