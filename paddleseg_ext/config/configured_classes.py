"""What a configuration says about images and classes, through its data set, without building it."""

from collections.abc import Sequence
from typing import Any, Optional

from paddleseg_ext.config.build import Builder
from paddleseg_ext.datasets.class_names import class_names
from paddleseg_ext.pictures import visualize


def classes_of(builder: Builder, custom_color: Optional[Sequence[int]] = None) -> tuple:
    """Names and colours of the classes of a configuration.

    Returns:
        A list with a name for every class, and the colours, (256, 3) uint8.
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
    """1 or 3: the channels that images are read with."""
    config = builder.config
    cfg = config.val_dataset_cfg or config.train_dataset_cfg
    return cfg.get("img_channels") or getattr(_data_class(builder), "IMG_CHANNELS", 3)


def _data_class(builder: Builder) -> Any:
    return builder.val_dataset_class if builder.config.val_dataset_cfg else builder.train_dataset_class
