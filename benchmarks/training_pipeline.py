"""Compare the times of the training pipelines, from the disk to the network: ours, PaddleSeg's and the peers'.

    python benchmarks/training_pipeline.py [--images 6] [--rounds 4] [--rows cityscapes ade20k voc12aug]

Each package has its own process with one thread. Cityscapes has 2048x1024 PNG files and a crop of 1024x512. ADE20K has
JPEG files of about 683x512, VOC of 500x375, both with a crop of 512x512. The images are made up; their textures give
them about as many bytes as the real ones. The time includes reading, decoding, resizing by a ratio between 0.5 and 2,
cropping, flipping, distortion, normalization and padding. It includes SegDataPreProcessor's normalization and padding,
too, which mmsegmentation leaves to the model.

All pipelines take turns on each image, with the same random seed and so the same ratio. ``ms`` is the median of the CPU
time, which other work on the machine changes little. ``against ours`` is the median over the images of a pipeline's
time divided by the time of our pipeline of the same published table: above 1, ours is faster.

``PADDLESEG_EXT_PEERS_PYTHON`` names the interpreter of the environment with SSSegmentation and mmsegmentation, which
``tools/peers_environment.sh`` makes. Without it, only our pipelines and PaddleSeg's are timed.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable, Optional

os.environ["OMP_NUM_THREADS"] = "1"
# A checkout that is not installed works too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import paddleseg_ext  # noqa: F401, I001  before paddle: see there

import cv2
import numpy as np
import paddleseg.transforms as T
from paddleseg.cvlibs import manager

PEERS = ("mmseg", "ssseg")
WORKER = Path(__file__).resolve().parents[1] / "tests" / "peers" / "peer_transforms_speed.py"
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
# Size and number of classes of the images, base size and crop of the transforms; sizes are [width, height].
ROWS = {
    "cityscapes": ((2048, 1024), 34, ".png", [2048, 1024], [1024, 512]),
    "ade20k": ((683, 512), 151, ".jpg", [2048, 512], [512, 512]),
    "voc12aug": ((500, 375), 21, ".jpg", [2048, 512], [512, 512]),
}


def picture(rng: np.random.RandomState, size: tuple[int, int], num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """A BGR image and its label: regions of some classes with wavy borders, texture at every scale, and noise."""
    width, height = size
    wave = [cv2.resize(rng.rand(9, 9).astype(np.float32), size, interpolation=cv2.INTER_CUBIC) for _ in range(2)]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    cells = rng.choice(rng.randint(0, num_classes, 12), (7, 10)).astype(np.uint8)
    regions = cv2.resize(cells, size, interpolation=cv2.INTER_NEAREST)
    label = cv2.remap(regions, x + height * (wave[0] - 0.5), y + height * (wave[1] - 0.5), cv2.INTER_NEAREST)
    image = rng.randint(40, 200, (num_classes, 3))[label].astype(np.float32)
    for step in (64, 16, 4):
        coarse = rng.randn(height // step + 1, width // step + 1, 3).astype(np.float32)
        image += 12 * cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
    image += 1.5 * rng.randn(height, width, 1)
    return np.clip(image, 0, 255).astype(np.uint8), label


def write_pictures(folder: Path, row: str, count: int) -> list[tuple[str, str]]:
    """Write ``count`` images and their labels; return their paths."""
    size, num_classes, suffix, _, _ = ROWS[row]
    rng = np.random.RandomState(0)
    files = []
    for index in range(count):
        image, label = picture(rng, size, num_classes)
        paths = folder / f"{row}_{index}{suffix}", folder / f"{row}_{index}_label.png"
        for path, pixels in zip(paths, (image, label)):
            if not cv2.imwrite(str(path), pixels):
                raise OSError(f"{path} could not be written")
        files.append((str(paths[0]), str(paths[1])))
    return files


def transforms_of(row: str, source: str) -> list[Callable]:
    """The transforms of a row of a published table (``mmseg``, ``ssseg``), or PaddleSeg's most similar ones."""
    _, _, _, base, crop = ROWS[row]
    normalize = {"mean": MEAN, "std": STD}
    if source == "paddleseg":
        resize = [] if row == "cityscapes" else [T.Resize(base, keep_ratio=True)]
        distort = T.RandomDistort(brightness_range=0.25, contrast_range=0.5, saturation_range=0.5, hue_range=18)
        return [
            *resize,
            T.ResizeStepScaling(0.5, 2.0, 0),
            T.RandomPaddingCrop(crop, category_max_ratio=0.75),
            T.RandomHorizontalFlip(),
            distort,
            T.Normalize(**normalize),
        ]
    ssseg = source == "ssseg"
    resize = {"base_size": base, "min_ratio": 0.5, "max_ratio": 2.0}
    steps = {
        "ResizeByRatio": resize,
        "RandomClassRatioCrop": {"crop_size": crop, "attempts": 10 if ssseg else 11, "uncropped_if_void": ssseg},
        "RandomHorizontalFlip": {},
        "PhotoMetricDistortion": {"swapped_hsv": ssseg},
    }
    pad = {"target_size": crop, "position": "center" if ssseg else "right_bottom"}
    # mmsegmentation 1.2.2 pads VOC before it normalizes.
    order = ("PadToSize", "Normalize") if (row, source) == ("voc12aug", "mmseg") else ("Normalize", "PadToSize")
    steps.update({name: pad if name == "PadToSize" else normalize for name in order})
    return [manager.TRANSFORMS[name](**settings) for name, settings in steps.items()]


