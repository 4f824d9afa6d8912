"""Colors, overlays, legends."""

import numpy as np
import pytest
from paddleseg.datasets import ADE20K, Cityscapes, PascalVOC
from paddleseg.utils.visualize import get_color_map_list

from paddleseg_ext.datasets.class_names import class_names
from paddleseg_ext.errors import UserError
from paddleseg_ext.pictures import visualize


def test_colors_are_the_data_sets_own_or_paddlesegs_or_the_users():
    np.testing.assert_array_equal(visualize.palette(19, Cityscapes)[:2], [[128, 64, 128], [244, 35, 232]])
    paddlesegs = np.reshape(get_color_map_list(256), (-1, 3))
    np.testing.assert_array_equal(visualize.palette(5)[:5], paddlesegs[:5])
    custom = visualize.palette(5, Cityscapes, [1, 2, 3])
    np.testing.assert_array_equal(custom[0], [1, 2, 3])
    np.testing.assert_array_equal(custom[1], [244, 35, 232])
    assert not visualize.palette(5)[5:].any()


@pytest.mark.parametrize("custom_color", [[1, 2], [1, 2, 256], [-1, 0, 0]])
def test_wrong_colors_are_a_sentence(custom_color):
    with pytest.raises(UserError, match="--custom_color"):
        visualize.palette(3, custom_color=custom_color)


def test_more_classes_than_a_grey_value_holds():
    with pytest.raises(UserError, match="257 classes"):
        visualize.palette(257)


def test_names_come_from_the_data_set_then_from_the_tables():
    class Own:
        CLASS_NAMES = ("cat", "dog")

    assert class_names(Own, 3) == ["cat", "dog", "class 2"]
    assert class_names(Cityscapes, 19)[:2] == ["road", "sidewalk"]
    assert class_names(object(), 2) == ["class 0", "class 1"]
    for dataset in (Cityscapes, ADE20K, PascalVOC):
        names = class_names(dataset, dataset.NUM_CLASSES)
        assert not any(name.startswith("class ") for name in names)


def test_color_map_keeps_the_indices():
    labels = np.array([[0, 1], [2, 255]], dtype=np.uint8)
    picture = visualize.color_map(labels, visualize.palette(3))
    np.testing.assert_array_equal(np.asarray(picture), labels)
    np.testing.assert_array_equal(np.asarray(picture.convert("RGB"))[0, 1], visualize.palette(3)[1])
    np.testing.assert_array_equal(np.asarray(picture.convert("RGB"))[1, 1], [0, 0, 0])


def test_overlay_mixes_classes_and_leaves_the_rest():
    image = np.full((1, 2, 3), 100, dtype=np.uint8)
    mixed = visualize.overlay(image, np.array([[0, 255]], np.uint8), visualize.palette(1, None, [200, 0, 0]), 1)
    # 0.6 of the image and 0.4 of red, in OpenCV's order.
    np.testing.assert_array_equal(mixed[0, 0], [60, 60, 140])
    np.testing.assert_array_equal(mixed[0, 1], [100, 100, 100])


@pytest.mark.parametrize("size", [(40, 120), (120, 40), (8, 8)])
def test_legend_shows_just_the_classes_that_are_there(size):
    colors = visualize.palette(4, None, [250, 0, 0, 0, 250, 0, 0, 0, 250, 250, 250, 0])
    labels = np.zeros(size, dtype=np.uint8)
    labels[:2] = 2
    labels[-1] = 255
    picture = np.zeros((*size, 3), dtype=np.uint8)
    drawn = visualize.with_legend(picture, labels, colors, ["a", "b", "c", "d"])
    np.testing.assert_array_equal(drawn[: size[0], : size[1]], picture)
    beyond = drawn.reshape(-1, 3)[:, ::-1]

    def has(color):
        return bool((beyond == color).all(axis=1).any())

    assert has(colors[0])
    assert has(colors[2])
    assert not has(colors[1])
    assert not has(colors[3])


def test_no_class_no_legend():
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    drawn = visualize.with_legend(picture, np.full((4, 4), 255, np.uint8), visualize.palette(2), ["a", "b"])
    assert drawn is picture


def test_side_by_side_shows_three_pictures():
    image = np.full((30, 40, 3), 77, dtype=np.uint8)
    label, prediction = np.zeros((30, 40), np.int64), np.ones((30, 40), np.int32)
    row = visualize.side_by_side(image, label, prediction, visualize.palette(2, None, [9, 9, 9, 8, 8, 8]), ["a", "b"])
    np.testing.assert_array_equal(row[0, [0, 44, 88], 0], [77, 9, 8])


@pytest.mark.parametrize("upright", [False, True])
def test_the_legend_grows_with_the_picture(upright):
    """Shown at one size, the legends of a large and of a middle-sized picture look alike; small ones keep theirs."""

    def panel(high, wide):
        """The share of the side that the legend takes, and the height of its first swatch in pixels."""
        labels = np.arange(high * wide).reshape(high, wide).astype(np.uint8) % 3
        picture = np.zeros((high, wide, 3), np.uint8)
        drawn = visualize.with_legend(picture, labels, np.full((256, 3), 255, np.uint8), ["road", "sky", "car"])
        beside = drawn[:, wide:] if upright else drawn[high:]
        dark = (beside[..., 0] < 128).any(axis=1)
        first = int(np.argmax(dark))
        return beside.shape[upright] / (wide if upright else high), int(np.argmin(dark[first:]))

    sizes = [(1500, 1000), (3000, 2000)] if upright else [(1000, 1500), (2000, 3000)]
    (share, swatch), (large_share, large_swatch) = (panel(*size) for size in sizes)
    assert large_share == pytest.approx(share, rel=0.1)
    assert large_swatch == pytest.approx(2 * swatch, abs=3)
    small = [(300, 200), (600, 400)] if upright else [(200, 300), (400, 600)]
    # In a row the y of `sky` reaches below the swatch.
    assert {panel(*size)[1] for size in small} == {15 if upright else 16}
