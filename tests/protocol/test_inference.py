"""One inference for evaluation and prediction: PaddleSeg's by default, the published rows' where their keys say so."""

import cv2
import numpy as np
import paddle
import paddle.nn.functional as F
import paddleseg.transforms as T
import pytest
from paddle import nn
from paddleseg.core import infer

from paddleseg_ext.errors import UserError
from paddleseg_ext.protocol.inference import InferenceProtocol
from paddleseg_ext.transforms import Normalize, PadToSize
from tests.protocol.conftest import CLASSES, Net, picture, pixels

SLIDE = {"is_slide": True, "crop_size": (24, 16), "stride": (10, 7)}
AUGMENT = {"aug_eval": True, "scales": [0.5, 1.0, 1.75], "flip_horizontal": True, "flip_vertical": True}


@pytest.mark.parametrize("size", [(37, 51), (16, 24), (11, 51), (9, 7)], ids=str)
@pytest.mark.parametrize("trans_info", [[], [("resize", (40, 60)), ("padding", (34, 47))]], ids=["plain", "undone"])
@pytest.mark.parametrize("settings", [{}, SLIDE, AUGMENT, {**SLIDE, **AUGMENT}], ids=["whole", "slide", "aug", "both"])
def test_paddlesegs_keys_give_paddlesegs_logits(net, size, trans_info, settings):
    image = picture(*size)
    theirs = {key: value for key, value in settings.items() if key != "aug_eval"}
    function = infer.aug_inference if settings.get("aug_eval") else infer.inference
    expected_labels, expected = function(net, image, trans_info, **theirs)
    labels, logits = InferenceProtocol(**settings)(net, image, trans_info)
    assert labels.dtype == paddle.int32
    np.testing.assert_allclose(logits.numpy(), expected.numpy(), rtol=0, atol=2e-6)
    assert (labels.numpy() == expected_labels.numpy()).mean() > 0.9999


def test_align_corners_is_of_the_resize_to_the_original_size(net):
    expected = F.interpolate(net(picture())[0], [74, 90], mode="bilinear", align_corners=True)
    _, logits = InferenceProtocol(align_corners=True)(net, picture(), [("resize", (74, 90))])
    np.testing.assert_allclose(logits.numpy(), expected.numpy(), rtol=0, atol=1e-6)
    _, other = InferenceProtocol()(net, picture(), [("resize", (74, 90))])
    assert np.abs((other - logits).numpy()).max() > 0.01


@pytest.mark.parametrize("trans_info", [[], [("resize", (74, 90)), ("resize", (20, 20))]])
def test_resize_once(net, trans_info):
    size = trans_info[0][1] if trans_info else (37, 51)
    expected = F.interpolate(net.feature_logits(picture())[0], size, mode="bilinear")
    _, logits = InferenceProtocol(resize_once=True)(net, picture(), trans_info)
    np.testing.assert_allclose(logits.numpy(), expected.numpy(), rtol=0, atol=1e-6)


def test_resize_once_averages_at_the_original_size(net):
    """SSSegmentation's test-time augmentation: every view's logits are resized straight to it."""
    expected = 0
    for ratio in (0.5, 1.0):
        view = F.interpolate(picture(), [int(37 * ratio + 0.5), int(51 * ratio + 0.5)], mode="bilinear")
        expected = expected + F.interpolate(net.feature_logits(view)[0], [74, 90], mode="bilinear") / 2
    protocol = InferenceProtocol(resize_once=True, aug_eval=True, scales=[0.5, 1.0])
    _, logits = protocol(net, picture(), [("resize", (74, 90))])
    np.testing.assert_allclose(logits.numpy(), expected.numpy(), rtol=0, atol=1e-6)


