"""Keys of test_config, their values, and flags of a command line over them."""

import dataclasses

import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.protocol.inference import InferenceProtocol, protocol_of
from paddleseg_ext.protocol.settings import TEST_CONFIG_KEYS, check_setting, overruled


@pytest.mark.parametrize(
    "key, value, words",
    [
        ("align_corners", "yes", "align_corners must be true or false, not 'yes'"),
        ("resize_once", 1, "resize_once must be true or false, not 1"),
        ("aug_average", "mean", "aug_average must be logits, softmax or window, not 'mean'"),
        ("interpolation", "nearest", "interpolation must be linear or cubic, not 'nearest'"),
        ("aug_rescale", None, "aug_rescale must be tensor, image or base, not None"),
        ("scales", [], r"scales must be a number above 0 or a list of them, not \[\]"),
        ("scales", [1.0, -1], "scales must be a number above 0 or a list of them"),
        ("scales", "0.5", "scales must be a number above 0 or a list of them, not '0.5'"),
        ("crop_size", 512, "crop_size must be two whole numbers from 1 up, width and height, not 512"),
        ("stride", [512, 0], "stride must be two whole numbers from 1 up"),
        ("slide_batch_size", 0, "slide_batch_size must be a whole number from 1 up, not 0"),
        ("is_slide", True, "--is_slide needs --crop_size W H and --stride W H"),
    ],
)
def test_values_that_are_none(key, value, words):
    with pytest.raises(UserError, match=words):
        InferenceProtocol(**{key: value})


def test_flags_over_the_file():
    row = {"scales": [0.5, 1.0], "flip_horizontal": True, "align_corners": True, "absent_classes": "skip"}
    unset = {"aug_eval": False, "scales": None, "flip_horizontal": False, "crop_size": None}
    assert overruled(row, unset) == row
    assert protocol_of(row).flips == [()]
    augmented = protocol_of(overruled(row, {**unset, "aug_eval": True}))
    assert augmented.ratios == (0.5, 1.0) and augmented.flips == [(), (3,)] and augmented.align_corners
    assert protocol_of(overruled(row, {**unset, "aug_eval": True, "scales": [1.0]})).ratios == (1.0,)
    for key, value in {"scales": [0.5], "flip_vertical": True}.items():
        with pytest.raises(UserError, match=f"--{key} only counts together with --aug_eval"):
            overruled(row, {key: value})


def test_every_field_of_the_protocol_is_a_key_and_is_checked():
    fields = {field.name for field in dataclasses.fields(InferenceProtocol)}
    assert TEST_CONFIG_KEYS - fields == {"absent_classes", "auc_roc", "print_detail"}
    for key in fields | {"absent_classes"}:
        with pytest.raises(UserError, match=f"{key} must be "):
            check_setting(key, object())


def test_steps_larger_than_the_window():
    with pytest.raises(UserError, match=r"--stride 16 33 is larger than --crop_size 32 32, so no window contains"):
        InferenceProtocol(is_slide=True, crop_size=(32, 32), stride=(16, 33))
    InferenceProtocol(is_slide=True, crop_size=(32, 33), stride=(16, 33))
