"""Which device a command computes on."""

import paddle
import pytest

from paddleseg_ext import cli
from paddleseg_ext.cli.device import DEVICES
from paddleseg_ext.errors import UserError


@pytest.fixture
def machine(monkeypatch):
    """Pretend to be on a machine: ``machine(cuda, cards)``; returns the devices that were set."""
    chosen = []

    def pretend(cuda: bool, cards: int, custom: tuple = ()) -> list:
        monkeypatch.setattr(paddle, "is_compiled_with_cuda", lambda: cuda)
        monkeypatch.setattr(paddle.device.cuda, "device_count", lambda: cards)
        monkeypatch.setattr(paddle, "is_compiled_with_xpu", lambda: False)
        monkeypatch.setattr(paddle.device, "get_all_custom_device_type", lambda: list(custom))
        monkeypatch.setattr(paddle, "set_device", chosen.append)
        return chosen

    return pretend


@pytest.mark.parametrize(
    ("cuda", "cards", "name", "expected"),
    [
        (False, 0, None, "cpu"),
        (True, 0, None, "cpu"),
        (True, 2, None, "gpu"),
        (True, 2, "cpu", "cpu"),
        (True, 1, "gpu", "gpu"),
    ],
)
def test_the_device_that_is_used(machine, cuda, cards, name, expected):
    chosen = machine(cuda, cards)
    assert cli.use_device(name) == expected
    assert chosen == [expected]


def test_a_custom_device(machine):
    chosen = machine(False, 0, custom=("npu",))
    assert cli.use_device("npu") == "npu"
    assert chosen == ["npu"]


@pytest.mark.parametrize("name", [name for name in DEVICES if name != "cpu"])
def test_a_device_that_paddle_is_not_built_for(machine, name):
    chosen = machine(False, 0)
    with pytest.raises(UserError, match=rf"--device {name}: the installed Paddle \S+ is not built for it; use"):
        cli.use_device(name)
    assert not chosen


def test_no_card(machine):
    machine(True, 0)
    with pytest.raises(UserError, match=r"--device gpu: the installed Paddle .* finds no such device"):
        cli.use_device("gpu")
