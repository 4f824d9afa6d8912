"""Evaluates a model on a data set and logs its figures."""

import contextlib
import copy
import functools
import time
from collections.abc import Sequence
from typing import Any, Callable, Optional, Union

import numpy as np
import paddle
import paddle.nn.functional as F
from paddleseg.utils import TimeAverager, logger, metrics

from paddleseg_ext.cli.progress import progress_bar
from paddleseg_ext.datasets.class_names import class_names
from paddleseg_ext.engine.figures import Evaluation, Figures
from paddleseg_ext.engine.samples import GuardedDataset, checked, collate
from paddleseg_ext.errors import UserError
from paddleseg_ext.models.segmentor import Segmentor
from paddleseg_ext.protocol.inference import InferenceProtocol
from paddleseg_ext.protocol.settings import check_setting

# PaddleSeg's precision of each operator under AMP.
AMP_WHITE_LIST = {"elementwise_add", "batch_norm", "sync_batch_norm"}
AMP_BLACK_LIST = {"bilinear_interp_v2"}


def amp_context(precision: str, amp_level: str) -> contextlib.AbstractContextManager:
    """PaddleSeg's ``auto_cast`` for ``precision='fp16'``, and nothing for ``'fp32'``."""
    if precision != "fp16":
        return contextlib.nullcontext()
    return paddle.amp.auto_cast(
        level=amp_level, enable=True, custom_white_list=AMP_WHITE_LIST, custom_black_list=AMP_BLACK_LIST
    )


def _align_corners(said: Optional[bool], model: paddle.nn.Layer) -> bool:
    """Return ``align_corners`` for the resize to the original size.

    Raises:
        UserError: ``said`` is not the model's value.
    """
    if said is None:
        return getattr(model, "original_align_corners", False)
    its_own = getattr(model, "align_corners", said)
    if isinstance(model, Segmentor) and said != its_own:
        raise UserError(f"align_corners {said} is not the model's, which is {its_own}; leave it out.")
    return said


def evaluate(
    model: paddle.nn.Layer,
    eval_dataset: paddle.io.Dataset,
    aug_eval: bool = False,
    scales: Union[float, Sequence[float]] = 1.0,
    flip_horizontal: bool = False,
    flip_vertical: bool = False,
    is_slide: bool = False,
    stride: Optional[Sequence[int]] = None,
    crop_size: Optional[Sequence[int]] = None,
    precision: str = "fp32",
    amp_level: str = "O1",
    num_workers: int = 0,
    print_detail: bool = True,
    auc_roc: bool = False,
    align_corners: Optional[bool] = None,
    resize_once: bool = False,
    aug_average: str = "logits",
    aug_rescale: str = "tensor",
    interpolation: str = "linear",
    slide_batch_size: int = 4,
    absent_classes: str = "zero",
) -> Evaluation:
    """Measure a model on a data set, one image at a time, at the size of its label.

    Replaces ``paddleseg.core.evaluate`` and has its arguments and its results; the arguments after ``auc_roc`` are for
    the test protocols of other implementations. Under ``paddle.distributed.launch`` every process evaluates its share,
    and all of them return the same figures.

    Args:
        model: Returns a list whose first item is the logits (N, num_classes, H, W).
        eval_dataset: Built with ``mode='val'``: gives ``img``, ``label`` and ``trans_info``.
        aug_eval, scales, flip_horizontal, flip_vertical, is_slide, stride, crop_size, resize_once, aug_average,
            aug_rescale, interpolation, slide_batch_size: See ``InferenceProtocol``.
        precision, amp_level: ``'fp16'`` evaluates with mixed precision.
        num_workers: The number of processes that read samples.
        print_detail: Log the figures and draw a progress bar.
        auc_roc: Also log the area under the ROC curve. Keeps all logits. Labels must not hold the ignore value.
        align_corners: Used by the resize of the logits to the original size. None is the value of the model's
            implementation: False for PaddleSeg's own models. A value that is not the model's is an error.
        absent_classes: ``'zero'`` or ``'skip'``: the figures of a class that occurs nowhere, see ``Figures``.

    Raises:
        UserError: Empty data set, unusable sample or window, settings that contradict each other.
    """
    average: Any = dict(aug_eval=aug_eval, scales=scales, flip_horizontal=flip_horizontal, flip_vertical=flip_vertical)
    window: Any = dict(is_slide=is_slide, stride=stride, crop_size=crop_size, slide_batch_size=slide_batch_size)
    peers: Any = dict(resize_once=resize_once, aug_average=aug_average, aug_rescale=aug_rescale)
    corners = _align_corners(align_corners, model)
    protocol = InferenceProtocol(**average, **window, **peers, interpolation=interpolation, align_corners=corners)
    protocol.check_model(model)
    check_setting("absent_classes", absent_classes)
    loader = _loader(eval_dataset, protocol, num_workers, auc_roc)
    model.eval()
    talks = print_detail and paddle.distributed.ParallelEnv().local_rank == 0
    if talks:
        logger.info(f"Start evaluating (total_samples: {len(eval_dataset)}, total_iters: {len(loader)})...")
    curve = _Curve(eval_dataset) if auc_roc else None
    autocast = functools.partial(amp_context, precision, amp_level)
    areas = _count(model, eval_dataset, loader, protocol, autocast, curve, talks)
    figures = Figures(areas, absent_classes)
    if talks:
        auc = f" Auc_roc: {curve.area():.4f}" if curve else ""
        logger.info(f"[EVAL] #Images: {len(eval_dataset)} {figures}{auc}")
        logger.info("[EVAL] Classes:\n" + figures.table(class_names(eval_dataset, eval_dataset.num_classes)))
    return figures.evaluation()


