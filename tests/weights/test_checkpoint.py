"""Weights on disk: every mismatch told, nothing half written."""

import pickle

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleseg_ext.errors import UserError
from paddleseg_ext.weights import checkpoint


def net(width: int = 4) -> nn.Layer:
    return nn.Sequential(nn.Conv2D(3, width, 1), nn.BatchNorm2D(width))


def save(layer: nn.Layer, path) -> None:
    paddle.save(layer.state_dict(), str(path))


@pytest.mark.parametrize("as_folder", [False, True])
def test_loads_file_or_folder(tmp_path, as_folder):
    one, other = net(), net()
    save(one, tmp_path / "model.pdparams")
    checkpoint.load_weights(other, tmp_path if as_folder else tmp_path / "model.pdparams")
    np.testing.assert_array_equal(one[0].weight.numpy(), other[0].weight.numpy())


@pytest.mark.parametrize("value", [7, [1], {}, {"epoch": 1}, {1: np.ones(1)}])
def test_a_pickle_without_weights_is_an_error(tmp_path, value):
    (tmp_path / "w.pdparams").write_bytes(pickle.dumps(value, 4))
    with pytest.raises(UserError, match="does not hold the weights of a model"):
        checkpoint.read_weights(tmp_path / "w.pdparams")


def test_other_shape_is_an_error(tmp_path):
    save(net(8), tmp_path / "w.pdparams")
    with pytest.raises(UserError, match=r"0 of the 6 weights of this Sequential fit, 6 have another shape .*0.weight"):
        checkpoint.load_weights(net(), tmp_path / "w.pdparams")


def test_part_of_a_model_is_an_error(tmp_path):
    model = net()
    before = model[0].weight.numpy()
    paddle.save({"0.weight": paddle.ones([4, 3, 1, 1]), "0.bios": paddle.ones([4])}, str(tmp_path / "w.pdparams"))
    with pytest.raises(UserError, match=r"1 of the 6 .* 5 are missing \(first 0.bias, the nearest there is 0.bios\)"):
        checkpoint.load_weights(model, tmp_path / "w.pdparams")
    np.testing.assert_array_equal(before, model[0].weight.numpy())


def test_more_than_the_model_is_an_error(tmp_path):
    save(nn.Sequential(*net(), nn.Conv2D(4, 1, 1)), tmp_path / "w.pdparams")
    with pytest.raises(UserError, match=r"2 are not in the model \(first 2.weight\)"):
        checkpoint.load_weights(net(), tmp_path / "w.pdparams")


def test_truncated_file(tmp_path):
    save(net(), tmp_path / "w.pdparams")
    whole = (tmp_path / "w.pdparams").read_bytes()
    (tmp_path / "w.pdparams").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="truncated or no Paddle file"):
        checkpoint.load_weights(net(), tmp_path / "w.pdparams")


def test_empty_folder_and_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"holds no model.pdparams"):
        checkpoint.load_weights(net(), tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        checkpoint.load_weights(net(), tmp_path / "w.pdparams")


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
    checkpoint.load_weights(model, tmp_path / "iter_1")
    assert not model[0].weight.numpy().any()
    assert [path.name for path in tmp_path.iterdir()] == ["iter_1"]
