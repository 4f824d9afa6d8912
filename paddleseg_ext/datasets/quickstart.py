"""Write the quickstart's data set: ``python -m paddleseg_ext.datasets.quickstart --output data/quickstart``."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Union

import numpy as np
from PIL import Image

from paddleseg_ext import cli
from paddleseg_ext.datasets.street import CLASS_NAMES, draw_scene
from paddleseg_ext.errors import UserError

# Raised whenever the same arguments give other bytes than before, so that older folders are not taken for new ones.
_EDITION = 1
_STAMP = "quickstart.json"
_SMALLEST_SIDE = 32


def generate(
    output: Union[str, Path], seed: int = 0, train: int = 240, val: int = 60, size: Sequence[int] = (128, 256)
) -> bool:
    """Write the scenes of ``street.py`` as a folder that PaddleSeg's ``Dataset`` and our own read.

    The folder holds ``images/{train,val}/*.png``, ``labels/{train,val}/*.png``, the lists ``train.txt`` and
    ``val.txt``, ``classes.txt``, and the arguments it was made from. Half of each split are canals, half roads.
    It is made under another name and renamed, so it is there whole or not at all. Same arguments, same bytes.

    Args:
        output: The folder. One made by the same arguments is kept as it is.
        seed: Non-negative; each picture draws from a generator of its own, seeded by this, its split and its number.
        train, val: How many pictures.
        size: Height and width in pixels.

    Returns:
        Whether it was written; False: it was there already.

    Raises:
        UserError: an argument is out of range, or ``output`` holds something else.
    """
    if seed < 0:
        raise UserError(f"The seed must not be negative, but is {seed}.")
    if train < 1 or val < 1:
        raise UserError(f"There must be at least one training and one validation picture, not {train} and {val}.")
    height, width = size
    if min(height, width) < _SMALLEST_SIDE:
        raise UserError(f"A picture must have at least {_SMALLEST_SIDE} pixels a side, not {height} by {width}.")
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
        # mkdtemp makes folders readable by their owner only; give the mode an ordinary mkdir() would give.
        umask = os.umask(0)
        os.umask(umask)
        unfinished.chmod(0o777 & ~umask)
        try:
            os.replace(unfinished, output)
        except OSError:
            # Another process was quicker: its folder is as good as ours, if it is the same.
            if not _is_there(output, stamp):
                raise
            return False
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return True


def _is_there(output: Path, stamp: dict) -> bool:
    """Whether ``output`` is the data set of ``stamp``; False when there is nothing or an empty folder."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return False
    try:
        found = json.loads((output / _STAMP).read_text())
    except (OSError, ValueError):
        raise UserError(f"{output} holds something else; give another --output or remove it.") from None
    if found != stamp:
        raise UserError(
            f"{output} holds a quickstart data set made from other arguments ({json.dumps(found)}); "
            "give another --output or remove it."
        )
    return True


def _write_split(root: Path, split: str, count: int, seed: tuple, height: int, width: int) -> None:
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
    """Read the flags and generate; see ``--help``."""
    parser = cli.Parser(
        "Write the quickstart's labelled street scenes.",
        "python -m paddleseg_ext.datasets.quickstart --output data/quickstart --seed 0",
    )
    parser.add_argument("--output", default="data/quickstart", metavar="DIR", help="the folder to write.")
    parser.add_argument("--seed", type=cli.natural_int, default=0, metavar="N", help="same seed, same bytes.")
    parser.add_argument("--train", type=cli.positive_int, default=240, metavar="N", help="how many training pictures.")
    parser.add_argument("--val", type=cli.positive_int, default=60, metavar="N", help="how many validation pictures.")
    parser.add_argument(
        "--size", type=cli.positive_int, nargs=2, default=[128, 256], metavar=("H", "W"), help="of each, in pixels."
    )
    flags = parser.parse_args(arguments)
    written = generate(flags.output, flags.seed, flags.train, flags.val, flags.size)
    what = f"{flags.train} training and {flags.val} validation pictures"
    print(f"{what} are in {flags.output}" + ("." if written else ", where they were already."))


if __name__ == "__main__":
    sys.exit(cli.run(main))
