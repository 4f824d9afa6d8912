"""Names, colors and channels of a configuration whose data set is not there."""

import numpy as np
import pytest

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.config.configured_classes import classes_of, image_channels


@pytest.fixture
def builder(scenes):
    """The configuration of the scenes with options, and without its pictures."""

    def load(*opts: str) -> Builder:
        config = load_config(scenes / "config.yml", opts=["val_dataset.dataset_root=nowhere", *opts])
        return Builder(config, pretrained=False)

    return load


def test_classes_of_a_list(builder):
    names, colors = classes_of(builder())
    assert names == ["class 0", "class 1", "class 2"]
    assert colors.shape == (256, 3) and colors.dtype == np.uint8


def test_custom_colors(builder):
    _, colors = classes_of(builder(), custom_color=[1, 2, 3, 4, 5, 6, 7, 8, 9])
    np.testing.assert_array_equal(colors[:3], np.arange(1, 10).reshape(3, 3))


def test_classes_of_a_known_data_set(builder):
    opts = ["train_dataset={'type':'Cityscapes','dataset_root':'x','transforms':[]}"]
    opts += ["val_dataset={'type':'Cityscapes','dataset_root':'x','transforms':[]}", "model.num_classes=19"]
    names, colors = classes_of(builder(*opts))
    assert (len(names), names[0], names[18]) == (19, "road", "bicycle")
    assert colors[0].tolist() == [128, 64, 128]


def test_channels(builder):
    assert image_channels(builder()) == 3
    assert image_channels(builder("val_dataset.img_channels=1", "train_dataset.img_channels=1")) == 1
