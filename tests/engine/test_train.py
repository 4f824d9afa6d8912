"""A run that stops and is resumed is the run that never stopped."""

import json
import os
import signal

import numpy as np
import paddle
import pytest

from paddleseg_ext.cli.interrupt import Interrupted
from paddleseg_ext.engine import random_state
from paddleseg_ext.engine.train import Progress
from paddleseg_ext.errors import UserError
from paddleseg_ext.weights import checkpoint


def assert_same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for key in one:
        np.testing.assert_array_equal(one[key], other[key], err_msg=key)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_resumed_run_is_the_same_run(training, num_workers):
    # Iteration 10 is in the middle of an epoch of 4 batches; crops, flips and dropout are random.
    settings = {"num_workers": num_workers, "use_ema": True, "save_interval": 10}
    training("whole", 20, **settings)
    whole = training.losses
    training("parts", 10, **settings)
    # Another seed, so that everything random must come from the checkpoint.
    training("parts", 20, seed=99, resume_model=training.scenes / "parts/iter_10", **settings)
    assert [step for step, _ in whole] == list(range(1, 21))
    assert training.losses == whole[10:]
    for name in ("model.pdparams", "ema_model.pdparams"):
        assert_same(training.weights("whole/iter_20", name), training.weights("parts/iter_20", name))


def test_resume_on_a_paddle_whose_generator_cannot_be_written_down(training, monkeypatch):
    def seeds(seed):
        paddle.seed(seed)
        return f"seed {seed}"

    monkeypatch.setattr(random_state, "of_paddle", seeds)
    training("whole", 8, save_interval=4)
    whole = training.losses
    training("parts", 4, save_interval=4)
    training("parts", 8, seed=99, resume_model=training.scenes / "parts/iter_4", save_interval=4)
    assert training.losses == whole[4:]


def test_best_figures_survive_a_resume(training):
    training("out", 2, do_eval=True, save_interval=1)
    best = json.loads((training.scenes / "out/iter_2/trainer.json").read_text())
    assert best["best_mean_iou"] > 0
    state = training.scenes / "out/iter_2/trainer.json"
    state.write_text(json.dumps({**best, "best_mean_iou": 2.0}))
    before = training.weights("out/best_model")
    training("out", 3, do_eval=True, save_interval=1, resume_model=training.scenes / "out/iter_2")
    assert_same(before, training.weights("out/best_model"))


@pytest.mark.parametrize("which", [0, -1])
def test_parameter_without_its_state_stops_before_the_first_update(training, which):
    training("out", 2)
    path = training.scenes / "out/iter_2/model.pdopt"
    state = paddle.load(str(path))
    del state[[name for name in state if "velocity" in name][which]]
    paddle.save(state, str(path))
    with pytest.raises(UserError, match=r"state in the checkpoint does not fit this run \(.*velocity_0"):
        training("out", 4, resume_model=training.scenes / "out/iter_2")
    assert not (training.scenes / "out/iter_4").exists()


def test_checkpoint_of_paddleseg_resumes_at_its_folder_name(training):
    training("out", 4)
    (training.scenes / "out/iter_4/trainer.json").unlink()
    training("out", 6, resume_model=training.scenes / "out/iter_4")
    assert [step for step, _ in training.losses] == [5, 6]


def test_signal_finishes_the_iteration_and_saves(training, monkeypatch):
    steps = []
    keep = training._listen

    def listen(message=""):
        keep(message)
        if message.startswith("[TRAIN]"):
            steps.append(message)
            if len(steps) == 3:
                os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(training, "_listen", listen)
    with pytest.raises(Interrupted, match=r"iteration 3 of 10 .*--resume_model \S+iter_3") as stop:
        training("out", 10)
    assert stop.value.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    monkeypatch.undo()
    interrupted = training.scenes / "out/iter_3"
    training("out", 10, seed=99, resume_model=interrupted, save_interval=3)
    resumed = training.losses
    # With a checkpoint at 3 as well: Paddle 2.6 seeds its generator anew there (random_state).
    training("whole", 10, save_interval=3)
    assert resumed == training.losses[3:]


