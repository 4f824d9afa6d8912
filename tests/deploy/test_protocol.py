"""The test protocol of a YAML in deploy.yaml: infer.py's labels are predict.py's, val.py's figures the live model's."""

import shutil

import cv2
import numpy as np
import paddle
import pytest
import yaml

from paddleseg_ext import cli
from paddleseg_ext.commands import export, predict, val
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.deploy.deploy_yaml import read_deploy
from tests.deploy.conftest import files_below, settle, small_config

RESIZE = {"type": "ResizeByRatio", "base_size": [110, 70]}
PAD = {"type": "PadToSize", "target_size": [112, 80]}
NORMALIZE = {"type": "Normalize"}
BGR = {**NORMALIZE, "mean": [103.0, 116.0, 123.0], "std": [60.0, 60.0, 60.0], "scale": 1, "channel_order": "BGR"}
LONG = {"type": "ResizeByLong", "long_size": 90}
AT_LEAST = {"type": "PadToSize", "target_size": [64, 64], "position": "center", "at_least": True}
SEMSEG = {"aug_eval": True, "flip_horizontal": True, "aug_average": "window", "aug_rescale": "base"}
CUBIC = {"interpolation": "cubic"}
WINDOWS = {"is_slide": True, "crop_size": [64, 48], "stride": [40, 33]}
# What val_dataset does to images, test_config, and what auto makes of the two.
PROTOCOLS = {
    "whole": ([NORMALIZE], {}, "argmax"),
    "padded": ([NORMALIZE, PAD], {}, "argmax"),
    "resized": ([RESIZE, NORMALIZE], {"align_corners": True}, "none"),
    "resized once": ([RESIZE, NORMALIZE], {"resize_once": True}, "features"),
    "resized once, own size": ([NORMALIZE], {"resize_once": True}, "argmax"),
    "padded all round": ([BGR, {**PAD, "position": "center"}], {}, "argmax"),
    "cubic": ([{**RESIZE, "fit": "cover"}, BGR, {"type": "PadToSize", "size_divisor": 8}], CUBIC, "none"),
    "windows as semseg": ([LONG, NORMALIZE, AT_LEAST], {**WINDOWS, **SEMSEG}, "none"),
    "windows": ([NORMALIZE], WINDOWS, "none"),
    "resized windows": ([RESIZE, NORMALIZE], {**WINDOWS, "slide_batch_size": 3}, "none"),
    "averaged": ([NORMALIZE], {"aug_eval": True, "scales": [0.75, 1.0], "flip_horizontal": True}, "none"),
    "averaged over views": (
        [RESIZE, NORMALIZE],
        {"aug_eval": True, "scales": [0.8, 1.1], "aug_rescale": "image", "aug_average": "softmax"},
        "none",
    ),
}


@pytest.fixture
def describe(project):
    """Write a YAML whose protocol is as given; returns the words that name it and the weights."""

    def write(steps, test_config) -> list:
        config = small_config("ssseg")
        config["val_dataset"].update(transforms=steps, dataset_root=str(project), val_path=str(project / "val.txt"))
        config["test_config"] = {key: value for key, value in test_config.items() if key != "align_corners"}
        config["model"]["align_corners"] = test_config.get("align_corners", False)
        path = project / "protocol.yml"
        path.write_text(yaml.safe_dump(config))
        return ["--config", str(path), "--model_path", str(weights_for(project, path))]

    return write


@pytest.fixture(scope="module")
def export_of(tmp_path_factory):
    """Export what ``words`` name for a case of ``PROTOCOLS``, once; returns the folder."""
    folder = tmp_path_factory.mktemp("exports")

    def once(case, words):
        if not (folder / case).exists():
            assert cli.run(export.main, [*words, "--save_dir", str(folder / case)]) == 0
        return folder / case

    return once


def weights_for(project, config):
    """Settled weights of the model in ``config``, made once."""
    path = project / "ssseg.pdparams"
    if not path.exists():
        paddle.seed(2)
        model = Builder(load_config(config), pretrained=False).build("model")
        settle(model)
        paddle.save(model.state_dict(), str(path))
    return path


@pytest.mark.parametrize("case", PROTOCOLS)
def test_infer_gives_the_labels_of_predict(case, describe, export_of, project, infer, tmp_path):
    steps, test_config, output_op = PROTOCOLS[case]
    words = describe(steps, test_config)
    folder = export_of(case, words)
    assert read_deploy(folder).output_op == output_op
    photos = ["--image_path", str(project / "photos"), "--save_dir"]
    assert cli.run(predict.main, [*words, *photos, str(tmp_path / "predict"), "--device", "cpu"]) == 0
    more = ["--enable_mkldnn", "False", "--batch_size", "2"]
    assert cli.run(infer.main, ["--config", str(folder), *photos, str(tmp_path / "infer"), *more]) == 0
    written = files_below(tmp_path / "predict")
    assert len(written) == 9
    for name in written:
        predicted, inferred = (cv2.imread(str(tmp_path / way / name)) for way in ("predict", "infer"))
        np.testing.assert_array_equal(inferred, predicted, err_msg=name)
    assert len(np.unique(cv2.imread(str(tmp_path / "predict/label/a.png")))) > 1


