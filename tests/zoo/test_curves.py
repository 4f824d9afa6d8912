"""The publishers' learning-rate curves, against their own step-by-step definitions."""

import math

import pytest

from paddleseg_ext.zoo import curves


def row(curve: str, iterations: int = 2000, floor: float = 1e-4) -> dict:
    rate = {"curve": curve, "start": 0.01, "floor": floor, "power": 0.9}
    return {"learning_rate": rate, "schedule": {"iterations": iterations}}


@pytest.mark.parametrize("curve", ["ssseg", "mmengine", "paddle"])
def test_a_curve_starts_at_the_start_and_falls(curve):
    rates = [curves.learning_rate(row(curve), iteration) for iteration in range(2000)]
    assert rates[0] == 0.01
    assert all(later < earlier for earlier, later in zip(rates, rates[1:]))


def test_only_mmengine_reaches_its_floor_in_training():
    last = {curve: curves.learning_rate(row(curve), 1999) for curve in ("ssseg", "mmengine", "paddle")}
    assert last["mmengine"] == 1e-4
    assert last["ssseg"] > 1e-4 and last["paddle"] > 1e-4
    assert curves.learning_rate(row("paddle"), 2000) == 1e-4


def test_mmengine_is_the_product_of_its_steps():
    rate, steps = 0.01, 1999
    for i in range(1, steps):
        rate = (rate - 1e-4) * (1 - 1 / (steps - i + 1)) ** 0.9 + 1e-4
        assert math.isclose(curves.learning_rate(row("mmengine"), i), rate, rel_tol=1e-9)


def test_curves_are_compared_at_both_ends_and_between():
    assert curves.points(80000) == [0, 1, 1000, 40000, 79999]
