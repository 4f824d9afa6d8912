"""The differences between the two sides, and their limits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Optional

import numpy as np

from paddleseg_ext.errors import UserError

Answer = Mapping[str, np.ndarray]
# The limits for float32 follow from the peers: their float32 differs from their float64 by 4e-6 in logits, and in
# gradient norms by 0.3 % at depth 18, 1 % at 50 and 3 % at 101. In a small batch, one ReLU that flips changes every
# gradient before it.
LOGITS = {"float32": 5e-5, "float64": 1e-6}
LOSS = {"float32": 1e-5, "float64": 1e-6}
GRADIENTS = {"float32": {18: 5e-3, 50: 2e-2, 101: 4e-2}, "float64": {18: 1e-6, 50: 1e-6, 101: 1e-6}}
STATISTICS = {"float32": 1e-5, "float64": 1e-6}
# A share of one. A single pixel at a tie can change this much.
METRIC = 1e-3
TRAINING = {"float32": 1e-3, "float64": 1e-6}
# In float32, a ReLU that flips in one step changes all later steps, on both sides (see drift). Two runs that differ
# only by rounding were up to four drifts apart, where a drift is more than a tenth of the limit.
DRIFTS = 10
# Below this share of the median norm, a gradient is zero in theory, and its value is rounding.
ZERO = {"float32": 1e-5, "float64": 1e-10}


@dataclass(frozen=True)
class Difference:
    """The difference of one entry of one step in one dtype.

    Attributes:
        measure: ``'absolute'``, or ``'relative'`` to the peer's value.
        mean, largest: The mean and the largest difference of the entry's numbers.
        limit: The largest difference that passes.
        undecided_to: From ``limit`` up to here, float32 cannot tell a fault from rounding, because the peer's own
            rounding is as large. 0 if it always can.
    """

    dtype: str
    step: str
    name: str
    measure: str
    mean: float
    largest: float
    limit: float
    undecided_to: float = 0.0

    @property
    def verdict(self) -> str:
        """``PASS``, ``FAIL`` or ``UNDECIDED``."""
        # In this order NaN fails: it is not less than or equal to anything.
        if self.largest <= self.limit:
            return "PASS"
        return "UNDECIDED" if self.largest <= self.undecided_to else "FAIL"

    @property
    def failed(self) -> bool:
        """Whether the verdict is ``FAIL``."""
        return self.verdict == "FAIL"

    def __str__(self) -> str:
        return (
            f"{self.dtype}  {self.step:<8}  {self.name}: mean {self.mean:.2e}, max {self.largest:.2e} "
            f"({self.measure}), limit {self.limit:.0e}, {self.verdict}"
        )


def differences(ours: Answer, theirs: Answer, depth: int) -> list[Difference]:
    """Return the difference of every entry ``dtype/step/name`` of two answers (see ``our_side.run``).

    Args:
        depth: Depth of the ResNet; the limits of gradients depend on it.

    Raises:
        UserError: The two sides differ in their parameters, weights, entries or shapes.
    """
    left, right = (
        {name for name in side["names"] if not name.endswith("num_batches_tracked")} for side in (ours, theirs)
    )
    if left != right:
        raise UserError(
            f"The two models have different parameters; only one of them has {', '.join(sorted(left ^ right))}; "
            "give both sides the same settings."
        )
    if int(ours["checksum"]) != int(theirs["checksum"]):
        raise UserError("The two sides drew different weights; use NumPy versions that are closer to each other.")
    entries = [name for name in theirs if "/" in name]
    if set(entries) != {name for name in ours if "/" in name}:
        raise UserError("The two sides answered different entries; use peer_side/ of the same version of this package.")
    median = {dtype: _median_norm(theirs, dtype) for dtype in GRADIENTS}
    rounding = DRIFTS * (drift(theirs) or 0.0)
    found = []
    for entry in entries:
        dtype, step, name = entry.split("/", 2)
        ours_, theirs_ = (np.asarray(side[entry], "float64") for side in (ours, theirs))
        if ours_.shape != theirs_.shape:
            raise UserError(
                f"{entry} has the shape {list(ours_.shape)} in our model, but {list(theirs_.shape)} in the peer; "
                "give both sides the same settings."
            )
        measure, limit = _rule(dtype, step, name, theirs_, depth, median[dtype])
        difference = np.abs(ours_ - theirs_)
        if measure == "relative":
            difference = difference / np.abs(theirs_)
        undecided_to = rounding if (dtype, step) == ("float32", "train") else 0.0
        mean, largest = float(difference.mean()), float(difference.max())
        found.append(Difference(dtype, step, name, measure, mean, largest, limit, undecided_to))
    return found


def drift(answer: Answer) -> Optional[float]:
    """The largest relative difference between one side's training losses in float32 and in float64.

    None if the answer does not have both.
    """
    rounded, exact = (answer.get(f"{dtype}/train/losses") for dtype in ("float32", "float64"))
    if rounded is None or exact is None:
        return None
    return float(np.max(np.abs(rounded - exact) / np.abs(exact)))


def _rule(dtype: str, step: str, name: str, theirs: np.ndarray, depth: int, median: float) -> tuple[str, float]:
    """The measure and the limit of an entry."""
    if step == "forward":
        return "absolute", LOGITS[dtype]
    if step == "metric":
        return "absolute", METRIC
    if step == "loss":
        return "relative", LOSS[dtype]
    if step == "train":
        return "relative", TRAINING[dtype]
    if not name.startswith("gradient_norm."):
        return "absolute", STATISTICS[dtype]
    if theirs <= ZERO[dtype] * median:
        return "absolute", ZERO[dtype] * median
    return "relative", GRADIENTS[dtype][depth]


def _median_norm(answer: Answer, dtype: str) -> float:
    norms = [float(value) for name, value in answer.items() if name.startswith(f"{dtype}/backward/gradient_norm.")]
    return float(np.median(norms)) if norms else 0.0


def part(difference: Difference) -> str:
    """The part that a difference belongs to: its step, but ``gradients`` or ``statistics`` in the backward step."""
    if difference.step == "backward":
        return "gradients" if difference.name.startswith("gradient_norm.") else "statistics"
    return difference.step


def worst(found: Iterable[Difference]) -> dict[tuple[str, str], Difference]:
    """``{(dtype, part): Difference}``, with the largest difference of each part as a share of its limit."""
    summary: dict[tuple[str, str], Difference] = {}
    for difference in found:
        key = difference.dtype, part(difference)
        if key not in summary or _nearness(difference) > _nearness(summary[key]):
            summary[key] = difference
    return summary


def _nearness(difference: Difference) -> float:
    return np.inf if np.isnan(difference.largest) else difference.largest / max(difference.limit, 1e-300)
