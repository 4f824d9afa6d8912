"""Our ``Normalize`` gives what PaddleSeg's gives, bit for bit."""

import numpy as np
import paddleseg.transforms as T
import pytest
from paddleseg.cvlibs import manager

from paddleseg_ext.errors import UserError
from paddleseg_ext.transforms import normalize

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize(
    "shape, settings",
    [
        ((32, 24, 3), IMAGENET),
        ((32, 24, 3), {}),
        ((32, 24), {}),
        ((32, 24, 1), {}),
        ((32, 24, 5), {"mean": [0.1, 0.2, 0.3, 0.4, 0.5], "std": [0.5]}),
    ],
)
def test_bits(dtype, shape, settings):
    image = (np.arange(np.prod(shape)) * 7 % 256).reshape(shape).astype(dtype)
    expected = T.Normalize(**settings)({"img": image.copy()})["img"]
    result = manager.TRANSFORMS["Normalize"](**settings)({"img": image})["img"]
    assert result.dtype == np.float32 and result.shape == expected.shape
    assert result.tobytes() == expected.tobytes()


def test_views():
    image = np.random.RandomState(0).randint(0, 256, (40, 50, 3)).astype("uint8")
    normalize, original = manager.TRANSFORMS["Normalize"](**IMAGENET), T.Normalize(**IMAGENET)
    for view in (image[:, ::-1], image[5:20, 3:40], image[::2]):
        np.testing.assert_array_equal(normalize({"img": view})["img"], original({"img": view})["img"])


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("scale", [255, 1])
@pytest.mark.parametrize(
    "shape, settings, words",
    [
        ((32, 24, 1), IMAGENET, "mean has 3 numbers, but the image has 1 channels"),
        ((32, 24, 3), {"mean": [0.5, 0.5], "std": [0.5]}, "mean has 2 numbers, but the image has 3 channels"),
        ((32, 24, 3), {"mean": [0.5], "std": [0.5] * 4}, "std has 4 numbers, but the image has 3 channels"),
        ((32, 24), IMAGENET, "mean has 3 numbers, but the image has 1 channels"),
    ],
)
def test_wrong_number_of_values(dtype, scale, shape, settings, words):
    with pytest.raises(UserError, match=words):
        manager.TRANSFORMS["Normalize"](**settings, scale=scale)({"img": np.zeros(shape, dtype)})


def test_it_is_paddlesegs_to_everyone_who_asks():
    assert issubclass(manager.TRANSFORMS["Normalize"], T.Normalize)
    with pytest.raises(ValueError, match="std is invalid"):
        manager.TRANSFORMS["Normalize"](std=[0.0])


OPENSEG = {"mean": [102.9801, 115.9465, 122.7717], "std": [1.0, 1.0, 1.0], "scale": 1, "channel_order": "BGR"}


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_undivided_bgr_as_openseg_feeds_it(dtype):
    """Worked out in float32 step by step, as torch's ``div``, ``sub_`` and ``div_`` with numbers do: the same bits."""
    image = np.random.RandomState(0).randint(0, 256, (40, 50, 3)).astype(dtype)
    result = manager.TRANSFORMS["Normalize"](**OPENSEG)({"img": image.copy()})["img"]
    assert result.dtype == np.float32
    for channel, mean in enumerate(OPENSEG["mean"]):
        plane = image[..., 2 - channel].astype(np.float32) / np.float32(1) - np.float32(mean)
        np.testing.assert_array_equal(result[..., channel], plane)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_another_scale_and_std(dtype):
    image = np.random.RandomState(0).randint(0, 256, (40, 50, 3)).astype(dtype)
    settings = {"mean": [0.1, 0.2, 0.3], "std": [0.5, 2.0, 4.0], "scale": 127.5}
    result = manager.TRANSFORMS["Normalize"](**settings)({"img": image.copy()})["img"]
    expected = (image / 127.5 - settings["mean"]) / settings["std"]
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6)


def test_order_of_the_channels_alone():
    image = np.random.RandomState(0).randint(0, 256, (8, 9, 3)).astype("uint8")
    mean, std = IMAGENET["mean"][::-1], IMAGENET["std"][::-1]
    turned = manager.TRANSFORMS["Normalize"](mean, std, channel_order="BGR")({"img": image.copy()})["img"]
    np.testing.assert_array_equal(turned, T.Normalize(**IMAGENET)({"img": image.copy()})["img"][..., ::-1])


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"scale": 0}, "scale is 0 and must be a number of at least 1e-06"),
        ({"scale": "255"}, "scale is '255'"),
        ({"mean": 0.5}, "mean is 0.5 and must be a list of numbers"),
        ({"std": []}, r"std is \[\] and must be a list of numbers"),
        ({"channel_order": "bgr"}, "channel_order is 'bgr' and must be one of RGB, BGR"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises(UserError, match=words):
        manager.TRANSFORMS["Normalize"](**settings)


def test_bgr_of_a_gray_image():
    with pytest.raises(UserError, match="channel_order BGR needs three channels, but the image has 1"):
        manager.TRANSFORMS["Normalize"](channel_order="BGR")({"img": np.zeros((8, 9, 1), "uint8")})


def test_a_mean_of_undivided_pixels_without_their_scale_is_doubted(monkeypatch):
    said = []
    monkeypatch.setattr(normalize.logger, "warning", said.append)
    manager.TRANSFORMS["Normalize"]([100.0, 110.0, 120.0], [1.0] * 3)
    assert len(said) == 1 and "add scale: 1" in said[0]
    manager.TRANSFORMS["Normalize"](**OPENSEG)
    manager.TRANSFORMS["Normalize"](**IMAGENET)
    assert len(said) == 1
