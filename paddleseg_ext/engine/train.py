"""The training loop: PaddleSeg's arguments, log lines and files, and a run that cannot lose work.

Beyond ``paddleseg.core.train.train``: a resumed run goes on exactly as if it had never stopped, Ctrl-C and SIGTERM
save first, checkpoints are whole or absent, and a loss that is not finite ends the run before it can spoil anything.
"""

import contextlib
import copy
import dataclasses
import json
import re
import shutil
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import paddle
from paddleseg.core.train import loss_computation
from paddleseg.utils import TimeAverager, calculate_eta, logger, update_ema_model

from paddleseg_ext.cli.interrupt import Interrupted, StopRequest
from paddleseg_ext.engine import random_state
from paddleseg_ext.engine.evaluate import amp_context, evaluate
from paddleseg_ext.engine.profile import StepProfiler
from paddleseg_ext.engine.sample_pictures import sample_pictures
from paddleseg_ext.engine.samples import GuardedDataset, checked, collate
from paddleseg_ext.errors import UserError
from paddleseg_ext.weights import checkpoint


@dataclasses.dataclass
class Progress:
    """How far a run is: what a checkpoint's ``trainer.json`` holds besides the random states."""

    iter: int = 0
    data_seed: int = 0
    best_mean_iou: float = -1.0
    best_iter: int = -1
    best_ema_mean_iou: float = -1.0
    best_ema_iter: int = -1
    evaluations_without_gain: int = 0

    def take(self, state: dict) -> None:
        """Take over what ``state`` has; a checkpoint of PaddleSeg has only ``iter``."""
        for field in dataclasses.fields(self):
            setattr(self, field.name, state.get(field.name, getattr(self, field.name)))


