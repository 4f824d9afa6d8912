"""The files of a prediction: for each image a label map, a color map and an overlay with a legend."""

from collections.abc import Sequence
from pathlib import Path
from typing import Union

import cv2
import numpy as np

from paddleseg_ext.files.whole import write_whole
from paddleseg_ext.pictures import visualize

# Folders. The last two have PaddleSeg's names.
LABELS, COLORS, OVERLAYS = "label", "pseudo_color_prediction", "added_prediction"
_WHAT = {LABELS: "class indices", COLORS: "colors", OVERLAYS: "overlay with legend"}


def write_results(
    save_dir: Union[str, Path],
    name: str,
    image: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    colors: np.ndarray,
) -> None:
    """Write the three PNG files of one image, each whole or not at all.

    ``label/NAME.png`` holds the class indices as 8-bit gray values. ``pseudo_color_prediction/NAME.png`` holds the same
    indices with a palette. ``added_prediction/NAME.png`` is the image mixed with the colors, with a legend.

    Args:
        save_dir: The three folders are made in it.
        name: May name folders too, e.g. ``street/0001``.
        image: uint8 (H, W, 3), blue green red, or (H, W).
        labels: Class indices, uint8 (H, W).
        names: One for each class.
        colors: uint8 (256, 3), red green blue, by class index; from ``visualize.palette``.
    """
    save_dir = Path(save_dir)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    blended = visualize.overlay(image, labels, colors, len(names))
    write_labels(save_dir, name, labels)
    with write_whole(save_dir / COLORS / f"{name}.png") as path:
        visualize.color_map(labels, colors).save(path)
    with write_whole(save_dir / OVERLAYS / f"{name}.png") as path:
        cv2.imwrite(str(path), visualize.with_legend(blended, labels, colors, names))


def write_labels(save_dir: Union[str, Path], name: str, labels: np.ndarray) -> None:
    """Write ``label/NAME.png``, whole or not at all: class indices, uint8 (H, W), as 8-bit gray values."""
    with write_whole(Path(save_dir) / LABELS / f"{name}.png") as path:
        cv2.imwrite(str(path), labels)


def where_results_are(save_dir: Union[str, Path], count: int) -> str:
    """Return the last sentence of a prediction of ``count`` images: the folders and what they hold."""
    folders = ", ".join(f"{folder}/ ({what})" for folder, what in _WHAT.items())
    return f"{count} image{'s' if count != 1 else ''} predicted; see {save_dir}: {folders}."
