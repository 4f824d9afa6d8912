"""How close the two sides must be, and how close they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional

import numpy as np

from paddleseg_ext.errors import UserError

# The peers' own float32 is this far from their float64: logits 4e-6; gradient norms 0.3 % at depth 18, 1 % at 50, 3 %
# at 101, because a ReLU that flips in a batch of few samples moves everything before it.
LOGITS = {"float32": 5e-5, "float64": 1e-6}
LOSS = {"float32": 1e-5, "float64": 1e-6}
GRADIENTS = {"float32": {18: 5e-3, 50: 2e-2, 101: 4e-2}, "float64": {18: 1e-6, 50: 1e-6, 101: 1e-6}}
STATISTICS = {"float32": 1e-5, "float64": 1e-6}
# A share of one: what a single pixel at a tie can change.
METRIC = 1e-3
TRAINING = {"float32": 1e-3, "float64": 1e-6}
# In float32 a ReLU that flips in one step moves all that follow, on either side: see drift. Two runs that differ by
# rounding alone were found up to four times that apart, where it is more than a tenth of the limit.
DRIFTS = 10
# Below this share of the median norm a gradient is zero in theory, and what is left of it rounding.
ZERO = {"float32": 1e-5, "float64": 1e-10}


@dataclass(frozen=True)
class Difference:
    """One entry of one step in one dtype: mean and largest difference, absolute or relative to the peer's figure.

    Attributes:
        undecided_to: Beyond the limit, up to here, float32 cannot tell a fault from rounding: the peer's own figure is
            rounded too much. 0 where it can.
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
        # Not the other way round: NaN is larger than no limit.
        if self.largest <= self.limit:
            return "PASS"
        return "UNDECIDED" if self.largest <= self.undecided_to else "FAIL"

    @property
    def failed(self) -> bool:
        """Whether there is a fault."""
        return self.verdict == "FAIL"

    def __str__(self) -> str:
        return (
            f"{self.dtype}  {self.step:<8}  {self.name}: mean {self.mean:.2e}, max {self.largest:.2e} "
            f"({self.measure}), limit {self.limit:.0e}, {self.verdict}"
        )


def differences(ours: dict, theirs: dict, depth: int) -> list:
    """A ``Difference`` for every entry ``dtype/step/name`` of two answers (``our_side.run``).

    Raises:
        UserError: the two sides do not have the same parameters, the same weights or the same entries.
    """
    left, right = (
        {name for name in side["names"] if not name.endswith("num_batches_tracked")} for side in (ours, theirs)
    )
    if left != right:
        raise UserError(f"The two models do not have the same parameters; the differing ones: {sorted(left ^ right)}.")
    if int(ours["checksum"]) != int(theirs["checksum"]):
        raise UserError("The two sides did not draw the same weights; their NumPy versions may be too far apart.")
    entries = [name for name in theirs if "/" in name]
    if set(entries) != {name for name in ours if "/" in name}:
        raise UserError("The two sides did not answer the same; is the peers' side of another version of this package?")
    median = {dtype: _median_norm(theirs, dtype) for dtype in GRADIENTS}
    rounding = DRIFTS * (drift(theirs) or 0.0)
    found = []
    for entry in entries:
        dtype, step, name = entry.split("/", 2)
        ours_, theirs_ = (np.asarray(side[entry], "float64") for side in (ours, theirs))
        if ours_.shape != theirs_.shape:
            raise UserError(f"{entry} has the shape {list(ours_.shape)} here and {list(theirs_.shape)} in the peer.")
        measure, limit = _rule(dtype, step, name, theirs_, depth, median[dtype])
        difference = np.abs(ours_ - theirs_)
        if measure == "relative":
            difference = difference / np.abs(theirs_)
        undecided_to = rounding if (dtype, step) == ("float32", "train") else 0.0
        mean, largest = float(difference.mean()), float(difference.max())
        found.append(Difference(dtype, step, name, measure, mean, largest, limit, undecided_to))
    return found


def drift(answer: dict) -> Optional[float]:
    """How far the steps of training in float32 end from those in float64 on one side: the largest relative difference.

    None where the answer has not both.
    """
    rounded, exact = (answer.get(f"{dtype}/train/losses") for dtype in ("float32", "float64"))
    if rounded is None or exact is None:
        return None
    return float(np.max(np.abs(rounded - exact) / np.abs(exact)))


def _rule(dtype: str, step: str, name: str, theirs: np.ndarray, depth: int, median: float) -> tuple:
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


def _median_norm(answer: dict, dtype: str) -> float:
    norms = [float(value) for name, value in answer.items() if name.startswith(f"{dtype}/backward/gradient_norm.")]
    return float(np.median(norms)) if norms else 0.0


def part(difference: Difference) -> str:
    """What a difference is summed up under: its step, with the running statistics apart from the gradients."""
    if difference.step == "backward":
        return "gradients" if difference.name.startswith("gradient_norm.") else "statistics"
    return difference.step


def worst(found: Iterable) -> dict:
    """``{(dtype, part): Difference}``: the one nearest to its limit, or farthest beyond it."""
    summary = {}
    for difference in found:
        key = difference.dtype, part(difference)
        if key not in summary or _nearness(difference) > _nearness(summary[key]):
            summary[key] = difference
    return summary


def _nearness(difference: Difference) -> float:
    return np.inf if np.isnan(difference.largest) else difference.largest / max(difference.limit, 1e-300)