class _Sampler(paddle.io.DistributedBatchSampler):
    """Paddle's sampler, able to begin in the middle of an epoch without reading what came before."""

    skip = 0

    def __iter__(self) -> Iterator[list]:
        skip, self.skip = self.skip, 0
        for number, batch in enumerate(super().__iter__()):
            if number >= skip:
                yield batch


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
    """Train a model. Takes the place of ``paddleseg.core.train``, with its arguments in its order and two more.

    Writes ``save_dir/iter_N/{model.pdparams, model.pdopt, trainer.json}`` every ``save_interval`` iterations and at the
    end, ``save_dir/best_model/model.pdparams`` with a ``val_dataset``, and with ``use_ema`` the averaged weights beside
    them. Under ``paddle.distributed.launch`` the gradients are averaged over the processes and the first one writes.

    Args:
        model: Returns a list of logits (N, num_classes, H, W) in training, as many as ``losses`` has types.
        train_dataset: Built with ``mode='train'``.
        val_dataset: Built with ``mode='val'``; evaluated before each checkpoint.
        optimizer: Over the parameters of ``model``.
        iters: Where to stop, counted from the very beginning, also in a resumed run.
        batch_size: Images per process.
        resume_model: A folder ``iter_N`` to go on from: weights, optimizer, schedule, random generators, position in
            the data, best figures.
        log_iters: How often to log the ``[TRAIN]`` line.
        num_workers: Reading processes; 0 reads in this one.
        use_vdl: Write VisualDL scalars and, at every evaluation, three validation samples with label and prediction.
        use_ema: Keep and evaluate an exponential moving average of the weights.
        losses: ``{"types": [loss, ...], "coef": [float, ...]}``.
        keep_checkpoint_max: How many ``iter_N`` folders to keep; 0 keeps all.
        test_config: Arguments of ``evaluate``.
        precision, amp_level: ``'fp16'`` trains with mixed precision.
        profiler_options: See ``profile.StepProfiler``.
        to_static_training: Train the model as a static graph.
        early_stop_intervals: Stop after so many evaluations in a row without a better mIoU.
        repeats: How often each sample appears in an epoch.

    Raises:
        UserError: Unusable data or checkpoint, or a loss that is not finite.
        Interrupted: SIGINT or SIGTERM; everything is saved.
    """
    parallel = paddle.distributed.ParallelEnv()
    nranks, first = parallel.nranks, parallel.local_rank == 0
    test_config = test_config or {}
    if nranks > 1 and not paddle.distributed.is_initialized():
        paddle.distributed.init_parallel_env()
    sampler = _Sampler(GuardedDataset(train_dataset, repeats), batch_size=batch_size, shuffle=True, drop_last=True)
    iters_per_epoch = len(sampler)
    if iters_per_epoch == 0:
        raise UserError(
            f"train_dataset has {len(train_dataset)} samples, fewer than one batch of {batch_size} for each of "
            f"{nranks} processes; lower the batch size or raise --repeats."
        )

    model.train()
    ema_model = _frozen_copy(model) if use_ema else None
    progress = Progress(data_seed=random_state.data_seed())
    state = {}
    if resume_model is not None:
        state = checkpoint.load_checkpoint(resume_model, model, optimizer, ema_model)
        progress.take(state)
        logger.info(f"Resume from {resume_model} at iteration {progress.iter}.")
        if progress.iter >= iters:
            raise UserError(
                f"--resume_model {resume_model} is at iteration {progress.iter} and the run ends at {iters}; "
                "raise --iters to go on."
            )
    sampler.dataset.seed = progress.data_seed
    sampler.epoch, sampler.skip = divmod(progress.iter, iters_per_epoch)
    folders = _Folders(Path(save_dir), keep_checkpoint_max, progress.iter)

    scaler = None
    if precision == "fp16":
        logger.info(f"use AMP to train. AMP level = {amp_level}")
        scaler = paddle.amp.GradScaler(init_loss_scaling=1024)
        if state.get("scaler"):
            scaler.load_state_dict(state["scaler"])
        if amp_level == "O2":
            model, optimizer = paddle.amp.decorate(models=model, optimizers=optimizer, level="O2", save_dtype="float32")
    if to_static_training:
        model = paddle.jit.to_static(model)
        logger.info("Successfully applied @to_static")
    forward = paddle.DataParallel(model) if nranks > 1 else model
    writer = _visualdl_writer(save_dir) if use_vdl and first else None
    profiler = StepProfiler(profiler_options) if profiler_options is not None else None
    loader = paddle.io.DataLoader(
        sampler.dataset, batch_sampler=sampler, collate_fn=collate, num_workers=num_workers, return_list=True
    )
    # Last, because building the parts above may draw.
    _restore_random_state(state, parallel.rank)

    run = _Run(model, optimizer, ema_model, scaler, progress, folders, writer, iters)
    window = _Window()
    reader_cost, batch_cost = TimeAverager(), TimeAverager()
    with StopRequest() as stop, contextlib.closing(writer) if writer else contextlib.nullcontext():
        start = time.time()
        for data in _batches(loader, sampler):
            reader_cost.record(time.time() - start)
            progress.iter += 1
            step = progress.iter
            with amp_context(precision, amp_level):
                loss_list = _losses(forward, model, data, losses)
                loss = sum(loss_list)
            value = float(loss)
            if not np.isfinite(value):
                raise UserError(
                    f"The loss became {value} at iteration {step}; nothing was overwritten, "
                    f"{folders.how_to_go_on()}; lower the learning rate or check the data."
                )
            _update(loss, optimizer, scaler)
            rate = optimizer.get_lr()
            _advance_schedule(optimizer, loss)
            model.clear_gradients()
            window.add(value, loss_list)
            batch_cost.record(time.time() - start, num_samples=batch_size)
            if step % log_iters == 0:
                if first:
                    costs = (batch_cost.get_average(), reader_cost.get_average())
                    mean, means = window.means()
                    logger.info(
                        f"[TRAIN] epoch: {(step - 1) // iters_per_epoch + 1}, iter: {step}/{iters}, "
                        f"loss: {mean:.4f}, lr: {rate:.6f}, batch_cost: {costs[0]:.4f}, "
                        f"reader_cost: {costs[1]:.5f}, ips: {batch_cost.get_ips_average():.4f} samples/sec | "
                        f"ETA {calculate_eta(iters - step, costs[0])}"
                    )
                    if writer:
                        _write_scalars(writer, step, mean, means, rate, costs)
                window = _Window()
                reader_cost.reset()
                batch_cost.reset()
            if use_ema:
                update_ema_model(ema_model, model, step=step)

            if step % save_interval == 0 or step == iters:
                gained = ()
                if val_dataset is not None:
                    gained = run.evaluate(
                        val_dataset, num_workers=num_workers, precision=precision, amp_level=amp_level, **test_config
                    )
                run.save(_gathered_random_states(data, progress, nranks), gained)
            elif stop.received is not None:
                # A signal may reach the processes of a parallel run in different iterations, so nobody waits here.
                run.save([_random_states(data, progress)])
            if stop.received is not None and step < iters:
                raise Interrupted(
                    f"iteration {step} of {iters} is saved in {folders.newest}; "
                    f"go on with --resume_model {folders.newest}",
                    stop.received,
                )
            stop_early = early_stop_intervals and progress.evaluations_without_gain >= early_stop_intervals
            if stop_early:
                logger.info(
                    f"[TRAIN] Stopped at iter {step}: {early_stop_intervals} evaluations without a better mIoU."
                )
            if step >= iters or stop_early or (profiler is not None and profiler.after_step()):
                break
            start = time.time()


