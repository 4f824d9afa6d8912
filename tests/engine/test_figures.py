"""Figures and the table against numbers that a pencil gives."""

import numpy as np
import pytest

from paddleseg_ext.engine.figures import Evaluation, Figures

# Of 100 pixels: 50 road, 30 canal and 20 boat; a fourth class occurs nowhere. Rows: both, predicted, labelled.
AREAS = np.array([[40, 20, 0, 0], [60, 40, 0, 0], [50, 30, 20, 0]], dtype=np.int64)
IOU = [40 / 70, 20 / 50, 0.0]
DICE = [80 / 110, 40 / 70, 0.0]
RECALL = [40 / 50, 20 / 30, 0.0]
CHANCE = (60 * 50 + 40 * 30) / 100**2
NAMES = ["road", "canal", "boat", "snow"]


def test_absent_classes_count_as_zero():
    figures = Figures(AREAS)
    np.testing.assert_allclose(figures.class_iou, [*IOU, 0.0], rtol=1e-6)
    np.testing.assert_allclose(figures.class_precision, [40 / 60, 20 / 40, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(figures.class_recall, [*RECALL, 0], rtol=1e-6)
    assert figures.mean_iou == pytest.approx(sum(IOU) / 4)
    assert figures.mean_dice == pytest.approx(sum(DICE) / 4)
    assert figures.acc == pytest.approx(0.6)
    assert figures.kappa == pytest.approx((0.6 - CHANCE) / (1 - CHANCE))
    assert str(figures) == f"mIoU: {sum(IOU) / 4:.4f} Acc: 0.6000 Kappa: 0.3103 Dice: {sum(DICE) / 4:.4f}"


def test_absent_classes_are_skipped():
    figures = Figures(AREAS, absent_classes="skip")
    assert np.isnan(figures.class_iou).tolist() == [False, False, False, True]
    assert figures.mean_iou == pytest.approx(sum(IOU) / 3)
    assert str(figures) == (
        f"mIoU: {sum(IOU) / 3:.4f} Acc: 0.6000 Kappa: 0.3103 Dice: {sum(DICE) / 3:.4f} mAcc: {sum(RECALL) / 3:.4f}"
    )


def test_a_class_that_is_predicted_alone_is_not_absent_and_has_no_recall():
    areas = np.array([[5, 0], [6, 4], [10, 0]], dtype=np.int64)
    figures = Figures(areas, absent_classes="skip")
    assert figures.mean_iou == pytest.approx((5 / 11 + 0) / 2)
    assert str(figures).endswith("mAcc: 0.5000")


def test_what_a_script_gets_unpacks_as_paddlesegs_and_has_names():
    figures = Figures(AREAS)
    result = figures.evaluation()
    mean_iou, acc, class_iou, class_precision, kappa = result
    assert isinstance(result, tuple) and len(result) == 5
    assert Evaluation._fields == ("mean_iou", "acc", "class_iou", "class_precision", "kappa")
    assert (mean_iou, acc, kappa) == (result.mean_iou, result.acc, result.kappa)
    assert (mean_iou, acc, kappa) == (figures.mean_iou, figures.acc, figures.kappa)
    assert class_iou is result[2] is figures.class_iou and class_precision is figures.class_precision


@pytest.mark.parametrize("absent_classes", ["zero", "skip"])
def test_table(absent_classes):
    assert Figures(AREAS, absent_classes).table(NAMES).splitlines() == [
        "class     IoU  Precision  Recall   Share",
        "road   0.5714     0.6667  0.8000  50.00%",
        "canal  0.4000     0.5000  0.6667  30.00%",
        "boat   0.0000     0.0000  0.0000  20.00%",
        "snow   absent",
    ]


def test_table_is_as_wide_as_the_longest_name():
    lines = Figures(AREAS).table(["road", "traffic light", "boat", "snow"]).splitlines()
    assert [line[15:21] for line in lines] == ["   IoU", "0.5714", "0.4000", "0.0000", "absent"]
    assert lines[2].startswith("traffic light  ")
