"""A YAML file, its bases and its anchors."""

import pytest
import yaml
from paddleseg.cvlibs.config import parse_from_yaml

from paddleseg_ext.config.config import load_config
from paddleseg_ext.config.yaml_file import read_yaml
from paddleseg_ext.errors import UserError
from tests.conftest import small_config


def test_an_anchor_arrives_where_it_is_used(load):
    assert load("means: &means [0.5, 1.5]\ntest_config: {scales: *means}").test_config == {"scales": [0.5, 1.5]}


def test_anchors_of_a_base(load):
    (load.path.parent / "base.yml").write_text(f"crop: &crop [16, 16]\n_mean: [0.5]\n{load.rest}")
    load.path.write_text("_base_: base.yml\nstd: &std [0.5]\niters: 3\n")
    config = load_config(load.path)
    assert config.iters == 3 and not {"crop", "_mean", "std"} & set(config.dic)


def test_a_file_that_paddleseg_wrote(scenes):
    content = small_config(scenes)
    content["train_dataset"]["transforms"][0]["crop_size"] = (32, 16)
    path = scenes / "config.yml"
    path.write_text(yaml.dump(content))
    assert "!!python/tuple" in path.read_text()
    assert load_config(path).dic["train_dataset"]["transforms"][0]["crop_size"] == (32, 16)
    path.write_text(path.read_text() + "\n_x: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(UserError, match="is not valid YAML: could not determine a constructor"):
        load_config(path)


def test_not_inherited(load):
    (load.path.parent / "base.yml").write_text("iters: 77\nto_static_training: true\n")
    config = load("_base_: base.yml\n_inherited_: False")
    assert config.iters == 6 and not config.to_static_training and "_inherited_" not in config.dic


def test_each_key_has_its_file_and_line(tmp_path):
    (tmp_path / "base.yml").write_text("iters: 3\nmodel:\n  type: PSPNet\n  backbone: {type: ResNet18_v1c}\n")
    path = tmp_path / "config.yml"
    path.write_text("_base_: base.yml\n\nmodel:\n  type: PSANet\n")
    dic, places = read_yaml(path)
    assert dic == {"iters": 3, "model": {"type": "PSANet", "backbone": {"type": "ResNet18_v1c"}}}
    assert places("model", "type") == f"{path} line 4"
    assert places("model", "backbone", "type") == f"{tmp_path / 'base.yml'} line 4"
    assert places("iters") == f"{tmp_path / 'base.yml'} line 1"


def test_several_bases(tmp_path):
    """The first one overrules the others, as in PaddleSeg."""
    (tmp_path / "a.yml").write_text("iters: 1\nbatch_size: 1\n")
    (tmp_path / "b.yml").write_text("iters: 2\n")
    path = tmp_path / "config.yml"
    path.write_text("_base_: [a.yml, b.yml]\n")
    assert read_yaml(path)[0] == parse_from_yaml(str(path)) == {"iters": 1, "batch_size": 1}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("_base_: {a: b}\n", "_base_ must be a file name or a list of them"),
        ("_base_: base.txt\n", "line 1, _base_: .*base.txt is not a .yml or .yaml file"),
        ("_base_: base.yml\niters: {a: 1}\n", "line 2: iters is a mapping here and 3 in the file of _base_"),
        ("iters: 3\nbatch_size: [1\n", "line 3 is not valid YAML: .*; check indentation and colons"),
    ],
)
def test_what_cannot_be_merged(tmp_path, text, sentence):
    (tmp_path / "base.yml").write_text("iters: 3\n")
    (tmp_path / "base.txt").write_text("iters: 3\n")
    (tmp_path / "config.yml").write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_yaml(tmp_path / "config.yml")


def test_text_that_is_not_utf_8(tmp_path):
    (tmp_path / "config.yml").write_bytes(b"iters: 3 # \xff")
    with pytest.raises(UserError, match=r"is not UTF-8 text \(byte 11\); save it as UTF-8"):
        read_yaml(tmp_path / "config.yml")
