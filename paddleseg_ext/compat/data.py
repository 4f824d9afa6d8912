"""Repairs of PaddleSeg's data sets and transforms."""

from paddleseg.datasets import ade
from paddleseg.transforms import transforms

from paddleseg_ext.compat.amend import amend
from paddleseg_ext.compat.repair import WRONG_RESULT, repair


@repair(
    fault="RandomPaddingCrop(category_max_ratio=...) replaces the image by the crop of its label. If no draw passes "
    "the test, it crops the label and leaves the image uncropped.",
    shows={"2.6.2": WRONG_RESULT, "3.2.2": WRONG_RESULT, "3.3.1": WRONG_RESULT},
)
def category_ratio_crop() -> None:
    amend(
        transforms.RandomPaddingCrop.__call__,
        ("                data['img'] = seg_temp\n", ""),
        ("    else:\n        data['img'] = functional.crop(", "    data['img'] = functional.crop("),
    )


@repair(
    fault="ScalePadding resizes labels by cubic interpolation, which invents classes along every border.",
    shows={"2.6.2": WRONG_RESULT, "3.2.2": WRONG_RESULT, "3.3.1": WRONG_RESULT},
)
def scale_padding_labels() -> None:
    amend(
        transforms.ScalePadding.__call__,
        ("data['label'], self.target_size, interp=cv2.INTER_CUBIC",
         "data['label'], self.target_size, interp=cv2.INTER_NEAREST"),
    )  # fmt: skip


@repair(
    fault="ResizeByShort computes a smaller size for one long image, and keeps it for every image after that one.",
    shows={"2.6.2": WRONG_RESULT, "3.2.2": WRONG_RESULT, "3.3.1": WRONG_RESULT},
)
def resize_by_short_remembers() -> None:
    amend(
        transforms.ResizeByShort.__call__,
        ("def __call__(self, data):\n", "def __call__(self, data):\n    short_size = self.short_size\n"),
        ("self.short_size = int(", "short_size = int("),
        ("data['img'], self.short_size", "data['img'], short_size"),
        ("data[key], self.short_size", "data[key], short_size"),
    )


@repair(
    fault="ADE20K(edge=True), which GSCNN and DecoupledSegNet need, reads a variable that does not exist.",
    shows={"2.6.2": UnboundLocalError, "3.2.2": UnboundLocalError, "3.3.1": UnboundLocalError},
)
def ade_edges() -> None:
    amend(ade.ADE20K.__getitem__, ("label, radius=2", "data['label'], radius=2"))
