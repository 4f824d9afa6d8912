"""``PadToSize`` against ``numpy.pad``; what is undone; bad arguments."""

import numpy as np
import paddle
import pytest
from paddleseg.core import infer

from paddleseg_ext.errors import UserError
from paddleseg_ext.protocol.inference import InferenceProtocol


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


@pytest.mark.parametrize("height, width", [(9, 14), (8, 15), (9, 40), (40, 14), (16, 24), (50, 60)])
def test_a_picture_smaller_than_a_window_is_padded_all_round_and_cut_out_again(height, width, picture, build):
    """semseg's ``scale_process``: only the sides that are too short grow, the odd pixel right and at the bottom."""
    image, _ = picture(height, width)
    above, left = max(16 - height, 0) // 2, max(24 - width, 0) // 2
    data = build("PadToSize", target_size=[24, 16], position="center", at_least=True)({"img": image, "trans_info": []})
    below, right = max(16 - height, 0) - above, max(24 - width, 0) - left
    np.testing.assert_array_equal(data["img"], np.pad(image, [(above, below), (left, right), (0, 0)]))
    ((kind, size),) = data["trans_info"]
    assert (kind, size) == (("inset", (height, width, above, left)) if above or left else ("padding", (height, width)))
    scores = paddle.to_tensor(data["img"].astype("float32").transpose(2, 0, 1)[None])
    undone = InferenceProtocol()(Itself(), scores, data["trans_info"])[1]
    np.testing.assert_array_equal(undone.numpy()[0].transpose(1, 2, 0), image)


class Itself(paddle.nn.Layer):
    def forward(self, x):
        return [x]


def test_paddlesegs_own_code_refuses_what_it_would_cut_in_the_wrong_place(picture, build):
    data = build("PadToSize", target_size=[16, 16], position="center")({"img": picture(9, 14)[0], "trans_info": []})
    with pytest.raises(Exception, match="inset"):
        infer.reverse_transform(paddle.zeros([1, 1, 16, 16]), data["trans_info"])


@pytest.mark.parametrize("settings, size, expected", [
    ({"size_divisor": 8}, (9, 16), (16, 16)),
    ({"size_divisor": 8}, (521, 700), (528, 704)),
    ({"size_divisor": 1}, (9, 14), (9, 14)),
    ({"size_divisor": 8, "target_size": [20, 10]}, (9, 14), (16, 24)),
    ({"size_divisor": 8, "target_size": [20, 10], "at_least": True}, (30, 14), (32, 24)),
])  # fmt: skip
def test_multiples(settings, size, expected, picture, training_data, build):
    image, label = picture(*size)
    data = build("PadToSize", **settings)(training_data(image, label))
    assert data["img"].shape[:2] == data["label"].shape == expected
    np.testing.assert_array_equal(data["img"][: size[0], : size[1]], image)
    assert (data["label"][size[0] :] == 255).all() and not data["img"][:, size[1] :].any()


def test_a_prediction_cannot_be_made_of_what_was_cut_off(picture, build):
    with pytest.raises(UserError, match=r"does not fit into target_size 16x8; .* at_least: true"):
        build("PadToSize", target_size=[16, 8], position="center")({"img": picture(9, 14)[0], "trans_info": []})


def test_too_large(picture, training_data, build):
    with pytest.raises(UserError, match=r"14x9 pixels .* does not fit into target_size 16x8"):
        build("PadToSize", target_size=[16, 8])(training_data(*picture(9, 14)))


def test_wrong_number_of_values(picture, training_data, build):
    with pytest.raises(UserError, match=r"im_padding_value has 2 numbers, but the image has 3 channel\(s\)"):
        build("PadToSize", target_size=[16, 16], im_padding_value=[1, 2])(training_data(*picture(9, 14)))


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"target_size": [0, 5]}, "target_size is [0, 5]"),
        ({"target_size": [5, 5], "position": "left"}, "position is 'left' and must be one of right_bottom, center"),
        ({"target_size": [5, 5], "im_padding_value": "black"}, "im_padding_value is 'black'"),
        ({"target_size": [5, 5], "label_padding_value": 256}, "label_padding_value is 256"),
        ({"target_size": [5, 5], "at_least": "yes"}, "at_least is 'yes' and must be true or false"),
        ({"size_divisor": 0}, "size_divisor is 0"),
        ({}, "give target_size ([width, height]), or size_divisor"),
    ],
)
def test_bad_arguments(settings, words, build):
    with pytest.raises(UserError) as error:
        build("PadToSize", **settings)
    assert words in str(error.value)