def _loader(dataset: Any, protocol: InferenceProtocol, num_workers: int, auc_roc: bool) -> paddle.io.DataLoader:
    """Return a loader of this process's share, one image at a time."""
    if len(dataset) == 0:
        raise UserError("The validation data set is empty, so there is nothing to evaluate; check its list file.")
    parallel = paddle.distributed.ParallelEnv()
    if auc_roc and parallel.nranks > 1:
        raise UserError("--auc_roc needs every pixel in one process; evaluate without paddle.distributed.launch.")
    if parallel.nranks > 1 and not paddle.distributed.is_initialized():
        paddle.distributed.init_parallel_env()
    return paddle.io.DataLoader(
        GuardedDataset(_prepared(dataset, protocol)),
        batch_sampler=paddle.io.DistributedBatchSampler(dataset, batch_size=1, shuffle=False, drop_last=False),
        collate_fn=collate,
        num_workers=num_workers,
        return_list=True,
    )


def _prepared(dataset: Any, protocol: InferenceProtocol) -> Any:
    """Return the data set with the transforms that the protocol needs; the given one does not change."""
    given = getattr(dataset, "transforms", None)
    if protocol.aug_eval and protocol.aug_rescale != "tensor" and given is None:
        raise UserError(
            f"aug_rescale {protocol.aug_rescale} resizes images before the transforms of their data set, and "
            f"{type(dataset).__name__} has none to put that before; use aug_rescale tensor."
        )
    wanted = protocol.transforms(given)
    if wanted is given:
        return dataset
    dataset = copy.copy(dataset)
    dataset.transforms = wanted
    return dataset


def _count(
    model: paddle.nn.Layer,
    dataset: Any,
    loader: paddle.io.DataLoader,
    protocol: InferenceProtocol,
    autocast: Callable[[], contextlib.AbstractContextManager],
    curve: Optional["_Curve"],
    talks: bool,
) -> np.ndarray:
    """Evaluate all images: the areas that ``Figures`` takes, of all processes. Fills ``curve``."""
    parallel = paddle.distributed.ParallelEnv()
    areas = np.zeros((3, dataset.num_classes), dtype=np.int64)
    reader_cost, batch_cost = TimeAverager(), TimeAverager()
    start = time.time()
    verbose = (1 if parallel.nranks < 2 else 2) if talks else 0
    with paddle.no_grad(), progress_bar(len(loader), verbose) as bar:
        for step, data in enumerate(checked(loader)):
            reader_cost.record(time.time() - start)
            label = data["label"].astype("int64")
            pred, logits = protocol(model, data["img"], data["trans_info"], autocast)
            _require_same_size(pred, label, dataset, step * parallel.nranks + parallel.local_rank)
            area = paddle.stack(
                metrics.calculate_area(pred, label, dataset.num_classes, ignore_index=dataset.ignore_index)
            )
            areas += _gather(area, step, parallel.nranks, len(dataset))
            if curve is not None:
                are_probabilities = protocol.aug_eval and protocol.aug_average == "softmax"
                curve.add(logits if are_probabilities else F.softmax(logits, axis=1), label)
            batch_cost.record(time.time() - start, num_samples=len(label))
            costs = [("batch_cost", batch_cost.get_average()), ("reader cost", reader_cost.get_average())]
            bar.update(step + 1, costs)
            reader_cost.reset()
            batch_cost.reset()
            start = time.time()
    return areas


def _gather(area: paddle.Tensor, step: int, nranks: int, total: int) -> np.ndarray:
    """Return the areas (3, num_classes) of this step over all processes, without samples that pad the last step."""
    if nranks < 2:
        return area.numpy()
    everyone: list[paddle.Tensor] = []
    paddle.distributed.all_gather(everyone, area)
    valid = min(nranks, total - step * nranks)
    return np.sum([part.numpy() for part in everyone[:valid]], axis=0)


def _require_same_size(pred: paddle.Tensor, label: paddle.Tensor, dataset: Any, index: int) -> None:
    if list(pred.shape[-2:]) != list(label.shape[-2:]):
        files = getattr(dataset, "file_list", None)
        name = files[index][1] if files and index < len(files) else f"sample {index}"
        raise UserError(
            f"{name}: the prediction is {pred.shape[-1]}x{pred.shape[-2]} and the label "
            f"{label.shape[-1]}x{label.shape[-2]} pixels; image and label must have one size, and only Resize, "
            "ResizeStepScaling and Padding may change it in val_dataset.transforms."
        )


class _Curve:
    """The ROC curve over all pixels."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._scores: list[np.ndarray] = []
        self._truths: list[np.ndarray] = []

    def add(self, probabilities: paddle.Tensor, label: paddle.Tensor) -> None:
        """Keep an image: (1, num_classes, H, W) and its classes."""
        self._scores.append(probabilities.numpy())
        self._truths.append(label.numpy())

    def area(self) -> float:
        """The area under the curve.

        Raises:
            UserError: Images of different sizes, or labels with the ignore value.
        """
        if len({score.shape for score in self._scores}) > 1:
            raise UserError("--auc_roc needs images of one size; add a Resize to val_dataset.transforms.")
        classes, ignored, truth = self._dataset.num_classes, self._dataset.ignore_index, np.concatenate(self._truths)
        if truth.max() >= classes:
            raise UserError(
                f"--auc_roc cannot leave pixels out, and the labels hold the ignore value {ignored}; "
                "evaluate without it."
            )
        return metrics.auc_roc(np.concatenate(self._scores), truth, num_classes=classes)
