"""What is PSANet's own; ``test_contract.py`` tests what every model does."""

import functools

import numpy as np
import paddle
import pytest
from paddleseg.models.backbones import ResNet50_vd

from paddleseg_ext.errors import UserError
from paddleseg_ext.models import PSANet
from tests.models.small import small

psanet = functools.partial(small, "PSANet")


def randomize_statistics(model):
    """Batch norms at their start are nearly the identity: give them something to get wrong."""
    random = np.random.default_rng(0)
    for name, tensor in model.state_dict().items():
        if name.endswith("_mean"):
            tensor.set_value(random.normal(0, 0.1, tensor.shape).astype("float32"))
        elif name.endswith("_variance"):
            tensor.set_value(random.uniform(0.5, 1.5, tensor.shape).astype("float32"))


def test_numbers_name_the_psa_types():
    x = paddle.rand([1, 3, 64, 64])
    for number, name in enumerate(("collect", "distribute", "bi-direction")):
        by_number, by_name = psanet("ssseg", psa_type=number), psanet("ssseg", psa_type=name)
        by_name.set_state_dict(by_number.state_dict())
        by_number.eval(), by_name.eval()
        assert (by_number(x)[0].numpy() == by_name(x)[0].numpy()).all()


def test_psanet_paddle_is_semseg_with_its_branches_swapped():
    """Read off https://github.com/justld/PSANet_paddle: apart from [distribute, collect] the eval head is semseg's."""
    theirs, ours = psanet("semseg", mask_size=(13, 13)), psanet("psanet_paddle", mask_size=(13, 13), align_corners=True)
    randomize_statistics(theirs)
    state = theirs.state_dict()
    ours.set_state_dict(state)
    weight = state["psa.proj._conv.weight"].numpy()
    ours.psa.proj._conv.weight.set_value(np.concatenate([weight[:, 16:], weight[:, :16]], axis=1))
    theirs.eval(), ours.eval()
    x = paddle.rand([1, 3, 97, 97])
    np.testing.assert_allclose(ours(x)[0].numpy(), theirs(x)[0].numpy(), atol=1e-5, rtol=1e-5)
    ours.psa.proj._conv.weight.set_value(weight)
    assert np.abs(ours(x)[0].numpy() - theirs(x)[0].numpy()).max() > 1e-3


def test_psanet_paddle_names():
    """The parameter names of https://github.com/justld/PSANet_paddle, whose weights load unchanged."""
    with paddle.LazyGuard():
        model = PSANet(19, ResNet50_vd(output_stride=8), mask_size=5)
    names = {name for name in model.state_dict() if not name.startswith("backbone.")}
    conv_bn = ("_conv.weight", *(f"_batch_norm.{leaf}" for leaf in ("weight", "bias", "_mean", "_variance")))
    expected = {
        f"psa.{part}.{leaf}"
        for part in ("reduce_layer", "reduce_p", "attention.0", "attention_p.0", "proj")
        for leaf in conv_bn
    }
    expected |= {"psa.attention.1.weight", "psa.attention_p.1.weight"}
    for head in ("head", "aux_head"):
        expected |= {f"{head}.conv_bn_relu.{leaf}" for leaf in conv_bn} | {f"{head}.conv.weight", f"{head}.conv.bias"}
    assert names == expected
    assert model.head.conv_bn_relu._conv.weight.shape == [512, 4096, 3, 3]
    assert model.aux_head.conv_bn_relu._conv.weight.shape == [256, 1024, 3, 3]
    assert model.psa.attention[1].weight.shape == [25, 512, 1, 1]


def test_dropout_kind_is_the_layouts():
    assert isinstance(psanet("psanet_paddle").head.dropout, paddle.nn.Dropout)
    assert isinstance(psanet("ssseg").aux_head.dropout, paddle.nn.Dropout2D)


def test_without_attention_only_the_head_remains():
    model = psanet("ssseg", use_psa=False)
    assert not any(name.startswith("psa.") for name in model.state_dict())
    assert model.head.conv_bn_relu._conv.weight.shape[1] == 64
    assert tuple(model(paddle.rand([1, 3, 64, 64]))[0].shape) == (1, 4, 64, 64)


def test_normalization_factor_divides_and_defaults_to_the_masks_cells():
    x = paddle.rand([1, 3, 64, 64])
    default, explicit, one = (psanet("ssseg", normalization_factor=f) for f in (None, 63, 1.0))
    for model in (explicit, one):
        model.set_state_dict(default.state_dict())
    for model in (default, explicit, one):
        model.eval()
    outputs = [model(x)[0].numpy() for model in (default, explicit, one)]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert np.abs(outputs[0] - outputs[2]).max() > 1e-4


def test_mask_h_and_mask_w_are_mask_size():
    with paddle.LazyGuard():
        assert psanet("ssseg", mask_size=(7, 9)).psa.mask_size == (7, 9)
        assert psanet("ssseg", mask_size=None, mask_h=7, mask_w=9).psa.mask_size == (7, 9)
        assert psanet("ssseg", mask_size=None).psa.mask_size == (59, 59)


def test_compact_at_another_size_is_one_sentence():
    model = psanet("ssseg", compact=True, mask_size=(4, 4))
    model.eval()
    assert tuple(model(paddle.rand([1, 3, 64, 64]))[0].shape) == (1, 4, 64, 64)
    with pytest.raises(UserError, match=r"map is \[4, 6\]; .* set mask_size to \[4, 6\]"):
        model(paddle.rand([1, 3, 64, 96]))
