"""The files of Cityscapes, ADE20K and augmented VOC 2012, as PaddleSeg lays them out: samples and their numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, NamedTuple, Optional

from paddleseg_ext.errors import UserError


class Pair(NamedTuple):
    """The two files of a sample. They may be missing."""

    image: Path
    label: Path


@dataclass(frozen=True)
class Layout:
    """A data set on disk.

    Attributes:
        name: The name in the names of the YAML files.
        title: The name in sentences.
        component: The name of PaddleSeg's class.
        root: The folder in this project's YAML files.
        script: The script that lays out the downloaded archives.
        modes: ``{mode: number of samples}`` of each published split; the mode is an argument of PaddleSeg's class.
        num_classes: The number of classes that are trained.
        first_class: The value of the first class in the label files. ADE20K counts from 1; its 0 means no class.
        pairs: (root, mode) -> every sample in the folders or lists of a mode.
    """

    name: str
    title: str
    component: str
    root: str
    script: str
    modes: dict[str, int]
    num_classes: int
    first_class: int
    pairs: Callable[[Path, str], list[Pair]]

    def label_is_valid(self, value: int) -> bool:
        """Return whether a label file may hold ``value`` (0 to 255)."""
        if self.first_class == 1:
            return value <= self.num_classes
        return value < self.num_classes or value == 255

    def how_to_lay_out(self) -> str:
        """Return how to lay out missing data, as the end of a sentence."""
        return f"lay the data out with `python {self.script} DOWNLOADS` (docs/data.md says what to download)"


def _both(image_folder: Path, image_end: str, label_folder: Path, label_end: str, pattern: str) -> list[Pair]:
    """The samples of two folders. A name in only one of them is a sample too, so that the missing file shows up."""
    names = sorted({*_names(image_folder, pattern, image_end), *_names(label_folder, pattern, label_end)})
    return [Pair(image_folder / (name + image_end), label_folder / (name + label_end)) for name in names]


def _names(folder: Path, pattern: str, end: str) -> Iterator[str]:
    for path in folder.glob(pattern + end):
        yield path.relative_to(folder).as_posix()[: -len(end)]


def _cityscapes(root: Path, mode: str) -> list[Pair]:
    ends = "_leftImg8bit.png", "_gtFine_labelTrainIds.png"
    return _both(root / "leftImg8bit" / mode, ends[0], root / "gtFine" / mode, ends[1], "*/*")


def _ade20k(root: Path, mode: str) -> list[Pair]:
    split = {"train": "training", "val": "validation"}[mode]
    return _both(root / "images" / split, ".jpg", root / "annotations" / split, ".png", "*")


def _voc(root: Path, mode: str) -> list[Pair]:
    """``trainaug`` is train.txt with VOC's own labels, then aug.txt with the labels of SBD."""
    voc = root / "VOC2012"
    pairs: list[Pair] = []
    for split in ("train", "aug") if mode == "trainaug" else (mode,):
        listing = voc / "ImageSets" / "Segmentation" / f"{split}.txt"
        if not listing.is_file():
            raise UserError(f"{listing}, the list of the samples of {mode}, does not exist")
        labels = voc / ("SegmentationClassAug" if split == "aug" else "SegmentationClass")
        names = listing.read_text(encoding="utf-8", errors="replace").split()
        pairs += [Pair(voc / "JPEGImages" / f"{name}.jpg", labels / f"{name}.png") for name in names]
    return pairs


# The counts come from cityscapes-dataset.com, sceneparsing.csail.mit.edu and VOC 2012 (train 1464, val 1449). SBD
# labels 11355 images; 9118 of them are neither in VOC's train nor in its val, and 1464 + 9118 = 10582.
LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            name="cityscapes",
            title="Cityscapes",
            component="Cityscapes",
            root="data/cityscapes",
            script="tools/data/cityscapes.py",
            modes={"train": 2975, "val": 500},
            num_classes=19,
            first_class=0,
            pairs=_cityscapes,
        ),
        Layout(
            name="ade20k",
            title="ADE20K",
            component="ADE20K",
            root="data/ADEChallengeData2016",
            script="tools/data/ade20k.py",
            modes={"train": 20210, "val": 2000},
            num_classes=150,
            first_class=1,
            pairs=_ade20k,
        ),
        Layout(
            name="voc12aug",
            title="VOC 2012 with SBD's labels",
            component="PascalVOC",
            root="data/VOCdevkit",
            script="tools/data/voc12aug.py",
            modes={"trainaug": 10582, "val": 1449},
            num_classes=21,
            first_class=0,
            pairs=_voc,
        ),
    )
}


def layout_of(component: str) -> Optional[Layout]:
    """The layout that PaddleSeg's class ``component`` reads, or None if it reads none of the three."""
    return next((layout for layout in LAYOUTS.values() if layout.component == component), None)
