"""The quickstart's street scenes as a PaddleSeg data set."""

from pathlib import Path

from paddleseg.cvlibs import manager
from paddleseg.datasets import Dataset

from paddleseg_ext.datasets.street import CLASS_NAMES, IGNORE_INDEX, PALETTE
from paddleseg_ext.errors import UserError


@manager.DATASETS.add_component
class QuickstartScenes(Dataset):
    """What ``python -m paddleseg_ext.datasets.quickstart`` writes.

    Args:
        transforms: Transforms of the images, and of the labels in training.
        dataset_root: The folder it was written to.
        mode: 'train' or 'val'.
        edge: Whether to compute the edges of the label while training.

    Raises:
        UserError: there is no such data set in ``dataset_root``, or no such ``mode``.
    """

    NUM_CLASSES = len(CLASS_NAMES)
    IGNORE_INDEX = IGNORE_INDEX
    IMG_CHANNELS = 3
    CLASS_NAMES = CLASS_NAMES
    PALETTE = PALETTE

    def __init__(
        self, transforms: list, dataset_root: str = "data/quickstart", mode: str = "train", edge: bool = False
    ):
        mode = mode.lower()
        if mode not in ("train", "val"):
            raise UserError(f"QuickstartScenes has the modes train and val, not '{mode}'.")
        listing = Path(dataset_root) / f"{mode}.txt"
        if not listing.is_file():
            raise UserError(
                f"{listing} is missing; make the data set with "
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
