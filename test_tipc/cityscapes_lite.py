"""Lay out the pictures of a TIPC mode; see `python test_tipc/cityscapes_lite.py --help`."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Optional

# A checkout that is not installed works too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import paddleseg_ext  # noqa: F401, I001, RUF100  before paddle: see there

from paddleseg_ext.files.archives import matching
from paddleseg_ext.datasets.check import check_split
from paddleseg_ext.datasets.layout import LAYOUTS
from paddleseg_ext import cli
from paddleseg_ext.files.download import DownloadFailed, download, name_of
from paddleseg_ext.errors import UserError
from tools.data.tiny import write_tiny

LAYOUT = LAYOUTS["cityscapes"]
# The archive that PaddleSeg's own TIPC chains fetch (its test_tipc/prepare.sh).
ADDRESS = "https://paddleseg.bj.bcebos.com/tipc/data/cityscapes_20imgs.tar"
FILES = r"(?:^|/)((?:leftImg8bit|gtFine)/(?:train|val)/[^/]+/[^/]+_(?:leftImg8bit|labelTrainIds)\.png)$"
# The number of pictures in a `lite` half of a mode. A `whole` half takes all pictures.
LITE = {"train": 16, "val": 4}
# The list in the TIPC files of PaddleSeg and PSANet_paddle, and its number of pictures of val.
SHORT_LIST, SHORT = "cityscapes_val_5.list", 5
STAND_IN = {"train": 24, "val": 6, "size": (128, 256)}
EXAMPLES = """
python test_tipc/cityscapes_lite.py --mode lite_train_lite_infer
python test_tipc/cityscapes_lite.py --mode whole_train_whole_infer --folder data/cityscapes
"""


def find_pictures(data: Path, folder: Optional[Path], address: str) -> tuple[Path, str]:
    """Find, fetch or make the pictures.

    Args:
        data: The folder for fetched and made pictures.
        folder: The folder that the user named.
        address: The archive to fetch.

    Returns:
        The folder of the pictures, and words that describe them.
    """
    if folder is not None:
        return folder, f"the pictures of {folder}"
    fetched, made = data / "cityscapes_20imgs", data / "stand_in"
    if not fetched.is_dir():
        archive = data / name_of(address)
        try:
            download(address, archive)
        except DownloadFailed as error:
            if not made.is_dir():
                with _whole_folder(made) as temporary:
                    write_tiny("cityscapes", temporary, **STAND_IN)
            return (
                made,
                f"MADE-UP pictures in {made}, in the layout of Cityscapes, because {address} is out of reach ({error})",
            )
        with _whole_folder(fetched) as temporary:
            for entry, relative in matching(archive, FILES):
                entry.place(temporary / relative)
        archive.unlink()
    return fetched, f"the pictures of {address}"


def lay_out(source: Path, target: Path, mode: str) -> dict[str, int]:
    """Make ``target`` a Cityscapes of links into ``source``, with lists of pictures for inference.

    Raises:
        UserError: ``source`` is not a Cityscapes, or prepare.sh did not make ``target``.
    """
    if target.exists() and not (target / "val.list").is_file():
        raise UserError(f"prepare.sh did not make {target}; move it away, or use it: prepare.sh FILE MODE {target}.")
    lite = {"train": "whole_train" not in mode, "val": mode.endswith(("lite_infer", "benchmark_train"))}
    counts: dict[str, int] = {}
    with _whole_folder(target) as temporary:
        for split, few in lite.items():
            pairs = LAYOUT.pairs(source, split)[: LITE[split] if few else None]
            for file in (file for pair in pairs for file in pair if file.is_file()):
                link = temporary / file.relative_to(source)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(file.resolve())
            counts[split], problems = check_split(LAYOUT, temporary, split, LITE[split])
            if problems or not counts[split]:
                reason = problems[0] if problems else f"there are no pictures of {split}"
                reason = reason.replace(str(temporary), str(source))
                raise UserError(f"{source} is not a usable Cityscapes: {reason}; {LAYOUT.how_to_lay_out()}.")
        listed = [pair.image.relative_to(temporary) for pair in LAYOUT.pairs(temporary, "val")]
        for name, count in (("val.list", None), (SHORT_LIST, SHORT)):
            (temporary / name).write_text("".join(f"{path}\n" for path in listed[:count]), encoding="utf-8")
    return counts


@contextlib.contextmanager
def _whole_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder. It replaces ``target`` if the block succeeds; otherwise it is removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as parent:
        temporary = Path(parent) / target.name
        temporary.mkdir()
        yield temporary
        if target.exists():
            shutil.rmtree(target)
        temporary.replace(target)


def main(arguments: Sequence[str]) -> None:
    """Find the pictures and lay them out; see ``--help``."""
    parser = cli.Parser(
        "Lay out the pictures of a TIPC mode as links: a few if the mode says lite, all if it says whole. They come "
        f"from --folder, else from {ADDRESS}; without a network, they are made up.",
        EXAMPLES,
    )
    parser.add_argument("--mode", required=True, metavar="MODE", help="the mode of the TIPC chain.")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="the folder of your Cityscapes.")
    parser.add_argument(
        "--data", type=Path, default=Path("test_tipc/data"), metavar="DIR", help="the folder for the pictures."
    )
    parser.add_argument("--address", default=ADDRESS, metavar="URL", help="the archive to fetch.")
    flags = parser.parse_args(arguments)
    stamp = flags.data / "prepared_for"
    stamp.unlink(missing_ok=True)
    source, words = find_pictures(flags.data, flags.folder, flags.address)
    counts = lay_out(source, flags.data / "cityscapes", flags.mode)
    stamp.write_text(flags.mode + "\n", encoding="utf-8")
    print(
        f"{counts['train']} training and {counts['val']} validation pictures in {flags.data / 'cityscapes'}: {words}."
    )


if __name__ == "__main__":
    sys.exit(cli.run(main))
