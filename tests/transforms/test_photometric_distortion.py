"""``PhotoMetricDistortion`` against its steps taken one by one on every pixel, in floating point."""

import cv2
import numpy as np
import pytest

from paddleseg_ext.errors import UserError


def scaled(values: np.ndarray, factor: float = 1, offset: float = 0) -> np.ndarray:
    return np.clip(values.astype(np.float32) * factor + offset, 0, 255).astype(np.uint8)


def by_hand(image: np.ndarray, swapped: bool) -> tuple:
    """The distorted RGB image, and what was done."""
    to_hsv, back = cv2.COLOR_RGB2HSV, cv2.COLOR_HSV2RGB
    if swapped:
        to_hsv, back = cv2.COLOR_BGR2HSV, cv2.COLOR_HSV2BGR
    done = []
    if np.random.randint(2):
        image = scaled(image, offset=np.random.uniform(-32, 32))
        done.append("brightness")
    second = np.random.randint(2)
    for step in ("contrast", "saturation", "hue") if second else ("saturation", "hue", "contrast"):
        if not np.random.randint(2):
            continue
        done.append(step)
        if step == "contrast":
            image = scaled(image, np.random.uniform(0.5, 1.5))
            continue
        hsv = cv2.cvtColor(image, to_hsv)
        if step == "saturation":
            hsv[..., 1] = scaled(hsv[..., 1], np.random.uniform(0.5, 1.5))
        else:
            hsv[..., 0] = (hsv[..., 0].astype(int) + np.random.randint(-18, 18)) % 180
        image = cv2.cvtColor(hsv, back)
    return image, (*done, second)


@pytest.mark.parametrize("swapped", [False, True])
def test_pixels(swapped, picture, build):
    distort = build("PhotoMetricDistortion", swapped_hsv=swapped)
    seen = set()
    for seed in range(400):
        image, _ = picture(23, 31, seed)
        np.random.seed(seed)
        expected, done = by_hand(image, swapped)
        seen.add(done)
        np.random.seed(seed)
        original = image.copy()
        result = distort({"img": image})["img"]
        np.testing.assert_array_equal(result, expected)
        np.testing.assert_array_equal(image, original)
    assert len(seen) == 32


def test_single_precision(build):
    """2 times this factor is 3 in the peers' float32 and rounds down to 2 in float64; gray has no saturation or hue."""
    distort = build("PhotoMetricDistortion", brightness_delta=0, contrast_range=[1.4999999999, 1.4999999999])
    values = set()
    for seed in range(10):
        np.random.seed(seed)
        values |= set(np.unique(distort({"img": np.full((4, 4, 3), 2, "uint8")})["img"]))
    assert values == {2, 3}


def test_swapped_hsv_swaps_red_and_blue(picture, build):
    image, _ = picture(23, 31)
    differs = 0
    for seed in range(20):
        np.random.seed(seed)
        plain = build("PhotoMetricDistortion")({"img": image})["img"]
        np.random.seed(seed)
        swapped = build("PhotoMetricDistortion", swapped_hsv=True)({"img": image[..., ::-1].copy()})["img"]
        np.testing.assert_array_equal(plain, swapped[..., ::-1])
        np.random.seed(seed)
        differs += not np.array_equal(plain, build("PhotoMetricDistortion", swapped_hsv=True)({"img": image})["img"])
    assert differs


def test_flipped_views_and_floats(picture, build):
    image, _ = picture(23, 31)
    for seed in range(20):
        results = []
        for given in (image[:, ::-1].copy(), image[:, ::-1], image[:, ::-1].astype("float32")):
            np.random.seed(seed)
            results.append(build("PhotoMetricDistortion")({"img": given})["img"])
        assert all(result.dtype == np.uint8 for result in results)
        np.testing.assert_array_equal(results[0], results[1])
        np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.parametrize(
    "image, words",
    [
        (np.full((8, 8, 3), 0.5, "float32"), "put it before Normalize"),
        (np.zeros((8, 8), "float32"), "1 channel(s)"),
        (np.zeros((8, 8, 4), "float32"), "4 channel(s)"),
        (np.zeros((8, 8, 3), "uint16"), "put it before Normalize"),
    ],
)
def test_bad_images(image, words, build):
    with pytest.raises(UserError) as error:
        build("PhotoMetricDistortion")({"img": image})
    assert words in str(error.value)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"brightness_delta": -1}, "brightness_delta is -1 and must be a number from 0 to 255"),
        ({"contrast_range": 0.5}, "contrast_range is 0.5 and must be [lowest, highest]"),
        ({"contrast_range": [1.5, 0.5]}, "contrast_range is [1.5, 0.5]"),
        ({"saturation_range": [-0.5, 0.5]}, "saturation_range is [-0.5, 0.5]"),
        ({"hue_delta": 1.5}, "hue_delta is 1.5 and must be a whole number from 1 to 180"),
    ],
)
def test_bad_arguments(settings, words, build):
    with pytest.raises(UserError) as error:
        build("PhotoMetricDistortion", **settings)
    assert words in str(error.value)
