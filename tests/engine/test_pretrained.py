"""Weights that a YAML names by URL: fetched whole, kept where PaddleSeg keeps them, or told about."""

import io
import json
import tarfile

import numpy as np
import paddle
import pytest
import yaml

from paddleseg_ext.backbones import ResNet18_v1c
from paddleseg_ext.engine import pretrained
from paddleseg_ext.engine.build import Builder
from paddleseg_ext.engine.checkpoint import load_weights
from paddleseg_ext.engine.config import load_config
from paddleseg_ext.errors import UserError
from tests.convert.torch_writer import save_zip, tensor
from tests.engine.serving import serving


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained.seg_env, "PRETRAINED_MODEL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def server():
    with serving() as handler:
        yield handler


def packed(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        folder = tarfile.TarInfo("weights_of_net_v2")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(folder)
        entry = tarfile.TarInfo("weights_of_net_v2/model.pdparams")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def test_archive_is_fetched_once_into_paddlesegs_folder(server, home):
    server.files["/dygraph/net_v2.tar.gz"] = packed(b"weights")
    for _ in range(2):
        path = pretrained.locate(f"{server.url}/dygraph/net_v2.tar.gz", "model.pretrained")
        assert path == home / "net_v2/model.pdparams"
        assert path.read_bytes() == b"weights"
    assert server.asked == ["/dygraph/net_v2.tar.gz"]
    assert [entry.name for entry in home.iterdir()] == ["net_v2"]


def test_plain_file(server, home):
    server.files["/zoo/net/best.pdparams"] = b"weights"
    path = pretrained.locate(f"{server.url}/zoo/net/best.pdparams", "model.pretrained")
    assert path == home / "net/best.pdparams"
    assert path.read_bytes() == b"weights"


def test_same_place_as_paddleseg(server, home, monkeypatch):
    # What PaddleSeg fetched before must be found, and the other way round.
    from paddleseg.utils import utils

    monkeypatch.setattr(utils.seg_env, "TMP_HOME", str(home))
    home.mkdir()
    url = f"{server.url}/dygraph/net_v2.tar.gz"
    server.files["/dygraph/net_v2.tar.gz"] = packed(b"weights")
    assert utils.download_pretrained_model(url) == str(pretrained.home_of(url))


def test_page_not_found_and_half_a_file_leave_nothing(server, home):
    url = f"{server.url}/a/net.tar.gz"
    with pytest.raises(UserError, match=rf"could not fetch {url} \(Not Found\); put its model.pdparams at"):
        pretrained.locate(url, "model.pretrained")
    whole = packed(bytes(range(256)) * 64)
    server.files["/a/net.tar.gz"] = whole[:-20]
    server.promised["/a/net.tar.gz"] = len(whole)
    with pytest.raises(UserError, match="could not fetch"):
        pretrained.locate(url, "model.pretrained")
    assert not any(home.iterdir())


def test_archive_without_the_weights(server, home):
    server.files["/a/net.pdparams.tar.gz"] = b"no archive"
    with pytest.raises(UserError, match=r"holds no model\.pdparams"):
        pretrained.locate(f"{server.url}/a/net.pdparams.tar.gz", "model.pretrained")
    assert not any(home.iterdir())


def test_backbone_gets_its_weights(scenes):
    first = Builder(load_config(scenes / "config.yml")).build("model")
    path = scenes / "backbone.pdparams"
    paddle.save(first.backbone.state_dict(), str(path))
    options = [f"model.backbone.pretrained={path}"]
    second = Builder(load_config(scenes / "config.yml", opts=options)).build("model")
    for name, value in first.backbone.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), second.backbone.state_dict()[name].numpy())
    # Not wanted where the weights of the whole model come next.
    third = Builder(load_config(scenes / "config.yml", opts=["model.backbone.pretrained=nowhere"]), pretrained=False)
    assert third.build("model")


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
    monkeypatch.setitem(pretrained.ZOO, NAME, url)
    return url, state


def zoo_config(scenes, **backbone):
    config = yaml.safe_load((scenes / "config.yml").read_text())
    config["model"]["backbone"] = {"type": "ResNet18_v1c", "pretrained": f"zoo://{NAME}", **backbone}
    (scenes / "zoo.yml").write_text(yaml.safe_dump(config))
    return load_config(scenes / "zoo.yml")


def test_a_file_of_pytorch_is_sent_to_the_converter(tmp_path):
    path = tmp_path / "resnet50_v1c-2cccc1ad.pth"
    path.write_bytes(b"PK")
    for load in (
        lambda: pretrained.locate(str(path), "model.backbone.pretrained"),
        lambda: load_weights(paddle.nn.Linear(2, 2), path),
    ):
        with pytest.raises(UserError, match=rf"convert it first: python -m paddleseg_ext\.convert {path} --config"):
            load()


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
    with pytest.raises(UserError, match=r"188 of the 275 weights of ResNet are not in .*of this very backbone"):
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