@pytest.mark.parametrize("case", ["whole", "resized once", "resized windows"])
def test_val_measures_the_export_as_the_live_model(case, describe, export_of, project):
    for name in ("a", "b"):
        (project / "labels").mkdir(exist_ok=True)
        label = np.random.RandomState(len(name)).randint(0, 5, (8, 12)).astype(np.uint8)
        cv2.imwrite(str(project / f"labels/{name}.png"), np.kron(label, np.ones((8, 8), np.uint8)))
    (project / "val.txt").write_text("photos/a.png labels/a.png\nphotos/b.jpg labels/b.png\n")
    words = describe(*PROTOCOLS[case][:2])
    folder = export_of(case, words)
    live = val.run_evaluation(**vars(val.parse([*words, "--device", "cpu"])))
    exported = val.run_evaluation(**vars(val.parse([*words[:2], "--exported", str(folder), "--device", "cpu"])))
    assert 0 < live[0] < 1
    assert exported[0] == pytest.approx(live[0], abs=1e-4)
    np.testing.assert_allclose(exported[2], live[2], atol=1e-3)


def refused(main, words, capfd) -> str:
    capfd.readouterr()
    assert cli.run(main, words) == 1
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    return line


def test_an_output_that_cannot_follow_the_protocol_is_refused(describe, tmp_path, capfd):
    save = ["--save_dir", str(tmp_path / "e"), "--output_op"]
    assert "cannot be averaged" in refused(export.main, [*describe([NORMALIZE], WINDOWS), *save, "argmax"], capfd)
    assert "resize_once" in refused(export.main, [*describe([NORMALIZE], {}), *save, "features"], capfd)
    assert not (tmp_path / "e").exists()


def test_labels_of_a_resized_image_are_obeyed_with_a_warning(describe, project, infer, tmp_path, capfd):
    words = describe([RESIZE, NORMALIZE], {"resize_once": True})
    assert cli.run(export.main, [*words, "--save_dir", str(tmp_path / "e"), "--output_op", "argmax"]) == 0
    assert "some labels will differ from predict.py's; features gives the same" in "".join(capfd.readouterr())
    photos = ["--image_path", str(project / "photos"), "--save_dir", str(tmp_path / "infer")]
    assert cli.run(infer.main, ["--config", str(tmp_path / "e"), *photos]) == 0
    assert cv2.imread(str(tmp_path / "infer/label/deep/er/c.png")).shape[:2] == (65, 49)


def test_a_deploy_yaml_of_another_model(describe, export_of, project, exported, infer, tmp_path, capfd):
    words = describe(*PROTOCOLS["resized"][:2])
    shutil.copytree(export_of("resized", words), tmp_path / "e")
    (tmp_path / "e/deploy.yaml").write_text((exported / "deploy.yaml").read_text())
    photos = ["--image_path", str(project / "photos"), "--save_dir", str(tmp_path / "infer")]
    message = refused(infer.main, ["--config", str(tmp_path / "e"), *photos], capfd)
    assert " is damaged or not the model that " in message and message.endswith("run export.py again.")
    assert not (tmp_path / "infer").exists()


def edit(folder, **changes):
    path = folder / "deploy.yaml"
    content = yaml.safe_load(path.read_text())
    content["Deploy"].update(changes)
    path.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"class_names": ["a", "b"]}, "names 2 classes and the model beside it has 5"),
        ({"test_config": {"resize_once": True}}, "resize_once of test_config and output_op features go together"),
        ({"test_config": {"is_slide": True}}, "test_config: --is_slide needs --crop_size"),
        ({"test_config": "x"}, "test_config: "),
    ],
)
def test_a_wrong_deploy_yaml_is_one_sentence(changes, sentence, describe, export_of, project, infer, tmp_path, capfd):
    words = describe(*PROTOCOLS["windows"][:2])
    shutil.copytree(export_of("windows", words), tmp_path / "e")
    edit(tmp_path / "e", **changes)
    photos = ["--image_path", str(project / "photos"), "--save_dir", str(tmp_path / "infer")]
    assert sentence in refused(infer.main, ["--config", str(tmp_path / "e"), *photos], capfd)
    assert not (tmp_path / "infer").exists()


def test_bad_input_to_val_of_an_export(describe, project, exported, tmp_path, capfd):
    config = describe([NORMALIZE], {})[:2]
    (project / "val.txt").write_text("photos/a.png photos/a.png\n")
    assert "not allowed with argument" in refused(val.main, [*config, "--exported", "x", "--model_path", "y"], capfd)
    assert "one of the arguments --model_path --exported is required" in refused(val.main, config, capfd)
    assert "does not exist" in refused(val.main, [*config, "--exported", str(tmp_path / "none")], capfd)
    words = [*config, "--exported", str(exported), "--device", "cpu"]
    assert "labels cannot be averaged" in refused(val.main, [*words, "--aug_eval"], capfd)
    assert "--precision fp16 needs --model_path" in refused(val.main, [*words, "--precision", "fp16"], capfd)
    more = ["--opts", "val_dataset.num_classes=4", "train_dataset.num_classes=4"]
    assert "are 5 (class 0, class 1, class 2 ...), and those of" in refused(val.main, [*words, *more], capfd)
