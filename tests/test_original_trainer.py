"""PaddleSeg's training loop and ours: the same losses on one YAML, and checkpoints that PaddleSeg reads."""

import random
from pathlib import Path
from typing import Callable

import numpy as np
import paddle
import pytest
import visualdl
from paddleseg.core.train import train as original_train
from paddleseg.cvlibs import Config, SegBuilder
from paddleseg.utils.utils import resume

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.engine.train import train

STEPS = 20


class Recorder:
    """Instead of VisualDL's writer: it gets every loss in full precision, and the log has four digits."""

    scalars: dict

    def __init__(self, *args, **kwargs) -> None:
        Recorder.scalars = {}

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        Recorder.scalars.setdefault(tag, []).append((step, float(value)))

    def add_image(self, *args) -> None:
        pass

    def close(self) -> None:
        pass


def losses_of(loop: Callable, scenes: Path, save_dir: Path, **settings) -> tuple:
    """The scalars that ``loop`` records, and the weights it ends with."""
    random.seed(11)
    np.random.seed(11)
    paddle.seed(11)
    builder = SegBuilder(Config(str(scenes / "config.yml"), iters=STEPS))
    loop(
        builder.model,
        builder.train_dataset,
        val_dataset=builder.val_dataset,
        optimizer=builder.optimizer,
        losses=builder.loss,
        save_dir=str(save_dir),
        iters=STEPS,
        batch_size=2,
        log_iters=1,
        # Not before the end: where Paddle cannot write down its generator (2.6), our checkpoints seed dropout anew.
        save_interval=STEPS,
        use_vdl=True,
        **settings,
    )
    return Recorder.scalars, {name: value.numpy() for name, value in builder.model.state_dict().items()}


@pytest.mark.parametrize("settings", [{}, {"use_ema": True}], ids=["plain", "ema"])
def test_same_losses_as_paddleseg(settings, scenes, tmp_path, monkeypatch):
    """Random crops, flips, dropout, momentum, decaying rate, auxiliary loss, evaluation at the end."""
    monkeypatch.setattr(visualdl, "LogWriter", Recorder)
    original, weights = losses_of(original_train, scenes, tmp_path / "original", **settings)
    ours, our_weights = losses_of(train, scenes, tmp_path / "ours", **settings)

    for tag in ("Train/loss", "Train/loss_0", "Train/loss_1", "Train/lr", "Evaluate/mIoU", "Evaluate/Acc"):
        steps, values = zip(*original[tag])
        our_steps, our_values = zip(*ours[tag])
        assert our_steps == steps
        np.testing.assert_allclose(our_values, values, rtol=0, atol=1e-5, err_msg=tag)
    assert len(original["Train/loss"]) == STEPS
    for name, value in weights.items():
        np.testing.assert_allclose(our_weights[name], value, rtol=1e-4, atol=1e-5, err_msg=name)
    # The losses move, so equal ones say something.
    assert np.ptp([value for _, value in original["Train/loss"]]) > 0.1


def test_paddlesegs_own_loader_reads_our_checkpoint(training):
    """``paddleseg.utils.resume`` is what its trainer calls for ``--resume_model``."""
    training("parts", 2)
    builder = Builder(load_config(training.scenes / "config.yml", iters=20))
    model, optimizer = builder.build("model"), builder.build("optimizer")
    folder = training.scenes / "parts/iter_2"
    assert resume(model, optimizer, str(folder)) == 2
    for name, value in training.weights("parts/iter_2").items():
        np.testing.assert_array_equal(value, model.state_dict()[name].numpy())
    state = paddle.load(str(folder / "model.pdopt"))
    assert state["LR_Scheduler"] == optimizer.state_dict()["LR_Scheduler"]
    names = {name for name in state if name.endswith("velocity_0")}
    assert len(names) == len([value for value in model.parameters() if not value.stop_gradient])
