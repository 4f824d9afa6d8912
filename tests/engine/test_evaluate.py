"""Evaluation gives PaddleSeg's figures, and says more about the classes."""

import sys

import cv2
import numpy as np
import paddle
import pytest
import yaml
from paddleseg.utils import logger, metrics

import paddleseg_ext  # noqa: F401
from paddleseg_ext import cli
from paddleseg_ext.commands import predict, val
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
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


def test_absent_classes(parts, monkeypatch):
    """A fourth class that nobody labels or predicts: 0 in PaddleSeg's mean, not in the peers'."""
    model, dataset = parts
    dataset.num_classes = 4
    lines = []
    monkeypatch.setattr(logger, "info", lambda message="": lines.append(message))
    miou, acc, class_iou, class_precision, kappa = evaluate(model, dataset, absent_classes="skip")
    assert np.isnan(class_iou).tolist() == [False, False, False, True]
    assert miou == pytest.approx(class_iou[:3].mean())
    zero = evaluate(model, dataset)
    assert zero[0] == pytest.approx(miou * 3 / 4) and zero[2][3] == 0
    assert (zero[1], zero[4]) == (acc, kappa)
    np.testing.assert_array_equal(zero[3], class_precision)
    skipping, counting = (line for line in lines if line.startswith("[EVAL] #Images"))
    recalls = [float(row.split()[-2]) for row in lines[2].splitlines()[2:5]]
    assert float(skipping.split("mAcc: ")[1]) == pytest.approx(np.mean(recalls), abs=1e-4)
    assert "mAcc" not in counting
    with pytest.raises(UserError, match="absent_classes must be zero or skip, not 'leave'"):
        evaluate(model, dataset, absent_classes="leave")


class Edges(paddle.nn.Layer):
    """A convolution, whose labels change with every resize."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = paddle.nn.Conv2D(3, 3, 3, padding=1)

    def forward(self, x):
        return [self.convolution(x)]


@pytest.mark.parametrize("num_workers", [0, 1])
def test_scales_of_the_image_itself(parts, num_workers):
    _, dataset = parts
    model = Edges()
    before = dataset.transforms
    settings = {"aug_eval": True, "scales": [0.5, 1.25], "flip_horizontal": True, "num_workers": num_workers}
    tensor = evaluate(model, dataset, print_detail=False, **settings)
    image = evaluate(model, dataset, print_detail=False, aug_rescale="image", **settings)
    assert image[0] > 0 and image[0] != tensor[0]
    one = {"aug_eval": True, "scales": 1, "num_workers": num_workers, "print_detail": False}
    assert evaluate(model, dataset, aug_rescale="image", **one)[0] == evaluate(model, dataset, **one)[0]
    assert dataset.transforms is before


def test_a_data_set_that_cannot_rescale_its_images(parts):
    model, dataset = parts

    class Plain(paddle.io.Dataset):
        num_classes, ignore_index = 3, 255

        def __len__(self):
            return len(dataset)

        def __getitem__(self, index):
            return dataset[index]

    assert evaluate(model, Plain(), print_detail=False)[0] > 0
    with pytest.raises(UserError, match="and Plain has none to put that before; use aug_rescale tensor"):
        evaluate(model, Plain(), aug_eval=True, aug_rescale="image")


ROW = {
    "align_corners": True,
    "scales": [0.5, 1.25],
    "flip_horizontal": True,
    "aug_average": "softmax",
    "aug_rescale": "image",
}


@pytest.mark.parametrize(
    "row, switched_on",
    [(ROW, False), (ROW, True), ({"resize_once": True}, False), ({**ROW, **SLIDE, "slide_batch_size": 3}, True)],
)
def test_prediction_follows_the_protocol_of_the_file(scenes, monkeypatch, row, switched_on):
    """predict.py writes the labels that val.py counts, whatever test_config says."""
    config = yaml.safe_load((scenes / "config.yml").read_text())
    config["test_config"] = {key: list(value) if isinstance(value, tuple) else value for key, value in row.items()}
    config["model"]["align_corners"] = row.get("align_corners", False)
    resize = {"type": "ResizeByRatio", "base_size": [90, 70]}
    config["val_dataset"]["transforms"].insert(0, resize)
    (scenes / "config.yml").write_text(yaml.safe_dump(config))
    paddle.seed(5)
    builder = Builder(load_config(scenes / "config.yml"))
    paddle.save(builder.build("model").state_dict(), str(scenes / "model.pdparams"))

    counted = []
    calculate_area = metrics.calculate_area

    def listen(labels, *others, **settings):
        counted.append(labels.numpy()[0, 0])
        return calculate_area(labels, *others, **settings)

    monkeypatch.setattr(metrics, "calculate_area", listen)
    where = {"config": str(scenes / "config.yml"), "model_path": str(scenes / "model.pdparams")}
    flags = {"device": "cpu", "opts": None, "data_format": "NCHW", "aug_eval": switched_on, "scales": None}
    val.run_evaluation(**where, **flags)
    folder = scenes / "predicted"
    images = [name for name, _ in builder.build("val_dataset").file_list]
    for image in images:
        words = ["--config", where["config"], "--model_path", where["model_path"], "--image_path", image]
        words += ["--save_dir", str(folder), "--device", "cpu", *(["--aug_pred"] if switched_on else [])]
        assert cli.run(predict.main, words) == 0
    written = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted((folder / "label").glob("*.png"))]
    assert len(written) == len(counted) == 3
    np.testing.assert_array_equal(written, counted)
    assert len(np.unique(written)) > 1
