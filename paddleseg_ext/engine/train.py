"""The training loop: PaddleSeg's arguments, log lines and files, and a run that cannot lose work.

``train`` writes ``save_dir/iter_N/{model.pdparams, model.pdopt, trainer.json}`` every ``save_interval`` iterations and
at the end. With a ``val_dataset`` it writes ``save_dir/best_model/model.pdparams``. With ``use_ema`` it also writes
``iter_N/ema_model.pdparams`` and ``ema_best_model/ema_model.pdparams``, the averaged weights. Under
``paddle.distributed.launch`` the gradients are averaged over the processes, and the first process writes.

Beyond ``paddleseg.core.train.train``, a resumed run continues exactly as if it had never stopped: weights, optimizer,
schedule, random generators, position in the data and best figures. Ctrl-C and SIGTERM save first, checkpoints are whole
or absent, and a loss that is not finite ends the run before it overwrites anything.
"""

import contextlib
import copy
import dataclasses
import json
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import paddle
from paddleseg.utils import logger, update_ema_model

from paddleseg_ext.cli.interrupt import Interrupted, StopRequest
from paddleseg_ext.engine import random_state
from paddleseg_ext.engine.evaluate import evaluate
from paddleseg_ext.engine.profile import StepProfiler
from paddleseg_ext.engine.run_folders import RunFolders
from paddleseg_ext.engine.sample_pictures import sample_pictures
from paddleseg_ext.engine.training_batches import TrainingBatches
from paddleseg_ext.engine.training_log import Curves, TrainingLog
from paddleseg_ext.engine.training_step import TrainingStep
from paddleseg_ext.errors import UserError, one_line
from paddleseg_ext.weights import checkpoint


def train(
    model: paddle.nn.Layer,
    train_dataset: paddle.io.Dataset,
    val_dataset: Optional[paddle.io.Dataset] = None,
    optimizer: Optional[paddle.optimizer.Optimizer] = None,
    save_dir: Union[str, Path] = "output",
    iters: int = 10000,
    batch_size: int = 2,
    resume_model: Optional[Union[str, Path]] = None,
    save_interval: int = 1000,
    log_iters: int = 10,
    num_workers: int = 0,
    use_vdl: bool = False,
    use_ema: bool = False,
    losses: Optional[dict] = None,
    keep_checkpoint_max: int = 5,
    test_config: Optional[dict] = None,
    precision: str = "fp32",
    amp_level: str = "O1",
    profiler_options: Optional[str] = None,
    to_static_training: bool = False,
    early_stop_intervals: Optional[int] = None,
    repeats: int = 1,
) -> None:
    """Train a model. Replaces ``paddleseg.core.train`` and has its arguments in its order, and two more.

    Args:
        model: Returns a list of logits (N, num_classes, H, W) in training, as many as ``losses`` has types.
        train_dataset, val_dataset: Built with ``mode='train'``, and ``mode='val'`` to evaluate before each checkpoint.
        optimizer: Over the parameters of ``model``.
        save_dir, save_interval: The folder that the run writes into, and the iterations between two checkpoints.
        iters: The last iteration, counted from the start of the first run, also in a resumed run.
        batch_size, num_workers, repeats: See ``TrainingBatches``.
        resume_model: A folder ``iter_N`` to continue from.
        log_iters: Iterations between two ``[TRAIN]`` lines.
        use_vdl: Write VisualDL curves and, at every evaluation, three validation samples with label and prediction.
        use_ema: Keep and evaluate an exponential moving average of the weights.
        losses: ``{"types": [loss, ...], "coef": [float, ...]}``.
        keep_checkpoint_max: How many ``iter_N`` folders to keep; 0 keeps all.
        test_config: Arguments of ``evaluate``.
        precision, amp_level: ``'fp16'`` trains with mixed precision.
        profiler_options: See ``StepProfiler``.
        to_static_training: Train the model as a static graph.
        early_stop_intervals: Stop after so many evaluations in a row without a better mIoU.

    Raises:
        UserError: Unusable data or checkpoint, or a loss that is not finite.
        Interrupted: SIGINT or SIGTERM; everything is saved.
    """
    parallel = paddle.distributed.ParallelEnv()
    if parallel.nranks > 1 and not paddle.distributed.is_initialized():
        paddle.distributed.init_parallel_env()
    batches = TrainingBatches(train_dataset, batch_size, repeats, num_workers)
    model.train()
    ema_model = _frozen_copy(model) if use_ema else None
    progress, state = _beginning(resume_model, model, optimizer, ema_model, iters)
    batches.seek(progress.iter, progress.data_seed)
    folders = RunFolders(save_dir, keep_checkpoint_max, progress.iter)
    step = TrainingStep(model, optimizer, losses, precision, amp_level, to_static_training, state.get("scaler"))
    curves = Curves(save_dir) if use_vdl and parallel.local_rank == 0 else None
    log = TrainingLog(iters, log_iters, len(batches), batch_size, curves)
    profiler = StepProfiler(profiler_options) if profiler_options is not None else None
    settings = dict(num_workers=num_workers, precision=precision, amp_level=amp_level, **(test_config or {}))
    _restore_random_state(state, parallel.rank)  # last, because building the parts above may draw
    run = _Run(step, ema_model, progress, folders, log, val_dataset, settings)
    run.loop(batches, iters, save_interval, early_stop_intervals, profiler)


