"""compare_results.py: figures of label maps and logs, and the three ways not to agree."""

import cv2
import numpy as np
import paddle
import pytest
from paddleseg.utils import metrics

from paddleseg_ext import cli
from tests.tipc.test_prepare import load

COMPARE = load("compare_results")
EVAL = "[EVAL] #Images: 4 mIoU: 0.0124 Acc: 0.0697 Kappa: -0.0164 Dice: 0.0233 mAcc: 0.0679\n"
TRAIN = f"""[TRAIN] epoch: 1, iter: 1/2, loss: 4.2108, lr: 0.010000
[TRAIN] epoch: 1, iter: 2/2, loss: 4.1001, lr: 0.008000
{EVAL}"""


@pytest.fixture
def run(tmp_path):
    """Two predictions of five classes, mostly right, and their ground truth."""
    rng = np.random.RandomState(0)
    for index in range(2):
        truth = rng.randint(0, 4, (12, 16)).astype(np.uint8)
        predicted = np.where(rng.rand(12, 16) < 0.7, truth, rng.randint(0, 4, (12, 16))).astype(np.uint8)
        truth[:2] = 255
        for folder in ("one_results", "two_results"):
            (tmp_path / folder / "label" / "val").mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / folder / "label" / "val" / f"city_{index}_leftImg8bit.png"), predicted)
        (tmp_path / "gt" / "city").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "gt" / "city" / f"city_{index}_gtFine_labelTrainIds.png"), truth)
    return tmp_path


def compare(root, *arguments):
    flags = ["--metric_file", root / "metrics.txt", *arguments]
    return cli.run(COMPARE.main, [str(word) for word in flags])


def labels(root, *arguments):
    flags = ("--predict_dir", root / "*_results", "--gt_dir", root / "gt", "--num_classes", 5)
    return compare(root, *flags, *arguments)


def test_recorded_labels_agree(run, capsys):
    assert labels(run, "--record", "title") == 0
    assert labels(run) == 0
    assert capsys.readouterr().out.count("Assert allclose passed!") == 2
    assert (run / "metrics.txt").read_text().startswith("# title\nlabels: ")


def test_figures_are_those_of_paddleseg(run):
    pairs = COMPARE.label_files(run / "one_results", run / "gt")
    figures, _ = COMPARE.measure(pairs, 4)
    areas = 0
    for prediction, truth in pairs:
        maps = (paddle.to_tensor(cv2.imread(str(path), 0).astype("int64")[None, None]) for path in (prediction, truth))
        areas += np.stack([area.numpy() for area in metrics.calculate_area(*maps, 4)])
    areas = [paddle.to_tensor(area) for area in areas]
    expected = {
        "mIoU": metrics.mean_iou(*areas)[1],
        "Acc": metrics.class_measurement(*areas)[0],
        "Kappa": metrics.kappa(*areas),
        "Dice": metrics.dice(*areas)[1],
    }
    for name, value in expected.items():
        assert figures[name] == pytest.approx(float(value), abs=1e-6), name
    # A class that is nowhere does not count.
    assert COMPARE.measure(pairs, 5)[0] == figures


def test_other_labels_are_reported(run, capsys):
    assert labels(run, "--record", "title") == 0
    path = next((run / "two_results").rglob("*.png"))
    cv2.imwrite(str(path), (cv2.imread(str(path), 0) + 1) % 4)
    assert labels(run) == 1
    err = capsys.readouterr().err
    assert "Assert allclose failed! mIoU is" in err and "two_results" in err and err.count("error: ") == 1


def test_other_pictures_are_reported(run, capsys):
    assert labels(run, "--record", "title") == 0
    path = next((run / "gt").rglob("*.png"))
    cv2.imwrite(str(path), np.zeros_like(cv2.imread(str(path), 0)))
    assert labels(run) == 1
    assert "have different pictures; compare with figures of the same pictures" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("log", "old", "new", "sentence"),
    (
        (TRAIN, "4.2108", "4.2208", "loss at iteration 1 is 4.2208"),
        (TRAIN, "4.2108", "nan", "has no loss at iteration 1"),
        (EVAL, "-0.0164", "0.0164", "Kappa is 0.0164"),
    ),
)
def test_logs(run, capsys, log, old, new, sentence):
    (run / "run.log").write_text(log)
    assert compare(run, "--log", run / "run.log", "--record", "title") == 0
    assert compare(run, "--log", run / "run.log") == 0
    (run / "run.log").write_text(log.replace(old, new))
    assert compare(run, "--log", run / "run.log") == 1
    assert sentence in capsys.readouterr().err


def test_of_a_recorded_training_the_first_loss_is_compared(run):
    (run / "run.log").write_text(TRAIN)
    assert compare(run, "--log", run / "run.log", "--record", "title") == 0
    (run / "run.log").write_text(TRAIN.replace("4.1001", "4.1101").replace("0.0124", "0.0224"))
    assert compare(run, "--log", run / "run.log") == 0


def test_of_two_trainings_every_loss_is_compared(run, capsys):
    (run / "metrics.txt").write_text(TRAIN)
    (run / "run.log").write_text(TRAIN.replace("0.0124", "0.0224"))
    assert compare(run, "--log", run / "run.log") == 0
    (run / "run.log").write_text(TRAIN.replace("4.1001", "4.1101"))
    assert compare(run, "--log", run / "run.log") == 1
    assert "loss at iteration 2 is 4.1101" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    (
        (("--log", "none.log"), "none.log cannot be read"),
        (("--predict_dir", "none_*"), "none_* does not exist; run the chain first"),
        ((), "give either --predict_dir or --log"),
    ),
)
def test_nothing_to_compare(run, capsys, arguments, sentence):
    (run / "metrics.txt").write_text(EVAL)
    assert compare(run, *arguments) == 1
    assert sentence in capsys.readouterr().err


def test_files_without_figures(run, capsys):
    (run / "metrics.txt").write_text("nothing here\n")
    assert labels(run) == 1
    assert "holds no figures" in capsys.readouterr().err
    (run / "metrics.txt").write_text(EVAL)
    assert labels(run, "--num_classes", 2) == 1
    assert "does not fit" in capsys.readouterr().err
    next((run / "gt").rglob("*.png")).unlink()
    assert labels(run) == 1
    assert "has no label for" in capsys.readouterr().err
