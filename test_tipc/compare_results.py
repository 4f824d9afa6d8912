"""Compare the figures of a run with recorded ones; see `python test_tipc/compare_results.py --help`."""

import glob
import re
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

# A checkout that is not installed works too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import paddleseg_ext  # noqa: F401, I001, RUF100  before paddle: see there

import numpy as np
from PIL import Image

from paddleseg_ext import cli
from paddleseg_ext.errors import UserError
from paddleseg_ext.files.whole import write_whole

IGNORE = 255
FIRST_LOSS = "loss at iteration 1"
EXAMPLES = """
python test_tipc/compare_results.py --metric_file test_tipc/results/python_psanet_results_fp32.txt \
--predict_dir 'test_tipc/output/psanet/whole_infer/python_infer_*_results'
python test_tipc/compare_results.py --metric_file test_tipc/results/train_psanet_results_fp32.txt \
--log test_tipc/output/psanet/lite_train_lite_infer/norm_train_gpus_-1_autocast_fp32/train.log
"""


def figures_in(text: str) -> dict[str, float]:
    """The figures, by name, in a log of train.py or val.py, or in a recorded file with such lines.

    A training has its losses, named by their iteration; an evaluation has its last mIoU, Acc, Kappa and Dice. The mIoU
    at the end of a training is not used: training magnifies the last bits, and processors differ in these.
    """
    losses = re.findall(r"iter: (\d+)/\d+, loss: (\d+\.\d+)", text)
    if losses:
        return {f"loss at iteration {step}": float(value) for step, value in losses}
    return {name: float(value) for name, value in re.findall(r"\b(mIoU|Acc|Kappa|Dice): (-?\d\.\d+)", text)}


