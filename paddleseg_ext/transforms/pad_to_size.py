"""Padding to a size, on the right and at the bottom or on all sides."""

from collections.abc import Sequence
from typing import Any, Optional, Union

import numpy as np
from paddleseg.cvlibs import manager

from paddleseg_ext.errors import UserError
from paddleseg_ext.transforms import arguments
from paddleseg_ext.transforms.pixels import channels, undo_needed

POSITIONS = ("right_bottom", "center")


@manager.TRANSFORMS.add_component
class PadToSize:
    """Pad an image to a size, with one value for the image and another for the label.

    The image's value has the units of the pixels at this place in the pipeline. After ``Normalize``, 0 is the mean of
    all pictures, and the peers pad with that; before it, 0 is black.

    mmsegmentation pads on the right and at the bottom. SSSegmentation puts the image in the center; an odd pixel goes
    to the right and to the bottom. If the image is too large, SSSegmentation keeps its center; so does
    ``position: center`` in training.

    semseg pads on all sides, and only pictures that are smaller than its window: ``at_least: true`` with
    ``position: center``. openseg.pytorch pads to the next multiple of its features' stride: ``size_divisor: 8``.

    In validation and prediction, ``trans_info`` gets ``("padding", (height, width))``, the size before, so that the
    padding is cut off the prediction. If the image does not begin in the upper left corner, the entry is
    ``("inset", (height, width, top, left))``, which PaddleSeg's own ``reverse_transform`` refuses.

    Args:
        target_size: [width, height] in pixels; optional if ``size_divisor`` is given.
        position: ``right_bottom`` (padding on the right and at the bottom) or ``center``.
        im_padding_value: The image's value: one number, or one for each channel.
        label_padding_value: The labels' value, 0 to 255.
        at_least: A side that is larger than its target stays unchanged.
        size_divisor: Each side of the result grows to a multiple of this number.

    Raises:
        UserError: An argument is out of range, or ``target_size`` and ``size_divisor`` are both missing.
    """

    def __init__(
        self,
        target_size: Optional[Sequence[int]] = None,
        position: str = "right_bottom",
        im_padding_value: Union[float, Sequence[float]] = 0,
        label_padding_value: int = 255,
        at_least: bool = False,
        size_divisor: Optional[int] = None,
    ) -> None:
        name = type(self).__name__
        if target_size is None and size_divisor is None:
            raise UserError(f"{name}: give target_size ([width, height]), or size_divisor.")
        self.target_size = None if target_size is None else arguments.size(name, "target_size", target_size)
        self.position = arguments.word(name, "position", position, POSITIONS)
        values = im_padding_value if isinstance(im_padding_value, (list, tuple)) else [im_padding_value]
        for value in values:
            arguments.number(name, "im_padding_value", value, low=-1e6, high=1e6)
        self.im_padding_value = np.array(values, np.float32)
        self.label_padding_value = arguments.number(
            name, "label_padding_value", label_padding_value, low=0, high=255, whole=True
        )
        self.at_least = arguments.flag(name, "at_least", at_least)
        self.size_divisor = 1
        if size_divisor is not None:
            self.size_divisor = arguments.number(name, "size_divisor", size_divisor, low=1, high=4096, whole=True)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """Pad ``img`` (H, W[, C]) and all ``gt_fields``.

        Raises:
            UserError: The image is too large, or ``im_padding_value`` does not have one number, or as many as the image
                has channels.
        """
        image = data["img"]
        height, width = image.shape[:2]
        target_width, target_height = self._target(width, height)
        too_large = width > target_width or height > target_height
        if too_large and (self.position == "right_bottom" or undo_needed(data)):
            raise UserError(
                f"PadToSize: an image of {width}x{height} pixels (width x height) does not fit into target_size "
                f"{target_width}x{target_height}; crop or resize it first, make target_size larger, or add "
                "at_least: true."
            )
        if len(self.im_padding_value) not in (1, channels(image)):
            raise UserError(
                f"PadToSize: im_padding_value has {len(self.im_padding_value)} numbers, but the image has "
                f"{channels(image)} channel(s); give one number, or one for each channel."
            )
        corner = (0, 0)
        if self.position == "center":
            corner = ((target_height - height) // 2, (target_width - width) // 2)
        if undo_needed(data):
            # PaddleSeg's "padding" means that the image begins in the corner.
            step = ("inset", (height, width, *corner)) if any(corner) else ("padding", (height, width))
            data["trans_info"].append(step)
        data["img"] = self._pad(image, (target_height, target_width), corner, self._image_fill(image))
        for key in data.get("gt_fields", ()):
            data[key] = self._pad(data[key], (target_height, target_width), corner, self.label_padding_value)
        return data

    def _target(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the padded image, from those of the image."""
        wide, high = self.target_size or (width, height)
        if self.at_least:
            wide, high = max(wide, width), max(high, height)
        return self._divisible(wide), self._divisible(high)

    def _divisible(self, side: int) -> int:
        return -(-side // self.size_divisor) * self.size_divisor

    def _image_fill(self, image: np.ndarray) -> np.ndarray:
        """The value in the image's dtype, or in float32 if that dtype cannot hold it (uint8 cannot hold 127.5)."""
        fill = self.im_padding_value
        if not np.issubdtype(image.dtype, np.integer):
            return fill.astype(image.dtype)
        range_of = np.iinfo(image.dtype)
        fits = np.all((fill == np.floor(fill)) & (range_of.min <= fill) & (fill <= range_of.max))
        return fill.astype(image.dtype) if fits else fill

    @staticmethod
    def _pad(
        image: np.ndarray, size: tuple[int, int], corner: tuple[int, int], fill: Union[np.ndarray, int]
    ) -> np.ndarray:
        """``image`` on an area of ``size`` (height, width), with its first pixel at ``corner`` (row, column)."""
        if image.shape[:2] == size:
            return image
        top, left = corner
        dtype = fill.dtype if isinstance(fill, np.ndarray) else image.dtype
        padded = np.empty((*size, *image.shape[2:]), dtype)
        padded[...] = fill
        # A negative top or left cuts that much off the image.
        inside = image[max(-top, 0) :, max(-left, 0) :][: size[0], : size[1]]
        top, left = max(top, 0), max(left, 0)
        padded[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
        return padded
