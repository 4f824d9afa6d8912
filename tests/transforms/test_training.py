"""The published pipelines in a YAML: built, trained with, and refused in one sentence where they are wrong."""

import numpy as np
import pytest
import yaml

from paddleseg_ext import cli
from paddleseg_ext.commands import train

RESIZE = {"type": "ResizeByRatio", "base_size": [64, 48], "min_ratio": 0.5, "max_ratio": 2.0}
CROP = {"type": "RandomClassRatioCrop", "crop_size": [32, 32]}
FLIP = {"type": "RandomHorizontalFlip"}
DISTORT = {"type": "PhotoMetricDistortion"}
PAD = {"type": "PadToSize", "target_size": [32, 32]}
NORMALIZE = {"type": "Normalize"}
PIPELINES = {
    "mmseg": [RESIZE, CROP, FLIP, DISTORT, NORMALIZE, PAD],
    "mmseg on VOC": [RESIZE, CROP, FLIP, DISTORT, PAD, NORMALIZE],
    "ssseg": [
        RESIZE,
        {**CROP, "attempts": 10, "uncropped_if_void": True},
        FLIP,
        {**DISTORT, "swapped_hsv": True},
        NORMALIZE,
        {**PAD, "position": "center"},
    ],
}


@pytest.fixture
def config(scenes):
    """``config(dataset, transforms)`` writes them into the YAML, and returns its path."""

    def edit(dataset: str, transforms: list) -> str:
        path = scenes / "config.yml"
        content = yaml.safe_load(path.read_text())
        content[dataset]["transforms"] = transforms
        path.write_text(yaml.safe_dump(content))
        return str(path)

    return edit


@pytest.mark.parametrize("name", PIPELINES)
def test_training(name, config, training):
    config("train_dataset", PIPELINES[name])
    config("val_dataset", [{"type": "ResizeByRatio", "base_size": [64, 48]}, NORMALIZE])
    training("output", iters=2, do_eval=True, save_interval=2)
    assert len(training.losses) == 2 and np.isfinite([loss for _, loss in training.losses]).all()


@pytest.mark.parametrize(
    "dataset, transforms, words",
    [
        ("train_dataset", [{**RESIZE, "base_size": 64}, NORMALIZE], "ResizeByRatio: base_size is 64 and must be"),
        ("train_dataset", [{**CROP, "max_ratio": 3}, NORMALIZE], "RandomClassRatioCrop: max_ratio is 3 and must be"),
        ("train_dataset", [RESIZE, NORMALIZE, DISTORT], "put it before Normalize"),
        ("train_dataset", [RESIZE, PAD, NORMALIZE], "does not fit into target_size 32x32"),
    ],
)
def test_wrong_yaml(dataset, transforms, words, config, scenes, capsys):
    path = config(dataset, transforms)
    assert cli.run(train.main, ["--config", path, "--save_dir", str(scenes / "out"), "--device", "cpu"]) == 1
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error