@dataclasses.dataclass
class _Run:
    """What is saved and evaluated together."""

    model: paddle.nn.Layer
    optimizer: paddle.optimizer.Optimizer
    ema_model: Optional[paddle.nn.Layer]
    scaler: Optional[paddle.amp.GradScaler]
    progress: Progress
    folders: "_Folders"
    writer: Any
    iters: int

    def evaluate(self, dataset: paddle.io.Dataset, **settings: Any) -> tuple:
        """Evaluate the weights, and their average if there is one; returns which of the two are the best so far."""
        progress, gained = self.progress, []
        mean_iou, acc, *_ = evaluate(self.model, dataset, **settings)
        scalars = {"mIoU": mean_iou, "Acc": acc}
        if mean_iou > progress.best_mean_iou:
            progress.best_mean_iou, progress.best_iter, progress.evaluations_without_gain = (
                float(mean_iou),
                progress.iter,
                0,
            )
            gained.append("model")
        else:
            progress.evaluations_without_gain += 1
        if self.ema_model is not None:
            mean_iou, acc, *_ = evaluate(self.ema_model, dataset, **settings)
            scalars.update(Ema_mIoU=mean_iou, Ema_Acc=acc)
            if mean_iou > progress.best_ema_mean_iou:
                progress.best_ema_mean_iou, progress.best_ema_iter = float(mean_iou), progress.iter
                gained.append("ema")
        if self.writer:
            for name, value in scalars.items():
                self.writer.add_scalar(f"Evaluate/{name}", float(value), progress.iter)
            for number, picture in enumerate(sample_pictures(self.model, dataset, **settings)):
                self.writer.add_image(f"Evaluate/sample_{number}", picture, progress.iter)
        self.model.train()
        return tuple(gained)

    def save(self, random_states: list, gained: tuple = ()) -> None:
        """Write the checkpoint, and the best weights if they were gained; only the first process writes."""
        if paddle.distributed.ParallelEnv().local_rank != 0:
            return
        progress = self.progress
        state = {
            **dataclasses.asdict(progress),
            "random_states": random_states,
            "scaler": checkpoint.as_json(self.scaler.state_dict()) if self.scaler else None,
        }
        self.folders.save(progress.iter, self.model, self.optimizer, state, self.ema_model)
        if "model" in gained:
            checkpoint.save_weights(self.model.state_dict(), self.folders.root / "best_model" / checkpoint.WEIGHTS)
        if "ema" in gained:
            checkpoint.save_weights(self.ema_model.state_dict(), self.folders.root / "ema_best_model" / checkpoint.EMA)
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


class _Folders:
    """The ``iter_N`` folders of a run, oldest first.

    A resumed run counts those it finds up to where it goes on; one that starts anew leaves what is there alone until it
    writes a folder of the same name, and says so.
    """

    def __init__(self, root: Path, keep: int, start: int) -> None:
        if root.exists() and not root.is_dir():
            raise UserError(f"--save_dir: {root} is a file; name a folder.")
        self.root, self.keep = root, keep
        found = [int(path.name[5:]) for path in root.glob("iter_*") if re.fullmatch(r"iter_\d+", path.name)]
        self._mine = deque(sorted(number for number in found if number <= start))
        self.newest: Optional[Path] = root / f"iter_{start}" if start in found else None
        if found and not start and paddle.distributed.ParallelEnv().local_rank == 0:
            logger.warning(
                f"{root} holds checkpoints of an earlier run up to iter_{max(found)}; this run starts anew and will "
                f"write over them. To go on instead, stop now and add --resume_model {root / f'iter_{max(found)}'}"
            )

    def save(self, number: int, *parts: Any) -> None:
        """Write ``iter_<number>``, then remove the oldest beyond ``keep``."""
        folder = self.root / f"iter_{number}"
        checkpoint.save_checkpoint(folder, *parts)
        self.newest = folder
        self._mine.append(number)
        while len(self._mine) > self.keep > 0:
            shutil.rmtree(self.root / f"iter_{self._mine.popleft()}", ignore_errors=True)

    def how_to_go_on(self) -> str:
        """For the end of a sentence about a run that failed."""
        if self.newest is None:
            return "no checkpoint was written yet"
        return f"the last checkpoint is {self.newest} (--resume_model {self.newest})"


