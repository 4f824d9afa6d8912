"""Lay out ADE20K for PaddleSeg; see `python tools/data/ade20k.py --help`."""

import sys
from collections.abc import Sequence
from pathlib import Path

# A checkout that is not installed works too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import paddleseg_ext  # noqa: F401, I001, RUF100  before paddle: see there

from paddleseg_ext.files.archives import find_sources, matching
from paddleseg_ext.datasets.check import report
from paddleseg_ext.datasets.layout import LAYOUTS
from paddleseg_ext import cli
from paddleseg_ext.errors import UserError

LAYOUT = LAYOUTS["ade20k"]
ARCHIVE = "ADEChallengeData2016.zip"
PAGE = "http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip"
FOLDERS = ("images", "annotations")
FILES = (
    r"(?:^|/)((?:images/(?:training|validation)/ADE_(?:train|val)_\d{8}\.jpg"
    r"|annotations/(?:training|validation)/ADE_(?:train|val)_\d{8}\.png|objectInfo150\.txt|sceneCategories\.txt))$"
)
EXAMPLES = """
python tools/data/ade20k.py ~/Downloads
python tools/data/ade20k.py ADEChallengeData2016.zip --root /mnt/data/ADEChallengeData2016
"""


def unpack(downloads: Sequence[str], root: Path) -> int:
    """Put the files of the archive, or of a folder, below ``root``; return the number of new files."""
    sources = find_sources(downloads, (ARCHIVE, "ADEChallengeData2016", *FOLDERS))
    if not sources and not all((root / folder).is_dir() for folder in FOLDERS):
        raise UserError(
            f"{ARCHIVE} is missing: no argument names it, and {root} does not hold images/ and annotations/; "
            f"download {PAGE} (the full ADE20K has other labels), and name its folder."
        )
    return sum(entry.place(root / relative) for source in sources for entry, relative in matching(source, FILES))


def main(arguments: Sequence[str]) -> None:
    """Lay out and check; see ``--help``."""
    parser = cli.Parser(
        f"Lay out the scene parsing benchmark of ADE20K (150 classes) for PaddleSeg: unpack {ARCHIVE} from "
        f"{PAGE}. After an interruption, run it again; it continues.",
        EXAMPLES,
    )
    parser.add_argument(
        "downloads",
        nargs="*",
        metavar="DOWNLOADS",
        help="the archive, the unpacked folder ADEChallengeData2016, or the folder that holds either. Files of a "
        "folder are hard-linked if the disk allows it.",
    )
    parser.add_argument("--root", default=LAYOUT.root, metavar="DIR", help="the folder to make.")
    flags = parser.parse_args(arguments)
    print(f"{unpack(flags.downloads, Path(flags.root))} files were put below {flags.root}.", flush=True)
    lines, _ = report(LAYOUT, flags.root)
    print("\n".join(lines))


if __name__ == "__main__":
    sys.exit(cli.run(main))
