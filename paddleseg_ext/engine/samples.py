"""Checks samples on their way from a data set into a batch, and makes their random draws repeatable.

Paddle's loader reads in a background thread or process, where an exception prints its own traceback and leaves a dead
queue. So a sample that cannot be used becomes a sentence; the sentence travels to the loop, and the loop raises it.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import numpy as np
import paddle
from paddle.io.dataloader.collate import default_collate_fn
from paddleseg.datasets import Dataset
from PIL import Image

from paddleseg_ext.engine import random_state
from paddleseg_ext.errors import UserError, one_line

CHECKED_BEFORE_START = 50


class GuardedDataset(paddle.io.Dataset):
    """Wraps a data set: an item is the sample, or one sentence that says why it cannot be used.

    In the main process only the data set draws random numbers, in PaddleSeg's order. A reading process seeds each
    sample by ``(seed, epoch, index)``. PaddleSeg does not: its reading processes all start from one state and repeat
    each other's crops and flips, and a resumed run cannot draw the same again.

    Args:
        dataset: PaddleSeg's or one like it; ``__getitem__`` returns a dict with ``img`` and ``label``.
        repeats: How often every sample appears in an epoch.
        seed: Seeds the draws of reading processes.
    """

    def __init__(self, dataset: Any, repeats: int = 1, seed: int = 0) -> None:
        self.dataset = dataset
        self.repeats = repeats
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.dataset) * self.repeats

    def __getitem__(self, index: int) -> Any:
        source = index % len(self.dataset)
        if paddle.io.get_worker_info() is not None:
            words = np.random.SeedSequence([self.seed, self.epoch, index]).generate_state(2)
            np.random.seed(words[0])
            random.seed(int(words[1]))
        try:
            _check_files(self.dataset, source)
            data = self.dataset[source]
            _check_sample(self.dataset, source, data)
        except UserError as error:
            return str(error)
        except Exception as error:
            return f"{sample_name(self.dataset, source)} cannot be used: {type(error).__name__}: {one_line(error)}"
        return data


def collate(batch: list[Any]) -> dict[str, Any]:
    """Collate as Paddle does, and add ``random_state``: the state of Python's and numpy's generators after this batch.

    If a sample is a sentence instead of data, the batch is ``{"unusable": the sentence}``.
    """
    for sample in batch:
        if isinstance(sample, str):
            return {"unusable": sample, "img": np.zeros(1, "float32")}
    # An image alone may also be a list of views of different sizes.
    shapes = {np.shape(sample["img"]) for sample in batch} if len(batch) > 1 else ()
    if len(shapes) > 1:
        sizes = " and ".join(f"{shape[2]}x{shape[1]}" for shape in sorted(shapes)[:2])
        sentence = (
            f"The images of one batch have different sizes ({sizes} pixels) after the transforms; "
            "end the transforms with a crop or a Resize to one size, or use batch_size 1."
        )
        return {"unusable": sentence, "img": np.zeros(1, "float32")}
    data = default_collate_fn(batch)
    # Text, because Paddle's loader passes a string through unchanged.
    data["random_state"] = random_state.of_data()
    return data


def checked(batches: Any) -> Iterator[dict[str, Any]]:
    """Yield the batches of a loader that uses ``collate``; raise ``UserError`` for one that cannot be used."""
    for data in batches:
        if "unusable" in data:
            raise UserError(data["unusable"])
        yield data


def check_dataset(dataset: Any, key: str) -> None:
    """Check a data set before the work starts.

    Every file must exist. Up to 50 samples, spread over the set, are opened: an image must have the size of its label,
    and a label must not hold a value outside the classes.

    Args:
        dataset: PaddleSeg's or one like it. Without ``file_list`` only its length is checked.
        key: Its name in the YAML: ``train_dataset`` or ``val_dataset``.

    Raises:
        UserError: Names the first file that is wrong.
    """
    if len(dataset) == 0:
        raise UserError(f"{key} has no samples; check its list file or folder.")
    files = getattr(dataset, "file_list", None)
    if not files:
        return
    for pair in files:
        for path in pair:
            if isinstance(path, str) and not Path(path).is_file():
                raise UserError(f"{key}: the file {path} does not exist; check dataset_root and the list file.")
    for index in np.unique(np.linspace(0, len(files) - 1, CHECKED_BEFORE_START).astype(int)):
        _check_files(dataset, index, decode=True)


def sample_name(dataset: Any, index: int) -> str:
    """The image file of a sample, or its number."""
    files = getattr(dataset, "file_list", None)
    return str(files[index][0]) if files else f"sample {index}"


def _check_files(dataset: Any, index: int, decode: bool = False) -> None:
    """Compare the two files of a sample; reads only their headers unless ``decode``."""
    files = getattr(dataset, "file_list", None)
    if not files or not isinstance(files[index][0], str):
        return
    image_path, label_path = files[index][0], files[index][1]
    image = _open(image_path, decode)
    if not isinstance(label_path, str):
        return
    label = _open(label_path, decode)
    width, height = _size_as_read(image)
    if (width, height) != label.size:
        raise UserError(
            f"{image_path} is {width}x{height} pixels and its label {label_path} "
            f"{label.size[0]}x{label.size[1]}; they must have the same size."
        )
    # Classes other than Dataset read labels in their own way: ADE20K's count from 1.
    if decode and type(dataset).__getitem__ is Dataset.__getitem__:
        _check_label(dataset, label_path, np.asarray(label))


def _size_as_read(image: Image.Image) -> tuple[int, int]:
    """(width, height) after OpenCV reads the image, which turns it as its EXIF tag says."""
    turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    return image.size[::-1] if turned else image.size


def _open(path: str, decode: bool) -> Image.Image:
    try:
        image = Image.open(path)
        if decode:
            image.load()
    except FileNotFoundError:
        raise UserError(f"The file {path} does not exist; check dataset_root and the list file.") from None
    except Exception as error:
        raise UserError(f"{path} cannot be read as an image ({one_line(error)}); replace the file.") from error
    return image


def _check_label(dataset: Any, name: str, label: np.ndarray) -> None:
    if label.ndim != 2:
        raise UserError(
            f"The label {name} has {label.shape[-1]} channels; a label is a one-channel image of class numbers."
        )
    wrong = label[(label >= dataset.num_classes) & (label != dataset.ignore_index)]
    if wrong.size == 0:
        wrong = label[(label < 0) & (label != dataset.ignore_index)]
    if wrong.size:
        raise UserError(
            f"The label {name} holds the value {int(wrong.flat[0])}, but the classes are 0 to "
            f"{dataset.num_classes - 1} and the ignore value is {dataset.ignore_index}; "
            "correct the label or num_classes."
        )


def _check_sample(dataset: Any, index: int, data: Any) -> None:
    """Check the label after the transforms, for every sample that is read."""
    label: Optional[np.ndarray] = data.get("label") if isinstance(data, dict) else None
    if label is None or not hasattr(dataset, "num_classes") or not hasattr(dataset, "ignore_index"):
        return
    files = getattr(dataset, "file_list", None)
    label = np.asarray(label)
    _check_label(dataset, files[index][1] if files else f"of sample {index}", label.reshape(-1, label.shape[-1]))