def test_resize_once_says_what_it_cannot_do(net):
    protocol = InferenceProtocol(resize_once=True)
    with pytest.raises(UserError, match="cannot undo a padding"):
        protocol(net, picture(), [("padding", (30, 30))])
    protocol.check_model(net)
    protocol.check_model(Net)
    with pytest.raises(UserError, match=r"FCN does not return them \(it has no feature_logits\); use PSPNet"):
        protocol.check_model(type("FCN", (nn.Layer,), {}))
    with pytest.raises(UserError, match="resize_once works on whole images only"):
        InferenceProtocol(resize_once=True, **SLIDE)


def test_softmax_is_averaged_at_the_original_size(net):
    expected = 0
    for ratio in (0.5, 1.0):
        view = F.interpolate(picture(), [int(37 * ratio + 0.5), int(51 * ratio + 0.5)], mode="bilinear")
        logits = F.interpolate(net(view)[0], [37, 51], mode="bilinear")
        expected = expected + F.softmax(F.interpolate(logits, [74, 90], mode="bilinear"), axis=1) / 2
    protocol = InferenceProtocol(aug_eval=True, scales=[0.5, 1.0], aug_average="softmax")
    labels, average = protocol(net, picture(), [("resize", (74, 90))])
    np.testing.assert_allclose(average.numpy(), expected.numpy(), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(labels.numpy()[:, 0], average.numpy().argmax(1))


def test_windows_as_semseg_averages_them(net):
    """Against the procedure of semseg's ``tool/test.py`` in numpy and OpenCV."""
    image, crop, base, scales = pixels(37, 51), 24, 60, [0.5, 1.0, 1.5]
    transforms = [T.ResizeByLong(base), Normalize(), PadToSize([crop, crop], "center", at_least=True)]
    settings = {"is_slide": True, "crop_size": [crop, crop], "stride": [16, 16], "flip_horizontal": True}
    protocol = InferenceProtocol(True, scales, aug_average="window", aug_rescale="base", **settings)
    data = protocol.transforms(T.Compose(transforms))({"img": image.copy()})
    images = [paddle.to_tensor(view[None]) for view in data["img"]]
    labels, average = protocol(net, images, data["trans_info"])

    total = np.zeros((37, 51, CLASSES))
    for scale in scales:
        long = round(scale * base)
        scaled = cv2.resize(image[..., ::-1], (long, round(long / 51.0 * 37)))
        prepared = (scaled / 255 - 0.5) / 0.5
        height, width = prepared.shape[:2]
        down, across = (max(crop - side, 0) for side in (height, width))
        widths = [(down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0)]
        padded = np.pad(prepared, widths).astype("float32")
        sums, seen = np.zeros((*padded.shape[:2], CLASSES)), np.zeros(padded.shape[:2])
        ends = [
            [min(step * 16 + crop, side) for step in range(-(-(side - crop) // 16) + 1)] for side in padded.shape[:2]
        ]
        for bottom in ends[0]:
            for right in ends[1]:
                window = (slice(bottom - crop, bottom), slice(right - crop, right))
                x = paddle.to_tensor(padded[window].transpose(2, 0, 1)[None])
                both = net(paddle.concat([x, paddle.flip(x, [3])]))[0]
                both = F.softmax(both, axis=1).numpy()
                sums[window] += ((both[0] + both[1][:, :, ::-1]) / 2).transpose(1, 2, 0)
                seen[window] += 1
        sums = (sums / seen[..., None])[down // 2 :, across // 2 :][:height, :width]
        total += cv2.resize(sums, (51, 37))
    np.testing.assert_allclose(average.numpy()[0].transpose(1, 2, 0), total / len(scales), rtol=0, atol=2e-6)
    np.testing.assert_array_equal(labels.numpy()[0, 0], average.numpy()[0].argmax(0))
    assert len(net.batches) > len(scales)


def test_probabilities_of_windows_are_resized_as_pictures(net):
    """Not by ``align_corners``, which is of logits."""
    settings = {"aug_eval": True, "aug_average": "window"}
    once, twice = (
        InferenceProtocol(align_corners=corners, **settings)(net, picture(), [("resize", (74, 90))])[1]
        for corners in (False, True)
    )
    np.testing.assert_array_equal(once.numpy(), twice.numpy())
    probabilities = F.softmax(net(picture())[0], axis=1).numpy()[0].astype("float64")
    expected = cv2.resize(probabilities.transpose(1, 2, 0), (90, 74))
    # OpenCV works in float64 here, Paddle's resize in float32.
    np.testing.assert_allclose(once.numpy()[0].transpose(1, 2, 0), expected, rtol=0, atol=2e-6)


def test_cubic_is_opencvs_and_of_the_last_resize_alone(net):
    """openseg.pytorch: scales come back to the input's size bilinearly with align_corners, the picture's is cubic."""
    protocol = InferenceProtocol(True, [0.5, 1.0], align_corners=True, interpolation="cubic")
    _, average = protocol(net, picture(40, 56), [("resize", (74, 90)), ("padding", (37, 51))])
    sums = 0
    for ratio in (0.5, 1.0):
        size = [int(40 * ratio), int(56 * ratio)]
        view = F.interpolate(picture(40, 56), size, mode="bilinear", align_corners=True)
        sums = sums + F.interpolate(net(view)[0], [40, 56], mode="bilinear", align_corners=True)
    planes = (sums / 2).numpy()[0].transpose(1, 2, 0)[:37, :51]
    expected = cv2.resize(planes, (90, 74), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(average.numpy()[0].transpose(1, 2, 0), expected, rtol=0, atol=1e-5)


def test_a_single_resize_by_other_corners_than_the_models_is_refused(net):
    net.align_corners = True
    with pytest.raises(UserError, match=r"align_corners of the model is True and .* of the protocol is False"):
        InferenceProtocol(resize_once=True).check_model(net)
    InferenceProtocol(resize_once=True, align_corners=True).check_model(net)
    InferenceProtocol().check_model(net)


@pytest.mark.parametrize("settings", [{"aug_average": "window"}, {"interpolation": "cubic"}])
def test_what_a_single_resize_cannot_do(settings):
    with pytest.raises(UserError, match="and resize_once does not compute them"):
        InferenceProtocol(resize_once=True, **settings)


def test_mirrored_passes_are_mirrored_back():
    class Channels(nn.Layer):
        def forward(self, x):
            return [x]

    _, logits = InferenceProtocol(aug_eval=True, flip_horizontal=True, flip_vertical=True)(Channels(), picture(), [])
    np.testing.assert_allclose(logits.numpy(), picture().numpy(), rtol=0, atol=1e-6)


def test_channels_last(net):
    class Last(nn.Layer):
        data_format = "NHWC"

        def forward(self, x):
            assert x.shape[3] == 3
            return [net(x.transpose([0, 3, 1, 2]))[0].transpose([0, 2, 3, 1])]

    for settings in ({}, SLIDE):
        _, expected = InferenceProtocol(**settings)(net, picture(), [])
        _, logits = InferenceProtocol(**settings)(Last(), picture(), [])
        np.testing.assert_allclose(logits.numpy(), expected.numpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("settings", [{}, SLIDE, AUGMENT])
def test_half_precision_ends_with_the_model(net, settings):
    class Half(nn.Layer):
        def forward(self, x):
            return [net(x)[0].astype("float16")]

    _, expected = InferenceProtocol(**settings)(net, picture(), [])
    _, logits = InferenceProtocol(**settings)(Half(), picture(), [])
    assert logits.dtype == paddle.float32
    np.testing.assert_allclose(logits.numpy(), expected.numpy(), rtol=0, atol=2e-3)


def test_without_augmentation_the_transforms_are_those_given():
    compose = T.Compose([T.Normalize()])
    assert InferenceProtocol(aug_rescale="image").transforms(compose) is compose
    assert InferenceProtocol(aug_eval=True).transforms(compose) is compose
