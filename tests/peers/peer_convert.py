"""One iteration of training of SSSegmentation and mmsegmentation, saved by their own code, and the logits that result.

Settings: those of ``networks.py``, ``seed`` of the first weights, and ``path`` of the checkpoint. Takes ``images`` and
``labels`` to train on and ``image`` to evaluate; answers its ``logits`` at feature size, in eval mode.
"""

import bootstrap  # noqa: I001  before the peers: see there

import sys
import tempfile
from pathlib import Path

import torch
from draw import draw_weight
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from networks import PEERS
from ssseg.modules import BuildScheduler, EMASegmentor
from ssseg.modules.utils import saveckpts

# mmengine notes its version in every checkpoint.
sys.modules["torchvision"].__version__ = "none"


def sssegmentation(peer, images, labels, path):
    """As the loop of ``ssseg.train`` does it, with its moving average on."""
    network = peer.network
    optimizer = torch.optim.SGD(network.parameters(), lr=0.001, momentum=0.9, weight_decay=5e-4)
    schedule = {"type": "PolyScheduler", "max_epochs": 1, "iters_per_epoch": 1, "power": 0.9, "lr": 0.001}
    scheduler = BuildScheduler(optimizer, {**schedule, "optimizer": {}})
    average = EMASegmentor(network, momentum=0.5)
    network.train()
    scheduler.updatelr()
    scheduler.zerograd()
    peer.loss(images, labels).backward()
    scheduler.step()
    average.update(network)
    saveckpts({**scheduler.state(), "model": network.state_dict(), "model_ema": average.state()}, str(path))


def mmsegmentation(peer, images, labels, path):
    """By mmengine's ``Runner``, whose hook saves at the end."""
    samples = [
        {
            "inputs": image,
            "data_samples": SegDataSample(gt_sem_seg=PixelData(data=label[None]), metainfo={"img_shape": label.shape}),
        }
        for image, label in zip(images, labels)
    ]
    assert isinstance(peer.network, BaseModel)
    peer.network.data_preprocessor.size = tuple(images.shape[2:])
    with tempfile.TemporaryDirectory() as folder:
        Runner(
            model=peer.network,
            work_dir=folder,
            train_dataloader={
                "dataset": samples,
                "batch_size": len(samples),
                "sampler": {"type": "DefaultSampler", "shuffle": False},
                "collate_fn": {"type": "pseudo_collate"},
            },
            train_cfg={"by_epoch": False, "max_iters": 1},
            optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.001, "momentum": 0.9, "weight_decay": 5e-4}},
            param_scheduler=[{"type": "PolyLR", "eta_min": 1e-4, "power": 0.9, "end": 1, "by_epoch": False}],
            default_hooks={"checkpoint": {"type": "CheckpointHook", "by_epoch": False, "interval": 1}},
            default_scope="mmseg",
            experiment_name=f"convert_{path.stem}",
        ).train()
        Path(folder, "iter_1.pth").rename(path)


def main(settings, images, labels, image):
    peer = PEERS[settings["peer"]](settings)
    state = peer.network.state_dict()
    peer.network.load_state_dict(
        {name: torch.tensor(draw_weight(name, tuple(v.shape), settings["seed"])) for name, v in state.items()}
    )
    train = {"ssseg": sssegmentation, "mmseg": mmsegmentation}[settings["peer"]]
    train(peer, torch.tensor(images), torch.tensor(labels), Path(settings["path"]))
    peer.network.eval()
    with torch.no_grad():
        return {"logits": peer.logits(torch.tensor(image))}


bootstrap.answer(main)
