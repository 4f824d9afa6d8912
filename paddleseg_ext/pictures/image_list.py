"""The images that ``--image_path`` names: one image, a folder, or a list file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Union

import cv2
import numpy as np
from paddleseg.utils import logger
from PIL import Image

from paddleseg_ext.errors import UserError

# Every OpenCV reads files with PaddleSeg's endings. Not every OpenCV reads the others: that depends on how it was built
# (it reads GIF from 4.11 on). deploy/onnx/infer.py uses nothing of this package and has the same lists.
SUFFIXES = (".jpeg", ".jpg", ".bmp", ".png")
OTHER_SUFFIXES = (".webp", ".tif", ".tiff", ".gif", ".jp2", ".ppm", ".pgm", ".avif", ".heic", ".heif", ".jxl")
IMAGES = (*SUFFIXES, *OTHER_SUFFIXES)


@dataclass(frozen=True)
class ImageFile:
    """An image on disk.

    Attributes:
        path: The file.
        name: The name of its results, without suffix. It may name folders too, e.g. ``street/0001``.
    """

    path: Path
    name: str


def find_images(image_path: Union[str, Path]) -> list[ImageFile]:
    """Return the images that ``--image_path`` names. Each file is checked to be an image.

    Args:
        image_path: An image, a folder or a text file, as in PaddleSeg. A folder is searched for ``IMAGES`` with all
            its subfolders, but without hidden files; images that OpenCV does not read are left out, and a log line
            names them. A text file names one image in each line (the first word), relative to the folder of the file.

    Returns:
        At least one image. The names follow the places below the folder.

    Raises:
        UserError: ``image_path`` does not exist or names no image, or a file in the list is missing or no image.
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
            instead = f", only files that {_cannot_read(unread)}" if unread else ""
            raise UserError(
                f"--image_path: the folder {path} holds no {', '.join(IMAGES)} file{instead}; name another folder."
            )
        if unread:
            logger.warning(f"{path}: left out, because {_cannot_read(unread)}; convert the files that you need to PNG.")
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
    """Return the pixels of an image, uint8: (H, W, 3), blue green red, or (H, W) if ``channels`` is 1.

    Raises:
        UserError: The file cannot be decoded.
    """
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR)
    if image is None:
        raise UserError(f"{path} cannot be read as an image; it may be damaged, so replace or remove it.")
    return image


def _read_list(path: Path) -> list[Path]:
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
    """Return whether OpenCV knows the format of a file, by its first bytes."""
    return cv2.haveImageReader(str(path))


def _cannot_read(files: Sequence[Path]) -> str:
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


def _named(paths: Sequence[Path], root: Path) -> list[ImageFile]:
    relative = [_below(path, root) for path in paths]
    stems = [str(place.with_suffix("")) for place in relative]
    shared = Counter(stems)
    # a.jpg and a.png must not overwrite each other's results.
    return [
        ImageFile(path, stem if shared[stem] == 1 else str(place)) for path, place, stem in zip(paths, relative, stems)
    ]


def _below(path: Path, root: Path) -> PurePath:
    """Return ``path`` relative to ``root``. A file elsewhere keeps its path, without ``..`` and without the root."""
    try:
        place = path.relative_to(root)
    except ValueError:
        place = path
    return PurePath(*[part for part in place.parts if part not in ("..", ".", place.anchor)])
