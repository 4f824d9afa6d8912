"""The learning rates of the peers' own schedulers, stepped as their trainers step them."""

from pathlib import Path

import bootstrap
import mmengine
import mmseg
import numpy as np
import torch
from mmengine.optim import PolyLR
from ssseg.modules import BuildScheduler

MMSEG_CONFIGS = Path(mmseg.__file__).parent / ".mim" / "configs"


def _optimizer(lr):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)


def _ssseg(lr, power, epochs, epoch_iterations):
    """Its trainer sets the rate before every iteration; the scheduler steps the optimizer."""
    scheduler_cfg = {"type": "PolyScheduler", "max_epochs": epochs, "power": power, "lr": lr}
    scheduler_cfg.update(iters_per_epoch=epoch_iterations, params_rules={}, optimizer={})
    scheduler = BuildScheduler(optimizer=_optimizer(lr), scheduler_cfg=scheduler_cfg)
    rates = []
    for _ in range(epochs * epoch_iterations):
        scheduler.updatelr()
        rates.append(scheduler.optimizer.param_groups[0]["lr"])
        scheduler.step()
    return rates


def _mmseg(config):
    """mmsegmentation's own configuration; mmengine steps the schedulers after every iteration."""
    config = mmengine.Config.fromfile(MMSEG_CONFIGS / "psanet" / f"{config}.py")
    (settings,) = config.param_scheduler
    assert settings.pop("type") == "PolyLR"
    optimizer = _optimizer(config.optim_wrapper.optimizer.lr)
    scheduler = PolyLR(optimizer, **settings)
    rates = []
    for _ in range(config.train_cfg.max_iters):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def main(settings):
    kind = settings.pop("kind")
    return {"rates": np.array({"ssseg": _ssseg, "mmseg": _mmseg}[kind](**settings), np.float64)}


bootstrap.answer(main)
