"""One image as the network's input at several sizes, each resized once, from the image as it was read."""

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import paddleseg.transforms as T

from paddleseg_ext.errors import UserError
from paddleseg_ext.transforms import ResizeByRatio

RESIZES = (ResizeByRatio, T.Resize, T.ResizeByLong, T.ResizeByShort, T.LimitLong)


class RescaledViews:
    """Stands in for the transforms of a validation set and gives one image for every ratio.

    Resizes among the transforms are left out, as this is the resize; whatever else they do happens to every view.
    mmsegmentation's test-time augmentation, where ``scale_factor`` of mmcv's ``Resize`` is the ratio.

    Args:
        transforms: Those of the validation set.
        ratios: Factors of the image's size, or of the box.
        of_base: The ratios are of the box (``base_size`` of ``ResizeByRatio``, ``target_size`` of ``Resize`` with
            ``keep_ratio``) that the transforms fit the image into.

    Raises:
        UserError: ``of_base``, and there is no such box.
    """

    def __init__(self, transforms: T.Compose, ratios: Sequence[float], of_base: bool = False) -> None:
        self.reader = T.Compose([], to_rgb=transforms.to_rgb, img_channels=transforms.img_channels)
        self.ratios = tuple(ratios)
        self.others = [each for each in transforms.transforms if not isinstance(each, RESIZES)]
        self.base = None
        if of_base:
            boxes = [_box(each) for each in transforms.transforms if isinstance(each, RESIZES)]
            self.base = next((box for box in boxes if box is not None), None)
            if self.base is None:
                raise UserError(
                    "aug_rescale base needs a ResizeByRatio, or a Resize with keep_ratio, in val_dataset.transforms, "
                    "whose size the scales multiply; add one or use aug_rescale image."
                )

    def __call__(self, data: dict) -> dict:
        """``img`` of ``data``, a path or pixels (H, W[, C]), and ``trans_info`` become lists, an item per ratio."""
        data = self.reader(data)
        pixels = data["img"].transpose(1, 2, 0)
        views = [self._view(pixels, ratio) for ratio in self.ratios]
        data["img"] = [np.ascontiguousarray(view["img"].transpose(2, 0, 1)) for view in views]
        data["trans_info"] = [view["trans_info"] for view in views]
        return data

    def _view(self, pixels: np.ndarray, ratio: float) -> dict:
        height, width = pixels.shape[:2]
        if self.base is None:
            # mmcv rounds twice, the box here and what fits into it there, so some sizes are off by a pixel.
            box = [int(side * ratio + 0.5) for side in (width, height)]
        else:
            box = [int(side * ratio) for side in self.base]
        view = {"img": pixels, "trans_info": [], "gt_fields": []}
        for transform in (ResizeByRatio(box), *self.others):
            view = transform(view)
        return view


def _box(transform: Any) -> Optional[Sequence[int]]:
    """The (width, height) that a transform fits images into, or None."""
    if isinstance(transform, T.Resize):
        return transform.target_size if transform.keep_ratio else None
    return getattr(transform, "base_size", None)
