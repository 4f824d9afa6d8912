"""Weights that a YAML names by URL: fetched whole, kept where PaddleSeg keeps them, or reported as missing."""

import io
import tarfile

import numpy as np
import paddle
import pytest

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.errors import UserError
from paddleseg_ext.weights import pretrained
from paddleseg_ext.weights.loading import load_weights


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


def test_a_file_of_pytorch_is_sent_to_the_converter(tmp_path):
    path = tmp_path / "resnet50_v1c-2cccc1ad.pth"
    path.write_bytes(b"PK")
    for load in (
        lambda: pretrained.locate(str(path), "model.backbone.pretrained"),
        lambda: load_weights(paddle.nn.Linear(2, 2), path),
    ):
        with pytest.raises(UserError, match=rf"convert it first: python -m paddleseg_ext\.convert {path} --config"):
            load()
