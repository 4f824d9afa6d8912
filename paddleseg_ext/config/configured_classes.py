"""Classes and image channels of a configuration, read without building its data set."""

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from paddleseg_ext.config.build import Builder
from paddleseg_ext.datasets.class_names import class_names
from paddleseg_ext.pictures import visualize


def classes_of(builder: Builder, custom_color: Optional[Sequence[int]] = None) -> tuple[list[str], np.ndarray]:
    """Return the names and colors of the classes of a configuration.

    Args:
        builder: The builder of the configuration.
        custom_color: Red, green and blue of class 0, of class 1 and so on, instead of the colors of the data set.

    Returns:
        A name for every class, and the colors, uint8 (256, 3).
    """
    dataset = _data_class(builder)
    config = builder.config
    count = (
        config.model_cfg.get("num_classes")
        or config.val_dataset_cfg.get("num_classes")
        or config.train_dataset_cfg.get("num_classes")
        or dataset.NUM_CLASSES
    )
    return class_names(dataset, count), visualize.palette(count, dataset, custom_color)


def image_channels(builder: Builder) -> int:
    """The number of channels that images are read with: 1 or 3."""
    config = builder.config
    cfg = config.val_dataset_cfg or config.train_dataset_cfg
    return cfg.get("img_channels") or getattr(_data_class(builder), "IMG_CHANNELS", 3)


def _data_class(builder: Builder) -> Any:
    return builder.val_dataset_class if builder.config.val_dataset_cfg else builder.train_dataset_class
