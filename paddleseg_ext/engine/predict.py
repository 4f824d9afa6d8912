"""Prediction: for every image a label map, a colour map and an overlay with a legend."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Union

import cv2
import numpy as np
import paddle
import paddleseg.transforms as T

from paddleseg_ext.engine import visualize
from paddleseg_ext.engine.image_list import read_image
from paddleseg_ext.engine.inference import InferenceProtocol
from paddleseg_ext.engine.predictor import paddle_sentence
from paddleseg_ext.engine.progress import progress_bar
from paddleseg_ext.errors import UserError
from paddleseg_ext.files import write_whole

# The first is ours, the other two are PaddleSeg's names.
LABELS, COLOURS, OVERLAYS = "label", "pseudo_color_prediction", "added_prediction"
_WHAT = {LABELS: "class indices", COLOURS: "colours", OVERLAYS: "overlay with legend"}


def predict(
    model: paddle.nn.Layer,
    transforms: T.Compose,
    images: Sequence,
    save_dir: Union[str, Path],
    names: Sequence[str],
    colours: np.ndarray,
    protocol: InferenceProtocol,
) -> None:
    """Segment images and write the results below ``save_dir``.

    Args:
        model: Returns a list whose first item is the logits (N, num_classes, H, W).
        transforms: The preprocessing; what it does to the size is undone in the result.
        images: From ``find_images``.
        save_dir: Gets ``label/``, ``pseudo_color_prediction/`` and ``added_prediction/``, see ``write_results``.
        names: Of the classes.
        colours: From ``visualize.palette``.
        protocol: How an image becomes labels.

    Raises:
        UserError: An image cannot be decoded, or the protocol does not suit the model or the transforms.
    """
    protocol.check_model(model)
    model.eval()
    prepare = protocol.transforms(transforms)
    with paddle.no_grad(), progress_bar(len(images)) as bar:
        for done, image in enumerate(images, 1):
            pixels = read_image(image.path, transforms.img_channels)
            data = prepare({"img": pixels.astype("float32")})
            with memory_suffices_for(image.path, pixels):
                labels, _ = protocol(model, _batch(data["img"]), data["trans_info"])
            write_results(save_dir, image.name, pixels, labels.numpy()[0, 0].astype(np.uint8), names, colours)
            bar.update(done)


@contextlib.contextmanager
def memory_suffices_for(path: Union[str, Path], pixels: np.ndarray) -> Iterator[None]:
    """Raise ``UserError`` where a model runs out of memory on a picture: its size, and the flags that take less."""
    try:
        yield
    except MemoryError as error:
        high, wide = pixels.shape[:2]
        raise UserError(
            f"{path}: the memory does not suffice for {wide}x{high} pixels at once ({paddle_sentence(error)}); move a "
            "window over it, e.g. --is_slide --crop_size 1024 1024 --stride 683 683, or make it smaller."
        ) from error


def _batch(images: Union[np.ndarray, list]) -> Union[paddle.Tensor, list]:
    """(channels, H, W), or a list of them, as tensors (1, channels, H, W)."""
    if isinstance(images, list):
        return [_batch(image) for image in images]
    return paddle.to_tensor(images[np.newaxis])


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
