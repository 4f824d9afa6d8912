"""An export compared with the live model."""

import copy
import functools
from collections.abc import Sequence
from typing import Callable

import numpy as np
import paddle
from paddleseg.utils import logger

from paddleseg_ext.deploy.predictor import sample_input
from paddleseg_ext.errors import UserError, paddle_sentence

LIMIT = 1e-4
ROUNDINGS = 4
# (size, batch): sizes that no stride divides, and one batch of two.
_CHECKED = (((97, 129), 1), ((128, 96), 2), ((161, 113), 1))


class Comparison:
    """The output of the live model at several input sizes, to compare an export with.

    A difference above ``LIMIT`` is too large. But an untrained deep network may round by more than that in float32.
    Then the live model runs in float64 too, and ``ROUNDINGS`` times its own rounding is allowed.

    Args:
        model: The live model, in eval mode.
        output_op: The output of the export, one of ``OUTPUT_OPS``.
        input_shape: (N, C, H, W) of the export; -1 is any size. A fixed shape is compared at that size only.
    """

    def __init__(self, model: paddle.nn.Layer, output_op: str, input_shape: Sequence[int]) -> None:
        self._model = model
        self._output_op = output_op
        checked = _CHECKED if -1 in input_shape else _CHECKED[:1]
        self._batches = [sample_input(input_shape, size, count) for size, count in checked]
        self._live = [_logits(output_op, model, batch) for batch in self._batches]

    def __str__(self) -> str:
        """Return a text that names the compared output and the input shapes."""
        where = ", ".join("x".join(map(str, batch.shape)) for batch in self._batches)
        return f"{self._what} at {where}"

    @property
    def _what(self) -> str:
        return {"argmax": "labels", "softmax": "probabilities"}.get(self._output_op, "logits")

    def difference(self, run: Callable[[np.ndarray], np.ndarray]) -> float:
        """Return the largest difference between the export and the live model.

        For labels, the live model's probability of the chosen class is subtracted from that of the best class. The
        result is half of this lead: each of the two probabilities must be wrong by that much to swap the classes.

        Args:
            run: Gives the export's output for a batch (N, C, H, W), float32.
        """
        differences = [_difference(self._output_op, x, run(batch)) for x, batch in zip(self._live, self._batches)]
        return float(np.max(differences))

    def too_large(self, difference: float) -> bool:
        """Return whether a difference is a fault and not rounding. NaN is too large."""
        return not (difference <= LIMIT or difference <= ROUNDINGS * self._rounding)

    def require_small(self, difference: float) -> None:
        """Raise ``UserError`` if a difference is too large."""
        if self.too_large(difference):
            raise UserError(
                f"The exported model differs from the live one by {difference:.2e} ({self._what}, allowed "
                f"{LIMIT:.0e}); nothing was written. Please report this with the configuration."
            )

    @functools.cached_property
    def _rounding(self) -> float:
        """The largest difference of the live model from itself in float64; 0 if it does not run in float64."""
        try:
            double = copy.deepcopy(self._model).to(dtype="float64")
            exact = [_logits(self._output_op, double, batch.astype(np.float64)) for batch in self._batches]
        except Exception as error:
            logger.warning(f"The model does not run in float64, so its rounding is unknown: {paddle_sentence(error)}")
            return 0.0
        rounded = [_as_output(self._output_op, logits) for logits in self._live]
        rounding = float(np.max([_difference(self._output_op, x, output) for x, output in zip(exact, rounded)]))
        logger.info(f"The live model's own rounding, float32 against float64: {rounding:.2e}.")
        return rounding


def _logits(output_op: str, model: paddle.nn.Layer, batch: np.ndarray) -> np.ndarray:
    forward = model.feature_logits if output_op == "features" else model
    with paddle.no_grad():
        return forward(paddle.to_tensor(batch))[0].numpy()


def _as_output(output_op: str, logits: np.ndarray) -> np.ndarray:
    if output_op in ("none", "features"):
        return logits
    if output_op == "argmax":
        return logits.argmax(axis=1)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _difference(output_op: str, logits: np.ndarray, output: np.ndarray) -> float:
    """Return the largest difference between an output and the output that follows from ``logits``."""
    if output_op != "argmax":
        return _largest(output, _as_output(output_op, logits))
    count, classes, *size = logits.shape
    if output.shape != (count, *size) or output.min() < 0 or output.max() >= classes:
        return float("inf")
    probabilities = _as_output("softmax", logits)
    chosen = np.take_along_axis(probabilities, output[:, None].astype(np.int64), axis=1)
    return float((probabilities.max(axis=1, keepdims=True) - chosen).max() / 2)


def _largest(output: np.ndarray, expected: np.ndarray) -> float:
    if output.shape != expected.shape:
        return float("inf")
    return float(np.abs(output.astype(np.float64) - expected).max())
