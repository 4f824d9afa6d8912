"""Lay out Cityscapes for PaddleSeg; see `python tools/data/cityscapes.py --help`."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable

# A checkout that is not installed works too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import paddleseg_ext  # noqa: F401, I001, RUF100  before paddle: see there

import numpy as np
from PIL import Image
from tqdm import tqdm

from paddleseg_ext.files.archives import find_sources, is_whole_png, matching
from paddleseg_ext.datasets.check import report
from paddleseg_ext.datasets.layout import LAYOUTS
from paddleseg_ext import cli
from paddleseg_ext.errors import UserError
from paddleseg_ext.files.whole import write_whole

LAYOUT = LAYOUTS["cityscapes"]
PAGE = "https://www.cityscapes-dataset.com/downloads"
# Folder -> its archive.
PARTS = {"leftImg8bit": "leftImg8bit_trainvaltest.zip", "gtFine": "gtFine_trainvaltest.zip"}
FILES = (
    r"(?:^|/)((?:leftImg8bit/(?:train|val|test)/[^/]+/[^/]+_leftImg8bit"
    r"|gtFine/(?:train|val|test)/[^/]+/[^/]+_gtFine_[^/]+)\.(?:png|json))$"
)
# The ids of the 19 classes of the benchmark, in the order of their train ids.
CLASSES = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
IDS = 34
IGNORE = 255
EXAMPLES = """
python tools/data/cityscapes.py ~/Downloads
python tools/data/cityscapes.py leftImg8bit_trainvaltest.zip gtFine_trainvaltest.zip --root /mnt/data/cityscapes
python tools/data/cityscapes.py          (data/cityscapes is unpacked: only make the training labels)
"""


def train_ids() -> np.ndarray:
    """The train id of each id in ``*_labelIds.png``, uint8 (256,); 255 if the class is not evaluated."""
    table = np.full(256, IGNORE, np.uint8)
    table[list(CLASSES)] = np.arange(len(CLASSES))
    return table


def unpack(downloads: Sequence[str], root: Path) -> int:
    """Put the files of archives or folders below ``root``; return the number of new files."""
    found = {folder: find_sources(downloads, (folder, archive)) for folder, archive in PARTS.items()}
    for folder, archive in PARTS.items():
        if not found[folder] and not (root / folder).is_dir():
            raise UserError(
                f"{archive} is missing: no argument names it, and {root / folder} does not exist; "
                f"download it from {PAGE}, and name its folder."
            )
    placed = 0
    for sources in found.values():
        for source in sources:
            placed += sum(entry.place(root / relative) for entry, relative in matching(source, FILES))
    return placed


def convert(root: Path) -> int:
    """Write ``*_labelTrainIds.png`` beside every ``*_labelIds.png``; return the number of new files."""
    table = train_ids()

    def one(path: Path) -> None:
        with Image.open(path) as image:
            ids = np.asarray(image)
        # 255 is -1, the id of license plates.
        if ids.ndim != 2 or ids.dtype != np.uint8 or np.any((ids >= IDS) & (ids != IGNORE)):
            raise UserError(f"{path} is not a label image of Cityscapes (one channel of ids below {IDS}); replace it.")
        with write_whole(_converted(path)) as temporary:
            Image.fromarray(table[ids]).save(temporary)

    todo = [
        path for path in sorted(root.glob("gtFine/*/*/*_gtFine_labelIds.png")) if not is_whole_png(_converted(path))
    ]
    with ThreadPoolExecutor() as pool:
        for _ in tqdm(pool.map(_named(one), todo), total=len(todo), desc="labelTrainIds", disable=None):
            pass
    return len(todo)


def _converted(path: Path) -> Path:
    return path.with_name(path.name.replace("labelIds", "labelTrainIds"))


def _named(read: Callable[[Path], None]) -> Callable[[Path], None]:
    """``read``, with errors that name the damaged file."""

    def call(path: Path) -> None:
        try:
            read(path)
        except (OSError, SyntaxError) as error:
            raise UserError(f"{path} cannot be converted ({error}); remove it and run this again.") from error

    return call


def main(arguments: Sequence[str]) -> None:
    """Lay out, convert and check; see ``--help``."""
    parser = cli.Parser(
        f"Lay out Cityscapes for PaddleSeg: unpack {' and '.join(PARTS.values())}, both from {PAGE} (free, with an "
        "account), and make the *_labelTrainIds.png for training. After an interruption, run it again; it continues.",
        EXAMPLES,
    )
    parser.add_argument(
        "downloads",
        nargs="*",
        metavar="DOWNLOADS",
        help="the archives, the unpacked folders leftImg8bit and gtFine, or the folder that holds either. Files of "
        "folders are hard-linked if the disk allows it.",
    )
    parser.add_argument("--root", default=LAYOUT.root, metavar="DIR", help="the folder to make.")
    flags = parser.parse_args(arguments)
    root = Path(flags.root)
    placed = unpack(flags.downloads, root)
    print(f"{placed} files were put below {root}.", flush=True)
    print(f"{convert(root)} labels were converted.", flush=True)
    lines, _ = report(LAYOUT, root)
    print("\n".join(lines))


if __name__ == "__main__":
    sys.exit(cli.run(main))
