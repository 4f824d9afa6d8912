"""Metrics, each in a use that shows the fault of an unrepaired paddleseg."""

import paddle
from paddleseg.utils import metrics

from tests.compat.provocation import provocation


@provocation
def test_area_in_one_pass() -> None:
    pred = paddle.to_tensor([[[[0, 1], [2, 2]]]], dtype="int32")
    label = paddle.to_tensor([[[[0, 2], [2, 255]]]], dtype="int64")
    areas = metrics.calculate_area(pred, label, 3)
    assert [area.numpy().tolist() for area in areas] == [[1, 0, 1], [1, 1, 1], [1, 0, 2]]
