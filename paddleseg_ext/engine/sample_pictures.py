"""Pictures of three validation samples with label and prediction, to watch a model learn."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import paddle

from paddleseg_ext.datasets.class_names import class_names
from paddleseg_ext.engine.samples import GuardedDataset, checked, collate
from paddleseg_ext.pictures.visualize import palette, side_by_side
from paddleseg_ext.protocol.inference import protocol_of

COUNT = 3
MOST_PIXELS_HIGH = 512


def sample_pictures(model: paddle.nn.Layer, dataset: Any, **test_config: Any) -> Iterator[np.ndarray]:
    """Yield pictures, uint8 (H, W, 3) in red green blue, of three samples spread over a validation set.

    Args:
        model: In eval mode.
        dataset: Built with ``mode='val'``.
        test_config: The arguments of the evaluation. A picture shows one pass: scales and flips are left out.

    Raises:
        UserError: A sample cannot be used.
    """
    protocol = protocol_of({**test_config, "aug_eval": False})
    colors, names = palette(dataset.num_classes, dataset), class_names(dataset, dataset.num_classes)
    indices = np.unique(np.linspace(0, len(dataset) - 1, COUNT).astype(int)).tolist()
    some = paddle.io.Subset(GuardedDataset(dataset), indices)
    loader = paddle.io.DataLoader(some, batch_size=1, collate_fn=collate, return_list=True)
    for index, data in zip(indices, checked(loader)):
        with paddle.no_grad():
            prediction, _ = protocol(model, data["img"], data["trans_info"])
        high, wide = data["label"].shape[-2:]
        label, predicted = (np.reshape(np.asarray(values), (high, wide)) for values in (data["label"], prediction))
        picture = side_by_side(
            _image(dataset, index, data["img"], (high, wide)),
            _shrink(label, cv2.INTER_NEAREST),
            _shrink(predicted, cv2.INTER_NEAREST),
            colors,
            names,
        )
        yield cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _image(dataset: Any, index: int, network_input: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image file, or the network's input stretched to visible values, at the size (H, W) of the label."""
    files = getattr(dataset, "file_list", None)
    image = cv2.imread(files[index][0]) if files and isinstance(files[index][0], str) else None
    if image is None:
        image = np.asarray(network_input)[0].transpose(1, 2, 0)[..., ::-1]
        image = cv2.normalize(np.ascontiguousarray(image), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    if image.shape[:2] != size:
        image = cv2.resize(image, size[::-1])
    return _shrink(image, cv2.INTER_AREA)


def _shrink(values: np.ndarray, interpolation: int) -> np.ndarray:
    """Reduce large pictures to a height that VisualDL shows well."""
    high, wide = values.shape[:2]
    factor = MOST_PIXELS_HIGH / high
    if factor >= 1:
        return values
    size = (max(1, round(wide * factor)), MOST_PIXELS_HIGH)
    return cv2.resize(values.astype(np.uint8), size, interpolation=interpolation)
