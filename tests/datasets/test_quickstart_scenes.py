"""The data set that reads the quickstart's scenes."""

from pathlib import Path

import numpy as np
import pytest
from paddleseg.cvlibs import manager

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.datasets import QuickstartScenes
from paddleseg_ext.errors import UserError
from tests.datasets.conftest import TINY

CONFIG = Path(__file__).parents[2] / "configs" / "quickstart" / "psanet_resnet18_quickstart.yml"


def test_data_set_is_registered_and_reads(scenes):
    normalize = manager.TRANSFORMS["Normalize"]()
    assert manager.DATASETS["QuickstartScenes"] is QuickstartScenes
    for mode, shape in (("train", TINY["size"]), ("val", (1, *TINY["size"]))):
        dataset = QuickstartScenes([normalize], str(scenes), mode)
        assert len(dataset) == TINY[mode] and dataset.num_classes == 9 and dataset.ignore_index == 255
        sample = dataset[0]
        assert sample["img"].shape == (3, *TINY["size"]) and sample["img"].dtype == np.float32
        assert sample["label"].shape == shape


def test_missing_data_set_names_the_command(tmp_path):
    with pytest.raises(UserError, match=r"python -m paddleseg_ext.datasets.quickstart --output .*nowhere"):
        QuickstartScenes([], str(tmp_path / "nowhere"), "val")
    config = load_config(str(CONFIG), opts=[f"train_dataset.dataset_root={tmp_path / 'nowhere'}"])
    with pytest.raises(UserError, match=r"python -m paddleseg_ext.datasets.quickstart --output .*nowhere"):
        Builder(config).build("train_dataset")


def test_unknown_mode(scenes):
    with pytest.raises(UserError, match="mode is 'test' and must be train or val"):
        QuickstartScenes([], str(scenes), "test")
