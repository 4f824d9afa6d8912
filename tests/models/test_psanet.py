import numpy as np
import paddle
import pytest
from paddle.static import InputSpec
from paddleseg.cvlibs import manager
from paddleseg.models.backbones import ResNet50_vd

from paddleseg_ext.backbones import ResNet18_v1c
from paddleseg_ext.errors import UserError
from paddleseg_ext.models import PSANet
from paddleseg_ext.models.layouts import PSANET

SMALL = {"num_classes": 4, "feats_channels": 16, "aux_channels": 8}


def small(layout="ssseg", mask_size=(7, 9), **kwargs):
    paddle.seed(0)
    return PSANet(backbone=ResNet18_v1c(base_channels=8), layout=layout, mask_size=mask_size, **{**SMALL, **kwargs})


def randomise_statistics(model):
    """Batch norms at their start are nearly the identity: give them something to get wrong."""
    random = np.random.default_rng(0)
    for name, tensor in model.state_dict().items():
        if name.endswith("_mean"):
            tensor.set_value(random.normal(0, 0.1, tensor.shape).astype("float32"))
        elif name.endswith("_variance"):
            tensor.set_value(random.uniform(0.5, 1.5, tensor.shape).astype("float32"))


def test_registered():
    assert manager.MODELS["PSANet"] is PSANet
    for name in ("ResNet18_v1c", "ResNet50_v1c", "ResNet101_v1c", "ResNet50_deepstem", "ResNet101_deepstem"):
        assert name in manager.BACKBONES.components_dict


@pytest.mark.parametrize("layout", sorted(PSANET))
@pytest.mark.parametrize("psa_type", ["collect", "distribute", "bi-direction"])
def test_contract(layout, psa_type):
    """PaddleSeg's contract: [main, aux] at the input's size in training, [main] in eval, gradients everywhere."""
    model = small(layout, psa_type=psa_type)
    x = paddle.rand([2, 3, 65, 72])
    model.train()
    outputs = model(x)
    assert [tuple(y.shape) for y in outputs] == [(2, 4, 65, 72)] * 2
    (outputs[0].mean() + outputs[1].mean()).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None and not p.stop_gradient]
    assert without == []
    model.eval()
    assert [tuple(y.shape) for y in model(x)] == [(2, 4, 65, 72)]


def test_numbers_name_the_psa_types():
    x = paddle.rand([1, 3, 64, 64])
    for number, name in enumerate(("collect", "distribute", "bi-direction")):
        by_number, by_name = small(psa_type=number), small(psa_type=name)
        by_name.set_state_dict(by_number.state_dict())
        by_number.eval(), by_name.eval()
        assert (by_number(x)[0].numpy() == by_name(x)[0].numpy()).all()


def test_psanet_paddle_is_semseg_with_its_branches_swapped():
    """Read off https://github.com/justld/PSANet_paddle: apart from [distribute, collect] the eval head is semseg's."""
    theirs, ours = small("semseg", mask_size=(13, 13)), small("psanet_paddle", mask_size=(13, 13), align_corners=True)
    randomise_statistics(theirs)
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
    assert isinstance(small("psanet_paddle").head.dropout, paddle.nn.Dropout)
    assert isinstance(small("ssseg").aux_head.dropout, paddle.nn.Dropout2D)


def test_without_attention_only_the_head_remains():
    model = small(use_psa=False)
    assert not any(name.startswith("psa.") for name in model.state_dict())
    assert model.head.conv_bn_relu._conv.weight.shape[1] == 64
    assert tuple(model(paddle.rand([1, 3, 64, 64]))[0].shape) == (1, 4, 64, 64)


def test_normalization_factor_divides_and_defaults_to_the_masks_cells():
    x = paddle.rand([1, 3, 64, 64])
    default, explicit, one = (small(normalization_factor=f) for f in (None, 63, 1.0))
    for model in (explicit, one):
        model.set_state_dict(default.state_dict())
    for model in (default, explicit, one):
        model.eval()
    outputs = [model(x)[0].numpy() for model in (default, explicit, one)]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert np.abs(outputs[0] - outputs[2]).max() > 1e-4


@pytest.mark.parametrize("layout", sorted(PSANET))
def test_one_exported_graph_serves_every_size(layout, tmp_path):
    """Odd, even and mixed feature sizes take different ways through the shrink rule."""
    model = small(layout)
    randomise_statistics(model)
    model.eval()
    graph = paddle.jit.to_static(model, input_spec=[InputSpec([None, 3, None, None])], full_graph=True)
    paddle.jit.save(graph, str(tmp_path / "model"))
    loaded = paddle.jit.load(str(tmp_path / "model"))
    for size in ((64, 96), (97, 129), (97, 120)):
        x = paddle.rand([1, 3, *size])
        reference = small(layout)
        reference.set_state_dict(model.state_dict())
        reference.eval()
        expected = reference(x)[0].numpy()
        actual = loaded(x)
        actual = actual[0] if isinstance(actual, (list, tuple)) else actual
        np.testing.assert_allclose(actual.numpy(), expected, atol=1e-4)


def test_mask_h_and_mask_w_are_mask_size():
    assert small(mask_size=None, mask_h=7, mask_w=9).psa.mask_size == small(mask_size=(7, 9)).psa.mask_size == (7, 9)
    assert small(mask_size=None).psa.mask_size == (59, 59)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"layout": "openmm"}, "layout 'openmm'"),
        ({"psa_type": "both"}, "psa_type 'both'"),
        ({"mask_size": (7, 0)}, "mask_size"),
        ({"mask_size": (7, 7, 7)}, "mask_size"),
        # A YAML's true is an integer to Python.
        ({"mask_size": (7, True)}, "mask_size must be one or 2 positive whole numbers"),
        ({"mask_h": 7, "mask_w": 9}, "mask_h and mask_w are another way to write mask_size"),
        ({"mask_size": None, "mask_h": 7}, "mask_w is missing"),
        ({"mask_size": None, "mask_w": 9, "use_psa": False}, "mask_h is missing"),
        ({"mask_size": None, "mask_h": 7, "mask_w": 9.0}, "mask_w must be a positive whole number, not 9.0"),
        ({"shrink_factor": 0}, "shrink_factor"),
        ({"layout": "psanet_paddle", "compact": True}, "does not have a compact mode; use one of ssseg, mmseg, semseg"),
        ({"backbone_indices": (3,)}, "backbone_indices"),
    ],
)
def test_wrong_arguments_are_told_in_a_sentence(arguments, words):
    with pytest.raises(UserError, match=words):
        small(**arguments)


def test_compact_at_another_size_is_told_in_a_sentence():
    model = small(compact=True, mask_size=(4, 4))
    model.eval()
    assert tuple(model(paddle.rand([1, 3, 64, 64]))[0].shape) == (1, 4, 64, 64)
    with pytest.raises(UserError, match="mask_size"):
        model(paddle.rand([1, 3, 64, 96]))
