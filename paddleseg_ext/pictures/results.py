"""The files of a prediction: for every image a label map, a color map and an overlay with a legend."""

from collections.abc import Sequence
from pathlib import Path
from typing import Union

import cv2
import numpy as np

from paddleseg_ext.files.whole import write_whole
from paddleseg_ext.pictures import visualize

# The first is ours, the other two are PaddleSeg's names.
LABELS, COLOURS, OVERLAYS = "label", "pseudo_color_prediction", "added_prediction"
_WHAT = {LABELS: "class indices", COLOURS: "colours", OVERLAYS: "overlay with legend"}


def write_results(
    save_dir: Union[str, Path],
    name: str,
    image: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    colours: np.ndarray,
) -> None:
    """Write the three PNG files of one image, each whole or not at all.

    ``label/NAME.png`` holds the class indices as 8-bit grey, ``pseudo_color_prediction/NAME.png`` the same indices with
    a palette, ``added_prediction/NAME.png`` the image under its colours with a legend.

    Args:
        image: uint8 (H, W, 3) or (H, W).
        labels: uint8 (H, W).
    """
    save_dir = Path(save_dir)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    blended = visualize.overlay(image, labels, colours, len(names))
    write_labels(save_dir, name, labels)
    with write_whole(save_dir / COLOURS / f"{name}.png") as path:
        visualize.colour_map(labels, colours).save(path)
    with write_whole(save_dir / OVERLAYS / f"{name}.png") as path:
        cv2.imwrite(str(path), visualize.with_legend(blended, labels, colours, names))


def write_labels(save_dir: Union[str, Path], name: str, labels: np.ndarray) -> None:
    """Write ``label/NAME.png``: class indices, uint8 (H, W), as 8-bit grey, whole or not at all."""
    with write_whole(Path(save_dir) / LABELS / f"{name}.png") as path:
        cv2.imwrite(str(path), labels)


def where_results_are(save_dir: Union[str, Path], count: int) -> str:
    """The sentence that ends a prediction."""
    folders = ", ".join(f"{folder}/ ({what})" for folder, what in _WHAT.items())
    return f"{count} image{'s' if count != 1 else ''} predicted; see {save_dir}: {folders}."
