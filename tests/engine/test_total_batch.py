"""train.py compares its batch with the recipe's total batch."""

import pytest
import yaml
from paddleseg.utils import logger

from paddleseg_ext.commands.train import run_training
from paddleseg_ext.config.config import load_config
from paddleseg_ext.engine.total_batch import describe_batch
from paddleseg_ext.errors import UserError


def test_the_recipes_total():
    line = describe_batch(total=16, batch_size=4, processes=4, iters=39660, learning_rate=0.01)
    assert line == "Total batch: 4 x 4 = 16 images per step, which is the recipe's total_batch_size."


@pytest.mark.parametrize(
    "batch_size, processes, images, iters, rate",
    [
        (4, 1, "1 x 4 = 4", 158640, "0.0025"),
        (4, 8, "8 x 4 = 32", 19830, "0.02"),
        (3, 1, "1 x 3 = 3", 211520, "0.001875"),
    ],
)
def test_another_total_comes_with_what_matches_it(batch_size, processes, images, iters, rate):
    line = describe_batch(16, batch_size, processes, iters=39660, learning_rate=0.01)
    assert f" {images} images per step, but the recipe's total_batch_size is 16 for 39660 iterations" in line
    assert f"--iters {iters}, and --learning_rate {rate} " in line and "\n" not in line


def test_a_schedule_without_a_rate_gets_no_advice_on_it():
    assert describe_batch(8, 2, 1, iters=100, learning_rate=None).endswith("use --iters 400.")


@pytest.fixture
def trained(scenes, monkeypatch):
    """What a run of two iterations logs of its total batch; the file plans 6 iterations at 0.05."""

    def run(total, **flags):
        config = yaml.safe_load((scenes / "config.yml").read_text())
        if total is not None:
            config["total_batch_size"] = total
        (scenes / "config.yml").write_text(yaml.safe_dump(config))
        lines = []
        monkeypatch.setattr(logger, "info", lambda message="": lines.append(message))
        settings = {"opts": None, "learning_rate": None, "batch_size": None, "seed": 1, "early_stop_intervals": None}
        settings.update(iters=2, device="cpu", do_eval=False, data_format="NCHW", num_workers=0, **flags)
        run_training(str(scenes / "config.yml"), to_static_training=False, save_dir=scenes / "output", **settings)
        return [line for line in lines if line.startswith("Total batch")]

    return run


def test_training_says_it_once_and_from_the_files_plan(trained):
    (line,) = trained(16)
    assert "1 x 2 = 2 images" in line and "--iters 48, and --learning_rate 0.00625 " in line


def test_training_with_the_total_confirms_it(trained):
    (line,) = trained(2)
    assert "1 x 2 = 2 images per step, which is the recipe's total_batch_size" in line


def test_training_without_a_total_says_nothing(trained):
    assert trained(None) == []


@pytest.mark.parametrize("total", [0, -4, 1.5, True, "many"])
def test_a_total_that_is_none(scenes, total):
    config = yaml.safe_load((scenes / "config.yml").read_text())
    (scenes / "config.yml").write_text(yaml.safe_dump({**config, "total_batch_size": total}))
    with pytest.raises(UserError, match="total_batch_size must be a whole number from 1 up"):
        load_config(scenes / "config.yml")