class _Window:
    """Means of the loss and of its parts since the last log line."""

    def __init__(self) -> None:
        self.values, self.parts = [], []

    def add(self, value: float, loss_list: list) -> None:
        self.values.append(value)
        # Kept as tensors: reading each part would make the GPU wait in every iteration.
        self.parts.append([part.detach() for part in loss_list])

    def means(self) -> tuple:
        parts = np.mean([[float(part) for part in parts] for parts in self.parts], axis=0)
        return float(np.mean(self.values)), parts.tolist()


def _batches(loader: paddle.io.DataLoader, sampler: _Sampler) -> Iterator[dict]:
    while True:
        # What the reading processes of this epoch inherit; the sampler counts on when it starts.
        sampler.dataset.epoch = sampler.epoch
        yield from checked(loader)


def _losses(forward: paddle.nn.Layer, model: paddle.nn.Layer, data: dict, losses: dict) -> list:
    images, labels = data["img"], data["label"].astype("int64")
    edges = data["edge"].astype("int64") if "edge" in data else None
    if getattr(model, "data_format", "NCHW") == "NHWC":
        images = images.transpose((0, 2, 3, 1))
    logits_list = forward(images)
    if hasattr(model, "loss_computation"):
        return model.loss_computation(logits_list, losses, data)
    if len(logits_list) != len(losses["types"]):
        raise UserError(
            f"The model returns {len(logits_list)} outputs in training and loss.coef has {len(losses['types'])}; "
            "give as many coefficients as outputs (an auxiliary head is one)."
        )
    return loss_computation(logits_list=logits_list, labels=labels, edges=edges, losses=losses)


def _update(loss: paddle.Tensor, optimizer: paddle.optimizer.Optimizer, scaler: Any) -> None:
    if scaler is None:
        loss.backward()
        optimizer.step()
    else:
        scaled = scaler.scale(loss)
        scaled.backward()
        scaler.minimize(optimizer, scaled)


def _advance_schedule(optimizer: paddle.optimizer.Optimizer, loss: paddle.Tensor) -> None:
    schedule = optimizer._learning_rate
    if isinstance(schedule, paddle.optimizer.lr.ReduceOnPlateau):
        schedule.step(loss)
    elif isinstance(schedule, paddle.optimizer.lr.LRScheduler):
        schedule.step()


def _frozen_copy(model: paddle.nn.Layer) -> paddle.nn.Layer:
    twin = copy.deepcopy(model)
    twin.eval()
    for parameter in twin.parameters():
        parameter.stop_gradient = True
    return twin


def _random_states(data: dict, progress: Progress) -> dict:
    """The generators of this process as they are between this batch and the next."""
    seed = (progress.data_seed + progress.iter) % 2**31
    return {"data": json.loads(data["random_state"]), "paddle": random_state.of_paddle(seed)}


def _gathered_random_states(data: dict, progress: Progress, nranks: int) -> list:
    """Those of all processes, by rank."""
    mine = _random_states(data, progress)
    if nranks == 1:
        return [mine]
    everyone = []
    paddle.distributed.all_gather_object(everyone, mine)
    return everyone


def _restore_random_state(state: dict, rank: int) -> None:
    states = state.get("random_states", [])
    if rank < len(states):
        random_state.restore(states[rank])


def _visualdl_writer(save_dir: Union[str, Path]) -> Any:
    try:
        from visualdl import LogWriter
    except ImportError as error:
        raise UserError("--use_vdl needs VisualDL; install it with `pip install visualdl`.") from error
    return LogWriter(str(save_dir))


def _write_scalars(writer: Any, step: int, mean: float, means: list, rate: float, costs: tuple) -> None:
    writer.add_scalar("Train/loss", mean, step)
    if len(means) > 1:
        for number, value in enumerate(means):
            writer.add_scalar(f"Train/loss_{number}", value, step)
    writer.add_scalar("Train/lr", rate, step)
    writer.add_scalar("Train/batch_cost", costs[0], step)
    writer.add_scalar("Train/reader_cost", costs[1], step)
