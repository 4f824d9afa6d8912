"""PSPNet, PSANet and ISANet of SSSegmentation and mmsegmentation: logits, losses of a few steps, first weights.

Settings: ``peer`` ('ssseg' or 'mmseg'), ``model``, ``depth`` (18 has a head of a quarter of the width, as
mmsegmentation's own ResNet-18 configurations), ``output_stride``, ``num_classes``, ``align_corners``, ``mask_size`` of
PSANet, and

* ``"action": "run"``: weights drawn by name from ``seed``; answers ``names`` of the state dict, ``logits_float64`` and
  ``logits_float32`` of ``image`` in eval mode at feature size, and the total ``losses`` of ``steps`` steps of SGD on
  ``images`` and ``labels``;
* ``"action": "initialise"``: the state of the heads as the peer builds them, ``draws`` times over, by name.
"""

import sys
from pathlib import Path

import bootstrap
import mmseg.models
import numpy as np
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import register_all_modules
from ssseg.modules import BuildSegmentor
from ssseg.modules.utils import SSSegInputStructure

sys.path.insert(0, str(Path(__file__).parents[1] / "golden"))
from recipe import draw_weight

register_all_modules()
CONFIGS = Path(mmseg.__file__).parent / ".mim" / "configs" / "_base_" / "models"
# depth -> channels of the main and of the auxiliary feature
FEATURES = {18: (512, 256), 50: (2048, 1024)}


class SSSegmentation:
    def __init__(self, settings):
        depth, model = settings["depth"], settings["model"]
        main, auxiliary = FEATURES[depth]
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
                },
                "head": head,
                "auxiliary": {
                    "in_channels": auxiliary,
                    "out_channels": auxiliary // (2 if depth == 50 else 4),
                    "dropout": settings["dropout"],
                },
                "losses": {"loss_aux": {**loss, "scale_factor": 0.4}, "loss_cls": {**loss, "scale_factor": 1.0}},
            },
            mode="TRAIN",
        )

    def logits(self, image):
        return self.network(SSSegInputStructure(images=image, mode="TEST")).seg_logits

    def loss(self, images, labels):
        return self.network(SSSegInputStructure(images=images, seg_targets=labels, mode="TRAIN")).loss


class MMSegmentation:
    def __init__(self, settings):
        depth = settings["depth"]
        config = Config.fromfile(CONFIGS / f"{settings['model']}_r50-d8.py").model
        config.pretrained = None
        config.backbone.depth = depth
        if settings["output_stride"] == 16:
            config.backbone.update(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2))
        if depth == 18:
            # what configs/pspnet/pspnet_r18-d8_* change
            config.decode_head.update(in_channels=512, channels=128)
            config.auxiliary_head.update(in_channels=256, channels=64)
            if "isa_channels" in config.decode_head:
                config.decode_head.isa_channels = 64
        if "mask_size" in config.decode_head:
            config.decode_head.mask_size = settings["mask_size"]
        for part in (config.backbone, config.decode_head, config.auxiliary_head):
            part.norm_cfg.type = "BN"
        for head in (config.decode_head, config.auxiliary_head):
            head.update(num_classes=settings["num_classes"], align_corners=settings["align_corners"])
            head.dropout_ratio = settings["dropout"]
        self.network = MODELS.build(config)
        self.network.init_weights()

    def logits(self, image):
        return self.network(image, mode="tensor")

    def loss(self, images, labels):
        samples = [
            SegDataSample(gt_sem_seg=PixelData(data=label[None]), metainfo={"img_shape": label.shape})
            for label in labels
        ]
        return self.network.parse_losses(self.network(images, samples, mode="loss"))[0]


PEERS = {"ssseg": SSSegmentation, "mmseg": MMSegmentation}


def run(settings, image, images, labels):
    peer = PEERS[settings["peer"]](settings)
    network = peer.network
    state = network.state_dict()
    weights = {name: torch.tensor(draw_weight(name, tuple(v.shape), settings["seed"])) for name, v in state.items()}
    network.load_state_dict(weights)
    network.eval()
    image = torch.tensor(image)
    with torch.no_grad():
        network.double()
        logits = {"logits_float64": peer.logits(image.double())}
        network.float()
        logits["logits_float32"] = peer.logits(image)
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    images, labels = torch.tensor(images), torch.tensor(labels)
    losses = []
    for _ in range(settings["steps"]):
        loss = peer.loss(images, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"names": list(state), "losses": losses, **logits}


def initialise(settings):
    draws = {}
    for seed in range(settings["draws"]):
        torch.manual_seed(seed)
        for name, value in PEERS[settings["peer"]](settings).network.state_dict().items():
            if not name.startswith("backbone") and not name.endswith("num_batches_tracked"):
                draws.setdefault(name, []).append(value.numpy().ravel())
    return {name: np.stack(values) for name, values in draws.items()}


def main(settings, **arrays):
    return {"run": run, "initialise": initialise}[settings["action"]](settings, **arrays)


bootstrap.answer(main)