@dataclasses.dataclass
class Progress:
    """The progress of a run. A checkpoint's ``trainer.json`` holds these fields beside the random states."""

    iter: int = 0
    data_seed: int = 0
    best_mean_iou: float = -1.0
    best_iter: int = -1
    best_ema_mean_iou: float = -1.0
    best_ema_iter: int = -1
    evaluations_without_gain: int = 0

    def take(self, state: dict[str, Any]) -> None:
        """Take over the fields that ``state`` has; a checkpoint of PaddleSeg has only ``iter``."""
        for field in dataclasses.fields(self):
            setattr(self, field.name, state.get(field.name, getattr(self, field.name)))

    def gains(self, mean_iou: float) -> bool:
        """Note an evaluation; returns whether the weights are the best so far."""
        if mean_iou > self.best_mean_iou:
            self.best_mean_iou, self.best_iter, self.evaluations_without_gain = float(mean_iou), self.iter, 0
            return True
        self.evaluations_without_gain += 1
        return False

    def ema_gains(self, mean_iou: float) -> bool:
        """Note an evaluation of the averaged weights; returns whether they are the best averages so far."""
        if mean_iou > self.best_ema_mean_iou:
            self.best_ema_mean_iou, self.best_ema_iter = float(mean_iou), self.iter
            return True
        return False


