"""Lay out VOC 2012 and SBD's extra labels for PaddleSeg; see `python tools/data/voc12aug.py --help`."""

import io
import sys
from collections.abc import Sequence
from pathlib import Path

# A checkout that is not installed works too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import paddleseg_ext  # noqa: F401, I001, RUF100  before paddle: see there

import numpy as np
from PIL import Image
from scipy.io import loadmat

from paddleseg_ext.files.archives import Entry, find_sources, is_whole_png, matching
from paddleseg_ext.datasets.check import report
from paddleseg_ext.datasets.layout import LAYOUTS
from paddleseg_ext import cli
from paddleseg_ext.errors import UserError
from paddleseg_ext.files.whole import write_whole

LAYOUT = LAYOUTS["voc12aug"]
VOC, VOC_PAGE = "VOCtrainval_11-May-2012.tar", "http://host.robots.ox.ac.uk/pascal/VOC/voc2012"
SBD, SBD_PAGE = "benchmark.tgz", "http://home.bharathh.info/pubs/codes/SBD/download.html"
VOC_FILES = (
    r"(?:^|/)(VOC2012/(?:JPEGImages/[^/]+\.jpg|SegmentationClass/[^/]+\.png|ImageSets/Segmentation/[^/]+\.txt))$"
)
SBD_FILES = r"(?:^|/)dataset/(cls/[^/]+\.mat|(?:train|val)\.txt)$"
EXAMPLES = """
python tools/data/voc12aug.py ~/Downloads
python tools/data/voc12aug.py VOCtrainval_11-May-2012.tar benchmark.tgz --root /mnt/data/VOCdevkit
"""


def unpack_voc(downloads: Sequence[str], root: Path) -> int:
    """Put the files of VOC 2012 that segmentation needs below ``root``; return the number of new files."""
    sources = find_sources(downloads, (VOC, "VOCdevkit", "VOC2012"))
    if not sources and not (root / "VOC2012" / "ImageSets").is_dir():
        raise UserError(
            f"{VOC} is missing: no argument names it, and {root / 'VOC2012'} does not exist; "
            f"download it from {VOC_PAGE}, and name its folder."
        )
    return sum(entry.place(root / relative) for source in sources for entry, relative in matching(source, VOC_FILES))


def add_sbd(downloads: Sequence[str], root: Path) -> int:
    """Write SBD's labels as SegmentationClassAug/*.png, then the list aug.txt; return the number of new labels.

    aug.txt lists the images of SBD that are not in VOC's train and val, so no validation image is trained on.
    """
    sets = root / "VOC2012" / "ImageSets" / "Segmentation"
    labels = root / "VOC2012" / "SegmentationClassAug"
    if (sets / "aug.txt").is_file() and all(is_whole_png(labels / f"{name}.png") for name in _names(sets / "aug.txt")):
        return 0
    sources = find_sources(downloads, (SBD, "benchmark_RELEASE", "dataset"))
    if not sources:
        raise UserError(
            f"{SBD} is missing: no argument names it, and {sets / 'aug.txt'} is missing or incomplete; "
            f"download it from {SBD_PAGE}, and name its folder."
        )
    listed: set[str] = set()
    there: set[str] = set()
    written = 0
    for source in sources:
        for entry, relative in matching(source, SBD_FILES):
            if relative.endswith(".txt"):
                listed.update(entry.read().decode("utf-8").split())
                continue
            name = Path(relative).stem
            there.add(name)
            target = labels / f"{name}.png"
            if not is_whole_png(target):
                written += 1
                with write_whole(target) as temporary:
                    Image.fromarray(_segmentation(entry)).save(temporary)
    known = {name for split in ("train", "val") for name in _names(sets / f"{split}.txt")}
    extra = sorted(listed - known)
    missing = sorted(set(extra) - there)
    if missing or not extra:
        what = (
            f"dataset/cls/{missing[0]}.mat and {len(missing) - 1} more" if missing else "dataset/train.txt or val.txt"
        )
        raise UserError(f"{sources[0]} lacks {what}; download {SBD} from {SBD_PAGE} again.")
    with write_whole(sets / "aug.txt") as temporary:
        temporary.write_text("".join(f"{name}\n" for name in extra), encoding="utf-8")
    return written


def _names(listing: Path) -> list[str]:
    if not listing.is_file():
        raise UserError(f"{listing} does not exist; lay out {VOC} first, or name it, too.")
    return listing.read_text(encoding="utf-8").split()


def _segmentation(entry: Entry) -> np.ndarray:
    """The class indices, uint8 (H, W), in a .mat file of SBD."""
    content = entry.read()
    try:
        label = np.asarray(loadmat(io.BytesIO(content))["GTcls"]["Segmentation"][0, 0])
    except Exception as error:
        raise UserError(
            f"{entry.source}: {entry.name} is not a label of SBD ({type(error).__name__}: {error})."
        ) from error
    if label.ndim != 2 or label.size == 0 or label.min() < 0 or label.max() >= LAYOUT.num_classes:
        raise UserError(f"{entry.source}: {entry.name} is not an image of the classes 0 to {LAYOUT.num_classes - 1}.")
    return label.astype(np.uint8)


def main(arguments: Sequence[str]) -> None:
    """Lay out, convert and check; see ``--help``."""
    parser = cli.Parser(
        f"Lay out VOC 2012 for PaddleSeg, with the labels that SBD adds (PaddleSeg's mode trainaug): unpack {VOC} from "
        f"{VOC_PAGE}, and convert {SBD} from {SBD_PAGE}. After an interruption, run it again; it continues.",
        EXAMPLES,
    )
    parser.add_argument(
        "downloads",
        nargs="*",
        metavar="DOWNLOADS",
        help="the archives, the unpacked folders VOCdevkit and benchmark_RELEASE, or the folder that holds either. "
        "Files of a folder are hard-linked where the disk allows it.",
    )
    parser.add_argument("--root", default=LAYOUT.root, metavar="DIR", help="the folder to make.")
    flags = parser.parse_args(arguments)
    root = Path(flags.root)
    print(f"{unpack_voc(flags.downloads, root)} files were put below {root}.", flush=True)
    print(f"{add_sbd(flags.downloads, root)} labels of SBD were converted.", flush=True)
    lines, _ = report(LAYOUT, root)
    print("\n".join(lines))


if __name__ == "__main__":
    sys.exit(cli.run(main))
