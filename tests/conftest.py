"""A data set of a few small pictures and the YAML of a network small enough to train in a second."""

import random
import re
from pathlib import Path

import cv2
import numpy as np
import paddle
import pytest
import yaml
from paddleseg.utils import logger, seg_env

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.engine.train import train
from tests.serving import serving


def write_scenes(root: Path, count: int, size: tuple = (48, 48), num_classes: int = 3) -> list:
    """Pictures whose brightness by rows follows their label; returns the lines of a list file."""
    rng = np.random.RandomState(7)
    lines = []
    for index in range(count):
        label = np.repeat(rng.randint(0, num_classes, size[0] // 8), 8)[:, None].repeat(size[1], 1).astype(np.uint8)
        image = np.clip(label[..., None] * 90 + rng.randint(0, 60, (*size, 3)), 0, 255).astype(np.uint8)
        label[:2] = 255
        for folder, name, picture in (("images", "jpg", image), ("labels", "png", label)):
            path = root / folder / f"{index:02d}.{name}"
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), picture)
        lines.append(f"images/{index:02d}.jpg labels/{index:02d}.png")
    return lines


def small_config(root: Path) -> dict:
    """The content of a YAML: PSPNet on a thin ResNet-18, with random crops, flips and dropout."""
    dataset = {"type": "Dataset", "dataset_root": str(root), "num_classes": 3}
    crop = {"type": "RandomPaddingCrop", "crop_size": [32, 32]}
    return {
        "batch_size": 2,
        "iters": 6,
        "train_dataset": {
            **dataset,
            "train_path": str(root / "train.txt"),
            "mode": "train",
            "transforms": [crop, {"type": "RandomHorizontalFlip"}, {"type": "Normalize"}],
        },
        "val_dataset": {
            **dataset,
            "val_path": str(root / "val.txt"),
            "mode": "val",
            "transforms": [{"type": "Normalize"}],
        },
        "optimizer": {"type": "SGD", "momentum": 0.9, "weight_decay": 4.0e-5},
        "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.05, "end_lr": 0.0, "power": 0.9},
        "loss": {"types": [{"type": "CrossEntropyLoss"}], "coef": [1, 0.4]},
        "model": {
            "type": "PSPNet",
            "backbone": {"type": "ResNet18_v1c", "output_stride": 8, "base_channels": 8},
            "pp_out_channels": 16,
            "enable_auxiliary_loss": True,
        },
    }


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """A folder with 8 training and 3 validation samples, ``config.yml`` describing them."""
    root = tmp_path / "scenes"
    lines = write_scenes(root, 11)
    (root / "train.txt").write_text("\n".join(lines[:8]) + "\n")
    (root / "val.txt").write_text("\n".join(lines[8:]) + "\n")
    (root / "config.yml").write_text(yaml.safe_dump(small_config(root)))
    return root


class Training:
    """Runs of ``train`` on the scenes, each into a folder of its own, with the losses that it logged."""

    def __init__(self, scenes: Path) -> None:
        self.scenes = scenes
        self.losses = []

    def __call__(self, save_dir: str, iters: int, seed: int = 3, opts: tuple = (), do_eval: bool = False, **settings):
        """Train to ``iters`` of a schedule of 20; returns the model."""
        random.seed(seed)
        np.random.seed(seed)
        paddle.seed(seed)
        builder = Builder(load_config(self.scenes / "config.yml", iters=20, opts=opts))
        model = builder.build("model")
        self.losses = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(logger, "info", self._listen)
            train(
                model,
                builder.build("train_dataset"),
                val_dataset=builder.build("val_dataset") if do_eval else None,
                optimizer=builder.build("optimizer"),
                losses=builder.build("loss"),
                save_dir=self.scenes / save_dir,
                iters=iters,
                log_iters=1,
                **settings,
            )
        return model

    def _listen(self, message: str = "") -> None:
        found = re.search(r"iter: (\d+)/\d+, loss: ([\d.]+)", message)
        if found:
            self.losses.append((int(found[1]), float(found[2])))

    def weights(self, folder: str, name: str = "model.pdparams") -> dict:
        """The arrays in a file that a run wrote."""
        return {key: np.asarray(value) for key, value in paddle.load(str(self.scenes / folder / name)).items()}


@pytest.fixture
def training(scenes: Path) -> Training:
    return Training(scenes)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pretrained weights are kept."""
    monkeypatch.setattr(seg_env, "PRETRAINED_MODEL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def server():
    """A web server of files."""
    with serving() as handler:
        yield handler
