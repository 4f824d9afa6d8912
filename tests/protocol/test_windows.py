"""Sliding windows, against PaddleSeg's."""

import numpy as np
import paddle
import pytest
from paddleseg.core import infer

from paddleseg_ext.protocol import windows
from paddleseg_ext.protocol.windows import slide_logits
from tests.protocol.conftest import picture


@pytest.mark.parametrize("in_numpy", [True, False])
@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_windows_go_through_the_model_in_batches(net, batch_size, in_numpy, monkeypatch):
    monkeypatch.setattr(windows, "_adds_up_in_numpy", lambda images: in_numpy)
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
