"""Checkpoints on disk: nothing half written, and read as they were."""

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleseg_ext.weights import checkpoint
from paddleseg_ext.weights.loading import load_weights


def net(width: int = 4) -> nn.Layer:
    return nn.Sequential(nn.Conv2D(3, width, 1), nn.BatchNorm2D(width))


def test_optimizer_state_finds_its_parameters_in_a_second_model(tmp_path):
    # Paddle numbers parameters through the life of a process: the second model's have other names.
    def step(model, optimizer):
        model(paddle.ones([1, 3, 2, 2])).sum().backward()
        optimizer.step()
        optimizer.clear_grad()

    def parts():
        model = nn.Conv2D(3, 4, 1)
        return model, paddle.optimizer.Momentum(0.1, parameters=model.parameters())

    one, first = parts()
    step(one, first)
    checkpoint.save_checkpoint(tmp_path / "iter_1", one, first, {"iter": 1})
    step(one, first)
    other, second = parts()
    assert other.weight.name != one.weight.name
    assert checkpoint.load_checkpoint(tmp_path / "iter_1", other, second)["iter"] == 1
    step(other, second)
    np.testing.assert_array_equal(one.weight.numpy(), other.weight.numpy())


def test_failed_save_leaves_the_old_checkpoint_whole(tmp_path, monkeypatch):
    model = net()
    optimizer = paddle.optimizer.SGD(parameters=model.parameters())
    checkpoint.save_checkpoint(tmp_path / "iter_1", model, optimizer, {"iter": 1})
    files = {path.name: path.read_bytes() for path in (tmp_path / "iter_1").iterdir()}
    assert set(files) == {"model.pdparams", "model.pdopt", "trainer.json"}
    model[0].weight.set_value(paddle.zeros([4, 3, 1, 1]))
    real = paddle.save

    def full_disk(value, path):
        if path.endswith("pdopt"):
            raise OSError("No space left on device")
        real(value, path)

    monkeypatch.setattr(paddle, "save", full_disk)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save_checkpoint(tmp_path / "iter_1", model, optimizer, {"iter": 1})
    assert {path.name: path.read_bytes() for path in (tmp_path / "iter_1").iterdir()} == files
    assert [path.name for path in tmp_path.iterdir()] == ["iter_1"]
    monkeypatch.undo()
    checkpoint.save_checkpoint(tmp_path / "iter_1", model, optimizer, {"iter": 1})
    load_weights(model, tmp_path / "iter_1")
    assert not model[0].weight.numpy().any()
    assert [path.name for path in tmp_path.iterdir()] == ["iter_1"]
