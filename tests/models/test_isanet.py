import numpy as np
import paddle
import pytest

from paddleseg_ext.backbones import ResNet18_v1c
from paddleseg_ext.errors import UserError
from paddleseg_ext.models import ISANet
from paddleseg_ext.models.layouts import ISANET


def small(layout="ssseg", **kwargs):
    paddle.seed(0)
    arguments = {"num_classes": 4, "isa_channels": 8, "aux_channels": 8, "down_factor": (3, 4), **kwargs}
    return ISANet(backbone=ResNet18_v1c(base_channels=8), layout=layout, **arguments)


@pytest.mark.parametrize("layout", sorted(ISANET))
@pytest.mark.parametrize("size", [(65, 72), (96, 96)])
def test_contract(layout, size):
    """[main, aux] at the input's size in training, [main] in eval except PaddleSeg's own, gradients everywhere."""
    model = small(layout)
    x = paddle.rand([2, 3, *size])
    outputs = model(x)
    assert [tuple(y.shape) for y in outputs] == [(2, 4, *size)] * 2
    (outputs[0].mean() + outputs[1].mean()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None and not p.stop_gradient] == []
    model.eval()
    assert [tuple(y.shape) for y in model(x)] == [(2, 4, *size)] * (2 if layout == "paddleseg" else 1)


def test_attention_connects_positions_a_factor_apart_and_then_neighbours():
    """A change at one position reaches every position through the two attentions, whose groups it is not all in."""
    model = small()
    model.eval()
    x = paddle.rand([1, 64, 7, 9])
    before = model.head._attend(model.head.in_conv(x))
    changed = x.clone()
    changed[:, :, 5, 7] += 3.0
    after = model.head._attend(model.head.in_conv(changed))
    assert (np.abs((after - before).numpy()).max(axis=(0, 1)) > 0).all()


def test_value_bias_and_fusing_convolution_of_the_peers():
    for layout, bias, kernel in (("ssseg", False, 3), ("mmseg", True, 1), ("openseg", False, 1)):
        model = small(layout)
        assert (model.head.local_relation.value_project.bias is not None) == bias
        assert model.head.out_conv._conv.weight.shape[2:] == [kernel, kernel]
    assert small("openseg").head.cls[0].p == 0.05
    assert small("mmseg").head.cls[0].p == 0.1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"layout": "semseg"}, "layout 'semseg'"),
        ({"down_factor": (8, 0)}, "down_factor"),
        ({"down_factor": (8,)}, "down_factor"),
        ({"backbone_indices": (3,)}, "backbone_indices"),
    ],
)
def test_wrong_arguments_are_told_in_a_sentence(arguments, words):
    with pytest.raises(UserError, match=words):
        small(**arguments)
