"""Lay out the pictures of a TIPC mode; `python test_tipc/cityscapes_lite.py --help` explains from where."""

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
# What PaddleSeg's own TIPC chains fetch (its test_tipc/prepare.sh).
ADDRESS = "https://paddleseg.bj.bcebos.com/tipc/data/cityscapes_20imgs.tar"
FILES = r"(?:^|/)((?:leftImg8bit|gtFine)/(?:train|val)/[^/]+/[^/]+_(?:leftImg8bit|labelTrainIds)\.png)$"
# How many pictures a `lite` half of a mode takes; a `whole` half takes all there are.
LITE = {"train": 16, "val": 4}
# The list that the TIPC files of PaddleSeg and PSANet_paddle name, and how many pictures of val it has.
SHORT_LIST, SHORT = "cityscapes_val_5.list", 5
STAND_IN = {"train": 24, "val": 6, "size": (128, 256)}
EXAMPLES = """
python test_tipc/cityscapes_lite.py --mode lite_train_lite_infer
python test_tipc/cityscapes_lite.py --mode whole_train_whole_infer --folder data/cityscapes
"""


def find_pictures(data: Path, folder: Optional[Path], address: str) -> tuple:
    """Where the pictures are, and what they are in words; they are fetched or made if they have to be.

    Args:
        data: Keeps what is fetched and made.
        folder: What the user named.
        address: The archive to fetch.
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
                f"MADE-UP pictures in {made}, in the layout of Cityscapes, as {address} is out of reach ({error})",
            )
        with _whole_folder(fetched) as temporary:
            for entry, relative in matching(archive, FILES):
                entry.place(temporary / relative)
        archive.unlink()
    return fetched, f"the pictures of {address}"


def lay_out(source: Path, target: Path, mode: str) -> dict:
    """Make ``target`` a Cityscapes of links into ``source``, with lists of pictures to infer on; returns the counts.

    Raises:
        UserError: ``source`` is no Cityscapes, or ``target`` is not ours to replace.
    """
    if target.exists() and not (target / "val.list").is_file():
        raise UserError(
            f"{target} was not made by prepare.sh; move it away, or name it: prepare.sh FILE MODE {target}."
        )
    lite = {"train": "whole_train" not in mode, "val": mode.endswith(("lite_infer", "benchmark_train"))}
    counts = {}
    with _whole_folder(target) as temporary:
        for split, few in lite.items():
            pairs = LAYOUT.pairs(source, split)[: LITE[split] if few else None]
            for file in (file for pair in pairs for file in pair if file.is_file()):
                link = temporary / file.relative_to(source)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(file.resolve())
            counts[split], problems = check_split(LAYOUT, temporary, split, LITE[split])
            if problems or not counts[split]:
                reason = problems[0] if problems else f"no pictures of {split}"
                reason = reason.replace(str(temporary), str(source))
                raise UserError(f"{source} is no Cityscapes that can be used: {reason}; {LAYOUT.how_to_lay_out()}.")
        listed = [pair.image.relative_to(temporary) for pair in LAYOUT.pairs(temporary, "val")]
        for name, count in (("val.list", None), (SHORT_LIST, SHORT)):
            (temporary / name).write_text("".join(f"{path}\n" for path in listed[:count]), encoding="utf-8")
    return counts


@contextlib.contextmanager
def _whole_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of ``target`` when the block ends well, else goes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as parent:
        temporary = Path(parent) / target.name
        temporary.mkdir()
        yield temporary
        if target.exists():
            shutil.rmtree(target)
        temporary.replace(target)


def main(arguments: Sequence[str]) -> None:
    """Read the flags, find the pictures, lay them out."""
    parser = cli.Parser(
        "Lay out the pictures of a TIPC mode as links: few where it says lite, all where it says whole. They come from "
        f"--folder, else from {ADDRESS}, else they are made up.",
        EXAMPLES,
    )
    parser.add_argument("--mode", required=True, metavar="MODE", help="the mode of the TIPC chain.")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="a Cityscapes that is there already.")
    parser.add_argument("--data", type=Path, default=Path("test_tipc/data"), metavar="DIR", help="where they go.")
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
