"""``PadToSize`` against ``numpy.pad``; what is undone; bad arguments."""

import numpy as np
import paddle
import pytest
from paddleseg.core import infer

from paddleseg_ext.errors import UserError


@pytest.mark.parametrize("size", [(12, 16), (11, 16), (5, 9), (1, 1)])
@pytest.mark.parametrize("position", ["right_bottom", "center"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_padding(size, position, dtype, picture, training_data, build):
    image, label = picture(*size)
    image = image.astype(dtype)
    rows, columns = 12 - size[0], 16 - size[1]
    before = (rows // 2, columns // 2) if position == "center" else (0, 0)
    widths = [(before[0], rows - before[0]), (before[1], columns - before[1])]
    pad = build("PadToSize", target_size=[16, 12], position=position, im_padding_value=7, label_padding_value=254)
    data = pad(training_data(image, label))
    assert data["img"].dtype == dtype and data["label"].dtype == np.uint8
    np.testing.assert_array_equal(data["img"], np.pad(image, [*widths, (0, 0)], constant_values=7))
    np.testing.assert_array_equal(data["label"], np.pad(label, widths, constant_values=254))
    assert data["trans_info"] == []


@pytest.mark.parametrize("size, top, left", [((14, 16), 1, 0), ((15, 19), 2, 2), ((12, 17), 0, 1)])
def test_center_of_a_larger_image(size, top, left, picture, training_data, build):
    """An odd pixel goes from the top and the left: floor division of a negative number."""
    image, label = picture(*size)
    data = build("PadToSize", target_size=[16, 12], position="center")(training_data(image, label))
    np.testing.assert_array_equal(data["img"], image[top : top + 12, left : left + 16])
    np.testing.assert_array_equal(data["label"], label[top : top + 12, left : left + 16])


def test_value_for_each_channel_and_values_that_8_bits_cannot_hold(picture, training_data, build):
    image, label = picture(4, 5)
    data = build("PadToSize", target_size=[6, 5], im_padding_value=[1, 2, 3])(training_data(image, label))
    assert data["img"].dtype == np.uint8 and data["img"][-1, -1].tolist() == [1, 2, 3]
    for value in (127.5, -1, 256):
        data = build("PadToSize", target_size=[6, 5], im_padding_value=value)(training_data(image, label))
        assert data["img"].dtype == np.float32
        np.testing.assert_array_equal(data["img"][:4, :5], image)
        assert (data["img"][-1] == value).all()


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 6)])
def test_any_number_of_channels(shape, build):
    data = build("PadToSize", target_size=[6, 5])({"img": np.ones(shape, "float32"), "trans_info": []})
    assert data["img"].shape == (5, 6, *shape[2:])
    assert data["img"].sum() == np.prod(shape)


def test_a_prediction_loses_the_padding(picture, build):
    image, label = picture(9, 14)
    data = {"img": image, "label": label, "gt_fields": [], "trans_info": []}
    data = build("ResizeByRatio", base_size=[28, 18])(data)
    data = build("PadToSize", target_size=[32, 32])(data)
    assert data["trans_info"] == [("resize", (9, 14)), ("padding", (18, 28))]
    assert data["label"].shape == (9, 14)
    # A prediction that is right on the image and nonsense on the padding.
    scores = np.full((1, 1, 32, 32), 99, "float32")
    scores[..., :18, :28] = label.repeat(2, 0).repeat(2, 1)
    undone = infer.reverse_transform(paddle.to_tensor(scores), data["trans_info"], mode="nearest")
    np.testing.assert_array_equal(undone.numpy()[0, 0], label)


def test_what_cannot_be_undone_is_refused(picture, build):
    image, _ = picture(9, 14)
    center = build("PadToSize", target_size=[16, 16], position="center")
    with pytest.raises(UserError, match="use position: right_bottom in val_dataset"):
        center({"img": image, "trans_info": []})
    assert center({"img": np.zeros((16, 16, 3)), "trans_info": []})["trans_info"] == [("padding", (16, 16))]


def test_too_large(picture, training_data, build):
    with pytest.raises(UserError, match=r"14x9 pixels .* does not fit into target_size 16x8"):
        build("PadToSize", target_size=[16, 8])(training_data(*picture(9, 14)))


def test_wrong_number_of_values(picture, training_data, build):
    with pytest.raises(UserError, match=r"im_padding_value has 2 numbers and the image 3 channel\(s\)"):
        build("PadToSize", target_size=[16, 16], im_padding_value=[1, 2])(training_data(*picture(9, 14)))


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"target_size": [0, 5]}, "target_size is [0, 5]"),
        ({"target_size": [5, 5], "position": "left"}, "position is 'left' and must be one of right_bottom, center"),
        ({"target_size": [5, 5], "im_padding_value": "black"}, "im_padding_value is 'black'"),
        ({"target_size": [5, 5], "label_padding_value": 256}, "label_padding_value is 256"),
    ],
)
def test_bad_arguments(settings, words, build):
    with pytest.raises(UserError) as error:
        build("PadToSize", **settings)
    assert words in str(error.value)
