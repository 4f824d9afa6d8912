"""``ResizeByRatio``: sizes, pixels, what is undone, bad arguments."""

import cv2
import numpy as np
import pytest

from paddleseg_ext.errors import UserError

# (width, height) of base and image, ratio, and what comes of it, worked out by hand.
SIZES = [
    ([2048, 512], (500, 375), 1.0, (683, 512)),  # the short side binds: 512 / 375
    ([2048, 512], (375, 500), 1.0, (512, 683)),  # upright images: the base turns with them
    ([512, 2048], (500, 375), 1.0, (683, 512)),  # and its own order does not matter
    ([2048, 512], (3000, 300), 1.0, (2048, 205)),  # the long side binds: 204.8
    ([2049, 1025], (2048, 1024), 1.0, (2049, 1025)),  # 1024.5 rounds up; Python's round() gives 1024
    ([2048, 512], (500, 375), 0.7, (477, 358)),  # the base rounds down: int(358.4) = 358, 477.3
    ([100, 100], (5000, 7), 1.0, (100, 1)),  # 0.14 would vanish
]


@pytest.mark.parametrize("base, size, ratio, expected", SIZES)
def test_sizes(base, size, ratio, expected, training_data, build):
    image, label = np.zeros((size[1], size[0], 3), "float32"), np.zeros(size[::-1], "uint8")
    data = build("ResizeByRatio", base_size=base, min_ratio=ratio, max_ratio=ratio)(training_data(image, label))
    assert data["img"].shape == (expected[1], expected[0], 3)
    assert data["label"].shape == expected[::-1]


def test_ratio_is_uniform_and_drawn_once(picture, training_data, build):
    resize = build("ResizeByRatio", base_size=[100, 100], min_ratio=0.5, max_ratio=2.0)
    image, label = picture(60, 60)
    np.random.seed(3)
    ratios = np.random.random_sample(20) * 1.5 + 0.5
    np.random.seed(3)
    sides = [resize(training_data(image, label))["img"].shape[0] for _ in range(20)]
    assert sides == [int(100 * ratio) for ratio in ratios]


def test_equal_ratios_draw_nothing(picture, training_data, build):
    np.random.seed(3)
    before = np.random.get_state()[2]
    build("ResizeByRatio", base_size=[64, 64])(training_data(*picture(40, 50)))
    assert np.random.get_state()[2] == before


def test_eight_bit_pixels_are_rounded_and_others_are_not(picture, training_data, build):
    image, label = picture(40, 50)
    resize = build("ResizeByRatio", base_size=[64, 64])
    expected = cv2.resize(image, (64, 51))
    for dtype in ("uint8", "float32"):
        resized = resize(training_data(image.astype(dtype), label))["img"]
        assert resized.dtype == np.uint8
        np.testing.assert_array_equal(resized, expected)
    for strange in (image / np.float32(255), image.astype("float32") - 1, image.astype("float32") + 1):
        strange = strange.astype("float32")
        resized = resize(training_data(strange, label))["img"]
        assert resized.dtype == np.float32
        np.testing.assert_array_equal(resized, cv2.resize(strange, (64, 51)))


def test_labels_keep_their_values_and_every_field_goes_along(picture, training_data, build):
    image, label = picture(40, 50)
    data = training_data(image, label)
    data.update(edge=label * 2, gt_fields=["label", "edge"])
    data = build("ResizeByRatio", base_size=[200, 100], min_ratio=0.5, max_ratio=2.0)(data)
    assert set(np.unique(data["label"])) == set(np.unique(label))
    np.testing.assert_array_equal(data["edge"], data["label"] * 2)


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 1), (40, 50, 5)])
def test_any_number_of_channels(shape, build):
    image = np.random.RandomState(0).randint(0, 256, shape).astype("float32")
    data = build("ResizeByRatio", base_size=[25, 20])({"img": image, "trans_info": []})
    assert data["img"].shape == (20, 25, *shape[2:])


def test_validation_notes_the_size_and_leaves_the_label(picture, build):
    image, label = picture(40, 50)
    data = {"img": image, "label": label, "gt_fields": [], "trans_info": []}
    data = build("ResizeByRatio", base_size=[64, 64])(data)
    assert data["trans_info"] == [("resize", (40, 50))]
    assert data["img"].shape == (51, 64, 3)
    np.testing.assert_array_equal(data["label"], label)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"base_size": 512}, "base_size is 512"),
        ({"base_size": [512]}, "base_size is [512]"),
        ({"base_size": [512, 0]}, "base_size is [512, 0]"),
        ({"base_size": [512, 1.5]}, "[width, height]"),
        ({"base_size": "ab"}, "base_size is 'ab'"),
        ({"base_size": [64, 64], "min_ratio": 0}, "min_ratio is 0"),
        ({"base_size": [64, 64], "max_ratio": "2"}, "max_ratio is '2'"),
        ({"base_size": [64, 64], "max_ratio": True}, "max_ratio is True"),
        ({"base_size": [64, 64], "min_ratio": 2.0, "max_ratio": 0.5}, "must not be larger than max_ratio"),
    ],
)
def test_bad_arguments(settings, words, build):
    with pytest.raises(UserError) as error:
        build("ResizeByRatio", **settings)
    assert words in str(error.value) and "ResizeByRatio" in str(error.value)


@pytest.mark.parametrize(
    "fit, base, size, expected",
    [
        ("cover", [520, 520], (683, 512), (694, 520)),  # openseg's min_side_length: 683 * 520 / 512 = 693.7
        ("cover", [520, 520], (512, 683), (520, 694)),
        ("cover", [100, 50], (40, 30), (67, 50)),
        ("cover", [10, 10], (41, 20), (20, 10)),  # 20.5: halves to even, as Python's round() has them
        ("stretch", [473, 400], (100, 300), (473, 400)),
    ],
)
def test_other_fits(fit, base, size, expected, picture, training_data, build):
    image, label = picture(size[1], size[0])
    data = build("ResizeByRatio", base_size=base, fit=fit, interpolation="cubic")(training_data(image, label))
    np.testing.assert_array_equal(data["img"], cv2.resize(image, expected, interpolation=cv2.INTER_CUBIC))
    np.testing.assert_array_equal(data["label"], cv2.resize(label, expected, interpolation=cv2.INTER_NEAREST))


@pytest.mark.parametrize("settings, words", [
    ({"fit": "outside"}, "fit is 'outside' and must be one of inside, cover, stretch"),
    ({"interpolation": "area"}, "interpolation is 'area' and must be one of linear, cubic"),
])  # fmt: skip
def test_bad_words(settings, words, build):
    with pytest.raises(UserError) as error:
        build("ResizeByRatio", base_size=[10, 10], **settings)
    assert words in str(error.value)
