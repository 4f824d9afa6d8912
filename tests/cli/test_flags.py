"""Flags that several commands share."""

import pytest

from paddleseg_ext import cli
from paddleseg_ext.errors import UserError


def parser() -> cli.Parser:
    return cli.Parser("A command.", "python it.py")


@pytest.mark.parametrize("flag", ["--model_path", "--exported"])
def test_weights_or_an_export(flag):
    made = parser()
    cli.add_model_path_flag(made, or_exported=True)
    assert vars(made.parse_args([flag, "x"])) == {"model_path": None, "exported": None, flag[2:]: "x"}
    with pytest.raises(UserError, match="one of the arguments --model_path --exported is required"):
        made.parse_args([])


def test_weights_only():
    made = parser()
    cli.add_model_path_flag(made)
    with pytest.raises(UserError, match="does not know --exported"):
        made.parse_args(["--exported", "x"])


def test_pictures(capsys):
    made = parser()
    cli.add_device_flag(made)
    cli.add_picture_flags(made, save_dir="output/result", video=True)
    flags = made.parse_args(["--image_path", "a.jpg", "--custom_color", "1", "2", "3"])
    assert (flags.save_dir, flags.device_id, flags.custom_color) == ("output/result", 0, [1, 2, 3])
    # PaddleSeg has --device alone.
    assert made.parse_args(["--image_path", "a.jpg", "--dev", "cpu"]).device == "cpu"
    assert "an image, a video, a folder" in " ".join(made.format_help().split())


@pytest.mark.parametrize("augment", ["--aug_eval", "--aug_pred"])
def test_test_time_augmentation_has_paddlesegs_names(augment):
    made = parser()
    cli.add_inference_flags(made, augment)
    flags = made.parse_args(
        [augment, "--scales", "0.5", "1", "--is_slide", "--crop_size", "8", "6", "--stride", "4", "4"]
    )
    assert getattr(flags, augment[2:]) and flags.scales == [0.5, 1.0] and flags.crop_size == [8, 6]
    assert not flags.flip_horizontal and not flags.flip_vertical
    assert f"with {augment}:" in made.format_help()


def test_what_is_not_given_is_none_or_paddlesegs_default():
    made = parser()
    for add in (cli.add_device_flag, cli.add_workers_flag, cli.add_precision_flags, cli.add_data_format_flag):
        add(made)
    assert vars(made.parse_args([])) == {
        "device": None,
        "num_workers": 0,
        "precision": "fp32",
        "amp_level": "O1",
        "data_format": "NCHW",
    }
