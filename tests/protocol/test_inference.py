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
from paddleseg_ext.protocol import inference
from paddleseg_ext.protocol.inference import InferenceProtocol, overruled, protocol_of, slide_logits
from paddleseg_ext.transforms import Normalize, PadToSize, ResizeByRatio

CLASSES = 5
SLIDE = {"is_slide": True, "crop_size": (24, 16), "stride": (10, 7)}
AUGMENT = {"aug_eval": True, "scales": [0.5, 1.0, 1.75], "flip_horizontal": True, "flip_vertical": True}


class Net(nn.Layer):
    """Two convolutions, the first with stride 4, and a resize: enough for neighbours, borders and sizes to matter."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2D(3, 8, 5, 4, 2), nn.ReLU(), nn.Conv2D(8, CLASSES, 3, 1, 1))
        self.batches = []

    def feature_logits(self, x):
        self.batches.append(x.shape[0])
        return [self.layers(x)]

    def forward(self, x):
        return [F.interpolate(logits, x.shape[2:], mode="bilinear") for logits in self.feature_logits(x)]


@pytest.fixture
def net():
    paddle.seed(0)
    net = Net()
    net.eval()
    with paddle.no_grad():
        yield net


def picture(height: int = 37, width: int = 51) -> paddle.Tensor:
    return paddle.to_tensor(np.random.RandomState(1).randn(1, 3, height, width).astype("float32"))


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


@pytest.mark.parametrize("in_numpy", [True, False])
@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_windows_go_through_the_model_in_batches(net, batch_size, in_numpy, monkeypatch):
    monkeypatch.setattr(inference, "_adds_up_in_numpy", lambda images: in_numpy)
    image = picture()
    expected = infer.slide_inference(net, image, (24, 16), (10, 7))
    net.batches.clear()
    actual = slide_logits(lambda x: net(x)[0], image, (24, 16), (10, 7), batch_size)
    np.testing.assert_allclose(actual.numpy(), expected.numpy(), rtol=0, atol=1e-6)
    assert sum(net.batches) == 4 * 4
    assert max(net.batches) == min(batch_size, 16)


def test_windows_of_several_images(net):
    images = paddle.concat([picture(), -picture()])
    together = slide_logits(lambda x: net(x)[0], images, (24, 16), (10, 7), 3)
    alone = slide_logits(lambda x: net(x)[0], images[1:], (24, 16), (10, 7), 3)
    np.testing.assert_allclose(together[1:].numpy(), alone.numpy(), rtol=0, atol=1e-6)


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
    with pytest.raises(UserError, match="cannot take a padding back"):
        protocol(net, picture(), [("padding", (30, 30))])
    protocol.check_model(net)
    protocol.check_model(Net)
    with pytest.raises(UserError, match="which FCN does not give by themselves; use PSPNet, ISANet or PSANet"):
        protocol.check_model(type("FCN", (nn.Layer,), {}))
    with pytest.raises(UserError, match="resize_once is for whole images"):
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
    with pytest.raises(UserError, match="whose align_corners is True, and align_corners here is False"):
        InferenceProtocol(resize_once=True).check_model(net)
    InferenceProtocol(resize_once=True, align_corners=True).check_model(net)
    InferenceProtocol().check_model(net)


@pytest.mark.parametrize("settings", [{"aug_average": "window"}, {"interpolation": "cubic"}])
def test_what_a_single_resize_cannot_do(settings):
    with pytest.raises(UserError, match="which resize_once passes over"):
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


# Views of the image as it was read -------------------------------------------------------------------------------


def pixels(height: int, width: int) -> np.ndarray:
    return np.random.RandomState(2).randint(0, 256, (height, width, 3)).astype("float32")


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


def test_without_augmentation_the_transforms_are_those_given():
    compose = T.Compose([T.Normalize()])
    assert InferenceProtocol(aug_rescale="image").transforms(compose) is compose
    assert InferenceProtocol(aug_eval=True).transforms(compose) is compose


# Settings --------------------------------------------------------------------------------------------------------


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
