"""PaddleSeg's training loop, in a use that shows the fault of an unrepaired paddleseg."""

import tempfile

import numpy as np
import paddle
from paddleseg.core.train import train
from paddleseg.models import losses

from tests.compat.provocation import provocation


class Pixels(paddle.nn.Layer):
    """The smallest network: a 1x1 convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = paddle.nn.Conv2D(3, 3, 1)

    def forward(self, x):
        return [self.convolution(x)]


class Noise(paddle.io.Dataset):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> dict:
        return {"img": np.ones((3, 8, 8), "float32"), "label": np.full((8, 8), index)}


@provocation
def test_zero_dimensional_loss() -> None:
    network = Pixels()
    with tempfile.TemporaryDirectory() as folder:
        train(
            network,
            Noise(),
            optimizer=paddle.optimizer.SGD(0.1, parameters=network.parameters()),
            save_dir=folder,
            iters=2,
            log_iters=1,
            losses={"types": [losses.LovaszSoftmaxLoss()], "coef": [1]},  # which has no fault of its own
        )
