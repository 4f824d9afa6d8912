"""Evaluation: PaddleSeg's figures, a table of classes and a progress bar."""

import contextlib
import copy
import functools
import time
from collections.abc import Sequence
from typing import Any, Optional, Union

import numpy as np
import paddle
import paddle.nn.functional as F
from paddleseg.utils import TimeAverager, logger, metrics

from paddleseg_ext.cli.progress import progress_bar
from paddleseg_ext.datasets.class_names import class_names
from paddleseg_ext.engine.samples import GuardedDataset, checked, collate
from paddleseg_ext.errors import UserError
from paddleseg_ext.models.segmentor import Segmentor
from paddleseg_ext.protocol.inference import InferenceProtocol, check_setting

# PaddleSeg's choice of what runs in which precision under AMP.
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
    """Of the resize to the original size.

    Raises:
        UserError: ``said`` is not what the model does.
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
) -> tuple:
    """Measure a model on a data set, one image at a time, at the size of its label.

    Takes the place of ``paddleseg.core.evaluate``, with its arguments and its results; the arguments after ``auc_roc``
    are for the protocols of other projects. Under ``paddle.distributed.launch`` every process evaluates its share and
    all return the same figures.

    Args:
        model: Returns a list whose first item is the logits (N, num_classes, H, W).
        eval_dataset: Built with ``mode='val'``: gives ``img``, ``label`` and ``trans_info``.
        aug_eval: Average over ``scales`` and flips.
        scales: Factors of the image size; only with ``aug_eval``.
        flip_horizontal, flip_vertical: Average over mirrored images; only with ``aug_eval``.
        is_slide: Move a window of ``crop_size`` (width, height) by ``stride`` (width, height) over the image.
        precision, amp_level: ``'fp16'`` evaluates under AMP.
        num_workers: Reading processes.
        print_detail: Log the figures and draw a progress bar.
        auc_roc: Also the area under the ROC curve; needs labels free of the ignore value, keeps all logits in memory.
        align_corners: Of the resize of the logits to the original size; None: as the model's implementation does,
            without for PaddleSeg's own models. It cannot be another than the model's.
        resize_once, aug_average, aug_rescale, interpolation, slide_batch_size: See
            ``InferenceProtocol``.
        absent_classes: How a class counts that is neither in the labels nor in the predictions of the whole data set:
            ``'zero'``, as IoU and Dice 0, as PaddleSeg has it; ``'skip'``, not at all, as mmsegmentation and
            SSSegmentation have it (their IoU of it is not a number, and their mean leaves it out). ``'skip'`` also
            logs their mAcc, the mean recall of the labelled classes.

    Returns:
        mIoU (float), pixel accuracy (float), IoU of each class (array; nan for those skipped), precision of each class
        (array), kappa (float).

    Raises:
        UserError: Empty data set, unusable sample or window, settings that contradict each other.
    """
    protocol = InferenceProtocol(
        aug_eval=aug_eval,
        scales=scales,
        flip_horizontal=flip_horizontal,
        flip_vertical=flip_vertical,
        is_slide=is_slide,
        stride=stride,
        crop_size=crop_size,
        slide_batch_size=slide_batch_size,
        align_corners=_align_corners(align_corners, model),
        resize_once=resize_once,
        aug_average=aug_average,
        aug_rescale=aug_rescale,
        interpolation=interpolation,
    )
    protocol.check_model(model)
    check_setting("absent_classes", absent_classes)
    if len(eval_dataset) == 0:
        raise UserError("The validation data set is empty, so there is nothing to evaluate; check its list file.")
    model.eval()
    parallel = paddle.distributed.ParallelEnv()
    if auc_roc and parallel.nranks > 1:
        raise UserError("--auc_roc needs every pixel in one process; evaluate without paddle.distributed.launch.")
    if parallel.nranks > 1 and not paddle.distributed.is_initialized():
        paddle.distributed.init_parallel_env()
    sampler = paddle.io.DistributedBatchSampler(eval_dataset, batch_size=1, shuffle=False, drop_last=False)
    loader = paddle.io.DataLoader(
        GuardedDataset(_prepared(eval_dataset, protocol)),
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=num_workers,
        return_list=True,
    )
    talks = print_detail and parallel.local_rank == 0
    if talks:
        logger.info(f"Start evaluating (total_samples: {len(eval_dataset)}, total_iters: {len(loader)})...")

    autocast = functools.partial(amp_context, precision, amp_level)
    areas = np.zeros((3, eval_dataset.num_classes), dtype=np.int64)
    scores, truths = [], []
    reader_cost, batch_cost = TimeAverager(), TimeAverager()
    start = time.time()
    verbose = (1 if parallel.nranks < 2 else 2) if talks else 0
    with paddle.no_grad(), progress_bar(len(loader), verbose) as bar:
        for step, data in enumerate(checked(loader)):
            reader_cost.record(time.time() - start)
            label = data["label"].astype("int64")
            pred, logits = protocol(model, data["img"], data["trans_info"], autocast)
            _require_same_size(pred, label, eval_dataset, step * parallel.nranks + parallel.local_rank)
            area = paddle.stack(
                metrics.calculate_area(pred, label, eval_dataset.num_classes, ignore_index=eval_dataset.ignore_index)
            )
            areas += _gather(area, step, parallel.nranks, len(eval_dataset))
            if auc_roc:
                are_probabilities = aug_eval and aug_average == "softmax"
                scores.append((logits if are_probabilities else F.softmax(logits, axis=1)).numpy())
                truths.append(label.numpy())
            batch_cost.record(time.time() - start, num_samples=len(label))
            costs = [("batch_cost", batch_cost.get_average()), ("reader cost", reader_cost.get_average())]
            bar.update(step + 1, costs)
            reader_cost.reset()
            batch_cost.reset()
            start = time.time()

    intersect, pred_area, label_area = (paddle.to_tensor(row) for row in areas)
    class_iou, miou = metrics.mean_iou(intersect, pred_area, label_area)
    acc, class_precision, class_recall = metrics.class_measurement(intersect, pred_area, label_area)
    kappa = metrics.kappa(intersect, pred_area, label_area)
    class_dice, mdice = metrics.dice(intersect, pred_area, label_area)
    if absent_classes == "skip":
        absent = areas[1] + areas[2] == 0
        class_iou[absent] = class_dice[absent] = np.nan
        miou, mdice = np.nanmean(class_iou), np.nanmean(class_dice)
    if talks:
        figures = (
            f"[EVAL] #Images: {len(eval_dataset)} mIoU: {miou:.4f} Acc: {acc:.4f} Kappa: {kappa:.4f} Dice: {mdice:.4f}"
        )
        if absent_classes == "skip":
            figures += f" mAcc: {class_recall[areas[2] > 0].mean():.4f}"
        if auc_roc:
            figures += f" Auc_roc: {_area_under_curve(scores, truths, eval_dataset):.4f}"
        logger.info(figures)
        logger.info("[EVAL] Classes:\n" + class_table(eval_dataset, areas, class_iou, class_precision, class_recall))
    return miou, acc, class_iou, class_precision, kappa


def class_table(dataset: Any, areas: np.ndarray, iou: np.ndarray, precision: np.ndarray, recall: np.ndarray) -> str:
    """One line per class: IoU, precision, recall and its share of the labelled pixels.

    A class that occurs neither in the labels nor in the predictions has no figures; PaddleSeg counts it as IoU 0 in
    the mean (``absent_classes``), and the table says ``absent`` so that nobody wonders.
    """
    names = class_names(dataset, dataset.num_classes)
    width = max(5, *(len(name) for name in names))
    total = max(1, int(areas[2].sum()))
    lines = [f"{'class':<{width}}     IoU  Precision  Recall   Share"]
    for index, name in enumerate(names):
        if areas[1][index] == 0 and areas[2][index] == 0:
            lines.append(f"{name:<{width}}  absent")
            continue
        figures = f"{iou[index]:.4f}     {precision[index]:.4f}  {recall[index]:.4f}  {areas[2][index] / total:6.2%}"
        lines.append(f"{name:<{width}}  {figures}")
    return "\n".join(lines)


def _prepared(dataset: Any, protocol: InferenceProtocol) -> Any:
    """The data set with the transforms that the protocol wants, the given one untouched."""
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


def _gather(area: paddle.Tensor, step: int, nranks: int, total: int) -> np.ndarray:
    """Areas (3, classes) of this step over all processes, without the samples that pad the last step."""
    if nranks < 2:
        return area.numpy()
    everyone = []
    paddle.distributed.all_gather(everyone, area)
    valid = min(nranks, total - step * nranks)
    return sum(part.numpy() for part in everyone[:valid])


def _require_same_size(pred: paddle.Tensor, label: paddle.Tensor, dataset: Any, index: int) -> None:
    if list(pred.shape[-2:]) != list(label.shape[-2:]):
        files = getattr(dataset, "file_list", None)
        name = files[index][1] if files and index < len(files) else f"sample {index}"
        raise UserError(
            f"{name}: the prediction is {pred.shape[-1]}x{pred.shape[-2]} and the label "
            f"{label.shape[-1]}x{label.shape[-2]} pixels; image and label must have one size, and only Resize, "
            "ResizeStepScaling and Padding may change it in val_dataset.transforms."
        )


def _area_under_curve(scores: list, truths: list, dataset: Any) -> float:
    if len({score.shape for score in scores}) > 1:
        raise UserError("--auc_roc needs images of one size; add a Resize to val_dataset.transforms.")
    truth = np.concatenate(truths)
    if truth.max() >= dataset.num_classes:
        raise UserError(
            f"--auc_roc cannot leave pixels out, and the labels hold the ignore value {dataset.ignore_index}; "
            "evaluate without it."
        )
    return metrics.auc_roc(np.concatenate(scores), truth, num_classes=dataset.num_classes)
