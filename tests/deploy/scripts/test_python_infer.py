"""deploy/python/infer.py as a user runs it."""

import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import paddle
import pytest
import yaml

from paddleseg_ext import cli
from paddleseg_ext.commands import export, predict
from paddleseg_ext.deploy.deploy_yaml import read_deploy
from tests.deploy.conftest import ROOT, assert_help_explains, files_below, infer_words, predict_words, small_config

NAMES = ("a", "b", "deep/er/c")


def test_predict_and_infer_write_the_same_files(project, exported, infer, tmp_path):
    assert cli.run(predict.main, predict_words(project, tmp_path / "predict")) == 0
    words = infer_words(exported, project, tmp_path / "infer", "--enable_mkldnn", "False", "--batch_size", "2")
    assert cli.run(infer.main, words) == 0
    written = files_below(tmp_path / "predict")
    folders = ("label", "pseudo_color_prediction", "added_prediction")
    assert sorted(written) == sorted(f"{folder}/{name}.png" for folder in folders for name in NAMES)
    assert files_below(tmp_path / "infer") == written
    labels = [cv2.imread(str(tmp_path / "predict/label" / f"{name}.png"), cv2.IMREAD_UNCHANGED) for name in NAMES]
    assert [label.shape for label in labels] == [(64, 96), (64, 96), (65, 49)]
    # A model that says the same everywhere would prove nothing.
    assert len(np.unique(labels[0])) > 1


