"""Evaluation gives PaddleSeg's figures, and says more about the classes."""

import sys

import numpy as np
import paddle
import pytest
from paddleseg.utils import logger

import paddleseg_ext  # noqa: F401
from paddleseg_ext.engine.build import Builder
from paddleseg_ext.engine.config import load_config
from paddleseg_ext.engine.evaluate import evaluate
from paddleseg_ext.errors import UserError

SLIDE = {"is_slide": True, "crop_size": (32, 32), "stride": (16, 16)}
AUGMENT = {"aug_eval": True, "scales": [0.75, 1.0], "flip_horizontal": True}


@pytest.fixture
def parts(scenes):
    paddle.seed(5)
    builder = Builder(load_config(scenes / "config.yml"))
    return builder.build("model"), builder.build("val_dataset")


@pytest.mark.parametrize("settings", [{}, SLIDE, AUGMENT, {**SLIDE, **AUGMENT}, {"num_workers": 1}])
def test_same_figures_as_paddleseg(parts, settings):
    theirs = sys.modules["paddleseg.core.val"].evaluate
    assert theirs is not evaluate
    expected = theirs(*parts, print_detail=False, **settings)
    actual = evaluate(*parts, print_detail=False, **settings)
    assert len(actual) == len(expected) == 5
    for one, other in zip(actual, expected):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    assert actual[0] > 0


def test_takes_the_place_of_paddlesegs():
    import paddleseg.core

    from paddleseg_ext.engine.train import train

    assert paddleseg.core.evaluate is evaluate
    assert paddleseg.core.train is train


def test_table_names_every_class(parts, monkeypatch):
    model, dataset = parts
    monkeypatch.setattr(type(dataset), "CLASS_NAMES", ("road", "canal", "bank", "snow"), raising=False)
    dataset.num_classes = 4
    lines = []
    monkeypatch.setattr(logger, "info", lambda message="": lines.append(message))
    _, _, class_iou, _, _ = evaluate(model, dataset)
    assert any(line.startswith("[EVAL] #Images: 3 mIoU: ") for line in lines)
    rows = lines[-1].splitlines()
    assert [row.split()[0] for row in rows[2:]] == ["road", "canal", "bank", "snow"]
    assert float(rows[2].split()[1]) == round(float(class_iou[0]), 4)
    assert rows[5].split() == ["snow", "absent"]


def test_area_under_the_curve(parts, monkeypatch):
    model, dataset = parts
    lines = []
    monkeypatch.setattr(logger, "info", lambda message="": lines.append(message))
    with pytest.raises(UserError, match="the labels hold the ignore value 255"):
        evaluate(model, dataset, auc_roc=True)
    for path in {path for _, path in dataset.file_list}:
        import cv2

        label = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
        label[label == 255] = 0
        cv2.imwrite(path, label)
    evaluate(model, dataset, auc_roc=True)
    assert any("Auc_roc: 0." in line for line in lines)


def test_stride_larger_than_the_window(parts):
    with pytest.raises(UserError, match="--stride 40 16 is larger than --crop_size 32 32"):
        evaluate(*parts, is_slide=True, crop_size=(32, 32), stride=(40, 16))


def test_transform_that_changes_the_size_without_saying_so(parts):
    model, dataset = parts
    dataset.transforms.transforms.insert(0, lambda data: {**data, "img": data["img"][:40]})
    with pytest.raises(UserError, match=r"08.png: the prediction is 48x40 and the label 48x48 pixels"):
        evaluate(model, dataset)
