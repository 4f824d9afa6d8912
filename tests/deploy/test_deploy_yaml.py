"""deploy.yaml: written, read, and refused when it is not the model's."""

import dataclasses
import shutil

import numpy as np
import pytest
import yaml

from paddleseg_ext import cli
from paddleseg_ext.deploy.deploy_yaml import preprocessing, read_deploy, write_deploy
from paddleseg_ext.errors import UserError
from paddleseg_ext.pictures.visualize import palette
from tests.deploy.conftest import files_below, infer_words, refused
from tests.deploy.protocols import PROTOCOLS


def test_deploy_yaml_says_what_is_there(exported):
    content = yaml.safe_load((exported / "deploy.yaml").read_text())["Deploy"]
    assert sorted(path.name for path in exported.iterdir()) == sorted(
        [content["model"], content["params"], "deploy.yaml"]
    )
    assert (content["output_op"], content["output_dtype"]) == ("argmax", "int32")
    assert content["input_shape"] == [-1, 3, -1, -1]
    assert content["transforms"] == [{"type": "Normalize"}]
    deploy = read_deploy(exported / "deploy.yaml")
    assert deploy.class_names == [f"class {index}" for index in range(5)]
    np.testing.assert_array_equal(deploy.palette, palette(5))


def test_a_deploy_yaml_without_our_keys_is_read(project, exported, infer, tmp_path):
    """PaddleSeg's own says neither which operators the program needs, nor what the classes are called."""
    shutil.copytree(exported, tmp_path / "e")
    content = yaml.safe_load((exported / "deploy.yaml").read_text())["Deploy"]
    known = ("model", "params", "transforms", "input_shape", "output_op", "output_dtype")
    theirs = {key: content[key] for key in known}
    (tmp_path / "e/deploy.yaml").write_text(yaml.safe_dump({"Deploy": theirs}))
    assert read_deploy(tmp_path / "e").custom_ops == ("psamask",)
    for folder, name in ((exported, "ours"), (tmp_path / "e", "theirs")):
        assert cli.run(infer.main, infer_words(folder, project, tmp_path / name)) == 0
    labels = [files_below(tmp_path / name / "label") for name in ("ours", "theirs")]
    assert labels[0] == labels[1]


def test_a_deploy_yaml_of_another_model(describe, export_of, project, exported, infer, tmp_path, capfd):
    words = describe(*PROTOCOLS["resized"][:2])
    shutil.copytree(export_of("resized", words), tmp_path / "e")
    (tmp_path / "e/deploy.yaml").write_text((exported / "deploy.yaml").read_text())
    photos = ["--image_path", str(project / "photos"), "--save_dir", str(tmp_path / "infer")]
    message = refused(infer.main, ["--config", str(tmp_path / "e"), *photos], capfd)
    assert " was written for another model" in message and message.endswith("run export.py again.")
    assert not (tmp_path / "infer").exists()


def edit(folder, **changes):
    path = folder / "deploy.yaml"
    content = yaml.safe_load(path.read_text())
    content["Deploy"].update(changes)
    path.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"class_names": ["a", "b"]}, "names 2 classes, but the model beside it has 5"),
        (
            {"test_config": {"resize_once": True}},
            "resize_once in test_config and output_op features are only for each other",
        ),
        ({"test_config": {"is_slide": True}}, "test_config: --is_slide needs --crop_size"),
        ({"test_config": "x"}, "test_config: "),
    ],
)
def test_a_wrong_deploy_yaml_is_one_sentence(changes, sentence, describe, export_of, project, infer, tmp_path, capfd):
    words = describe(*PROTOCOLS["resized"][:2])
    shutil.copytree(export_of("resized", words), tmp_path / "e")
    edit(tmp_path / "e", **changes)
    photos = ["--image_path", str(project / "photos"), "--save_dir", str(tmp_path / "infer")]
    assert sentence in refused(infer.main, ["--config", str(tmp_path / "e"), *photos], capfd)
    assert not (tmp_path / "infer").exists()


@pytest.fixture
def written(exported, tmp_path):
    """The folder of a copy of the export."""
    return shutil.copytree(exported, tmp_path / "copy")


def test_what_is_written_is_read_again(written):
    deploy = dataclasses.replace(
        read_deploy(written),
        transforms=[{"type": "Normalize", "mean": [0.5, 0.5, 0.5]}],
        input_shape=(1, 3, 64, 96),
        output_op="softmax",
        output_dtype="float32",
        custom_ops=("psamask",),
        class_names=["a", "b"],
        palette=palette(2, custom_color=[1, 2, 3, 4, 5, 6]),
        test_config={"is_slide": True, "crop_size": [64, 48], "stride": [40, 33]},
    )
    assert write_deploy(deploy) == written / "deploy.yaml"
    read = read_deploy(written)
    for field in dataclasses.fields(deploy):
        np.testing.assert_array_equal(getattr(read, field.name), getattr(deploy, field.name), err_msg=field.name)
    assert read.protocol.stride == [40, 33]


def test_an_unknown_output_is_one_sentence(written):
    edit(written, output_op="labels")
    with pytest.raises(UserError, match=r"deploy\.yaml: output_op is 'labels' and must be one of argmax, softmax"):
        read_deploy(written)


def test_the_steps_run_and_an_unknown_one_is_one_sentence():
    steps = preprocessing([{"type": "Resize", "target_size": [8, 6]}, {"type": "Normalize"}], 1, "my.yml")
    data = steps({"img": np.full((10, 20), 255, np.float32)})
    assert data["img"].shape == (1, 6, 8)
    assert data["trans_info"] == [("resize", (10, 20))]
    with pytest.raises(UserError, match=r"my\.yml: there is no transform 'Resise'; correct its name\."):
        preprocessing([{"type": "Resise"}], 3, "my.yml")
