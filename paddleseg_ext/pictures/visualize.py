"""Label maps as pictures: colors, overlay on the image, a legend of the classes in it, images side by side.

Images are uint8 arrays (H, W, 3) in OpenCV's order: blue, green, red. Label maps are uint8 arrays (H, W) of class
indices. An index without a class, such as the ignore label, is black in a color map, and an overlay shows the image
there. Colors are uint8 arrays (256, 3) in the order red, green, blue, by class index.
"""

from collections.abc import Sequence
from typing import Any, Optional

import cv2
import numpy as np
from paddleseg.utils.visualize import get_color_map_list
from PIL import Image

from paddleseg_ext.datasets.class_names import class_colors
from paddleseg_ext.errors import UserError

_FONT = cv2.FONT_HERSHEY_SIMPLEX
# Sizes in the legend of a picture of up to this many pixels. The legend of a larger picture grows with its side.
_SMALL_PICTURE = 800 * 800
_FONT_SCALE = 0.45
_LINE = 22
_SWATCH = 14
_MARGIN = 8
_INK = (32, 32, 32)
_PAPER = 255


def palette(num_classes: int, dataset: Any = None, custom_color: Optional[Sequence[int]] = None) -> np.ndarray:
    """Return the colors of classes, uint8 (256, 3), red green blue, by class index.

    Args:
        num_classes: The colors of this index and above are black.
        dataset: A data set, or its class. Its own colors are used if it has some, else PaddleSeg's.
        custom_color: ``[r0, g0, b0, r1, ...]`` replaces the first colors, as PaddleSeg's ``--custom_color`` does.

    Raises:
        UserError: ``custom_color`` is not a list of triples from 0 to 255, or there are more than 256 classes.
    """
    if num_classes > 256:
        raise UserError(f"{num_classes} classes do not fit into an 8-bit label map, which holds 256; use fewer.")
    colors = np.zeros((256, 3), dtype=np.uint8)
    colors[:num_classes] = np.reshape(get_color_map_list(256), (-1, 3))[:num_classes]
    own = class_colors(dataset)
    if own is not None:
        count = min(len(own), num_classes)
        colors[:count] = np.asarray(own, dtype=np.uint8)[:count]
    if custom_color:
        if len(custom_color) % 3 or not all(0 <= value <= 255 for value in custom_color):
            raise UserError(
                f"--custom_color has {len(custom_color)} numbers; it takes red, green and blue from 0 to 255 for "
                "each class, e.g. --custom_color 0 0 0 255 128 0."
            )
        given = np.reshape(custom_color, (-1, 3))[:256].astype(np.uint8)
        colors[: len(given)] = given
    return colors


def color_map(labels: np.ndarray, colors: np.ndarray) -> Image.Image:
    """Return a palette picture (mode P): it shows the colors and holds the class indices, as PaddleSeg's does."""
    picture = Image.fromarray(labels.astype(np.uint8), mode="P")
    picture.putpalette(colors.astype(np.uint8).tobytes())
    return picture