def test_infer_in_a_process_of_its_own_registers_the_operator(project, exported, tmp_path):
    assert read_deploy(exported).custom_ops == ("psamask",)
    words = infer_words(exported, project, tmp_path / "infer", "--benchmark", "--model_name", "thin", "--save_log_path")
    command = [sys.executable, "deploy/python/infer.py", *words, str(tmp_path / "table.txt")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "oneDNN is o" in done.stdout + done.stderr
    table = (tmp_path / "table.txt").read_text()
    assert table in done.stdout
    assert table.splitlines()[0].split()[:2] == ["model", "images"]
    name, images, *times, per_second, memory = table.splitlines()[1].split()
    assert (name, images) == ("thin", "3")
    pre, run, post, total = map(float, times)
    assert min(pre, run, post) > 0 and total == pytest.approx(pre + run + post, abs=0.05)
    assert float(per_second) == pytest.approx(1000 / total, rel=0.05)
    assert 100 < int(memory) < 100_000
    assert len(files_below(tmp_path / "infer")) == 9


def test_infer_says_which_operator_is_missing(project, exported, tmp_path):
    code = (
        "import runpy, sys; import paddleseg_ext; from paddleseg_ext.ops import library\n"
        "library.load = lambda: None; library.why_not = lambda: 'No compiler was found.'\n"
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    words = infer_words(exported, project, tmp_path / "infer")
    command = [sys.executable, "-c", code, "deploy/python/infer.py", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "needs the compiled operator psamask, which is not available: No compiler was found." in done.stderr
    assert "Traceback" not in done.stderr


def test_infer_undoes_a_resize_as_predict_does(project, infer, tmp_path):
    config = small_config()
    config["val_dataset"]["transforms"] = [{"type": "Resize", "target_size": [80, 56]}, {"type": "Normalize"}]
    (project / "resize.yml").write_text(yaml.safe_dump(config))
    words = ["--config", str(project / "resize.yml"), "--model_path", str(project / "model.pdparams")]
    assert cli.run(export.main, [*words, "--save_dir", str(tmp_path / "e"), "--output_op", "none"]) == 0
    photos = ["--image_path", str(project / "photos"), "--save_dir"]
    assert cli.run(predict.main, [*words, *photos, str(tmp_path / "predict"), "--device", "cpu"]) == 0
    words = ["--config", str(tmp_path / "e"), *photos, str(tmp_path / "infer"), "--enable_mkldnn", "False"]
    assert cli.run(infer.main, [*words, "--batch_size", "3"]) == 0
    assert files_below(tmp_path / "infer") == files_below(tmp_path / "predict")


def test_a_fixed_input_is_filled_up_and_what_does_not_fit_is_named(project, infer, tmp_path, capfd):
    words = ["--config", str(project / "config.yml"), "--model_path", str(project / "model.pdparams")]
    shape = ["--input_shape", "2", "3", "64", "96", "--ops", "native"]
    assert cli.run(export.main, [*words, "--save_dir", str(tmp_path / "e"), *shape]) == 0
    assert read_deploy(tmp_path / "e").custom_ops == ()
    # The flag is for this export alone.
    assert os.environ.get("PADDLESEG_EXT_OPS", "auto") == "auto"
    for name in ("a.png", "b.jpg"):
        image = ["--image_path", str(project / "photos" / name), "--save_dir", str(tmp_path / "infer")]
        assert cli.run(infer.main, ["--config", str(tmp_path / "e"), *image]) == 0
    assert len(files_below(tmp_path / "infer")) == 6
    image = ["--image_path", str(project / "photos/deep/er/c.bmp"), "--save_dir", str(tmp_path / "infer")]
    assert cli.run(infer.main, ["--config", str(tmp_path / "e"), *image]) == 1
    assert "3x65x49 (C, H, W) after the transforms, but the model was exported for 3x64x96" in capfd.readouterr().err


def test_a_yaml_that_says_nothing_of_training(project, exported, infer, tmp_path, capfd):
    """PaddleX's way to call export.py, of a model and the pictures it is for; then PaddleSeg's flags of infer.py."""
    content = small_config()
    description = {"model": content["model"], "val_dataset": content["val_dataset"]}
    (tmp_path / "config.yml").write_text(yaml.safe_dump(description))
    weights = ["--config", str(tmp_path / "config.yml"), "--model_path", str(project / "model.pdparams")]
    assert cli.run(export.main, ["--for_fd", *weights, "--save_dir", str(tmp_path / "e")]) == 0
    assert "--for_fd changes nothing" in "".join(capfd.readouterr())
    assert sorted(files_below(tmp_path / "e")) == sorted(files_below(exported))
    pictures = ["--image_path", str(project / "photos"), "--save_dir"]
    assert cli.run(predict.main, [*weights, *pictures, str(tmp_path / "predict"), "--device", "cpu"]) == 0
    flags = ["--enable_mkldnn", "False", "--with_argmax", "--use_trt", "False", "--precision", "fp16"]
    assert cli.run(infer.main, ["--config", str(tmp_path / "e"), *pictures, str(tmp_path / "infer"), *flags]) == 0
    printed = "".join(capfd.readouterr())
    assert "--with_argmax changes nothing" in printed and "--precision fp16 is for TensorRT" in printed
    assert files_below(tmp_path / "infer") == files_below(tmp_path / "predict")


def damaged(exported, tmp_path, change):
    shutil.copytree(exported, tmp_path / "model")
    change(tmp_path / "model", read_deploy(exported))
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda folder, deploy: (folder / deploy.params).unlink(), "model.pdiparams is missing"),
        (lambda folder, deploy: (folder / deploy.model).unlink(), " is missing, but "),
        (lambda folder, deploy: (folder / deploy.params).write_bytes(b""), "model.pdiparams is empty"),
        (lambda folder, deploy: (folder / "deploy.yaml").unlink(), "deploy.yaml does not exist"),
        (lambda folder, deploy: (folder / "deploy.yaml").write_text("batch_size: 2"), "is not the deploy.yaml"),
        (lambda folder, deploy: (folder / "deploy.yaml").write_text("{"), "is not the deploy.yaml"),
    ],
)
def test_a_damaged_export_is_one_sentence(exported, project, infer, tmp_path, change, sentence, capfd):
    folder = damaged(exported, tmp_path, change)
    assert cli.run(infer.main, infer_words(folder, project, tmp_path / "infer")) == 1
    message = capfd.readouterr().err
    assert message.startswith("error: ")
    assert sentence in message
    assert message.count("\n") == 1
    assert not (tmp_path / "infer").exists()


@pytest.mark.parametrize("name", ["model", "params"])
def test_a_truncated_export_is_one_sentence(name, exported, project, infer, tmp_path, capfd):
    def cut(folder, deploy):
        path = folder / getattr(deploy, name)
        path.write_bytes(path.read_bytes()[:2000])

    folder = damaged(exported, tmp_path, cut)
    assert cli.run(infer.main, infer_words(folder, project, tmp_path / "infer")) == 1
    message = capfd.readouterr().err.strip().splitlines()[-1]
    sentence = {"model": " was written for another model", "params": f"Paddle {paddle.__version__} cannot load "}
    assert sentence[name] in message
    assert message.startswith("error: ") and message.endswith("again.")


def test_help_explains_every_flag_of_paddleseg():
    flags = "config image_path batch_size save_dir device use_trt precision min_subgraph_size enable_auto_tune"
    flags += " auto_tuned_shape_file enable_mkldnn cpu_threads benchmark print_detail model_name save_log_path"
    assert_help_explains("deploy/python/infer.py", flags)
