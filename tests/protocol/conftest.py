"""A small network and pictures for it."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

CLASSES = 5


class Net(nn.Layer):
    """Two convolutions, the first with stride 4, and a resize: enough for neighbors, borders and sizes to matter."""

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


def pixels(height: int, width: int) -> np.ndarray:
    return np.random.RandomState(2).randint(0, 256, (height, width, 3)).astype("float32")
