"""Prediction: for every image a label map, a color map and an overlay with a legend."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Union

import numpy as np
import paddle
import paddleseg.transforms as T

from paddleseg_ext.cli.progress import progress_bar
from paddleseg_ext.errors import UserError, paddle_sentence
from paddleseg_ext.pictures.image_list import read_image
from paddleseg_ext.pictures.results import write_results
from paddleseg_ext.protocol.inference import InferenceProtocol


def predict(
    model: paddle.nn.Layer,
    transforms: T.Compose,
    images: Sequence,
    save_dir: Union[str, Path],
    names: Sequence[str],
    colors: np.ndarray,
    protocol: InferenceProtocol,
) -> None:
    """Segment images and write the results below ``save_dir``.

    Args:
        model: Returns a list whose first item is the logits (N, num_classes, H, W).
        transforms: The preprocessing. The labels get the image's original size back.
        images: The images that ``find_images`` found.
        save_dir: The folder for the results, see ``write_results``.
        names: The names of the classes.
        colors: The colors of the classes, from ``visualize.palette``.
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
            write_results(save_dir, image.name, pixels, labels.numpy()[0, 0].astype(np.uint8), names, colors)
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
