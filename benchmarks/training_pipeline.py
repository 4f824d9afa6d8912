"""Time what happens to a training image between the disk and the network: ours, PaddleSeg's and the peers'.

    python benchmarks/training_pipeline.py [--images 6] [--rounds 4] [--rows cityscapes ade20k voc12aug]

One process per package, one thread each. Cityscapes is 2048x1024 PNG and a crop of 1024x512, ADE20K about 683x512
JPEG and VOC 500x375 JPEG with crops of 512x512; the images are made up, textured so that they take about as many
bytes as the real ones. Reading, decoding, resizing by a ratio between 0.5 and 2, cropping, flipping, distorting,
normalising and padding are all in it, and so are SegDataPreProcessor's normalisation and padding, which
mmsegmentation leaves to the model.

All take turns at one image after the other, from the same random seed, hence at the same ratio. ``ms`` is the median
of the CPU time, to which other work on the machine adds little. ``against ours`` is the median over the images of a
contestant's time through ours of the same published table: above 1, ours is faster.

``PADDLESEG_EXT_PEERS_PYTHON`` names the interpreter of the environment with SSSegmentation and mmsegmentation, which
``tools/peers_environment.sh`` makes. Without it ours and PaddleSeg's are timed alone.
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


def picture(rng: np.random.RandomState, size: tuple, num_classes: int) -> tuple:
    """A BGR image and its label: regions of some classes with wavy borders, textured at every scale and noisy."""
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


def write_pictures(folder: Path, row: str, count: int) -> list:
    """Paths of ``count`` images and their labels."""
    size, num_classes, suffix, _, _ = ROWS[row]
    rng = np.random.RandomState(0)
    files = []
    for index in range(count):
        image, label = picture(rng, size, num_classes)
        paths = folder / f"{row}_{index}{suffix}", folder / f"{row}_{index}_label.png"
        for path, pixels in zip(paths, (image, label)):
            if not cv2.imwrite(str(path), pixels):
                raise OSError(f"{path} could not be written")
        files.append(tuple(map(str, paths)))
    return files


def transforms_of(row: str, source: str) -> list:
    """The transforms of a row of the published tables (``mmseg``, ``ssseg``), or PaddleSeg's nearest to them."""
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
    # mmsegmentation 1.2.2 pads VOC before it normalises.
    order = ("PadToSize", "Normalize") if (row, source) == ("voc12aug", "mmseg") else ("Normalize", "PadToSize")
    steps.update({name: pad if name == "PadToSize" else normalize for name in order})
    return [manager.TRANSFORMS[name](**settings) for name, settings in steps.items()]


def in_this_process(row: str, source: str) -> Callable:
    """A function that prepares one image, and says how long that took."""
    compose = T.Compose(transforms_of(row, source))

    def prepare(image: str, label: str, seed: int) -> float:
        np.random.seed(seed)
        random.seed(seed)
        start = time.process_time()
        data = {"img": image, "label": label, "gt_fields": ["label"], "trans_info": []}
        if row == "ade20k":
            # As PaddleSeg's ADE20K reads them: 0 is void.
            data["label"] = cv2.imread(label, cv2.IMREAD_UNCHANGED) - 1
        data = compose(data)
        # A batch of one, as the network takes it.
        images, labels = np.stack([data["img"]]), np.stack([data["label"]]).astype(np.int64)
        seconds = time.process_time() - start
        assert images.shape[2:] == labels.shape[1:] == tuple(ROWS[row][4][::-1])
        return seconds

    return prepare


class Peers:
    """SSSegmentation and mmsegmentation in a process of their own."""

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
        """As ``in_this_process``."""

        def prepare(image: str, label: str, seed: int) -> float:
            task = {"row": row, "peer": peer, "image": image, "label": label, "seed": seed}
            print(json.dumps(task), file=self.process.stdin, flush=True)
            return float(self._answer())

        return prepare


def race(contestants: dict, files: list, rounds: int) -> dict:
    """Seconds by contestant, one for each image and round; a first image warms all up and does not count."""
    seconds = {name: [] for name in contestants}
    for prepare in contestants.values():
        prepare(*files[0], seed=0)
    for turn in range(rounds):
        for index, pair in enumerate(files):
            for name, prepare in contestants.items():
                seconds[name].append(prepare(*pair, seed=1 + turn * len(files) + index))
    return seconds


def table(row: str, seconds: dict) -> Iterator[str]:
    """One line for each contestant; each is compared with ours of the same published table."""
    for name, times in seconds.items():
        line = f"{row:12}{name:28}{statistics.median(times) * 1e3:8.1f}"
        for source in PEERS:
            ours = seconds[f"paddleseg_ext, {source} rows"]
            line += f"{statistics.median(other / own for other, own in zip(times, ours)):18.2f}"
        yield line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=6, help="pictures per data set (default: 6)")
    parser.add_argument("--rounds", type=int, default=4, help="times each is prepared, by other draws (default: 4)")
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
