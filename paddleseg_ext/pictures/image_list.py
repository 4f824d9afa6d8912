"""What ``--image_path`` names: one image, a folder, or a list file."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Union

import cv2
import numpy as np
from paddleseg.utils import logger
from PIL import Image

from paddleseg_ext.errors import UserError

# PaddleSeg's endings, which every OpenCV reads, and those of other images: whether OpenCV reads them is its builder's
# choice (GIF from 4.11 on). deploy/onnx/infer.py, which stands alone, has the same.
SUFFIXES = (".jpeg", ".jpg", ".bmp", ".png")
OTHER_SUFFIXES = (".webp", ".tif", ".tiff", ".gif", ".jp2", ".ppm", ".pgm", ".avif", ".heic", ".heif", ".jxl")
IMAGES = (*SUFFIXES, *OTHER_SUFFIXES)


@dataclass(frozen=True)
class ImageFile:
    """An image on disk and the name, without suffix, that its results are written under."""

    path: Path
    name: str


def find_images(image_path: Union[str, Path]) -> list:
    """The images that ``--image_path`` means, as PaddleSeg understands it, each checked to be one.

    Args:
        image_path: An image; a folder, searched to the bottom for ``IMAGES``, hidden files apart; or a text file with
            one image per line (its first word), relative to the folder of the file. What of a folder OpenCV does not
            read is left out, and a log line names it.

    Returns:
        A list of ``ImageFile``, never empty. Names follow the place below the folder.

    Raises:
        UserError: Nothing there, no image among it, or a file that is missing or no image.
    """
    path = Path(image_path)
    if path.is_dir():
        found = sorted(
            file
            for file in path.rglob("*")
            if file.suffix.lower() in IMAGES
            and file.is_file()
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        )
        unread = [file for file in found if file.suffix.lower() in OTHER_SUFFIXES and not _is_read(file)]
        found = [file for file in found if file not in set(unread)]
        if not found:
            instead = f" but files that {_cannot_read(unread)}" if unread else ""
            raise UserError(
                f"--image_path: the folder {path} holds no {', '.join(IMAGES)} file{instead}; name another."
            )
        if unread:
            logger.warning(f"{path}: left out, as {_cannot_read(unread)}; convert to PNG what you need.")
        root = path
    elif not path.is_file():
        raise UserError(f"--image_path: {path} does not exist; give an image, a folder of images or a list file.")
    elif path.suffix.lower() in IMAGES:
        found, root = [path], path.parent
    else:
        found, root = _read_list(path), path.parent
    for file in found:
        _check_header(file)
    return _named(found, root)


def read_image(path: Union[str, Path], channels: int = 3) -> np.ndarray:
    """The pixels of an image, uint8: (H, W, 3), blue green red, or (H, W) where ``channels`` is 1.

    Raises:
        UserError: The file cannot be decoded.
    """
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR)
    if image is None:
        raise UserError(f"{path} cannot be read as an image; it may be damaged, so replace or remove it.")
    return image


def _read_list(path: Path) -> list:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise UserError(
            f"--image_path: {path} is neither an image ({', '.join(IMAGES)}) nor a text file that lists images."
        ) from None
    found = [path.parent / line.split()[0] for line in lines if line.strip()]
    if not found:
        raise UserError(f"--image_path: the list file {path} is empty; write one image per line.")
    for number, line in enumerate(lines, 1):
        if line.strip() and not (path.parent / line.split()[0]).is_file():
            missing = path.parent / line.split()[0]
            raise UserError(f"{path} line {number}: the image {missing} does not exist; correct the list.")
    return found


def _is_read(path: Path) -> bool:
    """Whether OpenCV knows the format of a file, by its first bytes."""
    return cv2.haveImageReader(str(path))


def _cannot_read(files: list) -> str:
    return f"OpenCV {cv2.__version__} cannot read: {', '.join(map(str, files))}"


def _check_header(path: Path) -> None:
    if path.suffix.lower() in OTHER_SUFFIXES:
        if not _is_read(path):
            raise UserError(f"{_cannot_read([path])}; convert it to PNG, or replace it if it is damaged.")
        return
    try:
        with Image.open(path):
            pass
    except Exception as error:
        reason = "its format is unknown" if type(error).__name__ == "UnidentifiedImageError" else str(error)
        raise UserError(f"{path} is not a readable image ({reason}); replace or remove it.") from error


def _named(paths: list, root: Path) -> list:
    relative = [_below(path, root) for path in paths]
    stems = [str(place.with_suffix("")) for place in relative]
    stems = [str(place.with_suffix("")) for place in relative]
    shared = Counter(stems)
    # a.jpg and a.png must not overwrite each other's results.
    return [
        ImageFile(path, stem if shared[stem] == 1 else str(place)) for path, place, stem in zip(paths, relative, stems)
    ]


def _below(path: Path, root: Path) -> PurePath:
    """``path`` relative to ``root``; of a file elsewhere, its path without what leads out of the results' folder."""
    try:
        place = path.relative_to(root)
    except ValueError:
        place = path
    return PurePath(*[part for part in place.parts if part not in ("..", ".", place.anchor)])
