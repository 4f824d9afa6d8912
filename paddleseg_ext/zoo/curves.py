"""The publishers' learning-rate curves, as formulas of theirs and not of Paddle's scheduler."""


def _ssseg(iteration: int, iterations: int, start: float, floor: float, power: float) -> float:
    """SSSegmentation's PolyScheduler, stepped every iteration: it would reach its floor at ``iterations``."""
    return (1 - iteration / iterations) ** power * (start - floor) + floor


def _mmengine(iteration: int, iterations: int, start: float, floor: float, power: float) -> float:
    """mmengine's PolyLR from 0 to ``iterations``: it divides by one less and reaches its floor at the last iteration.

    mmengine multiplies the distance to the floor by ``(1 - 1 / (steps - i + 1)) ** power`` at every step i; this is
    the product of them.
    """
    steps = iterations - 1
    return floor + (start - floor) * ((steps - min(iteration, steps)) / steps) ** power


def _paddle(iteration: int, iterations: int, start: float, floor: float, power: float) -> float:
    """Paddle's PolynomialDecay over ``iterations``, as PSANet_paddle trained."""
    return (start - floor) * (1 - min(iteration, iterations) / iterations) ** power + floor


_CURVES = {"ssseg": _ssseg, "mmengine": _mmengine, "paddle": _paddle}


def learning_rate(row: dict, iteration: int) -> float:
    """The learning rate with which a row's publisher does its iteration number ``iteration``, counted from 0."""
    rate = row["learning_rate"]
    curve = _CURVES[rate["curve"]]
    return curve(iteration, row["schedule"]["iterations"], rate["start"], rate["floor"], rate["power"])


def points(iterations: int) -> list:
    """The iterations at which curves are compared: the first two, 1000, half and the last."""
    return [0, 1, 1000, iterations // 2, iterations - 1]
