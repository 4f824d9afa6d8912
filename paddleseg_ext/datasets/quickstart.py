"""Write the quickstart's data set: ``python -m paddleseg_ext.datasets.quickstart --output data/quickstart``."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np
from PIL import Image

from paddleseg_ext import cli
from paddleseg_ext.datasets.street import CLASS_NAMES, draw_scene
from paddleseg_ext.errors import UserError

# Increased when the same arguments give other bytes than before, so that an older folder is not taken for a new one.
_EDITION = 1
_STAMP = "quickstart.json"
_SMALLEST_SIDE = 32


def generate(
    output: Union[str, Path], seed: int = 0, train: int = 240, val: int = 60, size: Sequence[int] = (128, 256)
) -> bool:
    """Write the scenes of ``street.py`` into a folder that PaddleSeg's ``Dataset`` and ``QuickstartScenes`` read.

    The folder holds ``images/{train,val}/*.png``, ``labels/{train,val}/*.png``, the lists ``train.txt`` and
    ``val.txt``, ``classes.txt``, and the arguments of this call. Half of each split are canals, half are roads. The
    folder is written under another name and then renamed, so it is never half there. The same arguments give the same
    bytes.

    Args:
        output: The folder. If the same arguments wrote it before, it stays unchanged.
        seed: 0 or more. It seeds a generator for each picture, with the picture's split and number.
        train, val: The number of pictures.
        size: Height and width in pixels.

    Returns:
        Whether the folder was written. False means that it was there already.

    Raises:
        UserError: An argument is out of range, or ``output`` holds something else.
    """
    if seed < 0:
        raise UserError(f"The seed is {seed} and must be 0 or more.")
    if train < 1 or val < 1:
        raise UserError(f"The training and validation pictures are {train} and {val}; both numbers must be 1 or more.")
    height, width = size
    if min(height, width) < _SMALLEST_SIDE:
        raise UserError(
            f"The size is {height}x{width} pixels (height x width); both sides must be {_SMALLEST_SIDE} or more."
        )
    output = Path(output)
    stamp = {"edition": _EDITION, "seed": seed, "train": train, "val": val, "size": [height, width]}
    if _is_there(output, stamp):
        return False

    output.absolute().parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.absolute().parent))
    try:
        for number, (split, count) in enumerate((("train", train), ("val", val))):
            _write_split(unfinished, split, count, (seed, number), height, width)
        (unfinished / "classes.txt").write_text("".join(f"{name}\n" for name in CLASS_NAMES))
        (unfinished / _STAMP).write_text(json.dumps(stamp) + "\n")
        # Only the owner can read a folder of mkdtemp; an ordinary mkdir() gives this mode.
        umask = os.umask(0)
        os.umask(umask)
        unfinished.chmod(0o777 & ~umask)
        try:
            os.replace(unfinished, output)
        except OSError:
            # Another process was faster; its folder is fine if it comes from the same arguments.
            if not _is_there(output, stamp):
                raise
            return False
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return True


def _is_there(output: Path, stamp: dict[str, Any]) -> bool:
    """Return whether ``output`` is the data set of ``stamp``; False if it is missing or an empty folder."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return False
    try:
        found = json.loads((output / _STAMP).read_text())
    except (OSError, ValueError):
        raise UserError(f"{output} is not a quickstart data set; name another --output, or remove it.") from None
    if found != stamp:
        raise UserError(
            f"{output} is a quickstart data set of other arguments ({json.dumps(found)}); "
            "name another --output, or remove it."
        )
    return True


def _write_split(root: Path, split: str, count: int, seed: tuple[int, int], height: int, width: int) -> None:
    for kind in ("images", "labels"):
        (root / kind / split).mkdir(parents=True)
    canals = np.random.Generator(np.random.PCG64(seed)).permutation(np.arange(count) % 2 == 0)
    lines = []
    for i, canal in enumerate(canals):
        rng = np.random.Generator(np.random.PCG64((*seed, i)))
        picture, label = draw_scene(rng, height, width, canal=bool(canal))
        image_path, label_path = f"images/{split}/{i:04d}.png", f"labels/{split}/{i:04d}.png"
        Image.fromarray(picture).save(root / image_path, compress_level=6)
        Image.fromarray(label).save(root / label_path, compress_level=6)
        lines.append(f"{image_path} {label_path}\n")
    (root / f"{split}.txt").write_text("".join(lines))


def main(arguments: Sequence[str]) -> None:
    """Write the data set; see ``--help``."""
    parser = cli.Parser(
        "Write the labeled street scenes of the quickstart.",
        "python -m paddleseg_ext.datasets.quickstart --output data/quickstart --seed 0",
    )
    parser.add_argument("--output", default="data/quickstart", metavar="DIR", help="the folder to write.")
    parser.add_argument(
        "--seed",
        type=cli.natural_int,
        default=0,
        metavar="N",
        help="seed of the scenes; the same seed gives the same bytes.",
    )
    parser.add_argument("--train", type=cli.positive_int, default=240, metavar="N", help="number of training pictures.")
    parser.add_argument("--val", type=cli.positive_int, default=60, metavar="N", help="number of validation pictures.")
    parser.add_argument(
        "--size",
        type=cli.positive_int,
        nargs=2,
        default=[128, 256],
        metavar=("H", "W"),
        help="height and width of each picture, in pixels.",
    )
    flags = parser.parse_args(arguments)
    written = generate(flags.output, flags.seed, flags.train, flags.val, flags.size)
    what = f"{flags.train} training and {flags.val} validation pictures"
    print(f"{what} are in {flags.output}" + ("." if written else " already."))


if __name__ == "__main__":
    sys.exit(cli.run(main))
