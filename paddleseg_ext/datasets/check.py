"""The check of a data set: ``python -m paddleseg_ext.datasets.check cityscapes`` reports what is missing."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np
from PIL import Image

from paddleseg_ext import cli
from paddleseg_ext.datasets.layout import LAYOUTS, Layout, Pair
from paddleseg_ext.errors import UserError, one_line

EXAMPLES = """
python -m paddleseg_ext.datasets.check cityscapes
python -m paddleseg_ext.datasets.check ade20k --root /mnt/data/ADEChallengeData2016
python -m paddleseg_ext.datasets.check voc12aug --samples 1000
"""


def check_split(layout: Layout, root: Union[str, Path], mode: str, samples: int) -> tuple[int, list[str]]:
    """Check the files of one split.

    Args:
        layout: One of ``LAYOUTS``.
        root: The data set's folder.
        mode: PaddleSeg's name of the split, a key of ``layout.modes``.
        samples: How many samples are opened, spread evenly over the split. An image and its label must have the same
            size, and all values of the label must be classes.

    Returns:
        The number of samples that have both files, and a sentence without a full stop for each problem.
    """
    root = Path(root)
    try:
        pairs = layout.pairs(root, mode)
    except UserError as error:
        return 0, [str(error)]
    here = [(pair, pair.image.is_file(), pair.label.is_file()) for pair in pairs]
    whole = [pair for pair, image, label in here if image and label]
    problems = []
    for what, missing in (
        ("without a label", [pair.label for pair, image, label in here if image and not label]),
        ("without an image", [pair.image for pair, image, label in here if label and not image]),
        ("in the list without either", [pair.image for pair, image, label in here if not image and not label]),
    ):
        if missing:
            problems.append(f"{len(missing)} {what}; the first missing file is {missing[0]}")
    for index in np.unique(np.linspace(0, len(whole) - 1, samples).astype(int)) if whole else ():
        problem = _look_at(layout, whole[index])
        if problem:
            problems.append(problem)
    return len(whole), problems


def _look_at(layout: Layout, pair: Pair) -> Optional[str]:
    """Return a sentence about the fault in the content of a sample, or None."""
    opened = []
    for path in pair:
        try:
            with Image.open(path) as image:
                image.load()
                opened.append(image)
        except Exception as error:
            return f"{path} cannot be read ({one_line(error)})"
    image, label = opened
    if image.size != label.size:
        sizes = " and ".join("x".join(map(str, one.size)) for one in (image, label))
        return f"{pair.image} and {pair.label} have different sizes, {sizes} pixels"
    classes = np.asarray(label)
    values = np.unique(classes)
    if classes.ndim != 2:
        return f"{pair.label} has {classes.shape[-1]} channels, but a label has one"
    wrong = [int(value) for value in values if not layout.label_is_valid(int(value))]
    if wrong:
        least, most = layout.first_class, layout.num_classes - 1 + layout.first_class
        nothing = 0 if layout.first_class == 1 else 255
        return f"{pair.label} holds the value {wrong[0]}, but {layout.title} has {least} to {most} and {nothing}"
    return None


def report(layout: Layout, root: Union[str, Path], samples: int = 100, subset: bool = False) -> tuple[list[str], bool]:
    """Check every split that the published recipes use.

    Args:
        samples: See ``check_split``.
        subset: Accept fewer samples than published.

    Returns:
        The lines to print, and whether the data set is as published (with ``subset``: whether it can be used).
    """
    root = Path(root)
    if not root.is_dir():
        return [f"The folder {root} does not exist."], False
    lines, good = [f"{layout.title} in {root}"], True
    for mode, expected in layout.modes.items():
        found, problems = check_split(layout, root, mode, samples)
        good = good and found > 0 and not problems and (subset or found == expected)
        lines.append(f"  {mode}: {found} of {expected} images with labels")
        lines += [f"    {problem}" for problem in problems[:5]]
        if len(problems) > 5:
            lines.append(f"    and {len(problems) - 5} more problems")
        if not problems and 0 < found < expected:
            lines.append("    usable, but the figures cannot be compared with the published ones")
    return lines, good


def main(arguments: Sequence[str]) -> None:
    """Check a data set; see ``--help``."""
    parser = cli.Parser(
        "Report what a data set lacks and what is wrong in it. The exit code is 1 if anything is.", EXAMPLES
    )
    parser.add_argument("name", choices=tuple(LAYOUTS), help="the data set, by its name in the YAML files' names.")
    parser.add_argument("--root", metavar="DIR", help="its folder (default: the folder in the YAML files).")
    parser.add_argument(
        "--samples",
        type=cli.natural_int,
        default=100,
        metavar="N",
        help="how many images and labels to open in each split.",
    )
    parser.add_argument("--subset", action="store_true", help="accept a part of the data set.")
    flags = parser.parse_args(arguments)
    layout = LAYOUTS[flags.name]
    root = flags.root or layout.root
    lines, good = report(layout, root, flags.samples, flags.subset)
    print("\n".join(lines), flush=True)
    if not good:
        raise UserError(f"{root} is not {layout.title} as published; {layout.how_to_lay_out()}.")
    print("The data set can be used." if flags.subset else "The data set is complete.")


if __name__ == "__main__":
    sys.exit(cli.run(main))
