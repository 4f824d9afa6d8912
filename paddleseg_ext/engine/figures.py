"""PaddleSeg's figures and a table of the classes, computed from counted pixels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import paddle
from paddleseg.utils import metrics


class Evaluation(NamedTuple):
    """The result of ``evaluate``: PaddleSeg's five results, in its order.

    Args:
        mean_iou: mIoU, from 0 to 1.
        acc: Pixel accuracy, from 0 to 1.
        class_iou: IoU of each class, float64 (num_classes,); nan for a class that ``Figures`` skips.
        class_precision: Precision of each class, float64 (num_classes,).
        kappa: Cohen's kappa.
    """

    mean_iou: float
    acc: float
    class_iou: np.ndarray
    class_precision: np.ndarray
    kappa: float


class Figures:
    """Figures of a whole data set; ``str`` gives them as one line.

    Args:
        areas: Numbers of pixels, int64 (3, num_classes). Row 0 counts pixels where label and prediction are both the
            class, row 1 pixels that are predicted as the class, row 2 pixels that are labeled as the class.
        absent_classes: Decides about a class that is neither in the labels nor in the predictions. ``'zero'`` counts
            its IoU and Dice as 0, as PaddleSeg does. ``'skip'`` leaves it out of the means, as mmsegmentation and
            SSSegmentation do, whose IoU of it is not a number. ``'skip'`` also adds their mAcc to the line: the mean
            recall of the labeled classes.
    """

    def __init__(self, areas: np.ndarray, absent_classes: str = "zero") -> None:
        self.areas, self.absent_classes = areas, absent_classes
        rows = [paddle.to_tensor(row) for row in areas]
        self.class_iou, self.mean_iou = metrics.mean_iou(*rows)
        self.acc, self.class_precision, self.class_recall = metrics.class_measurement(*rows)
        self.kappa = metrics.kappa(*rows)
        self.class_dice, self.mean_dice = metrics.dice(*rows)
        self.absent = areas[1] + areas[2] == 0
        if absent_classes == "skip":
            self.class_iou[self.absent] = self.class_dice[self.absent] = np.nan
            self.mean_iou, self.mean_dice = np.nanmean(self.class_iou), np.nanmean(self.class_dice)

    def __str__(self) -> str:
        line = f"mIoU: {self.mean_iou:.4f} Acc: {self.acc:.4f} Kappa: {self.kappa:.4f} Dice: {self.mean_dice:.4f}"
        if self.absent_classes == "skip":
            line += f" mAcc: {self.class_recall[self.areas[2] > 0].mean():.4f}"
        return line

    def evaluation(self) -> Evaluation:
        """Return the five figures that ``evaluate`` returns."""
        return Evaluation(self.mean_iou, self.acc, self.class_iou, self.class_precision, self.kappa)

    def table(self, names: Sequence[str]) -> str:
        """Return one line per class: IoU, precision, recall and its share of the labeled pixels.

        A class that occurs nowhere has no figures. Its line says ``absent``, so that a reader sees why the mean is low:
        PaddleSeg counts it as IoU 0 (``absent_classes``).
        """
        width = max(5, *(len(name) for name in names))
        total = max(1, int(self.areas[2].sum()))
        lines = [f"{'class':<{width}}     IoU  Precision  Recall   Share"]
        rows = zip(names, self.absent, self.class_iou, self.class_precision, self.class_recall, self.areas[2] / total)
        for name, absent, iou, precision, recall, share in rows:
            figures = "absent" if absent else f"{iou:.4f}     {precision:.4f}  {recall:.4f}  {share:6.2%}"
            lines.append(f"{name:<{width}}  {figures}")
        return "\n".join(lines)
