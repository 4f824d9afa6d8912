"""What a user can get wrong, one row each: one plain sentence, exit code 1, nothing on disk touched."""

from pathlib import Path

import cv2
import numpy as np
import paddle
import pytest
import yaml

from paddleseg_ext import cli
from paddleseg_ext.commands import predict, train, val


@pytest.fixture
def edit(scenes):
    """Change the YAML: ``edit(change)`` calls ``change`` with its content."""

    def apply(change):
        path = scenes / "config.yml"
        content = yaml.safe_load(path.read_text())
        change(content)
        path.write_text(yaml.safe_dump(content))

    return apply


@pytest.fixture
def refused(scenes, capsys):
    """Run a command line that must fail; returns its sentence."""

    def run(main, *arguments, code=1):
        before = snapshot(scenes)
        assert cli.run(main, [str(word) for word in arguments]) == code
        lines = capsys.readouterr().err.splitlines()
        sentences = [line for line in lines if line.startswith("error: ")]
        assert len(sentences) == 1
        assert lines[-1] == sentences[0], "more than one line"
        assert not any("Traceback" in line for line in lines)
        assert sentences[0].endswith((".", ")", "?"))
        assert snapshot(scenes) == before
        return sentences[0]

    def training(*arguments):
        return run(train.main, "--config", scenes / "config.yml", "--save_dir", scenes / "out", "--do_eval", *arguments)

    training.run = run
    return training


