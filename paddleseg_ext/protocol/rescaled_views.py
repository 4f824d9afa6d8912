"""One image as the network's input at several sizes, each resized once from the image in the file."""

from collections.abc import Sequence
from typing import Any, Callable, Optional

import numpy as np
import paddleseg.transforms as T

from paddleseg_ext.errors import UserError
from paddleseg_ext.transforms import ResizeByRatio

RESIZES = (ResizeByRatio, T.Resize, T.ResizeByLong, T.ResizeByShort, T.LimitLong)
_Transform = Callable[[dict], dict]
# A ratio and pixels (H, W[, C]) to the transform that resizes these pixels.
_ResizeTo = Callable[[float, np.ndarray], _Transform]


class RescaledViews:
    """Replaces the transforms of a validation set and gives one image for each ratio.

    The resizes among the transforms are left out, because this resizes instead. All other transforms apply to every
    view. This is the test-time augmentation of mmsegmentation; its ``scale_factor`` of mmcv's ``Resize`` is the ratio.

    Args:
        transforms: Those of the validation set.
        ratios: Factors of the image's size, or of the box.
        of_base: The ratios multiply a box, and the image is resized to fit into it. The box is the first of
            ``base_size`` of ``ResizeByRatio``, ``target_size`` of ``Resize`` with ``keep_ratio`` and ``long_size`` of
            ``ResizeByLong`` in ``transforms``.

    Raises:
        UserError: ``of_base``, and the transforms have no such box.
    """

    def __init__(self, transforms: T.Compose, ratios: Sequence[float], of_base: bool = False) -> None:
        self.reader = T.Compose([], to_rgb=transforms.to_rgb, img_channels=transforms.img_channels)
        self.ratios = tuple(ratios)
        self.others = [each for each in transforms.transforms if not isinstance(each, RESIZES)]
        self.resize_to: _ResizeTo = _to_ratio_of_size
        if of_base:
            scaled = [_scaled(each) for each in transforms.transforms if isinstance(each, RESIZES)]
            found = next((one for one in scaled if one is not None), None)
            if found is None:
                raise UserError(
                    "aug_rescale base needs a ResizeByRatio, a ResizeByLong, or a Resize with keep_ratio, in "
                    "val_dataset.transforms, because the scales multiply its size; add one or use aug_rescale image."
                )
            self.resize_to = found

    def __call__(self, data: dict) -> dict:
        """Make lists, with one item for each ratio, of ``img`` (a path, or pixels (H, W[, C])) and ``trans_info``.

        The images are (C, h, w), as transforms give them.
        """
        data = self.reader(data)
        pixels = data["img"].transpose(1, 2, 0)
        views = [self._view(pixels, ratio) for ratio in self.ratios]
        data["img"] = [np.ascontiguousarray(view["img"].transpose(2, 0, 1)) for view in views]
        data["trans_info"] = [view["trans_info"] for view in views]
        return data

    def _view(self, pixels: np.ndarray, ratio: float) -> dict:
        view = {"img": pixels, "trans_info": [], "gt_fields": []}
        for transform in (self.resize_to(ratio, pixels), *self.others):
            view = transform(view)
        return view


def _to_ratio_of_size(ratio: float, pixels: np.ndarray) -> _Transform:
    """Return the resize of an image to a ratio of its own size."""
    # mmcv rounds twice, first the box and then the image that fits into it, so some sizes differ by a pixel.
    return ResizeByRatio([int(side * ratio + 0.5) for side in pixels.shape[1::-1]])


def _scaled(resize: Any) -> Optional[_ResizeTo]:
    """Return a function that makes the same resize to a ratio of its size; None if the resize has no fixed size."""
    if isinstance(resize, T.ResizeByLong):
        # semseg's protocol uses this resize, and semseg rounds the long side so.
        return lambda ratio, pixels: T.ResizeByLong(round(ratio * resize.long_size))
    if isinstance(resize, T.Resize):
        return (lambda ratio, pixels: _in_box(resize.target_size, ratio)) if resize.keep_ratio else None
    if isinstance(resize, ResizeByRatio):
        settings = {"fit": resize.fit, "interpolation": resize.interpolation}
        return lambda ratio, pixels: _in_box(resize.base_size, ratio, **settings)
    return None


def _in_box(box: Sequence[int], ratio: float, **settings: Any) -> ResizeByRatio:
    return ResizeByRatio([int(side * ratio) for side in box], **settings)
