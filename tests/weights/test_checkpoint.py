"""Checkpoints on disk: nothing half written, and read as they were."""

import json
import os

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleseg_ext.errors import UserError
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


@pytest.fixture
def saved(tmp_path):
    """A folder with model, optimizer and EMA model after a step, and these three."""
    model, ema_model = net(), net()
    schedule = paddle.optimizer.lr.PolynomialDecay(0.1, 10)
    optimizer = paddle.optimizer.Momentum(schedule, parameters=model.parameters())
    model(paddle.ones([1, 3, 2, 2])).sum().backward()
    optimizer.step()
    schedule.step()
    folder = tmp_path / "iter_1"
    checkpoint.save_checkpoint(folder, model, optimizer, {"iter": 1}, ema_model)
    return folder, model, optimizer, ema_model


NO_NUMBERS = ("NaN", "true", '"1"', "null", "[1]", "{}")
WRONG = {
    "iter": ("-3", "5.5", "1e3", "-0.0", str(2**63), *NO_NUMBERS),
    "data_seed": ("-1", "5.5", str(2**32), *NO_NUMBERS),
    "best_mean_iou": ("Infinity", "1" * 400, *NO_NUMBERS),
    "best_iter": ("-2", "0.5", *NO_NUMBERS),
    "best_ema_mean_iou": ("-Infinity", *NO_NUMBERS),
    "best_ema_iter": ("-2", "0.5", *NO_NUMBERS),
    "evaluations_without_gain": ("-1", "0.5", *NO_NUMBERS),
    "random_states": ("null", "{}", "1", '["a"]', "[[]]"),
    "scaler": ("1", "[]", "true"),
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_wrong_value_in_trainer_json(saved, key, value):
    folder, *parts = saved
    first = "" if key == "iter" else '"iter": 1, '
    (folder / "trainer.json").write_text(f'{{{first}"{key}": {value}}}')
    with pytest.raises(UserError, match=rf"trainer\.json is damaged .*key {key} is .*resume from another checkpoint"):
        checkpoint.load_checkpoint(folder, *parts)


def test_keys_of_trainer_json(saved):
    folder, *parts = saved
    for state in ({"iter": 0}, {"iter": 2, "best_mean_iou": 1, "scaler": None, "random_states": [{}], "other": "x"}):
        (folder / "trainer.json").write_text(json.dumps(state))
        assert checkpoint.load_checkpoint(folder, *parts) == state
    (folder / "trainer.json").write_text("{}")
    with pytest.raises(UserError, match="the key iter is missing"):
        checkpoint.load_checkpoint(folder, *parts)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("nowhere", path)])
def test_trainer_json_that_is_no_file(saved, make):
    folder, *parts = saved
    (folder / "trainer.json").unlink()
    make(folder / "trainer.json")
    with pytest.raises(UserError, match=r"trainer\.json is not a regular file"):
        checkpoint.load_checkpoint(folder, *parts)


@pytest.mark.parametrize("name", ["iter_²", "iter_٣", "iter_", "iter_" + "9" * 30])
def test_folder_name_without_an_iteration(saved, name):
    folder, *parts = saved
    (folder / "trainer.json").unlink()
    folder = folder.rename(folder.with_name(name))
    with pytest.raises(UserError, match="does not end in the iteration"):
        checkpoint.load_checkpoint(folder, *parts)


def everything(parts) -> list:
    model, optimizer, ema_model = parts
    values = [*model.state_dict().values(), *ema_model.state_dict().values(), *optimizer.state_dict().values()]
    return [value.numpy().tolist() if isinstance(value, paddle.Tensor) else dict(value) for value in values]


@pytest.mark.parametrize("name", ["model.pdparams", "model.pdopt", "ema_model.pdparams"])
@pytest.mark.parametrize("damage", ["width", "names", "cut", "folder"])
def test_nothing_is_set_if_one_file_does_not_fit(saved, name, damage):
    folder, *parts = saved
    for layer in (parts[0], parts[2]):
        layer[0].weight.set_value(paddle.full([4, 3, 1, 1], 5.0))
    before = everything(parts)
    (folder / name).unlink()
    if damage in ("width", "names"):
        other = net(7) if damage == "width" else nn.Linear(2, 2)
        optimizer = paddle.optimizer.Adam(parameters=other.parameters())
        paddle.save(optimizer.state_dict() if name == "model.pdopt" else other.state_dict(), str(folder / name))
    elif damage == "cut":
        (folder / name).write_bytes(b"\x80\x04}")
    else:
        (folder / name).mkdir()
    with pytest.raises(UserError):
        checkpoint.load_checkpoint(folder, *parts)
    assert everything(parts) == before


@pytest.mark.parametrize("flat", [False, True], ids=["nested", "flat"])
def test_table_of_names_in_the_state_is_left_out(saved, flat):
    folder, *parts = saved
    state = {**parts[1].state_dict(), "StructuredToParameterName@@": {"a": "b"}}
    if flat:
        state = {key: value.numpy() if isinstance(value, paddle.Tensor) else value for key, value in state.items()}
    paddle.save(state, str(folder / "model.pdopt"))
    before = everything(parts)
    checkpoint.load_checkpoint(folder, *parts)
    assert everything(parts)[12:] == before[12:]
    model = net()
    fresh = paddle.optimizer.Momentum(paddle.optimizer.lr.PolynomialDecay(0.1, 10), parameters=model.parameters())
    checkpoint.load_checkpoint(folder, model, fresh)
    assert "StructuredToParameterName@@" not in fresh.state_dict()
