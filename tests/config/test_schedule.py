"""``lr_scheduler``, and a decay that ends with the training."""

import pytest

from paddleseg_ext.config.config import load_config
from paddleseg_ext.config.places import Places
from paddleseg_ext.config.schedule import check_schedule, move_decay
from paddleseg_ext.errors import UserError

POLYNOMIAL = {"type": "PolynomialDecay", "learning_rate": 0.1}


def check(**cfg) -> None:
    check_schedule({"iters": 10, "lr_scheduler": cfg}, Places("a.yml"))


def test_schedules_of_paddle():
    check_schedule({"iters": 10}, Places("a.yml"))
    check(**POLYNOMIAL)
    check(**POLYNOMIAL, warmup_iters=3, warmup_start_lr=1e-6)
    check(type="StepDecay", learning_rate=0.1, step_size=3)


@pytest.mark.parametrize(
    ("cfg", "sentence"),
    [
        ({}, "lr_scheduler.type None is not a schedule of Paddle"),
        ({"type": "LRScheduler"}, "'LRScheduler' is not a schedule of Paddle"),
        ({"type": "StepDecay", "learning_rate": 0.1}, "StepDecay needs 'step_size'; add it below lr_scheduler"),
        ({**POLYNOMIAL, "warmup_iters": 3}, "add warmup_start_lr"),
        ({**POLYNOMIAL, "warmup_start_lr": 3}, "add warmup_iters"),
    ],
)
def test_what_is_wrong(cfg, sentence):
    with pytest.raises(UserError, match=sentence):
        check(**cfg)


@pytest.mark.parametrize(
    ("written", "changed", "steps"),
    [((80, 79), 20, 19), ((80, 79), 1, 1), ((80, 80), 20, 80), ((80, 40), 20, 40), ((80, None), 20, None)],
)
def test_a_decay_that_ends_one_step_early_still_does(written, changed, steps):
    iters, decay_steps = written
    before = {"iters": iters, "lr_scheduler": {"decay_steps": decay_steps}}
    dic = {"iters": changed, "lr_scheduler": {"decay_steps": decay_steps}}
    move_decay(dic, before)
    assert dic["lr_scheduler"]["decay_steps"] == steps


def test_a_decay_that_the_command_line_says(scenes):
    opts = ["lr_scheduler.decay_steps=5"]
    assert load_config(scenes / "config.yml", opts=opts).lr_scheduler_cfg["decay_steps"] == 5
    path = scenes / "config.yml"
    path.write_text(path.read_text().replace("lr_scheduler:\n", "lr_scheduler:\n  decay_steps: 5\n"))
    assert load_config(path, iters=3).lr_scheduler_cfg["decay_steps"] == 2
    assert load_config(path, iters=3, opts=["lr_scheduler.decay_steps=4"]).lr_scheduler_cfg["decay_steps"] == 4
