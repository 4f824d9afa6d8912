"""The quickstart's street scenes as a PaddleSeg data set."""

from pathlib import Path
from typing import Any

from paddleseg.cvlibs import manager
from paddleseg.datasets import Dataset

from paddleseg_ext.datasets.street import CLASS_NAMES, IGNORE_INDEX, PALETTE
from paddleseg_ext.errors import UserError


@manager.DATASETS.add_component
class QuickstartScenes(Dataset):
    """The data set that ``python -m paddleseg_ext.datasets.quickstart`` writes.

    Args:
        transforms: The transforms of the images, and in training also of the labels.
        dataset_root: The folder of the data set.
        mode: ``'train'`` or ``'val'``.
        edge: Whether to compute the edges of the label in training.

    Raises:
        UserError: ``dataset_root`` does not hold the data set, or ``mode`` is unknown.
    """

    NUM_CLASSES = len(CLASS_NAMES)
    IGNORE_INDEX = IGNORE_INDEX
    IMG_CHANNELS = 3
    CLASS_NAMES = CLASS_NAMES
    PALETTE = PALETTE

    def __init__(
        self, transforms: list[Any], dataset_root: str = "data/quickstart", mode: str = "train", edge: bool = False
    ):
        mode = mode.lower()
        if mode not in ("train", "val"):
            raise UserError(f"QuickstartScenes: mode is '{mode}' and must be train or val.")
        listing = Path(dataset_root) / f"{mode}.txt"
        if not listing.is_file():
            raise UserError(
                f"{listing} does not exist; write the data set with "
                f"`python -m paddleseg_ext.datasets.quickstart --output {dataset_root}`."
            )
        super().__init__(
            mode=mode,
            dataset_root=str(dataset_root),
            transforms=transforms,
            num_classes=self.NUM_CLASSES,
            img_channels=self.IMG_CHANNELS,
            ignore_index=self.IGNORE_INDEX,
            edge=edge,
            **{f"{mode}_path": str(listing)},
        )
