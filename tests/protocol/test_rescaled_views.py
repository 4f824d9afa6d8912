"""One image at several sizes, each resized from the image as it was read."""

import cv2
import numpy as np
import paddle
import paddleseg.transforms as T
import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.protocol.inference import InferenceProtocol
from paddleseg_ext.transforms import ResizeByRatio
from tests.protocol.conftest import pixels


def views(transforms: list, size: tuple, **settings) -> dict:
    protocol = InferenceProtocol(aug_eval=True, **settings)
    return protocol.transforms(T.Compose(transforms))({"img": pixels(*size)})


@pytest.mark.parametrize("first", [[], [ResizeByRatio([64, 32])], [T.Resize([10, 10])]])
def test_every_scale_is_one_resize_of_the_image(first):
    normalize = T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    data = views([*first, normalize], (37, 51), scales=[0.5, 1.75], aug_rescale="image")
    assert data["trans_info"] == [[("resize", (37, 51))]] * 2
    assert [image.shape for image in data["img"]] == [(3, 19, 26), (3, 65, 89)]
    rgb = pixels(37, 51)[..., ::-1].astype(np.uint8)
    small = cv2.resize(np.ascontiguousarray(rgb), (26, 19), interpolation=cv2.INTER_LINEAR)
    expected = (small / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(data["img"][0], expected.transpose(2, 0, 1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("resize", [ResizeByRatio([128, 32]), T.Resize([128, 32], keep_ratio=True)])
def test_scales_of_the_box(resize):
    data = views([resize, T.Normalize()], (40, 50), scales=[0.5, 1.75], aug_rescale="base")
    # Boxes of 64x16 and 224x56, of which the height binds.
    assert [image.shape for image in data["img"]] == [(3, 16, 20), (3, 56, 70)]
    assert data["trans_info"] == [[("resize", (40, 50))]] * 2


def test_scales_of_other_fits():
    data = views([ResizeByRatio([20, 20], fit="cover"), T.Normalize()], (40, 50), scales=[0.5, 2.0], aug_rescale="base")
    assert [image.shape for image in data["img"]] == [(3, 10, 12), (3, 40, 50)]
    data = views([T.ResizeByLong(30), T.Normalize()], (40, 50), scales=[0.5, 2.0], aug_rescale="base")
    assert [image.shape for image in data["img"]] == [(3, 12, 15), (3, 48, 60)]


def test_scales_of_no_box():
    with pytest.raises(UserError, match="base needs a ResizeByRatio, a ResizeByLong, or a Resize with keep_ratio"):
        views([T.Resize([10, 10]), T.Normalize()], (40, 50), aug_rescale="base")


def test_padding_of_a_view_is_taken_back(net):
    data = views([T.Padding([60, 50]), T.Normalize()], (37, 51), scales=[0.5], aug_rescale="image")
    assert data["trans_info"] == [[("resize", (37, 51)), ("padding", (19, 26))]]
    images = [paddle.to_tensor(image[None]) for image in data["img"]]
    labels, _ = InferenceProtocol(aug_eval=True)(net, images, data["trans_info"])
    assert labels.shape == [1, 1, 37, 51]


def test_grey_images():
    protocol = InferenceProtocol(aug_eval=True, scales=[0.5], aug_rescale="image")
    compose = T.Compose([T.Normalize([0.5], [0.5])], to_rgb=False, img_channels=1)
    data = protocol.transforms(compose)({"img": pixels(20, 30)[..., 0]})
    assert data["img"][0].shape == (1, 10, 15)
