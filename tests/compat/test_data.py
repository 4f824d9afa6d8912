"""Data sets and transforms, each in a use that shows the fault of an unrepaired paddleseg."""

import tempfile
from pathlib import Path

import numpy as np
from paddleseg import datasets, transforms
from PIL import Image

from tests.compat.provocation import provocation


def stripes(height: int = 40, width: int = 60) -> dict:
    """A picture, green where its label is 1, red where it is 0, in vertical stripes of 20 pixels."""
    label = (np.arange(width) // 20 % 2).astype("uint8")[None].repeat(height, 0)
    image = np.stack([255.0 * (1 - label), 255.0 * label, 0.0 * label], -1).astype("float32")
    return {"img": image, "label": label, "gt_fields": ["label"], "trans_info": []}


@provocation
def test_category_ratio_crop() -> None:
    for ratio in (0.9, 0.01):  # one that many crops satisfy, one that none does
        np.random.seed(0)
        data = transforms.RandomPaddingCrop(crop_size=(30, 20), category_max_ratio=ratio)(stripes())
        assert data["img"].shape == (20, 30, 3), data["img"].shape
        assert data["label"].shape == (20, 30)
        assert ((data["img"][..., 1] == 255) == (data["label"] == 1)).all(), "image and label part"


@provocation
def test_scale_padding_labels() -> None:
    data = transforms.ScalePadding(target_size=(33, 33))(stripes())
    assert set(np.unique(data["label"])) == {0, 1, 255}, np.unique(data["label"])


@provocation
def test_resize_by_short_remembers() -> None:
    resize = transforms.ResizeByShort(20, max_size=40)
    assert resize(stripes(40, 160))["img"].shape[:2] == (10, 40)
    assert resize(stripes(40, 40))["label"].shape == (20, 20)


@provocation
def test_ade_edges() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for part, suffix, picture in (
            ("images", "jpg", np.zeros((24, 24, 3), "uint8")),
            ("annotations", "png", np.repeat([1, 2], 12)[:, None].repeat(24, 1).astype("uint8")),
        ):
            path = Path(folder, part, "training")
            path.mkdir(parents=True)
            Image.fromarray(picture).save(path / f"a.{suffix}")
        data = datasets.ADE20K([], folder, mode="train", edge=True)[0]
    assert data["edge"].shape == (1, 24, 24) and 0 < data["edge"].sum() < 24 * 24