def in_this_process(row: str, source: str) -> Callable:
    """A function that prepares one image and returns the seconds."""
    compose = T.Compose(transforms_of(row, source))

    def prepare(image: str, label: str, seed: int) -> float:
        np.random.seed(seed)
        random.seed(seed)
        start = time.process_time()
        data = {"img": image, "label": label, "gt_fields": ["label"], "trans_info": []}
        if row == "ade20k":
            # PaddleSeg's ADE20K reads labels like this: 0 is void.
            data["label"] = cv2.imread(label, cv2.IMREAD_UNCHANGED) - 1
        data = compose(data)
        # The network takes a batch of one.
        images, labels = np.stack([data["img"]]), np.stack([data["label"]]).astype(np.int64)
        seconds = time.process_time() - start
        assert images.shape[2:] == labels.shape[1:] == tuple(ROWS[row][4][::-1])
        return seconds

    return prepare


class Peers:
    """SSSegmentation and mmsegmentation in their own process."""

    def __init__(self, interpreter: str) -> None:
        self.process = subprocess.Popen(
            [interpreter, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer()

    def _answer(self) -> str:
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise SystemExit("The process of the peers ended; its message is above.")
        return answer

    def prepare(self, row: str, peer: str) -> Callable:
        """Do the work of ``in_this_process`` for a peer."""

        def prepare(image: str, label: str, seed: int) -> float:
            task = {"row": row, "peer": peer, "image": image, "label": label, "seed": seed}
            print(json.dumps(task), file=self.process.stdin, flush=True)
            return float(self._answer())

        return prepare


def race(contestants: dict[str, Callable], files: list[tuple[str, str]], rounds: int) -> dict[str, list[float]]:
    """The seconds of each contestant for each image and round. A first image warms up and is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for prepare in contestants.values():
        prepare(*files[0], seed=0)
    for turn in range(rounds):
        for index, pair in enumerate(files):
            for name, prepare in contestants.items():
                seconds[name].append(prepare(*pair, seed=1 + turn * len(files) + index))
    return seconds


def table(row: str, seconds: dict[str, list[float]]) -> Iterator[str]:
    """One line for each contestant, compared with our pipelines of both published tables."""
    for name, times in seconds.items():
        line = f"{row:12}{name:28}{statistics.median(times) * 1e3:8.1f}"
        for source in PEERS:
            ours = seconds[f"paddleseg_ext, {source} rows"]
            line += f"{statistics.median(other / own for other, own in zip(times, ours)):18.2f}"
        yield line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=6, help="pictures per data set (default: 6)")
    parser.add_argument(
        "--rounds", type=int, default=4, help="number of times each picture is prepared, with new draws (default: 4)"
    )
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    args = parser.parse_args()
    cv2.setNumThreads(1)
    interpreter: Optional[str] = os.environ.get("PADDLESEG_EXT_PEERS_PYTHON")
    peers = Peers(interpreter) if interpreter else None
    print(f"{'':40}{'ms':>8}{'against ours, mmseg':>20}{'ssseg':>16}")
    with tempfile.TemporaryDirectory() as folder:
        for row in args.rows:
            files = write_pictures(Path(folder), row, args.images)
            contestants = {f"paddleseg_ext, {source} rows": in_this_process(row, source) for source in PEERS}
            contestants["PaddleSeg's nearest"] = in_this_process(row, "paddleseg")
            if peers:
                contestants["mmsegmentation 1.2.2"] = peers.prepare(row, "mmseg")
                contestants["SSSegmentation 1.7.0"] = peers.prepare(row, "ssseg")
            for line in table(row, race(contestants, files, args.rounds)):
                print(line, flush=True)
    if peers is None:
        print("PADDLESEG_EXT_PEERS_PYTHON is not set: the peers were not timed.")


if __name__ == "__main__":
    main()
