"""The official archives of the three data sets with a few tiny pictures in them."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from tools.data.tiny import write_tiny


def cityscapes(downloads: Path, work: Path) -> Path:
    """The two .zip files, without labelTrainIds, as the site has them; returns the folder they were packed from."""
    write_tiny("cityscapes", work, train=3, val=2)
    downloads.mkdir(parents=True, exist_ok=True)
    for folder in ("leftImg8bit", "gtFine"):
        with zipfile.ZipFile(downloads / f"{folder}_trainvaltest.zip", "w") as archive:
            archive.writestr("README", "terms of use")
            for path in sorted((work / folder).rglob("*.png")):
                if not path.name.endswith("labelTrainIds.png"):
                    archive.write(path, path.relative_to(work))
    return work


def ade20k(downloads: Path, work: Path) -> Path:
    """ADEChallengeData2016.zip; returns the folder it was packed from."""
    write_tiny("ade20k", work, train=3, val=2)
    (work / "objectInfo150.txt").write_text("Idx\n")
    downloads.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(downloads / "ADEChallengeData2016.zip", "w") as archive:
        for path in sorted(work.rglob("*.*")):
            archive.write(path, Path("ADEChallengeData2016") / path.relative_to(work))
    return work


def voc12aug(downloads: Path, work: Path) -> Path:
    """VOCtrainval_11-May-2012.tar and SBD's benchmark.tgz; returns the folder as it has to be in the end.

    As in the real ones, SBD also labels images of VOC's train and val, in other splits.
    """
    write_tiny("voc12aug", work, train=6, val=2)
    downloads.mkdir(parents=True, exist_ok=True)
    voc = work / "VOC2012"
    with tarfile.open(downloads / "VOCtrainval_11-May-2012.tar", "w") as archive:
        for folder in ("JPEGImages", "SegmentationClass"):
            archive.add(voc / folder, f"VOCdevkit/VOC2012/{folder}")
        for split in ("train", "val"):
            archive.add(voc / f"ImageSets/Segmentation/{split}.txt",
                        f"VOCdevkit/VOC2012/ImageSets/Segmentation/{split}.txt")  # fmt: skip
        _add(archive, "VOCdevkit/VOC2012/Annotations/2001_000000.xml", b"<annotation/>")
    names = {
        split: (voc / f"ImageSets/Segmentation/{split}.txt").read_text().split() for split in ("aug", "train", "val")
    }
    labeled = [*names["aug"], names["train"][0], names["val"][0]]
    with tarfile.open(downloads / "benchmark.tgz", "w:gz") as archive:
        for name in labeled:
            _add(archive, f"benchmark_RELEASE/dataset/cls/{name}.mat", mat(_label(voc, name)))
        _add(archive, "benchmark_RELEASE/dataset/train.txt", "\n".join([labeled[0], labeled[-1]]).encode())
        _add(archive, "benchmark_RELEASE/dataset/val.txt", ("\n".join(labeled[1:-1]) + "\n").encode())
    return work


def mat(label: np.ndarray) -> bytes:
    """A label in the form of SBD's .mat files."""
    stream = io.BytesIO()
    fields = {"Boundaries": np.zeros((20, 1)), "Segmentation": label, "CategoriesPresent": np.unique(label)}
    savemat(stream, {"GTcls": fields}, do_compression=True)
    return stream.getvalue()


def _label(voc: Path, name: str) -> np.ndarray:
    """SBD has no pixels without a class."""
    for folder in ("SegmentationClassAug", "SegmentationClass"):
        path = voc / folder / f"{name}.png"
        if path.is_file():
            label = np.asarray(Image.open(path))
            label = np.where(label == 255, 0, label).astype(np.uint8)
            if folder == "SegmentationClassAug":
                Image.fromarray(label).save(path)
            return label
    raise FileNotFoundError(name)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
