"""``calculate_area`` against counting by hand, for labels and predictions of every kind."""

import numpy as np
import paddle
import pytest

from paddleseg_ext.compat import calculate_area as module
from paddleseg_ext.compat.calculate_area import calculate_area


def count_by_hand(pred: np.ndarray, label: np.ndarray, num_classes: int, ignore: int) -> list:
    kept = label != ignore
    return [
        [int(((pred == c) & (label == c) & kept).sum()) for c in range(num_classes)],
        [int(((pred == c) & kept).sum()) for c in range(num_classes)],
        [int(((label == c) & kept).sum()) for c in range(num_classes)],
    ]


CASES = {
    # ignored label, values of the labels, dtypes of prediction and label
    "ignored beyond the classes": (255, [0, 1, 2, 255], "int32", "int64"),
    "ignored among the classes": (1, [0, 1, 2], "int32", "int64"),
    "ignored is class 0": (0, [0, 1, 2], "int64", "int64"),
    "ignored is negative": (-1, [-1, 0, 1, 2], "int32", "int64"),
    "ignored is never met": (255, [0, 1, 2], "int32", "int32"),
    "all ignored": (255, [255], "int32", "int64"),
    "labels that are no class": (255, [-7, 0, 1, 2, 3, 4, 254, 256, 511, 70000], "int32", "int64"),
    "ignored is just past the classes": (3, [0, 1, 2, 3, 4], "int32", "int64"),
    "narrow labels": (255, [0, 1, 2, 255], "int32", "uint8"),
    "narrow signed labels": (-1, [-1, 0, 1, 2], "int32", "int8"),
}


@pytest.fixture(params=["numpy", "paddle"])
def counting(request, monkeypatch):
    """Both ways of counting: the one for tensors on a CPU, and the one for devices, which a CPU runs as well."""
    if request.param == "paddle":
        monkeypatch.setattr(module, "_pair_counts_numpy", module._pair_counts_paddle)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", [(2, 1, 7, 9), (1, 1, 211, 307)], ids=["small", "several blocks"])
def test_areas(case, shape, counting):
    ignore, values, pred_type, label_type = CASES[case]
    draw = np.random.RandomState(0)
    pred = draw.choice([-1, 0, 1, 2, 3, 300], shape).astype(pred_type)
    label = draw.choice(values, shape).astype(label_type)
    areas = calculate_area(paddle.to_tensor(pred), paddle.to_tensor(label), 3, ignore)
    assert [area.numpy().tolist() for area in areas] == count_by_hand(pred, label, 3, ignore)
    assert [area.dtype for area in areas] == [paddle.int64] * 3


def test_many_classes(counting):
    draw = np.random.RandomState(0)
    pred, label = draw.randint(0, 1000, (2, 1, 1, 40, 50))
    areas = calculate_area(paddle.to_tensor(pred), paddle.to_tensor(label.astype("int16")), 1000)
    assert [area.numpy().tolist() for area in areas] == count_by_hand(pred, label, 1000, 255)


def test_with_and_without_the_channel_axis():
    label = paddle.to_tensor([[[0, 1]]])
    areas = calculate_area(label.unsqueeze(1), label, 2)
    assert [area.numpy().tolist() for area in areas] == [[1, 1]] * 3


def test_shapes_differ():
    with pytest.raises(ValueError, match="Shape of `pred` and `label`"):
        calculate_area(paddle.zeros([1, 1, 2, 2], "int32"), paddle.zeros([1, 1, 2, 3], "int64"), 2)
