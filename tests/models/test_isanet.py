"""What is ISANet's own; ``test_contract.py`` tests what every model does."""

import functools

import numpy as np
import paddle

from tests.models.small import small

isanet = functools.partial(small, "ISANet")


def test_attention_connects_positions_a_factor_apart_and_then_neighbors():
    """A change at one position reaches every position through the two attentions, whose groups it is not all in."""
    model = isanet("ssseg")
    model.eval()
    x = paddle.rand([1, 64, 7, 9])
    before = model.head._attend(model.head.in_conv(x))
    changed = x.clone()
    changed[:, :, 5, 7] += 3.0
    after = model.head._attend(model.head.in_conv(changed))
    assert (np.abs((after - before).numpy()).max(axis=(0, 1)) > 0).all()


def test_value_bias_and_fusing_convolution_of_the_peers():
    for layout, bias, kernel in (("ssseg", False, 3), ("mmseg", True, 1), ("openseg", False, 1)):
        model = isanet(layout)
        assert (model.head.local_relation.value_project.bias is not None) == bias
        assert model.head.out_conv._conv.weight.shape[2:] == [kernel, kernel]
    assert isanet("openseg").head.cls[0].p == 0.05
    assert isanet("mmseg").head.cls[0].p == 0.1
