"""The publishers' learning-rate curves, computed without Paddle's scheduler."""

from paddleseg_ext.zoo.table import Facts


def _ssseg(iteration: int, iterations: int, start: float, floor: float, power: float) -> float:
    """SSSegmentation's PolyScheduler, with a step in every iteration. Iteration ``iterations`` would have the floor."""
    return (1 - iteration / iterations) ** power * (start - floor) + floor


def _mmengine(iteration: int, iterations: int, start: float, floor: float, power: float) -> float:
    """mmengine's PolyLR from 0 to ``iterations``. The last iteration has the floor, so it divides by one less.

    At step i, mmengine multiplies the distance to the floor by ``(1 - 1 / (steps - i + 1)) ** power``. This is the
    product of these factors.
    """
    steps = iterations - 1
    return floor + (start - floor) * ((steps - min(iteration, steps)) / steps) ** power


def _paddle(iteration: int, iterations: int, start: float, floor: float, power: float) -> float:
    """Paddle's PolynomialDecay over ``iterations``, with which PSANet_paddle trained."""
    return (start - floor) * (1 - min(iteration, iterations) / iterations) ** power + floor


_CURVES = {"ssseg": _ssseg, "mmengine": _mmengine, "paddle": _paddle}


def learning_rate(row: Facts, iteration: int) -> float:
    """The learning rate of a row's publisher in ``iteration``, which counts from 0."""
    rate = row["learning_rate"]
    curve = _CURVES[rate["curve"]]
    return curve(iteration, row["schedule"]["iterations"], rate["start"], rate["floor"], rate["power"])


def points(iterations: int) -> list[int]:
    """The iterations at which curves are compared: the first two, number 1000, the middle and the last."""
    return [0, 1, 1000, iterations // 2, iterations - 1]