def test_loss_that_is_not_finite_stops_before_anything_is_spoilt(training, monkeypatch):
    training("out", 4, save_interval=2, do_eval=True)
    kept = training.weights("out/iter_4"), training.weights("out/best_model")
    with pytest.raises(UserError, match=r"loss became (nan|inf) at iteration \d+; nothing was overwritten, the last"):
        training("out", 20, resume_model=training.scenes / "out/iter_4", opts=["lr_scheduler.learning_rate=1e30"])
    assert_same(kept[0], training.weights("out/iter_4"))
    assert_same(kept[1], training.weights("out/best_model"))


def test_weights_that_are_not_finite_are_not_saved(training):
    model = training("out", 2)
    before = training.weights("out/iter_2")
    parameter = model.parameters()[0]
    parameter.set_value(paddle.full_like(parameter, float("nan")))
    optimizer = paddle.optimizer.SGD(parameters=model.parameters())
    with pytest.raises(UserError, match="is not finite"):
        checkpoint.save_checkpoint(training.scenes / "out/iter_2", model, optimizer, {})
    assert_same(before, training.weights("out/iter_2"))


def test_only_the_newest_checkpoints_are_kept_also_across_a_resume(training):
    training("out", 3, save_interval=1, keep_checkpoint_max=2)
    names = lambda: sorted(path.name for path in (training.scenes / "out").glob("*"))  # noqa: E731
    assert names() == ["iter_2", "iter_3"]
    training("out", 4, save_interval=1, keep_checkpoint_max=2, resume_model=training.scenes / "out/iter_3")
    assert names() == ["iter_3", "iter_4"]


def test_resume_at_the_end_says_so(training):
    training("out", 2)
    with pytest.raises(UserError, match="is at iteration 2 and the run ends at 2; raise --iters"):
        training("out", 2, resume_model=training.scenes / "out/iter_2")


def test_early_stop(training):
    # A learning rate this small changes no prediction, so the second evaluation cannot be better.
    training("out", 9, do_eval=True, save_interval=1, early_stop_intervals=2, opts=["lr_scheduler.learning_rate=1e-12"])
    assert len(training.losses) < 9


def test_fewer_samples_than_a_batch(training):
    with pytest.raises(UserError, match="8 samples, fewer than one batch of 9"):
        training("out", 1, batch_size=9)
    training("out", 1, batch_size=9, repeats=2)
    assert len(training.losses) == 1


def test_progress_notes_the_best_and_counts_evaluations_without_gain():
    progress = Progress()
    noted = []
    for step, mean_iou in enumerate([0.0, 0.5, 0.5, float("nan"), 0.75], start=1):
        progress.iter = step
        noted.append((progress.gains(mean_iou), progress.best_iter, progress.evaluations_without_gain))
    assert noted == [(True, 1, 0), (True, 2, 0), (False, 2, 1), (False, 2, 2), (True, 5, 0)]
    assert progress.best_mean_iou == 0.75
    # The average has a best of its own, and no part in an early stop.
    progress.gains(0.1)
    assert [progress.ema_gains(mean_iou) for mean_iou in (0.2, 0.1, float("nan"))] == [True, False, False]
    assert (progress.best_ema_mean_iou, progress.best_ema_iter) == (0.2, 5)
    assert (progress.best_iter, progress.evaluations_without_gain) == (5, 1)


def test_progress_takes_what_a_checkpoint_has():
    progress = Progress(data_seed=3)
    progress.take({"iter": 8, "best_mean_iou": 0.25, "random_states": []})
    assert progress == Progress(iter=8, data_seed=3, best_mean_iou=0.25)


def test_the_average_follows_the_weights_of_each_step(training):
    """PaddleSeg's rule: the decay of step n is 1 - 1 / (n + 1), and at most 0.999."""
    training("out", 3, save_interval=1, use_ema=True)
    for step in (2, 3):
        before = training.weights(f"out/iter_{step - 1}", "ema_model.pdparams")
        after = training.weights(f"out/iter_{step}", "ema_model.pdparams")
        weights, decay = training.weights(f"out/iter_{step}"), 1 - 1 / (step + 1)
        moved = [name for name in after if np.abs(weights[name] - before[name]).max() > 1e-4]
        assert len(moved) > 10
        for name in moved:
            expected = decay * before[name] + (1 - decay) * weights[name]
            np.testing.assert_allclose(after[name], expected, rtol=1e-5, atol=1e-6, err_msg=name)
