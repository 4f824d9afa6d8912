"""Write a few small pictures in the layout of a data set; see `python tools/data/tiny.py --help`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Union

# A checkout that is not installed works too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import paddleseg_ext  # noqa: F401, I001, RUF100  before paddle: see there

import numpy as np
from PIL import Image

from paddleseg_ext.datasets.layout import LAYOUTS, Layout
from paddleseg_ext import cli
from paddleseg_ext.errors import UserError
from tools.data.cityscapes import CLASSES

EXAMPLES = """
python tools/data/tiny.py cityscapes --root /tmp/cityscapes
python tools/data/tiny.py voc12aug --root /tmp/VOCdevkit --train 8 --val 2 --size 96 128
"""


def write_tiny(
    name: str, root: Union[str, Path], train: int = 4, val: int = 1, size: Sequence[int] = (64, 96), seed: int = 0
) -> None:
    """Write a stand-in for a data set, with its folders, file names, formats and label values, but made-up pictures.

    Args:
        name: ``cityscapes``, ``ade20k`` or ``voc12aug``.
        root: The folder, ``dataset_root`` in a YAML.
        train, val: The number of samples. Half of the training samples of ``voc12aug`` are SBD's.
        size: Height and width in pixels.
        seed: The seed of the pictures.

    Raises:
        UserError: ``root`` is not empty.
    """
    root = Path(root)
    if root.exists() and any(root.iterdir()):
        raise UserError(f"{root} is not empty, and made-up pictures must not mix with real ones; name another --root.")
    rng = np.random.RandomState(seed)
    {"cityscapes": _cityscapes, "ade20k": _ade20k, "voc12aug": _voc}[name](root, train, val, (size[0], size[1]), rng)


def _scene(rng: np.random.RandomState, layout: Layout, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) of patches with one color and grain each, and class indices (H, W), 255 for no class.

    No class covers half of it, so a crop with several classes can be found.
    """
    rows, columns = max(2, size[0] // 16), max(2, size[1] // 16)
    classes = rng.permutation(layout.num_classes)[: rows * columns]
    patches = rng.permutation(np.resize(classes, rows * columns)).reshape(rows, columns)
    patches[rng.randint(rows), rng.randint(columns)] = 255
    y, x = np.arange(size[0]) * rows // size[0], np.arange(size[1]) * columns // size[1]
    label = patches[y][:, x].astype(np.uint8)
    palette = np.random.RandomState(0).randint(30, 225, (256, 3))
    picture = palette[label] + rng.randint(-25, 26, (*size, 3))
    return picture.astype(np.uint8), label


def _save(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def _cityscapes(root: Path, train: int, val: int, size: tuple[int, int], rng: np.random.RandomState) -> None:
    ids = np.zeros(256, np.uint8)
    ids[: len(CLASSES)] = CLASSES
    for mode, city, count in (("train", "aachen", train), ("val", "frankfurt", val)):
        for index in range(count):
            picture, label = _scene(rng, LAYOUTS["cityscapes"], size)
            stem = f"{mode}/{city}/{city}_{index:06d}_000019"
            _save(picture, root / "leftImg8bit" / f"{stem}_leftImg8bit.png")
            _save(ids[label], root / "gtFine" / f"{stem}_gtFine_labelIds.png")
            _save(label, root / "gtFine" / f"{stem}_gtFine_labelTrainIds.png")


def _ade20k(root: Path, train: int, val: int, size: tuple[int, int], rng: np.random.RandomState) -> None:
    for folder, mode, count in (("training", "train", train), ("validation", "val", val)):
        for index in range(1, count + 1):
            picture, label = _scene(rng, LAYOUTS["ade20k"], size)
            # In uint8, 255 (no class) becomes 0.
            _save(label + np.uint8(1), root / "annotations" / folder / f"ADE_{mode}_{index:08d}.png")
            _save(picture, root / "images" / folder / f"ADE_{mode}_{index:08d}.jpg")


def _voc(root: Path, train: int, val: int, size: tuple[int, int], rng: np.random.RandomState) -> None:
    voc = root / "VOC2012"
    lists = {"aug": train // 2, "train": train - train // 2, "val": val}
    for number, (mode, count) in enumerate(lists.items()):
        names = [f"200{number}_{index:06d}" for index in range(count)]
        for name in names:
            picture, label = _scene(rng, LAYOUTS["voc12aug"], size)
            _save(picture, voc / "JPEGImages" / f"{name}.jpg")
            _save(label, voc / ("SegmentationClassAug" if mode == "aug" else "SegmentationClass") / f"{name}.png")
        listing = voc / "ImageSets" / "Segmentation" / f"{mode}.txt"
        listing.parent.mkdir(parents=True, exist_ok=True)
        listing.write_text("".join(f"{name}\n" for name in names))


def main(arguments: Sequence[str]) -> None:
    """Write the data set; see ``--help``."""
    parser = cli.Parser(
        "Write a few small made-up pictures in the layout of a data set, to try a recipe without the data.",
        EXAMPLES,
    )
    parser.add_argument("name", choices=tuple(LAYOUTS), help="the data set to stand in for.")
    parser.add_argument("--root", required=True, metavar="DIR", help="the folder to write.")
    parser.add_argument("--train", type=cli.positive_int, default=4, metavar="N", help="number of training pictures.")
    parser.add_argument("--val", type=cli.positive_int, default=1, metavar="N", help="number of validation pictures.")
    parser.add_argument(
        "--size",
        type=cli.positive_int,
        nargs=2,
        default=[64, 96],
        metavar=("H", "W"),
        help="height and width of each picture, in pixels.",
    )
    flags = parser.parse_args(arguments)
    write_tiny(flags.name, flags.root, flags.train, flags.val, flags.size)
    print(f"{flags.train} training and {flags.val} validation pictures are in {flags.root}.")


if __name__ == "__main__":
    sys.exit(cli.run(main))
