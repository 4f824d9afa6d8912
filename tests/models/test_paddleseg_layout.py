"""Without ``layout``, PSPNet and ISANet are PaddleSeg's classes, bit for bit."""

import numpy as np
import paddle
import pytest
from paddleseg import models as theirs
from paddleseg.models.backbones import ResNet18_vd

from paddleseg_ext import models as ours
from tests.models.small import TwoConvolutions


@pytest.mark.parametrize("arguments", [{}, {"align_corners": True}, {"enable_auxiliary_loss": False}])
@pytest.mark.parametrize(
    ("name", "own"), [("PSPNet", {"pp_out_channels": 24, "bin_sizes": (1, 3, 4)}), ("ISANet", {"isa_channels": 16})]
)
def test_equals_paddlesegs_class_bit_for_bit(name, own, arguments):
    built = []
    for module in (theirs, ours):
        paddle.seed(7)
        built.append(getattr(module, name)(6, TwoConvolutions((256, 512)), **own, **arguments))
    reference, model = built
    expected = reference.state_dict()
    state = model.state_dict()
    assert list(state) == list(expected)
    for key in expected:
        np.testing.assert_array_equal(state[key].numpy(), expected[key].numpy(), err_msg=key)

    for size in ((64, 96), (73, 97)):
        x = paddle.rand([2, 3, *size])
        for mode in ("train", "eval"):
            outputs = []
            for each in built:
                getattr(each, mode)()
                paddle.seed(11)
                outputs.append(each(x))
            assert len(outputs[0]) == len(outputs[1])
            for theirs_, ours_ in zip(*outputs):
                np.testing.assert_array_equal(ours_.numpy(), theirs_.numpy())
    for key, tensor in reference.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[key].numpy(), tensor.numpy(), err_msg=key)


@pytest.mark.parametrize("name", ["PSPNet", "ISANet"])
def test_weights_of_one_class_load_into_the_other(name):
    paddle.seed(1)
    reference = getattr(theirs, name)(3, ResNet18_vd(output_stride=8))
    paddle.seed(2)
    model = getattr(ours, name)(3, ResNet18_vd(output_stride=8))
    missing = model.set_state_dict(reference.state_dict())
    assert not any(missing)
    x = paddle.rand([1, 3, 64, 64])
    reference.eval(), model.eval()
    np.testing.assert_array_equal(model(x)[0].numpy(), reference(x)[0].numpy())
