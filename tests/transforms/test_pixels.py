"""Which images are 8-bit, how many channels they have, and when a transform must be undone."""

import numpy as np
import pytest

from paddleseg_ext.transforms.pixels import channels, eight_bit, undo_needed


@pytest.mark.parametrize("shape", [(1, 256), (1, 256, 1), (1, 256, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whole_numbers_from_0_to_255_become_uint8(shape, dtype):
    levels = np.arange(256).reshape(1, 256, *[1] * (len(shape) - 2)) + np.zeros(shape)
    found = eight_bit(levels.astype(dtype))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, levels)


@pytest.mark.parametrize("value", [0.5, -1, 256, 254.99, np.inf, np.nan])
def test_one_other_value_keeps_the_image_as_it_is(value):
    image = np.zeros((8, 9, 3), np.float32)
    image[4, 5, 1] = value
    assert eight_bit(image) is image


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_integers_stay_what_they_are(dtype):
    image = np.zeros((4, 4), dtype)
    assert eight_bit(image) is image


def test_channels():
    assert [channels(np.zeros(shape)) for shape in ((4, 5), (4, 5, 1), (4, 5, 7))] == [1, 1, 7]


def test_only_labels_that_are_transformed_along_need_no_undoing():
    assert not undo_needed({"gt_fields": ["label"]})
    assert undo_needed({"gt_fields": []}) and undo_needed({}) and undo_needed({"gt_fields": ["edge"]})
