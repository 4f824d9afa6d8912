"""``pretrained: zoo://NAME``: fetched, converted and kept, or reported as missing."""

import json

import numpy as np
import pytest
import yaml

from paddleseg_ext.backbones import ResNet18_v1c
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.convert import backbones
from paddleseg_ext.errors import UserError
from paddleseg_ext.weights import pretrained
from tests.weights.torch_writer import save_zip, tensor

NAME = "resnet18_v1c"


@pytest.fixture
def published(server, home, tmp_path, monkeypatch):
    """OpenMMLab's file of a ResNet-18, with drawn weights, on the server: its address, and the weights by name."""
    state, random = {}, np.random.default_rng(3)
    for name, value in ResNet18_v1c().state_dict().items():
        theirs = name.replace("._mean", ".running_mean").replace("._variance", ".running_var")
        state[theirs] = random.random(value.shape, "float32")
    everything = {**state, "fc.weight": np.zeros((10, 4), "float32"), "fc.bias": np.zeros(10, "float32")}
    save_zip({"state_dict": {name: tensor(array) for name, array in everything.items()}}, tmp_path / "published.pth")
    server.files["/third_party/resnet18_v1c-b5776b93.pth"] = (tmp_path / "published.pth").read_bytes()
    url = f"{server.url}/third_party/resnet18_v1c-b5776b93.pth"
    monkeypatch.setitem(backbones.PUBLISHED, NAME, url)
    return url, state


def zoo_config(scenes, **backbone):
    config = yaml.safe_load((scenes / "config.yml").read_text())
    config["model"]["backbone"] = {"type": "ResNet18_v1c", "pretrained": f"zoo://{NAME}", **backbone}
    (scenes / "zoo.yml").write_text(yaml.safe_dump(config))
    return load_config(scenes / "zoo.yml")


def test_zoo_fetches_converts_and_keeps(published, server, home, scenes):
    _, state = published
    for _ in range(2):
        backbone = Builder(zoo_config(scenes)).build("model").backbone.state_dict()
        for name, value in backbone.items():
            theirs = name.replace("._mean", ".running_mean").replace("._variance", ".running_var")
            np.testing.assert_array_equal(value.numpy(), state[theirs])
    assert len(server.asked) == 1
    kept = sorted(path.name for path in home.iterdir() if not path.name.endswith(".lock"))
    assert kept == [f"{NAME}.pdparams", f"{NAME}.pdparams.json"]
    record = json.loads((home / f"{NAME}.pdparams.json").read_text())
    assert record["backbone"] == "ResNet18_v1c" and record["checkpoint"] == "resnet18_v1c-b5776b93.pth"


def test_zoo_takes_a_file_that_was_fetched_by_hand(published, server, home, tmp_path):
    home.mkdir()
    brought = home / "resnet18_v1c-b5776b93.pth"
    brought.write_bytes((tmp_path / "published.pth").read_bytes())
    assert pretrained.locate(f"zoo://{NAME}", "model.backbone.pretrained") == home / f"{NAME}.pdparams"
    assert brought.is_file() and not server.asked


def test_zoo_weights_of_another_backbone_are_an_error(published, scenes):
    # PaddleSeg would load the 87 that fit and warn of the others.
    with pytest.raises(UserError, match=r"188 of the 275 weights of ResNet are not in .*of exactly this backbone"):
        Builder(zoo_config(scenes, type="ResNet50_v1c")).build("model")


def test_zoo_says_what_to_fetch_and_where_to_put_it(published, server, home):
    url, _ = published
    server.files.clear()
    with pytest.raises(UserError) as caught:
        pretrained.locate(f"zoo://{NAME}", "model.backbone.pretrained")
    assert f"could not fetch {url} (Not Found); put that file at {home}" in str(caught.value)
    assert "--opts model.backbone.pretrained=null" in str(caught.value)
    with pytest.raises(UserError, match="there is no zoo://resnet152"):
        pretrained.locate("zoo://resnet152", "model.backbone.pretrained")


def test_zoo_keeps_nothing_of_a_file_that_is_something_else(published, server, home):
    server.files["/third_party/resnet18_v1c-b5776b93.pth"] = b"<html>log in first</html>"
    with pytest.raises(UserError, match=r"resnet18_v1c-b5776b93\.pth"):
        pretrained.locate(f"zoo://{NAME}", "model.backbone.pretrained")
    assert not [path for path in home.iterdir() if not path.name.endswith(".lock")]
