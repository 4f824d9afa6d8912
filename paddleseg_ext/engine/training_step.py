"""One step of a training: the losses of a batch, then the update of the weights."""

from typing import Any, Optional

import paddle
from paddleseg.core.train import loss_computation
from paddleseg.utils import logger

from paddleseg_ext.engine.evaluate import amp_context
from paddleseg_ext.errors import UserError


class TrainingStep:
    """Computes losses and updates weights, in the chosen precision, as a static graph, in parallel processes.

    Args:
        model: In training mode; returns a list of logits (N, num_classes, H, W).
        optimizer: Over the parameters of ``model``.
        losses: ``{"types": [loss, ...], "coef": [float, ...]}``, as many as the model has outputs; None for a model
            that has ``loss_computation`` of its own.
        precision, amp_level: ``'fp16'`` trains with mixed precision.
        to_static: Train the model as a static graph.
        scaler_state: State of the loss scaler at the checkpoint that the run continues from.

    Attributes:
        model, optimizer: The given ones, changed by mixed precision and the static graph.
        scaler: The loss scaler under ``'fp16'``, else None.
    """

    def __init__(
        self,
        model: paddle.nn.Layer,
        optimizer: paddle.optimizer.Optimizer,
        losses: Any,
        precision: str = "fp32",
        amp_level: str = "O1",
        to_static: bool = False,
        scaler_state: Optional[dict] = None,
    ) -> None:
        self.scaler: Optional[paddle.amp.GradScaler] = None
        if precision == "fp16":
            logger.info(f"use AMP to train. AMP level = {amp_level}")
            self.scaler = paddle.amp.GradScaler(init_loss_scaling=1024)
            if scaler_state:
                self.scaler.load_state_dict(scaler_state)
            if amp_level == "O2":
                model, optimizer = paddle.amp.decorate(
                    models=model, optimizers=optimizer, level="O2", save_dtype="float32"
                )
        if to_static:
            model = paddle.jit.to_static(model)
            logger.info("Successfully applied @to_static")
        self.model, self.optimizer = model, optimizer
        self._forward = paddle.DataParallel(model) if paddle.distributed.ParallelEnv().nranks > 1 else model
        self._losses, self._precision, self._amp_level = losses, precision, amp_level

    def losses(self, data: dict[str, Any]) -> tuple[paddle.Tensor, list[paddle.Tensor]]:
        """Return the loss of a batch and its parts: the weighted losses of the outputs. The loss is their sum.

        Args:
            data: ``img``, float32 (N, C, H, W); ``label``, integers (N, H, W); ``edge``, like it, if a loss needs one.

        Raises:
            UserError: The number of outputs is not the number of coefficients.
        """
        with amp_context(self._precision, self._amp_level):
            parts = self._parts(data)
            loss: Any = sum(parts)  # sum() promises a number for no parts at all
            return loss, parts

    def update(self, loss: paddle.Tensor) -> float:
        """Update the weights by the gradient of ``loss``, then the schedule; returns the learning rate of this step."""
        if self.scaler is None:
            loss.backward()
            self.optimizer.step()
        else:
            scaled = self.scaler.scale(loss)
            scaled.backward()
            self.scaler.minimize(self.optimizer, scaled)
        rate = self.optimizer.get_lr()
        self._advance_schedule(loss)
        self.model.clear_gradients()
        return rate

    def _parts(self, data: dict[str, Any]) -> list[paddle.Tensor]:
        images, labels = data["img"], data["label"].astype("int64")
        edges = data["edge"].astype("int64") if "edge" in data else None
        if getattr(self.model, "data_format", "NCHW") == "NHWC":
            images = images.transpose((0, 2, 3, 1))
        logits_list = self._forward(images)
        if hasattr(self.model, "loss_computation"):
            return self.model.loss_computation(logits_list, self._losses, data)
        if len(logits_list) != len(self._losses["types"]):
            raise UserError(
                f"The model returns {len(logits_list)} outputs in training and loss.coef has "
                f"{len(self._losses['types'])}; give as many coefficients as outputs (an auxiliary head is one)."
            )
        return loss_computation(logits_list=logits_list, labels=labels, edges=edges, losses=self._losses)

    def _advance_schedule(self, loss: paddle.Tensor) -> None:
        schedule = self.optimizer._learning_rate
        if isinstance(schedule, paddle.optimizer.lr.ReduceOnPlateau):
            schedule.step(loss)
        elif isinstance(schedule, paddle.optimizer.lr.LRScheduler):
            schedule.step()