def paint(labels: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Return the colors of a label map as an image."""
    return np.ascontiguousarray(colors[labels][..., ::-1])


def overlay(
    image: np.ndarray, labels: np.ndarray, colors: np.ndarray, num_classes: int, weight: float = 0.6
) -> np.ndarray:
    """Mix the image with the colors of its label map.

    Args:
        num_classes: Where the label is not below this, the image stays unchanged.
        weight: The share of the image, from 0 to 1.

    Returns:
        uint8 (H, W, 3).
    """
    mixed = cv2.addWeighted(image, weight, paint(labels, colors), 1 - weight, 0)
    return np.where((labels < num_classes)[..., None], mixed, image)


def with_legend(
    picture: np.ndarray, labels: np.ndarray, colors: np.ndarray, names: Sequence[str], shares: bool = True
) -> np.ndarray:
    """Add a legend to a picture: name and color of each class in ``labels``, the largest class first.

    The legend stands to the right of an upright picture and below a wide one, so that neither becomes a strip.

    Args:
        shares: Add the share of the pixels to each name.

    Returns:
        A larger picture; ``picture`` itself if ``labels`` holds no class of ``names``.
    """
    counts = np.bincount(labels.ravel(), minlength=256)[: len(names)]
    present = [int(index) for index in np.argsort(-counts, kind="stable") if counts[index]]
    if not present:
        return picture
    share = [f" {_percent(counts[index] / labels.size)}" if shares else "" for index in present]
    entries = [(names[index] + text, colors[index]) for index, text in zip(present, share)]
    high, wide = picture.shape[:2]
    scale = max(1.0, (high * wide / _SMALL_PICTURE) ** 0.5)
    line, margin = round(_LINE * scale), round(_MARGIN * scale)
    width = round(_SWATCH * scale) + 3 * margin + max(_text_width(text, scale) for text, _ in entries)
    if wide > high:
        columns = min(len(entries), max(1, round(wide / width)))
        rows = -(-len(entries) // columns)
        panel = _draw_entries(entries, rows, width, max(wide, columns * width), rows * line + margin, scale)
        return np.vstack([_pad(picture, high, panel.shape[1]), panel])
    rows = min(len(entries), max(1, (high - margin) // line))
    columns = -(-len(entries) // rows)
    panel = _draw_entries(entries, rows, width, columns * width, max(high, rows * line + margin), scale)
    return np.hstack([_pad(picture, panel.shape[0], wide), panel])


def side_by_side(
    image: np.ndarray,
    label: np.ndarray,
    prediction: np.ndarray,
    colors: np.ndarray,
    names: Sequence[str],
) -> np.ndarray:
    """Draw image, label and prediction in one row, with one legend for the classes of both maps.

    Args:
        image: uint8 (H, W, 3), blue green red.
        label: Class indices (H, W) of any integer dtype; an index that has no name is black.
        prediction: Class indices (H, W) of any integer dtype.
        colors: From ``palette``.
        names: One for each class.

    Returns:
        uint8, blue green red: three pictures wide, and the legend.
    """
    label, prediction = label.astype(np.uint8), prediction.astype(np.uint8)
    gap = np.full((image.shape[0], 4, 3), _PAPER, dtype=np.uint8)
    row = np.hstack([image, gap, paint(label, colors), gap, paint(prediction, colors)])
    return with_legend(row, np.hstack([label, prediction]), colors, names, shares=False)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "<1%"


def _text_width(text: str, scale: float) -> int:
    return cv2.getTextSize(text, _FONT, _FONT_SCALE * scale, round(scale))[0][0]


def _pad(picture: np.ndarray, high: int, wide: int) -> np.ndarray:
    padded = np.full((high, wide, 3), _PAPER, dtype=np.uint8)
    padded[: picture.shape[0], : picture.shape[1]] = picture
    return padded


def _draw_entries(
    entries: list[tuple[str, np.ndarray]], rows: int, width: int, wide: int, high: int, scale: float
) -> np.ndarray:
    """Draw the legend, ``high`` by ``wide`` pixels, in columns of ``rows`` entries that are ``width`` pixels wide."""
    panel = np.full((high, wide, 3), _PAPER, dtype=np.uint8)
    line, swatch, margin, pen = (round(length * scale) for length in (_LINE, _SWATCH, _MARGIN, 1))
    for position, (text, color) in enumerate(entries):
        left = (position // rows) * width + margin
        top = (position % rows) * line + margin
        corner = (left + swatch, top + swatch)
        cv2.rectangle(panel, (left, top), corner, [int(value) for value in color[::-1]], cv2.FILLED)
        cv2.rectangle(panel, (left, top), corner, _INK, pen)
        place = (left + swatch + margin, top + swatch - 2 * pen)
        cv2.putText(panel, text, place, _FONT, _FONT_SCALE * scale, _INK, pen, cv2.LINE_AA)
    return panel