def snapshot(root: Path) -> dict:
    return {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


# (change of the YAML, words of the sentence)
CONFIGS = {
    "unknown key": (
        lambda c: c.update(batchsize=2),
        "config.yml line 2: unknown key 'batchsize'; did you mean batch_size?",
    ),
    "unknown model": (
        lambda c: c["model"].update(type="PSANett"),
        "model.type 'PSANett' is not one of the models; did you mean PSANet?",
    ),
    "unknown backbone": (
        lambda c: c["model"]["backbone"].update(type="resnet18_v1c"),
        "model.backbone.type 'resnet18_v1c' is not one of the backbones; did you mean ResNet18_v1c?",
    ),
    "unknown transform": (
        lambda c: c["train_dataset"]["transforms"].append({"type": "RandomRotate"}),
        "train_dataset.transforms.3.type 'RandomRotate' is not one of the transforms",
    ),
    "unknown loss": (
        lambda c: c["loss"]["types"][0].update(type="CrossEntropy"),
        "did you mean CrossEntropyLoss?",
    ),
    "unknown data set": (lambda c: c["train_dataset"].update(type="Cityscape"), "did you mean Cityscapes?"),
    "unknown optimizer": (lambda c: c["optimizer"].update(type="Adem"), "did you mean Adam?"),
    "unknown schedule": (lambda c: c["lr_scheduler"].update(type="PolyDecay"), "is not a schedule of Paddle"),
    "unknown argument": (
        lambda c: c["model"].update(pp_outchannels=3),
        "PSPNet has no argument 'pp_outchannels'; did you mean pp_out_channels?",
    ),
    "unknown argument of a backbone": (
        lambda c: c["model"]["backbone"].update(output_strides=8),
        "'output_strides'",
    ),
    "unknown argument of a transform": (
        lambda c: c["train_dataset"]["transforms"][0].update(cropsize=3),
        "RandomPaddingCrop has no argument 'cropsize'; did you mean crop_size?",
    ),
    "unknown argument of the schedule": (lambda c: c["lr_scheduler"].update(pover=1), "did you mean power?"),
    "unknown key of test_config": (
        lambda c: c.update(test_config={"slide": True}),
        "test_config.slide; did you mean is_slide?",
    ),
    "text for true": (
        lambda c: c.update(test_config={"align_corners": "yes"}),
        "config.yml line 27: test_config.align_corners must be true or false, not 'yes'.",
    ),
    "unknown way to average": (
        lambda c: c.update(test_config={"aug_average": "max"}),
        "test_config.aug_average must be logits, softmax or window, not 'max'.",
    ),
    "unknown way to count": (
        lambda c: c.update(test_config={"absent_classes": "none"}),
        "test_config.absent_classes must be zero or skip, not 'none'.",
    ),
    "windows without a size": (
        lambda c: c.update(test_config={"is_slide": True, "stride": [8, 8]}),
        "test_config: --is_slide needs --crop_size W H and --stride W H",
    ),
    "windows at the features' size": (
        lambda c: c.update(test_config={"is_slide": True, "stride": [8, 8], "crop_size": [8, 8], "resize_once": True}),
        "test_config: resize_once works on whole images only",
    ),
    "model without logits at the features' size": (
        lambda c: c.update(
            test_config={"resize_once": True},
            model={"type": "BiSeNetV2"},
            loss={"types": [{"type": "CrossEntropyLoss"}], "coef": [1] * 5},
        ),
        "and BiSeNetV2 does not return them (it has no feature_logits); use PSPNet",
    ),
    "missing argument": (
        lambda c: c["train_dataset"].pop("mode"),
        "Dataset needs 'mode'; add it below train_dataset",
    ),
    "missing section": (lambda c: c.pop("loss"), "No loss specified"),
    "number that is text": (
        lambda c: c["lr_scheduler"].update(learning_rate="5e-4"),
        "lr_scheduler.learning_rate is the text '5e-4', not a number, because YAML wants a dot and a signed "
        "exponent; write 5.0e-4.",
    ),
    "batch of nothing": (lambda c: c.update(batch_size=0), "batch_size must be a whole number from 1 up, not 0."),
    "half an iteration": (lambda c: c.update(iters=2.5), "iters must be a whole number from 1 up, not 2.5."),
    "model that is no mapping": (lambda c: c.update(model="PSANet"), "model must be a mapping, not 'PSANet'"),
    "coefficients": (lambda c: c["loss"].update(coef=[1]), "returns 2 outputs in training and loss.coef has 1"),
    "data root": (
        lambda c: c["train_dataset"].update(dataset_root="nowhere/x"),
        "the folder nowhere/x (train_dataset.dataset_root) does not exist",
    ),
    "list file": (
        lambda c: c["val_dataset"].update(val_path="nowhere.txt"),
        "the list file nowhere.txt (val_dataset.val_path) does not exist",
    ),
    "no list file": (lambda c: c["train_dataset"].pop("train_path"), "train_dataset with mode train needs train_path"),
    "classes disagree": (lambda c: c["val_dataset"].update(num_classes=4), "`num_classes` is not consistent"),
    "pretrained file": (
        lambda c: c["model"]["backbone"].update(pretrained="nowhere.pdparams"),
        "model.backbone.pretrained: the file nowhere.pdparams does not exist",
    ),
    "mask of no size": (
        lambda c: c["train_dataset"]["transforms"][0].update(crop_size=3),
        "RandomPaddingCrop cannot be built",
    ),
}


@pytest.mark.parametrize("row", CONFIGS)
def test_configuration(edit, refused, row):
    change, words = CONFIGS[row]
    edit(change)
    assert words in refused()


OPTIONS = {
    "model.bakbone.pretrained=null": "there is no bakbone in model; did you mean backbone?",
    "modell.type=PSPNet": "there is no modell in the configuration; did you mean model?",
    "model.typ=PSPNet": "PSPNet has no argument 'typ'; did you mean type?",
    "model.backbone": "write KEY=VALUE",
    "train_dataset.transforms.7.crop_size=3": "is a list of 3; name an item by its number, 0 to 2.",
    "iters.x=3": "iters is 6 and has nothing inside",
}


@pytest.mark.parametrize("option", OPTIONS)
def test_option(refused, option):
    assert OPTIONS[option] in refused("--opts", option)


FLAGS = {
    ("--do_evall",): "does not know --do_evall; did you mean --do_eval?",
    ("--iters", "many"): "argument --iters: 'many' is not a whole number from 1 up",
    ("--batch_size", "-1"): "argument --batch_size: '-1' is not a whole number from 1 up",
    ("--learning_rate", "nan"): "argument --learning_rate: 'nan' is not a number above 0",
    ("--precision", "fp8"): "argument --precision: invalid choice: 'fp8'",
    ("--device", "mlu"): "--device mlu: the installed Paddle",
    ("--for_fd",): "--for_fd is a flag of PaddleSeg that",
    ("--use_multilabel",): "work with one label per pixel",
    ("--data_format", "NHWC"): "--data_format NHWC: PSPNet reads images as NCHW only",
    ("--resume_model", "nowhere/iter_3"): "--resume_model: the folder nowhere/iter_3 does not exist",
    ("--profiler_options", "range"): "--profiler_options 'range': write key=value",
}


@pytest.mark.parametrize("flags", FLAGS)
def test_flag(refused, flags):
    assert FLAGS[flags] in refused(*flags)


def test_early_stop_without_evaluation(refused, scenes):
    sentence = refused.run(train.main, "--config", scenes / "config.yml", "--early_stop_intervals", "2")
    assert "add --do_eval" in sentence


def test_no_configuration(refused, tmp_path):
    assert "the following arguments are required: --config" in refused.run(train.main)
    assert "the file nowhere.yml does not exist" in refused.run(train.main, "--config", "nowhere.yml")
    (tmp_path / "notes.txt").write_text("x")
    assert "is not a .yml or .yaml file" in refused.run(train.main, "--config", tmp_path / "notes.txt")


FILES = {
    "syntax": ("batch_size: 2\niters: [3\nmodel: x\n", "line 3 is not valid YAML"),
    "nothing": ("", "holds no keys"),
    "list": ("- a\n- b\n", "holds no keys"),
    "base": ("_base_: nowhere.yml\nbatch_size: 2\n", "line 1, _base_: the file"),
    "circle": ("batch_size: 2\n_base_: config.yml\n", "_base_ leads back to this file"),
}


@pytest.mark.parametrize("row", FILES)
def test_yaml(refused, scenes, row):
    text, words = FILES[row]
    (scenes / "config.yml").write_text(text)
    assert words in refused()


def test_line_is_that_of_the_file_that_says_it(refused, scenes):
    base = scenes / "config.yml"
    (scenes / "base.yml").write_text(base.read_text() + "\n# a comment\nbatchsize: 3\n")
    base.write_text("_base_: base.yml\niters: 3\n")
    number = len((scenes / "base.yml").read_text().splitlines())
    assert f"base.yml line {number}: unknown key 'batchsize'" in refused()


def spoil_list(scenes, text):
    (scenes / "train.txt").write_text(text)


DATA = {
    "empty list": (lambda s: spoil_list(s, "\n"), "train.txt (train_dataset.train_path) is empty"),
    "line of one": (
        lambda s: spoil_list(s, "images/00.jpg labels/00.png\nimages/01.jpg\n"),
        "train.txt line 2 is 'images/01.jpg', not `image label`",
    ),
    "file of the list": (lambda s: (s / "images/05.jpg").unlink(), "05.jpg does not exist; check dataset_root"),
    "size": (
        lambda s: cv2.imwrite(str(s / "labels/02.png"), np.zeros((24, 48), np.uint8)),
        "02.jpg is 48x48 pixels and its label",
    ),
    "value": (
        lambda s: cv2.imwrite(str(s / "labels/09.png"), np.full((48, 48), 9, np.uint8)),
        "09.png holds the value 9, but the classes are 0 to 2 and the ignore value is 255",
    ),
    "image": (lambda s: (s / "images/04.jpg").write_bytes(b"GIF"), "04.jpg cannot be read as an image"),
}


@pytest.mark.parametrize("row", DATA)
def test_data(refused, scenes, row):
    change, words = DATA[row]
    change(scenes)
    assert words in refused()
    assert not (scenes / "out").exists()


def test_weights_of_another_model(refused, scenes):
    layer = paddle.nn.Conv2D(3, 4, 1)
    (scenes / "iter_4").mkdir()
    paddle.save(layer.state_dict(), str(scenes / "iter_4/model.pdparams"))
    paddle.save({}, str(scenes / "iter_4/model.pdopt"))
    arguments = ["--config", scenes / "config.yml", "--model_path"]
    words = "holds weights of another model: 0 of the"
    assert words in refused.run(val.main, *arguments, scenes / "iter_4/model.pdparams")
    assert words in refused("--resume_model", scenes / "iter_4")
    pretrained = f"model.backbone.pretrained={scenes / 'iter_4/model.pdparams'}"
    assert "none of the 2 weights in" in refused("--opts", pretrained)
    assert "nowhere.pdparams does not exist" in refused.run(val.main, *arguments, "nowhere.pdparams")


def test_window_flags(refused, scenes):
    arguments = ["--config", scenes / "config.yml", "--model_path", "x", "--is_slide"]
    assert "--is_slide needs --crop_size W H and --stride W H" in refused.run(val.main, *arguments)


def test_flags_of_an_average_that_nobody_asked_for(refused, scenes):
    arguments = ["--config", scenes / "config.yml", "--model_path", "x"]
    for flags in (["--scales", "0.5"], ["--flip_horizontal"]):
        sentence = f"{flags[0]} only counts together with --aug_eval"
        assert sentence in refused.run(val.main, *arguments, *flags)
        assert sentence in refused.run(predict.main, *arguments, "--image_path", scenes / "images", *flags)
