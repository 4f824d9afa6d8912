"""An export compared with the live model: what is allowed, and what is too large."""

import numpy as np
import paddle
import pytest

from paddleseg_ext.deploy.comparison import LIMIT, Comparison
from paddleseg_ext.errors import UserError
from tests.deploy.conftest import thin_psanet, write


def test_rounding_is_no_difference(tmp_path, capfd):
    """Logits in the ten thousands round by more than the limit, in the export as in the live model."""
    model = thin_psanet()
    weight = model.head.conv.weight
    weight.set_value(weight * 1e4)
    write(model, tmp_path / "export", output_op="none")
    assert "own rounding, float32 against float64" in "".join(capfd.readouterr())
    assert model.head.conv.weight.dtype == paddle.float32


class Net(paddle.nn.Layer):
    """Logits of five classes, with the pixels of the image as they are."""

    def forward(self, x):
        return [paddle.concat([x, x[:, :2] * 0.5], axis=1)]


def logits(batch: np.ndarray) -> np.ndarray:
    return np.concatenate([batch, batch[:, :2] * np.float32(0.5)], axis=1)


def softmax(batch: np.ndarray) -> np.ndarray:
    return paddle.nn.functional.softmax(paddle.to_tensor(logits(batch)), axis=1).numpy()


RIGHT = {"none": logits, "softmax": softmax, "argmax": lambda batch: logits(batch).argmax(axis=1)}


@pytest.mark.parametrize("output_op", RIGHT)
def test_a_right_export_has_no_difference_and_a_transposed_one_is_refused(output_op):
    comparison = Comparison(Net(), output_op, (-1, 3, -1, -1))
    assert comparison.difference(RIGHT[output_op]) <= 1e-6
    wrong = comparison.difference(lambda batch: RIGHT[output_op](batch)[..., ::-1])
    assert comparison.too_large(wrong)
    with pytest.raises(UserError, match=r"differs from the live one by .*; nothing was written"):
        comparison.require_small(wrong)


@pytest.mark.parametrize("output_op", RIGHT)
def test_an_output_of_another_shape_is_infinitely_wrong(output_op):
    comparison = Comparison(Net(), output_op, (1, 3, 32, 48))
    assert comparison.difference(lambda batch: RIGHT[output_op](batch)[..., 1:]) == float("inf")


def test_labels_that_are_no_classes_are_infinitely_wrong():
    comparison = Comparison(Net(), "argmax", (1, 3, 32, 48))
    for label in (-1, 5):
        assert comparison.difference(lambda batch, label=label: np.full((1, 32, 48), label)) == float("inf")


def test_a_label_is_wrong_by_half_the_lead_of_the_class_that_was_not_chosen():
    class Fixed(paddle.nn.Layer):
        def forward(self, x):
            return [paddle.log(paddle.to_tensor([0.7, 0.3]).reshape([1, 2, 1, 1])).expand([1, 2, *x.shape[2:]])]

    comparison = Comparison(Fixed(), "argmax", (1, 3, 32, 48))
    assert comparison.difference(lambda batch: np.ones((1, 32, 48), np.int32)) == pytest.approx(0.2, abs=1e-6)
    assert comparison.difference(lambda batch: np.zeros((1, 32, 48), np.int32)) == 0


def test_not_a_number_is_too_large():
    comparison = Comparison(Net(), "none", (1, 3, 32, 48))
    assert comparison.too_large(float("nan"))
    assert not comparison.too_large(LIMIT)


def test_any_size_is_compared_at_several_and_a_fixed_one_at_that():
    assert str(Comparison(Net(), "none", (-1, 3, -1, -1))) == "logits at 1x3x97x129, 2x3x128x96, 1x3x161x113"
    assert str(Comparison(Net(), "argmax", (2, 3, 32, 48))) == "labels at 2x3x32x48"