def read(path: str) -> str:
    """The text of a file.

    Raises:
        UserError: The file cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); name a file with figures.") from error


def label_files(predict_dir: str, gt_dir: str) -> list[tuple[Path, Path]]:
    """The pairs (prediction, ground truth) of the label maps that infer.py wrote.

    Raises:
        UserError: There is no label map, or a picture has no ground truth.
    """
    truths = {path.name.split("_gtFine_")[0]: path for path in Path(gt_dir).rglob("*_labelTrainIds.png")}
    predictions = sorted(Path(predict_dir, "label").rglob("*.png"))
    if not predictions:
        raise UserError(f"{predict_dir} holds no label/*.png to compare; run the chain first.")
    pairs = []
    for path in predictions:
        stem = path.name.replace("_leftImg8bit", "").split(".")[0]
        if stem not in truths:
            raise UserError(
                f"--gt_dir: {gt_dir} has no label for {path}; name the folder with its *_labelTrainIds.png."
            )
        pairs.append((path, truths[stem]))
    return pairs


def measure(pairs: Sequence[tuple[Path, Path]], num_classes: int) -> tuple[dict[str, float], str]:
    """mIoU, Acc, Kappa and Dice over all pixels, as in val.py, and a checksum of the ground truth.

    Classes that are neither in the labels nor in the predictions are not counted.
    """
    table, checksum = np.zeros((num_classes, num_classes), dtype=np.int64), 0
    for prediction, truth in pairs:
        with Image.open(prediction) as image:
            predicted = np.asarray(image)
        with Image.open(truth) as image:
            labels = np.asarray(image)
        if predicted.shape != labels.shape or predicted.max() >= num_classes:
            raise UserError(
                f"{prediction} does not fit {truth} and {num_classes} classes; remove it, and run the chain again."
            )
        checksum = zlib.crc32(np.ascontiguousarray(labels).tobytes(), checksum)
        valid = labels != IGNORE
        cells = labels[valid].astype(np.int64) * num_classes + predicted[valid]
        table += np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
    hits, labeled, predicted = np.diag(table), table.sum(1), table.sum(0)
    total, both = table.sum(), labeled + predicted
    there = both > 0
    accuracy, chance = hits.sum() / total, (labeled * predicted).sum() / total**2
    figures = {
        "mIoU": (hits[there] / (both - hits)[there]).mean(),
        "Acc": accuracy,
        "Kappa": (accuracy - chance) / (1 - chance),
        "Dice": (2 * hits[there] / both[there]).mean(),
    }
    return figures, f"{checksum:08x}"


def check(
    expected: dict[str, float], found: dict[str, float], where: str, metric_file: str, atol: float, rtol: float
) -> None:
    """Check that every expected figure is found, within ``atol + rtol * expected``.

    Raises:
        UserError: A figure is missing or differs. The sentence has the first one.
    """
    for name, value in expected.items():
        if name not in found:
            raise UserError(f"{where} has no {name}, but {metric_file} has it; name a log of the same kind of run.")
        # In this form, NaN fails.
        if not abs(found[name] - value) <= atol + rtol * abs(value):
            raise UserError(
                f"Assert allclose failed! {name} is {found[name]:.4f} in {where} and {value:.4f} in {metric_file} "
                f"(allowed: {atol:g} + {rtol:g} of it)."
            )
    print(f"Assert allclose passed! The results of {where} and {metric_file} are consistent!", flush=True)


def main(arguments: Sequence[str]) -> None:
    """Measure and compare, or record; see ``--help``."""
    parser = cli.Parser(
        "Compare a run with recorded figures. A run is label maps of infer.py (--predict_dir), or a log of train.py or "
        "val.py (--log). The recorded file may also be such a log.",
        EXAMPLES,
    )
    parser.add_argument("--metric_file", required=True, metavar="FILE", help="the file with the expected figures.")
    parser.add_argument(
        "--predict_dir", metavar="DIR", help="the --save_dir of infer.py; * may stand for several folders."
    )
    parser.add_argument("--log", metavar="FILE", help="a log of train.py or val.py.")
    parser.add_argument(
        "--gt_dir", default="test_tipc/data/cityscapes/gtFine/val", metavar="DIR", help="the true label maps."
    )
    parser.add_argument(
        "--num_classes", type=cli.positive_int, default=19, metavar="N", help="number of classes of the labels."
    )
    parser.add_argument("--atol", type=float, default=1e-4, metavar="A", help="allowed difference.")
    parser.add_argument(
        "--rtol", type=float, default=1e-3, metavar="R", help="further allowed difference, as a share of the figure."
    )
    parser.add_argument(
        "--record",
        metavar="TEXT",
        help="write FILE instead: a line with TEXT, then the first run's figures (the first loss of a training).",
    )
    flags = parser.parse_args(arguments)
    if (flags.predict_dir is None) == (flags.log is None):
        raise UserError("give either --predict_dir or --log, and not both.")

    runs: dict[str, tuple[dict[str, float], Optional[str]]] = {}
    if flags.log is not None:
        runs[flags.log] = figures_in(read(flags.log)), None
    else:
        for folder in sorted(glob.glob(flags.predict_dir)):
            runs[folder] = measure(label_files(folder, flags.gt_dir), flags.num_classes)
        if not runs:
            raise UserError(f"--predict_dir: {flags.predict_dir} does not exist; run the chain first.")
    if flags.record is not None:
        record(flags.metric_file, flags.record, *next(iter(runs.values())))
        return
    text = read(flags.metric_file)
    expected, labels = figures_in(text), re.search(r"^labels: (\w+)$", text, re.MULTILINE)
    if not expected:
        raise UserError(f"{flags.metric_file} holds no figures such as 'mIoU: 0.1234'; name another file.")
    for where, (found, checksum) in runs.items():
        if labels and checksum and labels[1] != checksum:
            raise UserError(
                f"{flags.metric_file} and {where} have different pictures; compare with figures of the same pictures, "
                "such as the log of val.py."
            )
        check(expected, found, where, flags.metric_file, flags.atol, flags.rtol)


def record(metric_file: str, title: str, figures: dict[str, float], checksum: Optional[str]) -> None:
    """Write a file that ``figures_in`` can read. For a training, only the first loss is recorded.

    From the second loss on, a network with random weights shows how a processor rounds. On two processors, the next
    nine losses differed by up to 0.8 %, while a learning rate that is 5 % smaller changes the second loss by 0.4 %.
    """
    lines = [f"# {title}"]
    if FIRST_LOSS in figures:
        figures = {FIRST_LOSS: figures[FIRST_LOSS]}
    if checksum:
        lines.append(f"labels: {checksum}")
    for name, value in figures.items():
        step = re.fullmatch(r"loss at iteration (\d+)", name)
        lines.append(f"iter: {step[1]}/{step[1]}, loss: {value:.4f}" if step else f"{name}: {value:.4f}")
    with write_whole(metric_file) as path:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"Wrote {metric_file}.")


if __name__ == "__main__":
    sys.exit(cli.run(main))
