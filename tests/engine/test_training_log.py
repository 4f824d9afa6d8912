"""The log shows means over an interval, and the curves carry PaddleSeg's tags."""

import sys
from types import SimpleNamespace

import numpy as np
import paddle
import pytest
from paddleseg.utils import logger
from visualdl import LogReader

from paddleseg_ext.engine import training_log
from paddleseg_ext.engine.training_log import Curves, Means, TrainingLog
from paddleseg_ext.errors import UserError


class Clock:
    """Stands in for the module ``time``; a test moves it."""

    now = 100.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(training_log, "time", clock)
    return clock


@pytest.fixture
def lines(monkeypatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(logger, "info", lambda message="": lines.append(message))
    return lines


def run(log: TrainingLog, clock: Clock, steps: dict[int, list[float]], reading=0.5, working=1.5, between=100.0) -> None:
    """Steps of ``reading`` and ``working`` seconds, with ``between`` of them outside, at falling learning rates."""
    for step, parts in steps.items():
        log.start_step()
        clock.now += reading
        log.batch_read()
        clock.now += working
        log.step_done(step, sum(parts), [paddle.to_tensor(part) for part in parts], learning_rate=1 / step)
        clock.now += between


STEPS = {4: [1.0, 0.5], 5: [2.0, 0.5], 6: [3.0, 5.0], 7: [0.25, 0.5], 8: [0.25, 0.5], 9: [0.5, 1.0]}


def test_the_line_shows_means_since_the_line_before(clock, lines):
    run(TrainingLog(iters=1006, log_iters=3, iters_per_epoch=5, batch_size=4), clock, STEPS)
    # 2 s a step, whatever stands between two steps: 2000 s for the thousand steps that are left after the sixth.
    assert lines == [
        "[TRAIN] epoch: 2, iter: 6/1006, loss: 4.0000, lr: 0.166667, batch_cost: 2.0000, reader_cost: 0.50000, "
        "ips: 2.0000 samples/sec | ETA 00:33:20",
        "[TRAIN] epoch: 2, iter: 9/1006, loss: 1.0000, lr: 0.111111, batch_cost: 2.0000, reader_cost: 0.50000, "
        "ips: 2.0000 samples/sec | ETA 00:33:14",
    ]


def test_seconds_are_means_too(clock, lines):
    log = TrainingLog(iters=7200, log_iters=2, iters_per_epoch=10, batch_size=3)
    run(log, clock, {9: [1.0]}, reading=1, working=3)
    run(log, clock, {10: [1.0]}, reading=2, working=0)
    run(log, clock, {11: [1.0], 12: [1.0]}, reading=0.25, working=0.25)
    assert "epoch: 1, iter: 10/7200" in lines[0] and "epoch: 2, iter: 12/7200" in lines[1]
    assert "batch_cost: 3.0000, reader_cost: 1.50000, ips: 1.0000 samples/sec | ETA 05:59:30" in lines[0]
    assert "batch_cost: 0.5000, reader_cost: 0.25000, ips: 6.0000 samples/sec | ETA 00:59:54" in lines[1]


def test_processes_but_the_first_are_silent_and_read_no_loss(clock, lines, monkeypatch):
    monkeypatch.setattr(training_log.paddle.distributed, "ParallelEnv", lambda: SimpleNamespace(local_rank=1))

    class Unread:
        def detach(self):
            return self

        def __float__(self):
            raise AssertionError("a GPU would have to wait")

    log = TrainingLog(iters=4, log_iters=1, iters_per_epoch=4, batch_size=1)
    log.start_step()
    log.batch_read()
    log.step_done(1, 1.0, [Unread()], 0.1)
    assert lines == []


def read(folder) -> dict[str, list[tuple[int, float]]]:
    """Scalars that VisualDL reads back: tag to (step, value)."""
    (record,) = folder.glob("vdlrecords*")
    reader = LogReader(file_path=str(record))
    return {tag: [(d.id, d.value) for d in reader.get_data("scalar", tag)] for tag in reader.get_tags()["scalar"]}


def test_curves_hold_what_the_line_shows(tmp_path, clock, lines):
    log = TrainingLog(iters=9, log_iters=3, iters_per_epoch=5, batch_size=4, curves=Curves(tmp_path))
    run(log, clock, STEPS)
    log.close()
    approximately = {6: pytest.approx(1 / 6), 9: pytest.approx(1 / 9)}
    assert read(tmp_path) == {
        "Train/loss": [(6, 4), (9, 1)],
        "Train/loss_0": [(6, 2), (9, pytest.approx(1 / 3))],
        "Train/loss_1": [(6, 2), (9, pytest.approx(2 / 3))],
        "Train/lr": list(approximately.items()),
        "Train/batch_cost": [(6, 2), (9, 2)],
        "Train/reader_cost": [(6, 0.5), (9, 0.5)],
    }


def test_one_loss_has_no_parts(tmp_path):
    curves = Curves(tmp_path)
    curves.add_training(7, Means(1.5, [1.5], 0.25, 2.0, 1.0, 8.0))
    curves.close()
    assert set(read(tmp_path)) == {"Train/loss", "Train/lr", "Train/batch_cost", "Train/reader_cost"}


def test_figures_and_pictures_of_an_evaluation(tmp_path):
    curves = Curves(tmp_path)
    pictures = (np.full((4, 6, 3), value, np.uint8) for value in (0, 200))
    curves.add_evaluation(40, {"mIoU": np.float64(0.5), "Ema_Acc": 0.25}, pictures)
    curves.close()
    assert read(tmp_path) == {"Evaluate/mIoU": [(40, 0.5)], "Evaluate/Ema_Acc": [(40, 0.25)]}
    (record,) = tmp_path.glob("vdlrecords*")
    reader = LogReader(file_path=str(record))
    assert reader.get_tags()["image"] == ["Evaluate/sample_0", "Evaluate/sample_1"]
    assert [d.id for d in reader.get_data("image", "Evaluate/sample_1")] == [40]


def test_without_visualdl(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "visualdl", None)
    with pytest.raises(UserError, match="--use_vdl needs VisualDL; install it with `pip install visualdl`"):
        Curves(tmp_path)
