"""The log of a training: PaddleSeg's ``[TRAIN]`` line and VisualDL's curves."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np
import paddle
from paddleseg.utils import TimeAverager, calculate_eta, logger

from paddleseg_ext.errors import UserError


class Means(NamedTuple):
    """Means over the steps since the last line.

    Args:
        loss: The sum of ``parts``.
        parts: The weighted losses of the model's outputs.
        learning_rate: The learning rate of the last step, which is no mean.
        batch_cost: Seconds per step, including ``reader_cost``.
        reader_cost: Seconds per step that the loop waits for its batch.
        ips: Images per second in this process.
    """

    loss: float
    parts: list[float]
    learning_rate: float
    batch_cost: float
    reader_cost: float
    ips: float


class Curves:
    """VisualDL's record of a run, with PaddleSeg's tags.

    Args:
        save_dir: The folder that the record is written into.

    Raises:
        UserError: VisualDL is not installed.
    """

    def __init__(self, save_dir: Union[str, Path]) -> None:
        try:
            from visualdl import LogWriter
        except ImportError as error:
            raise UserError("--use_vdl needs VisualDL; install it with `pip install visualdl`.") from error
        self._writer = LogWriter(str(save_dir))

    def add_training(self, step: int, means: Means) -> None:
        """Add ``Train/...``: the losses, the learning rate and the seconds."""
        self._writer.add_scalar("Train/loss", means.loss, step)
        if len(means.parts) > 1:
            for number, value in enumerate(means.parts):
                self._writer.add_scalar(f"Train/loss_{number}", value, step)
        self._writer.add_scalar("Train/lr", means.learning_rate, step)
        self._writer.add_scalar("Train/batch_cost", means.batch_cost, step)
        self._writer.add_scalar("Train/reader_cost", means.reader_cost, step)

    def add_evaluation(self, step: int, figures: dict[str, float], pictures: Iterable[np.ndarray]) -> None:
        """Add ``Evaluate/...``: figures by name, and pictures, uint8 (H, W, 3) in red green blue."""
        for name, value in figures.items():
            self._writer.add_scalar(f"Evaluate/{name}", float(value), step)
        for number, picture in enumerate(pictures):
            self._writer.add_image(f"Evaluate/sample_{number}", picture, step)

    def close(self) -> None:
        self._writer.close()


class TrainingLog:
    """Measures the steps of a training and reports their means every ``log_iters`` steps.

    The loop calls ``start_step``, then ``batch_read``, then ``step_done``. Time between ``step_done`` and the next
    ``start_step`` is not measured: an evaluation takes place there.

    Args:
        iters: The last step of the run.
        log_iters: Steps between two lines.
        iters_per_epoch: Steps in an epoch.
        batch_size: Images per process.
        curves: Receives the same means as the line; closed by ``close``.
    """

    def __init__(
        self, iters: int, log_iters: int, iters_per_epoch: int, batch_size: int, curves: Optional[Curves] = None
    ) -> None:
        self.iters, self.log_iters = iters, log_iters
        self.iters_per_epoch, self.batch_size = iters_per_epoch, batch_size
        self.curves = curves
        self._writes = paddle.distributed.ParallelEnv().local_rank == 0
        self._reader_cost, self._batch_cost = TimeAverager(), TimeAverager()
        self._start = time.time()
        self._begin_interval()

    def start_step(self) -> None:
        """Start the clock: the loop waits for a batch."""
        self._start = time.time()

    def batch_read(self) -> None:
        """Note that the batch has come."""
        self._reader_cost.record(time.time() - self._start)

    def step_done(self, step: int, loss: float, parts: Sequence[paddle.Tensor], learning_rate: float) -> None:
        """Count step number ``step`` and report the means when it is a multiple of ``log_iters``.

        Args:
            loss: The sum of ``parts``.
            parts: The weighted losses of the model's outputs, scalars.
            learning_rate: The learning rate of this step.
        """
        self._losses.append(loss)
        # Kept as tensors: reading each part would make the GPU wait in every iteration.
        self._parts.append([part.detach() for part in parts])
        self._batch_cost.record(time.time() - self._start, num_samples=self.batch_size)
        if step % self.log_iters:
            return
        if self._writes:
            means = self._means(learning_rate)
            logger.info(self._line(step, means))
            if self.curves:
                self.curves.add_training(step, means)
        self._begin_interval()

    def close(self) -> None:
        if self.curves:
            self.curves.close()

    def _begin_interval(self) -> None:
        self._losses: list[float] = []
        self._parts: list[list[paddle.Tensor]] = []
        self._reader_cost.reset()
        self._batch_cost.reset()

    def _means(self, learning_rate: float) -> Means:
        return Means(
            loss=float(np.mean(self._losses)),
            parts=np.mean([[float(part) for part in parts] for parts in self._parts], axis=0).tolist(),
            learning_rate=learning_rate,
            batch_cost=self._batch_cost.get_average(),
            reader_cost=self._reader_cost.get_average(),
            ips=self._batch_cost.get_ips_average(),
        )

    def _line(self, step: int, means: Means) -> str:
        return (
            f"[TRAIN] epoch: {(step - 1) // self.iters_per_epoch + 1}, iter: {step}/{self.iters}, "
            f"loss: {means.loss:.4f}, lr: {means.learning_rate:.6f}, batch_cost: {means.batch_cost:.4f}, "
            f"reader_cost: {means.reader_cost:.5f}, ips: {means.ips:.4f} samples/sec | "
            f"ETA {calculate_eta(self.iters - step, means.batch_cost)}"
        )
