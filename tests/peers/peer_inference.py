"""The peers' inference on a network of two convolutions: their test pipelines, windows, augmentation, resizes."""

import bootstrap  # noqa: I001  before the peers: see there

from pathlib import Path

import mmseg
import torch
import torch.nn.functional as F
from mmcv.transforms import Compose
from mmengine.config import Config, ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmseg.models import EncoderDecoder, SegDataPreProcessor, SegTTAModel
from mmseg.registry import MODELS
from ssseg.modules.models.segmentors.base import BaseSegmentor
from ssseg.modules.utils import SSSegOutputStructure
from torch import nn

init_default_scope("mmseg")

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
CONFIGS = Path(mmseg.__file__).parent / ".mim/configs/_base_/datasets"


@MODELS.register_module()
class TwoConvolutions(nn.Module):
    """The first convolution of the network as a backbone; the second is FCNHead's classifier."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 5, 4, 2)

    def forward(self, x):
        return [self.conv(x).relu()]


def mmseg_network(settings, weights):
    head = {"type": "FCNHead", "in_channels": 8, "channels": 8, "num_convs": 0, "concat_input": False}
    head.update(num_classes=len(weights["seg_bias"]), align_corners=settings["align_corners"])
    network = EncoderDecoder(
        backbone={"type": "TwoConvolutions"},
        decode_head=head,
        data_preprocessor=SegDataPreProcessor(mean=MEAN, std=STD, bgr_to_rgb=True, pad_val=0, seg_pad_val=255),
        test_cfg=ConfigDict(settings["test_cfg"]),
    )
    load(network.backbone.conv, weights["conv_weight"], weights["conv_bias"])
    load(network.decode_head.conv_seg, weights["seg_weight"], weights["seg_bias"])
    return network.eval()


def load(layer, weight, bias):
    layer.weight.data, layer.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)


def run_mmseg(settings, weights):
    """Labels, and the logits of every pass at the original size: one, or one for each scale and flip."""
    network = mmseg_network(settings, weights)
    config = Config.fromfile(CONFIGS / f"{settings['dataset']}.py")
    pipeline = config.tta_pipeline if settings["augment"] else config.test_pipeline
    for step in pipeline:
        if step["type"] == "Resize":
            step["scale"] = tuple(settings["base"])  # the data sets' own is too large for a small image
        if step["type"] == "TestTimeAug":
            # The labels are not what this compares; without them nothing else of the pipeline changes.
            step["transforms"] = [part for part in step["transforms"] if part[0]["type"] != "LoadAnnotations"]
    steps = [step for step in pipeline if step["type"] != "LoadAnnotations"]
    data = pseudo_collate([Compose(steps)({"img_path": settings["image"]})])
    if not settings["augment"]:
        (sample,) = network.test_step(data)
        return {"labels": sample.pred_sem_seg.data[0], "logits": sample.seg_logits.data[None]}
    (sample,) = SegTTAModel(module=network).test_step(data)
    views = [{key: value[index] for key, value in data.items()} for index in range(len(data["inputs"]))]
    logits = [network.test_step(view)[0].seg_logits.data for view in views]
    return {"labels": sample.pred_sem_seg.data, "logits": torch.stack(logits)}


class Segmentor(BaseSegmentor):
    """SSSegmentation's base class, and the same two convolutions."""

    def __init__(self, cfg, weights):
        super().__init__(cfg, mode="TEST")
        self.conv, self.seg = nn.Conv2d(3, 8, 5, 4, 2), nn.Conv2d(8, len(weights["seg_bias"]), 1)
        load(self.conv, weights["conv_weight"], weights["conv_bias"])
        load(self.seg, weights["seg_weight"], weights["seg_bias"])

    def forward(self, data_meta):
        return SSSegOutputStructure(mode=self.mode, seg_logits=self.seg(self.conv(data_meta.images).relu()))


def run_ssseg(settings, weights, image):
    cfg = {
        "align_corners": settings["align_corners"],
        "num_classes": len(weights["seg_bias"]),
        "head": {},
        "dataset": {"train": {"data_pipelines": []}},
        "inference": {"forward": settings["forward"], "tta": settings["tta"]},
    }
    passes = Segmentor(cfg, weights).eval().auginference(torch.from_numpy(image))
    # What ssseg/test.py does with them; its Tester only runs on GPUs.
    size = tuple(settings["size"])
    passes = [F.interpolate(each, size, mode="bilinear", align_corners=settings["align_corners"]) for each in passes]
    logits = sum(passes) / len(passes)
    return {"labels": logits[0].argmax(0), "logits": logits}


def main(settings, **arrays):
    weights = {name: arrays.pop(name) for name in ("conv_weight", "conv_bias", "seg_weight", "seg_bias")}
    with torch.no_grad():
        run = {"mmseg": run_mmseg, "ssseg": run_ssseg}[settings["peer"]]
        return run(settings, weights, **arrays)


bootstrap.answer(main)
