"""Padding to a size, on the right and at the bottom or all round."""

from collections.abc import Sequence
from typing import Union

import numpy as np
from paddleseg.cvlibs import manager

from paddleseg_ext.errors import UserError
from paddleseg_ext.transforms import arguments
from paddleseg_ext.transforms.pixels import channels, undo_needed

POSITIONS = ("right_bottom", "center")


@manager.TRANSFORMS.add_component
class PadToSize:
    """Pad an image to a size, with one value for the image and another for the label.

    The image's value counts as it is where the transform stands: after ``Normalize`` 0 is the mean of all pictures,
    which is how the peers pad; before it 0 is black. mmsegmentation pads on the right and at the bottom.
    SSSegmentation puts the image in the center, an odd pixel going right and to the bottom, and takes the center out
    of an image that is too large (its padding is then negative); so does ``position: center``.

    In validation and prediction the size before is noted in ``trans_info``, so that PaddleSeg cuts the padding off
    what is predicted. It can do so on the right and at the bottom only.

    Args:
        target_size: [width, height] in pixels.
        position: Where the image goes: ``right_bottom`` (padding on the right and at the bottom) or ``center``.
        im_padding_value: For the image: a number, or one for each channel.
        label_padding_value: For labels, 0 to 255.

    Raises:
        UserError: An argument is out of range.
    """

    def __init__(
        self,
        target_size: Sequence[int],
        position: str = "right_bottom",
        im_padding_value: Union[float, Sequence[float]] = 0,
        label_padding_value: int = 255,
    ) -> None:
        name = type(self).__name__
        self.target_size = arguments.size(name, "target_size", target_size)
        if position not in POSITIONS:
            raise UserError(f"{name}: position is {position!r} and must be one of {', '.join(POSITIONS)}.")
        self.position = position
        values = im_padding_value if isinstance(im_padding_value, (list, tuple)) else [im_padding_value]
        for value in values:
            arguments.number(name, "im_padding_value", value, low=-1e6, high=1e6)
        self.im_padding_value = np.array(values, np.float32)
        self.label_padding_value = arguments.number(
            name, "label_padding_value", label_padding_value, low=0, high=255, whole=True
        )

    def __call__(self, data: dict) -> dict:
        """Pad ``img`` (H, W[, C]) and all ``gt_fields``.

        Raises:
            UserError: The image is too large, has another number of channels than there are values, or is in the
                center where a prediction would have to be brought back.
        """
        image = data["img"]
        height, width = image.shape[:2]
        target_width, target_height = self.target_size
        if undo_needed(data):
            if self.position == "center" and (width, height) != self.target_size:
                raise UserError(
                    "PadToSize: PaddleSeg cannot take padding all round off a prediction; use position: right_bottom "
                    "in val_dataset."
                )
            data["trans_info"].append(("padding", (height, width)))
        if self.position == "right_bottom" and (width > target_width or height > target_height):
            raise UserError(
                f"PadToSize: an image of {width}x{height} pixels (width x height) does not fit into target_size "
                f"{target_width}x{target_height}; crop or resize it first, or make target_size larger."
            )
        if len(self.im_padding_value) not in (1, channels(image)):
            raise UserError(
                f"PadToSize: im_padding_value has {len(self.im_padding_value)} numbers and the image "
                f"{channels(image)} channel(s); give one number, or one for each channel."
            )
        data["img"] = self._pad(image, self._image_fill(image))
        for key in data.get("gt_fields", ()):
            data[key] = self._pad(data[key], self.label_padding_value)
        return data

    def _image_fill(self, image: np.ndarray) -> np.ndarray:
        """The value in the image's dtype, or in float32 where that cannot hold it, as 8 bits cannot hold 127.5."""
        fill = self.im_padding_value
        if not np.issubdtype(image.dtype, np.integer):
            return fill.astype(image.dtype)
        range_of = np.iinfo(image.dtype)
        fits = np.all((fill == np.floor(fill)) & (range_of.min <= fill) & (fill <= range_of.max))
        return fill.astype(image.dtype) if fits else fill

    def _pad(self, image: np.ndarray, fill: Union[np.ndarray, int]) -> np.ndarray:
        (height, width), (target_width, target_height) = image.shape[:2], self.target_size
        if (width, height) == self.target_size:
            return image
        top, left = 0, 0
        if self.position == "center":
            top, left = (target_height - height) // 2, (target_width - width) // 2
        dtype = fill.dtype if isinstance(fill, np.ndarray) else image.dtype
        padded = np.empty((target_height, target_width, *image.shape[2:]), dtype)
        padded[...] = fill
        # Where top or left is negative, that much of the image goes.
        inside = image[max(-top, 0) :, max(-left, 0) :][:target_height, :target_width]
        top, left = max(top, 0), max(left, 0)
        padded[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
        return padded
