"""A run keeps its newest checkpoints and its best weights."""

import json
import re

import numpy as np
import paddle
import pytest
from paddleseg.utils import logger

from paddleseg_ext.engine.run_folders import RunFolders
from paddleseg_ext.errors import UserError


@pytest.fixture
def parts():
    model = paddle.nn.Linear(2, 1)
    return model, paddle.optimizer.SGD(parameters=model.parameters())


@pytest.fixture
def warnings(monkeypatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(logger, "warning", lambda message="": lines.append(message))
    return lines


def names(root) -> set[str]:
    return {path.name for path in root.iterdir()}


def save(folders, parts, *numbers) -> None:
    for number in numbers:
        folders.save(number, *parts, {"iter": number})


@pytest.mark.parametrize("keep, kept", [(2, {5, 8}), (1, {8}), (9, {1, 3, 5, 8}), (0, {1, 3, 5, 8})])
def test_the_newest_stay_and_the_best_always(tmp_path, parts, keep, kept):
    folders = RunFolders(tmp_path / "out", keep, start=0)
    assert not (tmp_path / "out").exists()
    save(folders, parts, 1)
    folders.save_best(parts[0])
    folders.save_best_ema(parts[0])
    save(folders, parts, 3, 5, 8)
    assert names(tmp_path / "out") == {f"iter_{number}" for number in kept} | {"best_model", "ema_best_model"}
    assert folders.newest == tmp_path / "out/iter_8"
    assert names(tmp_path / "out/best_model") == {"model.pdparams"}
    assert names(tmp_path / "out/ema_best_model") == {"ema_model.pdparams"}


def test_a_resumed_run_counts_what_it_finds_up_to_its_start(tmp_path, parts, warnings):
    save(RunFolders(tmp_path, 0, start=0), parts, 2, 4, 10, 12)
    folders = RunFolders(tmp_path, 2, start=10)
    assert folders.newest == tmp_path / "iter_10"
    save(folders, parts, 11)
    # iter_12 is of an earlier run, and this one has not come to it.
    assert names(tmp_path) == {"iter_10", "iter_11", "iter_12"}
    assert warnings == []


def test_a_new_run_leaves_an_earlier_one_alone_and_says_so(tmp_path, parts, warnings):
    save(RunFolders(tmp_path, 0, start=0), parts, 9, 10)
    for name in ("iter_7b", "iter_", "notes"):
        (tmp_path / name).mkdir()
    folders = RunFolders(tmp_path, 1, start=0)
    assert folders.newest is None
    (warning,) = warnings
    assert "earlier run up to iter_10" in warning
    assert warning.endswith(f"--resume_model {tmp_path / 'iter_10'}")
    save(folders, parts, 3, 4)
    assert names(tmp_path) == {"iter_4", "iter_9", "iter_10", "iter_7b", "iter_", "notes"}


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(UserError, match=r"--save_dir: \S+out is a file; name a folder"):
        RunFolders(tmp_path / "out", 5, start=0)


def test_how_to_continue(tmp_path, parts):
    folders = RunFolders(tmp_path, 5, start=0)
    assert folders.how_to_continue() == "no checkpoint was written yet"
    save(folders, parts, 6)
    assert f"--resume_model {tmp_path / 'iter_6'}" in folders.how_to_continue()


def test_the_best_weights_are_those_of_the_iteration_that_is_noted(training):
    """All checkpoints are kept here, so that the best can be compared with its own."""
    training("out", 5, do_eval=True, use_ema=True, save_interval=1, keep_checkpoint_max=0)
    out = training.scenes / "out"
    states = {n: json.loads((out / f"iter_{n}/trainer.json").read_text()) for n in range(1, 6)}
    for best, iteration, folder, name in [
        ("best_mean_iou", "best_iter", "best_model", "model.pdparams"),
        ("best_ema_mean_iou", "best_ema_iter", "ema_best_model", "ema_model.pdparams"),
    ]:
        noted = states[5][iteration]
        expected = training.weights(f"out/iter_{noted}", name)
        for key, value in training.weights(f"out/{folder}", name).items():
            np.testing.assert_array_equal(value, expected[key])
        # The figure was noted with the iteration, only ever grew, and stayed.
        figures = [states[n][best] for n in range(1, 6)]
        assert figures == sorted(figures)
        assert figures[noted - 1] == figures[-1] > (figures[noted - 2] if noted > 1 else -1)
    assert re.fullmatch(r"0\.\d+", str(states[5]["best_mean_iou"]))
