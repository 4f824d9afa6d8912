"""The state of an optimizer is compared with the optimizer before it is set."""

from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle import nn, optimizer

from paddleseg_ext.errors import UserError
from paddleseg_ext.weights.optimizer_state import check_optimizer_state, is_finite_number

KINDS = {
    "SGD": optimizer.SGD,
    "Momentum": optimizer.Momentum,
    "Adam": optimizer.Adam,
    "AdamW": optimizer.AdamW,
    "RMSProp": optimizer.RMSProp,
    "Adagrad": optimizer.Adagrad,
    "Adamax": optimizer.Adamax,
    "Lamb": optimizer.Lamb,
}


def after_a_step(kind: str, steps: int = 1):
    model = nn.Sequential(nn.Conv2D(3, 4, 1), nn.BatchNorm2D(4), nn.Conv2D(4, 2, 1))
    model.add_sublayer("unused", nn.Linear(2, 2))
    schedule = optimizer.lr.LinearWarmup(optimizer.lr.PolynomialDecay(0.1, 10), 2, 0.0, 0.1)
    one = KINDS[kind](schedule, parameters=model.parameters())
    for _ in range(steps):
        model[2](model[1](model[0](paddle.ones([1, 3, 2, 2])))).sum().backward()
        one.step()
        schedule.step()
    return model, one


@pytest.mark.parametrize("kind", KINDS)
def test_own_state_fits_and_the_optimizer_is_unchanged(kind):
    model, one = after_a_step(kind)
    state = one.state_dict()
    fresh = KINDS[kind](
        optimizer.lr.LinearWarmup(optimizer.lr.PolynomialDecay(0.1, 10), 2, 0.0, 0.1), parameters=model.parameters()
    )
    paddle.seed(3)
    drawn = paddle.rand([4]).numpy().tolist()
    paddle.seed(3)
    for other in (one, fresh):
        names = list(other.state_dict())
        check_optimizer_state(state, other, model, Path("x"))
        assert list(other.state_dict()) == names
    assert paddle.rand([4]).numpy().tolist() == drawn


def first(state: dict, part: str) -> str:
    return next(name for name in state if part in name)


FAULTS = {
    "nothing": (lambda state: state.clear(), "LR_Scheduler is missing"),
    "no accumulators": (
        lambda state: [state.pop(name) for name in list(state) if name != "LR_Scheduler"],
        "the moment1 of .* is missing",
    ),
    "no second moment": (lambda state: state.pop(first(state, "moment2")), "the moment2 of .* is missing"),
    "no power": (lambda state: state.pop(first(state, "beta1")), "the beta1_pow_acc of .* is missing"),
    "plain value": (lambda state: state.update({first(state, "moment1"): 1.0}), "the moment1 of .* is missing"),
    "shape": (lambda state: state.update({first(state, "moment1"): paddle.ones([2])}), r"has the shape \[2\] instead"),
    "one number": (lambda state: state.update({first(state, "moment1"): paddle.ones([1])}), r"shape \[1\] instead"),
    "power of a shape": (lambda state: state.update({first(state, "beta1"): paddle.ones([4])}), r"\[4\] instead of"),
    "no owner": (lambda state: state.update(x_moment1_0=paddle.ones([2])), "x_moment1_0 belongs to no parameter"),
    "schedule of text": (lambda state: state.update(LR_Scheduler="x"), "LR_Scheduler is no table"),
    "no epoch": (lambda state: state["LR_Scheduler"].pop("last_epoch"), "LR_Scheduler.last_epoch is missing"),
    "epoch of text": (lambda state: state["LR_Scheduler"].update(last_epoch="1"), "last_epoch is no finite number"),
    "rate NaN": (lambda state: state["LR_Scheduler"].update(last_lr=float("nan")), "last_lr is no finite number"),
    "no inner schedule": (lambda state: state["LR_Scheduler"].pop("LinearWarmup_LR"), "LinearWarmup_LR is missing"),
    "inner text": (
        lambda state: state["LR_Scheduler"]["LinearWarmup_LR"].update(last_lr="x"),
        "LinearWarmup_LR.last_lr is no finite number",
    ),
    "masters in a list": (lambda state: state.update(master_weights=[]), "master_weights is no table"),
    "masters of text": (lambda state: state.update(master_weights={"a": "b"}), "master_weights.a is no tensor"),
    "master of nobody": (
        lambda state: state.update(master_weights={"a": paddle.ones([1])}),
        "master_weights.a has the shape .* instead of None",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_state_that_does_not_fit(fault):
    model, one = after_a_step("AdamW")
    state = one.state_dict()
    change, words = FAULTS[fault]
    change(state)
    with pytest.raises(UserError, match=rf"^x does not fit this optimizer \(.*{words}.*\); resume from another"):
        check_optimizer_state(state, one, model, Path("x"))


def test_state_of_another_optimizer():
    model, one = after_a_step("Momentum")
    other = optimizer.AdamW(one._learning_rate, parameters=model.parameters())
    with pytest.raises(UserError, match="velocity_0 belongs to no parameter or to another optimizer"):
        check_optimizer_state(one.state_dict(), other, model, Path("x"))


def test_parameter_that_has_no_state_while_the_optimizer_has_one():
    model, one = after_a_step("Momentum")
    state = one.state_dict()
    name = first(state, "velocity")
    del state[name]
    with pytest.raises(UserError, match=rf"{name} is missing"):
        check_optimizer_state(state, one, model, Path("x"))


def test_state_of_mixed_precision():
    model, one = after_a_step("Momentum")
    state = one.state_dict()
    weight = model[0].weight
    state[f"{weight.name}_fp32_master_0_velocity_0"] = state[f"{weight.name}_velocity_0"]
    state["master_weights"] = {weight.name: weight}
    check_optimizer_state(state, one, model, Path("x"))


def test_finite_numbers():
    assert all(map(is_finite_number, (0, -1.5, 10**200, np.float32(1), np.int64(1))))
    assert not any(
        map(is_finite_number, (True, None, "1", float("nan"), float("inf"), 10**400, np.float32("inf"), np.bool_(1)))
    )