@dataclasses.dataclass
class _Run:
    """A training run: its loop, its evaluations and its checkpoints."""

    step: TrainingStep
    ema_model: Optional[paddle.nn.Layer]
    progress: Progress
    folders: RunFolders
    log: TrainingLog
    val_dataset: Optional[paddle.io.Dataset]
    evaluation_settings: dict[str, Any]

    def loop(
        self,
        batches: TrainingBatches,
        iters: int,
        save_interval: int,
        early_stop_intervals: Optional[int],
        profiler: Optional[StepProfiler],
    ) -> None:
        """Train until ``iters``, an early stop, the end of a profile or a signal."""
        progress = self.progress
        with StopRequest() as stop, contextlib.closing(self.log):
            self.log.start_step()
            for data in batches:
                self.log.batch_read()
                progress.iter += 1
                self.train_on(data)
                if progress.iter % save_interval == 0 or progress.iter == iters:
                    gained = self.evaluate()
                    self.save(_gathered_random_states(data, progress), gained)
                elif stop.received is not None:
                    # A signal may reach the processes of a parallel run in different iterations, so nobody waits here.
                    self.save([_random_states(data, progress)])
                if stop.received is not None and progress.iter < iters:
                    raise Interrupted(
                        f"iteration {progress.iter} of {iters} is saved in {self.folders.newest}; "
                        f"continue with --resume_model {self.folders.newest}",
                        stop.received,
                    )
                stop_early = early_stop_intervals and progress.evaluations_without_gain >= early_stop_intervals
                if stop_early:
                    logger.info(
                        f"[TRAIN] Stopped at iter {progress.iter}: {early_stop_intervals} evaluations without a better "
                        "mIoU."
                    )
                if progress.iter >= iters or stop_early or (profiler is not None and profiler.after_step()):
                    break
                self.log.start_step()

    def train_on(self, data: dict[str, Any]) -> None:
        """Run one step: update the weights, their average and the log."""
        loss, parts = self.step.losses(data)
        value = float(loss)
        if not np.isfinite(value):
            raise UserError(
                f"The loss became {value} at iteration {self.progress.iter}; nothing was overwritten, "
                f"{self.folders.how_to_continue()}; lower the learning rate or check the data."
            )
        try:
            rate = self.step.update(loss)
        except AssertionError as error:
            # Only the first gradients show which parameters have a state.
            if "should in state dict" not in str(error):
                raise
            raise UserError(
                f"The optimizer's state in the checkpoint does not fit this run ({one_line(error)}); resume from "
                "another checkpoint or train with the same optimizer."
            ) from error
        self.log.step_done(self.progress.iter, value, parts, rate)
        if self.ema_model is not None:
            update_ema_model(self.ema_model, self.step.model, step=self.progress.iter)

    def evaluate(self) -> tuple[str, ...]:
        """Evaluate the weights, and their average if there is one; returns which are the best so far: model, ema."""
        model, dataset, settings = self.step.model, self.val_dataset, self.evaluation_settings
        if dataset is None:
            return ()
        gained = []
        result = evaluate(model, dataset, **settings)
        figures = {"mIoU": result.mean_iou, "Acc": result.acc}
        if self.progress.gains(result.mean_iou):
            gained.append("model")
        if self.ema_model is not None:
            result = evaluate(self.ema_model, dataset, **settings)
            figures.update(Ema_mIoU=result.mean_iou, Ema_Acc=result.acc)
            if self.progress.ema_gains(result.mean_iou):
                gained.append("ema")
        if self.log.curves:
            self.log.curves.add_evaluation(self.progress.iter, figures, sample_pictures(model, dataset, **settings))
        model.train()
        return tuple(gained)

    def save(self, random_states: list[dict[str, Any]], gained: tuple[str, ...] = ()) -> None:
        """Write the checkpoint, and the weights that ``gained`` names as the best; only the first process writes."""
        if paddle.distributed.ParallelEnv().local_rank != 0:
            return
        progress, step = self.progress, self.step
        state = {
            **dataclasses.asdict(progress),
            "random_states": random_states,
            "scaler": checkpoint.as_json(step.scaler.state_dict()) if step.scaler else None,
        }
        self.folders.save(progress.iter, step.model, step.optimizer, state, self.ema_model)
        if "model" in gained:
            self.folders.save_best(step.model)
        if self.ema_model is not None and "ema" in gained:
            self.folders.save_best_ema(self.ema_model)
        if progress.best_iter >= 0:
            logger.info(
                f"[EVAL] The model with the best validation mIoU ({progress.best_mean_iou:.4f}) was saved at iter "
                f"{progress.best_iter}."
            )
        if progress.best_ema_iter >= 0:
            logger.info(
                f"[EVAL] The EMA model with the best validation mIoU ({progress.best_ema_mean_iou:.4f}) was saved at "
                f"iter {progress.best_ema_iter}."
            )


def _frozen_copy(model: paddle.nn.Layer) -> paddle.nn.Layer:
    twin = copy.deepcopy(model)
    twin.eval()
    for parameter in twin.parameters():
        parameter.stop_gradient = True
    return twin


def _beginning(
    resume_model: Optional[Union[str, Path]],
    model: paddle.nn.Layer,
    optimizer: paddle.optimizer.Optimizer,
    ema_model: Optional[paddle.nn.Layer],
    iters: int,
) -> tuple[Progress, dict[str, Any]]:
    """Load ``resume_model`` if it is given. Return the progress of the run and the content of its ``trainer.json``."""
    progress = Progress(data_seed=random_state.data_seed())
    if resume_model is None:
        return progress, {}
    state = checkpoint.load_checkpoint(resume_model, model, optimizer, ema_model)
    progress.take(state)
    logger.info(f"Resume from {resume_model} at iteration {progress.iter}.")
    if progress.iter >= iters:
        raise UserError(
            f"--resume_model {resume_model} is at iteration {progress.iter} and the run ends at {iters}; "
            "raise --iters to continue."
        )
    return progress, state


def _random_states(data: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Return the states of this process's random generators between this batch and the next."""
    seed = (progress.data_seed + progress.iter) % 2**31
    return {"data": json.loads(data["random_state"]), "paddle": random_state.of_paddle(seed)}


def _gathered_random_states(data: dict[str, Any], progress: Progress) -> list[dict[str, Any]]:
    """Return the random states of all processes, by rank."""
    mine = _random_states(data, progress)
    if paddle.distributed.ParallelEnv().nranks == 1:
        return [mine]
    everyone: list[dict[str, Any]] = []
    paddle.distributed.all_gather_object(everyone, mine)
    return everyone


def _restore_random_state(state: dict[str, Any], rank: int) -> None:
    states = state.get("random_states", [])
    if rank < len(states):
        random_state.restore(states[rank])
