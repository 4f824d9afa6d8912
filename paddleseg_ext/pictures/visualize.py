"""Label maps as pictures: colours, overlay on the image, a legend of the classes present, images side by side.

Images are uint8 arrays (H, W, 3) in OpenCV's order (blue, green, red); label maps are uint8 arrays (H, W) of class
indices, in which an index without a class (the ignore label) is drawn black in a colour map and left clear in an
overlay.
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
# The legend of a picture of this many pixels, or less, in pixels; that of a larger picture grows with its side.
_SMALL_PICTURE = 800 * 800
_FONT_SCALE = 0.45
_LINE = 22
_SWATCH = 14
_MARGIN = 8
_INK = (32, 32, 32)
_PAPER = 255


def palette(num_classes: int, dataset: Any = None, custom_color: Optional[Sequence[int]] = None) -> np.ndarray:
    """Colours (256, 3), uint8, red green blue, by class index.

    Args:
        num_classes: Indices from here on are black.
        dataset: A data set, or its class, that may define colours of its own; otherwise PaddleSeg's are used.
        custom_color: ``[r0, g0, b0, r1, ...]`` replaces the first colours, as PaddleSeg's ``--custom_color`` does.

    Raises:
        UserError: ``custom_color`` is no list of triples from 0 to 255, or there are more than 256 classes.
    """
    if num_classes > 256:
        raise UserError(f"{num_classes} classes do not fit an 8-bit label map, which holds 256; draw fewer.")
    colours = np.zeros((256, 3), dtype=np.uint8)
    colours[:num_classes] = np.reshape(get_color_map_list(256), (-1, 3))[:num_classes]
    own = class_colors(dataset)
    if own is not None:
        count = min(len(own), num_classes)
        colours[:count] = np.asarray(own, dtype=np.uint8)[:count]
    if custom_color:
        if len(custom_color) % 3 or not all(0 <= value <= 255 for value in custom_color):
            raise UserError(
                f"--custom_color has {len(custom_color)} numbers; it takes red, green and blue from 0 to 255 for "
                "each class, e.g. --custom_color 0 0 0 255 128 0."
            )
        given = np.reshape(custom_color, (-1, 3))[:256].astype(np.uint8)
        colours[: len(given)] = given
    return colours


def colour_map(labels: np.ndarray, colours: np.ndarray) -> Image.Image:
    """A palette picture (mode P): shows the colours and still holds the class indices, as PaddleSeg's does."""
    picture = Image.fromarray(labels.astype(np.uint8), mode="P")
    picture.putpalette(colours.astype(np.uint8).tobytes())
    return picture


def paint(labels: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """The colours of a label map as an image."""
    return np.ascontiguousarray(colours[labels][..., ::-1])


def overlay(
    image: np.ndarray, labels: np.ndarray, colours: np.ndarray, num_classes: int, weight: float = 0.6
) -> np.ndarray:
    """The image (its share is ``weight``) under the colours of its label map; other indices leave it as it is."""
    mixed = cv2.addWeighted(image, weight, paint(labels, colours), 1 - weight, 0)
    return np.where((labels < num_classes)[..., None], mixed, image)


def with_legend(
    picture: np.ndarray, labels: np.ndarray, colours: np.ndarray, names: Sequence[str], shares: bool = True
) -> np.ndarray:
    """The picture with the names and colours of the classes in ``labels``, largest first, and their shares of it.

    The legend stands beside an upright picture and below a wide one, so that neither grows into a strip.
    """
    counts = np.bincount(labels.ravel(), minlength=256)[: len(names)]
    present = [int(index) for index in np.argsort(-counts, kind="stable") if counts[index]]
    if not present:
        return picture
    share = [f" {_percent(counts[index] / labels.size)}" if shares else "" for index in present]
    entries = [(names[index] + text, colours[index]) for index, text in zip(present, share)]
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
    colours: np.ndarray,
    names: Sequence[str],
) -> np.ndarray:
    """Image, label and prediction in one row, with one legend for the classes of both maps.

    Args:
        image: uint8 (H, W, 3), blue green red.
        label: Class indices (H, W); an index beyond ``names`` is drawn black.
        prediction: Class indices (H, W).
        colours: From ``palette``.
        names: One for every class.
    """
    label, prediction = label.astype(np.uint8), prediction.astype(np.uint8)
    gap = np.full((image.shape[0], 4, 3), _PAPER, dtype=np.uint8)
    row = np.hstack([image, gap, paint(label, colours), gap, paint(prediction, colours)])
    return with_legend(row, np.hstack([label, prediction]), colours, names, shares=False)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "<1%"


def _text_width(text: str, scale: float) -> int:
    return cv2.getTextSize(text, _FONT, _FONT_SCALE * scale, round(scale))[0][0]


def _pad(picture: np.ndarray, high: int, wide: int) -> np.ndarray:
    padded = np.full((high, wide, 3), _PAPER, dtype=np.uint8)
    padded[: picture.shape[0], : picture.shape[1]] = picture
    return padded


def _draw_entries(entries: list, rows: int, width: int, wide: int, high: int, scale: float) -> np.ndarray:
    panel = np.full((high, wide, 3), _PAPER, dtype=np.uint8)
    line, swatch, margin, pen = (round(length * scale) for length in (_LINE, _SWATCH, _MARGIN, 1))
    for position, (text, colour) in enumerate(entries):
        left = (position // rows) * width + margin
        top = (position % rows) * line + margin
        corner = (left + swatch, top + swatch)
        cv2.rectangle(panel, (left, top), corner, [int(value) for value in colour[::-1]], cv2.FILLED)
        cv2.rectangle(panel, (left, top), corner, _INK, pen)
        place = (left + swatch + margin, top + swatch - 2 * pen)
        cv2.putText(panel, text, place, _FONT, _FONT_SCALE * scale, _INK, pen, cv2.LINE_AA)
    return panel
