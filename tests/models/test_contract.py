"""What every model does in every layout. A new model adds a line to each table here and to ``small.SMALL``."""

import numpy as np
import paddle
import pytest
from paddle.static import InputSpec
from paddleseg.cvlibs import manager

from paddleseg_ext import models
from paddleseg_ext.errors import UserError
from tests.models.small import LAYOUTS, NUM_CLASSES, SMALL, TwoConvolutions, draw_weights, small

# Arguments whose values build different heads.
VARIANTS = {
    "PSPNet": [{}],
    "PSANet": [{"psa_type": "collect"}, {"psa_type": "distribute"}, {"psa_type": "bi-direction"}, {"use_psa": False}],
    "ISANet": [{}],
}
# Arguments of a model's own that are refused, and words of the sentence.
REFUSED = {
    "PSPNet": [
        ({"bin_sizes": (1, 0)}, "bin_sizes must be one or more positive whole numbers, not (1, 0)"),
        ({"bin_sizes": ()}, "bin_sizes must be one or more positive whole numbers, not ()"),
        # A YAML's true is an integer to Python.
        ({"bin_sizes": True}, "bin_sizes must be one or more positive whole numbers, not True"),
    ],
    "PSANet": [
        ({"psa_type": "both"}, "psa_type 'both'"),
        ({"mask_size": (7, 0)}, "mask_size must be one or 2 positive whole numbers"),
        ({"mask_size": (7, 7, 7)}, "mask_size must be one or 2 positive whole numbers"),
        ({"mask_size": (7, True)}, "mask_size must be one or 2 positive whole numbers"),
        ({"mask_h": 7, "mask_w": 9}, "mask_h and mask_w are another way to write mask_size"),
        ({"mask_size": None, "mask_h": 7}, "mask_w is missing"),
        ({"mask_size": None, "mask_w": 9, "use_psa": False}, "mask_h is missing"),
        ({"mask_size": None, "mask_h": 7, "mask_w": 9.0}, "mask_w must be a positive whole number, not 9.0"),
        ({"shrink_factor": 0}, "shrink_factor must be a whole number of at least 1, not 0"),
        (
            {"layout": "psanet_paddle", "compact": True},
            "layout 'psanet_paddle' does not have a compact mode; use one of ssseg, mmseg, semseg",
        ),
    ],
    "ISANet": [
        ({"down_factor": (8, 0)}, "down_factor must be one or 2 positive whole numbers, not (8, 0)"),
        ({"down_factor": (8,)}, "down_factor must be one or 2 positive whole numbers, not (8,)"),
        ({"feats_channels": 0}, "feats_channels must be a positive whole number, not 0"),
    ],
}
# Arguments that make an exported program smaller; the pooling of every number of bins is tested in test_pspnet.py.
EXPORTED = {"PSPNet": {"bin_sizes": (1, 3)}, "PSANet": {}, "ISANet": {}}
REFUSED_BY_ALL = [
    ({"layout": "none"}, "has no layout 'none'; the layouts are "),
    ({"backbone_indices": (3,)}, "takes two backbone_indices (auxiliary, main) of the backbone's 4 features, not [3]"),
    ({"backbone_indices": (2, 4)}, "takes two backbone_indices (auxiliary, main)"),
]


def test_every_model_is_here_and_in_the_registry():
    assert set(models.__all__) == set(SMALL) == set(VARIANTS) == set(REFUSED)
    for name in SMALL:
        assert manager.MODELS[name] is getattr(models, name)


@pytest.mark.parametrize(
    ("name", "layout", "variant"),
    [(name, layout, variant) for name, layout in LAYOUTS for variant in VARIANTS[name]],
)
def test_shapes_and_gradients(name, layout, variant):
    """[main, aux] at the input's size in training, [main] in evaluation unless the layout says more."""
    model = small(name, layout, **variant)
    in_evaluation = 2 if model.layouts[layout].auxiliary_in_eval else 1
    for size in ((65, 72), (96, 96)):
        x = paddle.rand([2, 3, *size])
        model.train()
        outputs = model(x)
        assert [tuple(y.shape) for y in outputs] == [(2, NUM_CLASSES, *size)] * 2
        (outputs[0].mean() + outputs[1].mean()).backward()
        assert [key for key, p in model.named_parameters() if p.grad is None and not p.stop_gradient] == []
        model.clear_gradients()
        model.eval()
        assert [tuple(y.shape) for y in model(x)] == [(2, NUM_CLASSES, *size)] * in_evaluation
    assert [conv.weight.shape[0] for conv in model.classifiers] == [NUM_CLASSES] * 2


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_without_the_auxiliary_loss(name, layout):
    model = small(name, layout, TwoConvolutions(), enable_auxiliary_loss=False)
    x = paddle.rand([2, 3, 65, 72])
    for mode in (model.train, model.eval):
        mode()
        assert [tuple(y.shape) for y in model(x)] == [(2, NUM_CLASSES, 65, 72)]


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [(name, *case) for name in SMALL for case in [*REFUSED_BY_ALL, *REFUSED[name]]],
)
def test_wrong_arguments_are_one_sentence(name, arguments, words):
    with pytest.raises(UserError) as error:
        small(name, **{"layout": "ssseg", "backbone": TwoConvolutions(), **arguments})
    sentence = str(error.value)
    assert words in sentence
    assert sentence.endswith(".") and "\n" not in sentence


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_one_exported_program_serves_every_size(name, layout, tmp_path):
    """Odd, even and mixed sizes of the feature, which PSANet shrinks and ISANet pads by different rules."""
    # to_static changes the forward of the model that it is given.
    model, reference = (draw_weights(small(name, layout, TwoConvolutions(), **EXPORTED[name])) for _ in range(2))
    model.eval(), reference.eval()
    program = paddle.jit.to_static(model, input_spec=[InputSpec([None, 3, None, None])], full_graph=True)
    paddle.jit.save(program, str(tmp_path / "model"))
    loaded = paddle.jit.load(str(tmp_path / "model"))
    for size in ((64, 96), (97, 129), (97, 120)):
        x = paddle.rand([1, 3, *size])
        actual, expected = loaded(x), reference(x)
        actual = actual if isinstance(actual, (list, tuple)) else [actual]
        assert len(actual) == len(expected)
        for ours, theirs in zip(actual, expected):
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-4)


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_a_state_dict_is_the_whole_model(name, layout):
    """Weights and statistics of one model make another give the same logits, bit for bit."""
    model, other = draw_weights(small(name, layout, TwoConvolutions())), small(name, layout, TwoConvolutions())
    missing, unexpected = other.set_state_dict({key: value.numpy() for key, value in model.state_dict().items()})
    assert (missing, unexpected) == ([], [])
    x = paddle.rand([1, 3, 65, 72])
    model.eval(), other.eval()
    for ours, theirs in zip(model(x), other(x)):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("name", sorted(SMALL))
def test_names_are_those_of_every_layout(name):
    """The converter maps one set of names; a layout may only leave out the bias of a convolution."""
    with paddle.LazyGuard():
        built = [small(name, layout, TwoConvolutions()) for layout in getattr(models, name).layouts]
    names = [
        {key for key in model.state_dict() if not key.endswith(("conv.bias", "value_project.bias"))} for model in built
    ]
    assert all(found == names[0] for found in names)
