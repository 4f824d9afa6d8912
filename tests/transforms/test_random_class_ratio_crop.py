"""``RandomClassRatioCrop`` against the rule written out, draw by draw."""

import numpy as np
import pytest

from paddleseg_ext.errors import UserError


def good(label: np.ndarray, ratio: float) -> bool:
    """More than one class, and none with ``ratio`` of the labeled pixels or more."""
    shares = [np.mean(label[label != 255] == value) for value in np.unique(label[label != 255])]
    return len(shares) > 1 and max(shares) < ratio


def by_hand(label: np.ndarray, width: int, height: int, ratio: float, attempts: int) -> tuple:
    """(top, left) by draws from numpy's generator, and how many."""
    number = 0
    while number < attempts:
        number += 1
        top = np.random.randint(0, max(label.shape[0] - height, 0) + 1)
        left = np.random.randint(0, max(label.shape[1] - width, 0) + 1)
        if good(label[top : top + height, left : left + width], ratio):
            break
    return top, left, number


@pytest.mark.parametrize("attempts", [1, 2, 10, 11])
@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_first_good_draw_else_the_last(attempts, dtype, training_data, build):
    numbers = set()
    for seed in range(60):
        rng = np.random.RandomState(seed)
        label = rng.choice([0, 0, 0, 0, 1, 255], (6, 7)).repeat(8, 0).repeat(8, 1).astype(dtype)
        image = rng.randint(0, 256, (*label.shape, 3)).astype("uint8")
        np.random.seed(seed)
        top, left, number = by_hand(label, 16, 12, 0.6, attempts)
        numbers.add(number)
        after = np.random.random_sample()
        np.random.seed(seed)
        crop = build("RandomClassRatioCrop", crop_size=[16, 12], max_ratio=0.6, attempts=attempts)
        data = crop(training_data(image, label))
        np.testing.assert_array_equal(data["img"], image[top : top + 12, left : left + 16])
        np.testing.assert_array_equal(data["label"], label[top : top + 12, left : left + 16])
        assert np.random.random_sample() == after
    assert {1, attempts} <= numbers


def test_share_at_the_limit_is_too_much(training_data, build):
    label = np.zeros((4, 8), "uint8")
    label[0] = 1
    image = np.zeros((4, 9, 3), "uint8")
    for ratio, draws in ((0.75, 11), (0.76, 1)):
        np.random.seed(0)
        build("RandomClassRatioCrop", crop_size=[8, 4], max_ratio=ratio)(training_data(image, label))
        after = np.random.random_sample()
        np.random.seed(0)
        for _ in range(draws):
            np.random.randint(0, 1), np.random.randint(0, 2)
        assert np.random.random_sample() == after


@pytest.mark.parametrize("size, expected", [((6, 40), (6, 16)), ((40, 6), (12, 6)), ((5, 5), (5, 5))])
def test_small_images_stay_whole(size, expected, picture, training_data, build):
    image, label = picture(*size)
    data = build("RandomClassRatioCrop", crop_size=[16, 12])(training_data(image, label))
    assert data["img"].shape == (*expected, 3)
    assert data["label"].shape == expected


def test_void_image_may_stay_uncropped(picture, training_data, build):
    image, label = picture(40, 50)
    for uncropped, size in ((True, (40, 50)), (False, (12, 16))):
        crop = build("RandomClassRatioCrop", crop_size=[16, 12], uncropped_if_void=uncropped)
        assert crop(training_data(image, np.full_like(label, 255)))["img"].shape[:2] == size
        # One class alone never passes, but it is something to learn from.
        assert crop(training_data(image, np.full_like(label, 3)))["img"].shape[:2] == (12, 16)


def test_other_void_label(training_data, build):
    label = np.zeros((30, 30), "uint8")
    label[:, ::2] = 7
    image = np.zeros((30, 30, 3), "uint8")
    settings = {"crop_size": [10, 10], "uncropped_if_void": True, "max_ratio": 0.9}
    assert build("RandomClassRatioCrop", **settings)(training_data(image, label))["img"].shape[:2] == (10, 10)
    void = np.zeros_like(label)
    crop = build("RandomClassRatioCrop", **settings, ignore_index=0)
    assert crop(training_data(image, void))["img"].shape[:2] == (30, 30)


@pytest.mark.parametrize("max_ratio", [0.75, 1])
@pytest.mark.parametrize("labeled", [False, True])
def test_a_crop_that_cannot_be_undone_is_refused(max_ratio, labeled, picture, build):
    """In validation there is a label, but it is not cropped along."""
    image, label = picture(40, 50)
    data = {"img": image, "gt_fields": [], "trans_info": [], **({"label": label} if labeled else {})}
    with pytest.raises(UserError, match=r"use it in train_dataset only\.$"):
        build("RandomClassRatioCrop", crop_size=[16, 12], max_ratio=max_ratio)(data)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"crop_size": [16]}, "crop_size is [16]"),
        ({"crop_size": [16, 12], "max_ratio": 1.5}, "max_ratio is 1.5 and must be a number from 0 to 1"),
        ({"crop_size": [16, 12], "attempts": 0}, "attempts is 0 and must be a whole number of at least 1"),
        ({"crop_size": [16, 12], "attempts": 2.5}, "attempts is 2.5"),
        ({"crop_size": [16, 12], "ignore_index": -100}, "ignore_index is -100"),
    ],
)
def test_bad_arguments(settings, words, build):
    with pytest.raises(UserError) as error:
        build("RandomClassRatioCrop", **settings)
    assert words in str(error.value)
