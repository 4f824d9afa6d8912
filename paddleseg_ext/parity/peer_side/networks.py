"""PSPNet, PSANet and ISANet as SSSegmentation 1.7.0 and mmsegmentation 1.2.2 build them.

The settings are ``peer`` ('ssseg' or 'mmseg'), ``model``, ``depth`` (18, 50 or 101), ``output_stride``,
``num_classes``, ``align_corners``, ``dropout``, ``base_channels`` (64 as published) and PSANet's ``mask_size``. The
head's width is a quarter of the main feature's channels. The auxiliary head's width is the published one, scaled with
``base_channels``, but at depth 18 a quarter of its feature's channels.
"""

from pathlib import Path
from typing import Any

import bootstrap  # noqa: F401  before the peers: see there
import mmseg.models
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import register_all_modules
from ssseg.modules import BuildSegmentor
from ssseg.modules.utils import SSSegInputStructure

register_all_modules()
CONFIGS = Path(mmseg.__file__).parent / ".mim" / "configs" / "_base_" / "models"


def features(settings: dict[str, Any]) -> tuple[int, int]:
    """The channels of the main and the auxiliary feature."""
    width = settings.get("base_channels", 64)
    return (32 * width, 16 * width) if settings["depth"] > 18 else (8 * width, 4 * width)


class SSSegmentation:
    """The ``network``, its ``logits(images)`` at feature size, and its total ``loss(images, labels)``."""

    def __init__(self, settings: dict[str, Any]) -> None:
        depth, model, width = settings["depth"], settings["model"], settings.get("base_channels", 64)
        main, auxiliary = features(settings)
        head = {"in_channels": main, "feats_channels": main // 4, "dropout": settings["dropout"]}
        if model == "pspnet":
            head["pool_scales"] = [1, 2, 3, 6]
        elif model == "isanet":
            head.update(isa_channels=main // 8, down_factor=[8, 8])
        else:
            head.update(type="bi-direction", mask_size=settings["mask_size"], compact=False, shrink_factor=2)
            head.update(normalization_factor=1.0, psa_softmax=True)
        loss = {"type": "CrossEntropyLoss", "ignore_index": 255, "reduction": "mean"}
        self.network = BuildSegmentor(
            {
                "type": {"pspnet": "PSPNet", "psanet": "PSANet", "isanet": "ISANet"}[model],
                "num_classes": settings["num_classes"],
                "benchmark": True,
                "align_corners": settings["align_corners"],
                "norm_cfg": {"type": "BatchNorm2d"},
                "act_cfg": {"type": "ReLU", "inplace": True},
                "backbone": {
                    "type": "ResNet",
                    "depth": depth,
                    "structure_type": f"resnet{depth}conv3x3stem",
                    "pretrained": False,
                    "outstride": settings["output_stride"],
                    "use_conv3x3_stem": True,
                    "selected_indices": (2, 3),
                    "base_channels": width,
                    "stem_channels": width,
                },
                "head": head,
                "auxiliary": {
                    "in_channels": auxiliary,
                    "out_channels": auxiliary // (4 if depth == 18 else 2),
                    "dropout": settings["dropout"],
                },
                "losses": {"loss_aux": {**loss, "scale_factor": 0.4}, "loss_cls": {**loss, "scale_factor": 1.0}},
            },
            mode="TRAIN",
        )

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(SSSegInputStructure(images=images, mode="TEST")).seg_logits

    def loss(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.network(SSSegInputStructure(images=images, seg_targets=labels, mode="TRAIN")).loss


class MMSegmentation:
    """The ``network``, its ``logits(images)`` at feature size, and its total ``loss(images, labels)``."""

    def __init__(self, settings: dict[str, Any]) -> None:
        depth, width = settings["depth"], settings.get("base_channels", 64)
        main, auxiliary = features(settings)
        config = Config.fromfile(CONFIGS / f"{settings['model']}_r50-d8.py").model
        config.pretrained = None
        config.backbone.update(depth=depth, base_channels=width, stem_channels=width)
        if settings["output_stride"] == 16:
            config.backbone.update(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2))
        # At depth 18 these are the values of configs/pspnet/pspnet_r18-d8_*.
        config.decode_head.update(in_channels=main, channels=main // 4)
        config.auxiliary_head.update(in_channels=auxiliary, channels=auxiliary // 4)
        if "isa_channels" in config.decode_head:
            config.decode_head.isa_channels = main // 8
        if "mask_size" in config.decode_head:
            config.decode_head.mask_size = settings["mask_size"]
        for part in (config.backbone, config.decode_head, config.auxiliary_head):
            part.norm_cfg.type = "BN"
        for head in (config.decode_head, config.auxiliary_head):
            head.update(num_classes=settings["num_classes"], align_corners=settings["align_corners"])
            head.dropout_ratio = settings["dropout"]
        self.network = MODELS.build(config)
        self.network.init_weights()

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images, mode="tensor")

    def loss(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        samples = [
            SegDataSample(gt_sem_seg=PixelData(data=label[None]), metainfo={"img_shape": label.shape})
            for label in labels
        ]
        return self.network.parse_losses(self.network(images, samples, mode="loss"))[0]


PEERS = {"ssseg": SSSegmentation, "mmseg": MMSegmentation}
