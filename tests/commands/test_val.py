"""val.py from the command line to the figures that it prints."""

import pytest

from paddleseg_ext.commands import train, val
from tests.commands.running import call, figures


@pytest.mark.parametrize(
    "flags",
    [
        ["--is_slide", "--crop_size", 32, 32, "--stride", 24, 24],
        ["--aug_eval", "--scales", 0.75, 1.25, "--flip_horizontal", "--flip_vertical"],
        ["--is_slide", "--crop_size", 32, 32, "--stride", 24, 24, "--aug_eval", "--flip_horizontal"],
        ["--num_workers", 1, "--opts", "test_config={'aug_eval':True,'scales':0.75}"],
    ],
)
def test_ways_to_evaluate(scenes, capsys, flags):
    config = ["--config", scenes / "config.yml"]
    assert call(train.main, *config, "--save_dir", scenes / "out", "--iters", 2, "--seed", 4) == 0
    capsys.readouterr()
    weights = ["--model_path", scenes / "out/iter_2/model.pdparams"]
    assert call(val.main, *config, *weights) == 0
    (plain,) = figures(capsys.readouterr().out)
    assert call(val.main, *config, *weights, *flags) == 0
    (other,) = figures(capsys.readouterr().out)
    assert other != plain


def test_the_average_of_the_file_is_for_those_who_ask_for_it(scenes, capsys):
    """Scales and flips stand in test_config of a published row: training evaluates without, --aug_eval with them."""
    average = {"scales": [0.5, 1.5], "flip_horizontal": True, "aug_average": "softmax", "aug_rescale": "image"}
    config = ["--config", scenes / "config.yml", "--opts", f"test_config={average}"]
    assert call(train.main, *config, "--save_dir", scenes / "out", "--iters", 2, "--seed", 4, "--do_eval") == 0
    (trained,) = figures(capsys.readouterr().out)
    found = []
    weights = ["--model_path", scenes / "out/iter_2/model.pdparams"]
    flags = ["--aug_eval", "--scales", 0.5, 1.5, "--flip_horizontal"]
    for words in ([], ["--aug_eval"], flags, ["--aug_eval", "--scales", 1.0]):
        assert call(val.main, *config, *weights, *words) == 0
        found += figures(capsys.readouterr().out)
    plain, row, explicit, one_scale = found
    assert plain == trained
    assert row == explicit != plain
    assert one_scale != row
