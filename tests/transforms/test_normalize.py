"""Our ``Normalize`` gives what PaddleSeg's gives, bit for bit."""

import numpy as np
import paddleseg.transforms as T
import pytest
from paddleseg.cvlibs import manager

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
def test_wrong_number_of_values(dtype):
    with pytest.raises(ValueError, match="broadcast"):
        manager.TRANSFORMS["Normalize"](**IMAGENET)({"img": np.zeros((32, 24, 1), dtype)})


def test_it_is_paddlesegs_to_everyone_who_asks():
    assert issubclass(manager.TRANSFORMS["Normalize"], T.Normalize)
    with pytest.raises(ValueError, match="std is invalid"):
        manager.TRANSFORMS["Normalize"](std=[0.0])
