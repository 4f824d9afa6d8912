"""The peers' own training pipelines, step by step, for one image at a time."""

import sys
from pathlib import Path

# Scripts that run by themselves import this module, without conftest's PYTHONPATH.
sys.path.insert(0, str(Path(__file__).parents[2] / "paddleseg_ext" / "parity" / "peer_side"))

import bootstrap  # noqa: F401, I001  before the peers: see there

import mmseg
import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.models import SegDataPreProcessor
from ssseg.modules.datasets import pipelines as ssseg_pipelines
from ssseg.modules.datasets.ade20k import ADE20kDataset
from ssseg.modules.datasets.base import BaseDataset
from ssseg.modules.datasets.cityscapes import CityScapesDataset
from ssseg.modules.datasets.voc import VOCDataset

init_default_scope("mmseg")

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
BASES = {"cityscapes": (2048, 1024), "ade20k": (2048, 512), "voc12aug": (2048, 512)}
CROPS = {"cityscapes": (512, 1024), "ade20k": (512, 512), "voc12aug": (512, 512)}
_CONFIGS = {"cityscapes": "cityscapes", "ade20k": "ade20k", "voc12aug": "pascal_voc12_aug"}
_DATASETS = {"cityscapes": CityScapesDataset, "ade20k": ADE20kDataset, "voc12aug": VOCDataset}


class Mmseg:
    """The transforms of a data set's configuration as mmsegmentation ships it, and its SegDataPreProcessor."""

    def __init__(self, row: str) -> None:
        config = Path(mmseg.__file__).parent / f".mim/configs/_base_/datasets/{_CONFIGS[row]}.py"
        self.steps = [dict(step) for step in Config.fromfile(config).train_pipeline]
        self.compose = Compose(self.steps)
        self.row = row
        self.preprocessor = SegDataPreProcessor(
            mean=MEAN, std=STD, bgr_to_rgb=True, pad_val=0, seg_pad_val=255, size=CROPS[row]
        )

    def step(self, kind: str, **changes):
        """The transform of a type, with some of its arguments changed."""
        settings = next(step for step in self.steps if step["type"] == kind)
        return Compose([{**settings, **changes}])

    def finish(self, data: dict) -> tuple:
        """What the network gets: image (1, 3, H, W) float32 and label (1, H, W) int64."""
        batch = {"inputs": [data["inputs"]], "data_samples": [data["data_samples"]]}
        batch = self.preprocessor(batch, training=True)
        return batch["inputs"], batch["data_samples"][0].gt_sem_seg.data

    def read(self, image: str, label: str) -> tuple:
        """From two files to ``finish``."""
        reduce_zero_label = self.row == "ade20k"
        data = {"img_path": image, "seg_map_path": label, "reduce_zero_label": reduce_zero_label, "seg_fields": []}
        return self.finish(self.compose(data))


class Ssseg:
    """SSSegmentation's transforms with its published settings."""

    def __init__(self, row: str) -> None:
        (width, height), crop = BASES[row], CROPS[row]
        self.steps = {
            "Resize": {"output_size": (width, height), "keep_ratio": True, "scale_range": (0.5, 2.0)},
            "RandomCrop": {"crop_size": crop, "one_category_max_ratio": 0.75},
            "RandomFlip": {"prob": 0.5},
            "PhotoMetricDistortion": {},
            "Normalize": {"mean": MEAN, "std": STD},
            "ToTensor": {},
            "Padding": {"output_size": crop, "data_type": "tensor"},
        }
        self.dataset = _DATASETS[row].__new__(_DATASETS[row])
        settings = {"type": _DATASETS[row].__name__, "data_pipelines": [[k, dict(v)] for k, v in self.steps.items()]}
        BaseDataset.__init__(self.dataset, "TRAIN", None, settings)

    def step(self, kind: str, **changes):
        """The transform of a type, with some of its arguments changed."""
        return ssseg_pipelines.BuildDataTransform({"type": kind, **self.steps[kind], **changes})

    def read(self, image: str, label: str) -> tuple:
        """From two files to image (1, 3, H, W) and label (1, H, W), both float32; void is -100."""
        data = self.dataset.synctransforms(self.dataset.read(image, label))
        return torch.stack([data["image"]]), torch.stack([data["seg_target"]])


def mmseg_sample(image: np.ndarray, label: np.ndarray) -> dict:
    """What its reading steps leave: a BGR image and a label with 255 for void."""
    return {
        "img": image,
        "img_shape": image.shape[:2],
        "ori_shape": image.shape[:2],
        "gt_seg_map": label,
        "seg_fields": ["gt_seg_map"],
    }


def ssseg_sample(image: np.ndarray, label: np.ndarray) -> dict:
    """What its reading leaves: a BGR image and a float32 label with -100 for void."""
    target = label.astype(np.float32)
    target[label == 255] = -100
    return {"image": image, "seg_target": target, "height": image.shape[0], "width": image.shape[1]}
