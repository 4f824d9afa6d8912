"""Components and their arguments; the sentences of each case stand in tests/test_bad_input.py."""

import pytest

from paddleseg_ext.config.components import check_arguments, check_components
from paddleseg_ext.config.places import Places
from paddleseg_ext.errors import UserError

PLACES = Places("a.yml")
MODEL = {"type": "PSPNet", "backbone": {"type": "ResNet18_v1c"}}


def with_optimizer(**optimizer) -> dict:
    return {"model": MODEL, "optimizer": optimizer}


@pytest.mark.parametrize(
    "optimizer",
    [
        {"type": "sgd"},
        {"type": "adam"},
        {"type": "SGD", "momentum": 0.9},
        {"type": "sgd", "momentum": 0.9, "weight_decay": 4e-5},
        {"type": "AdamW"},
    ],
)
def test_optimizers_as_paddleseg_writes_them(optimizer):
    before = dict(optimizer)
    check_components(with_optimizer(**optimizer), PLACES)
    assert optimizer == before


def test_an_argument_of_another_optimizer():
    with pytest.raises(UserError, match="AdamW has no argument 'momentum'"):
        check_components(with_optimizer(type="AdamW", momentum=0.9), PLACES)


def test_a_loss_inside_a_loss():
    mixed = {"type": "MixedLoss", "losses": [{"type": "CrossEntropyLoss"}, {"type": "DiceLos"}], "coef": [1, 1]}
    with pytest.raises(UserError, match=r"loss.types.0.losses.1.type 'DiceLos' is not one of the losses; did you mean"):
        check_components({"model": MODEL, "loss": {"types": [mixed]}}, PLACES)


@pytest.mark.parametrize("cfg", ["PSPNet", {}, {"backbone": {"type": "ResNet18_v1c"}}])
def test_no_type(cfg):
    with pytest.raises(UserError, match=r"a.yml: model needs a `type`"):
        check_components({"model": cfg}, PLACES)


def component(a, b=1, *, num_classes):
    """Takes two arguments, and one that PaddleSeg fills in."""


def test_arguments():
    check_arguments(PLACES, {"type": "it", "a": 1}, ("it",), component, "it")
    with pytest.raises(UserError, match="it needs 'a'; add it below it"):
        check_arguments(PLACES, {"b": 1}, ("it",), component, "it")
    with pytest.raises(UserError, match="it has no argument 'c'; there are: a, b, num_classes, type"):
        check_arguments(PLACES, {"a": 1, "c": 1}, ("it",), component, "it")
    check_arguments(PLACES, {"c": 1}, ("it",), lambda **anything: None, "it")
