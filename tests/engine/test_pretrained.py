"""Weights that a YAML names by URL: fetched whole, kept where PaddleSeg keeps them, or told about."""

import http.server
import io
import tarfile
import threading

import numpy as np
import paddle
import pytest

from paddleseg_ext.engine import pretrained
from paddleseg_ext.engine.build import Builder
from paddleseg_ext.engine.config import load_config
from paddleseg_ext.errors import UserError


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained.seg_env, "PRETRAINED_MODEL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def server():
    """Answers with ``files[path]``; ``promised[path]`` overrules the length it announces. ``asked`` lists requests."""

    class Handler(http.server.BaseHTTPRequestHandler):
        files, promised, asked = {}, {}, []

        def do_GET(self):
            self.asked.append(self.path)
            body = self.files.get(self.path)
            self.send_response(200 if body is not None else 404)
            body = body or b"<html>no such file</html>"
            self.send_header("Content-Length", str(self.promised.get(self.path, len(body))))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *unused):
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.url = f"http://127.0.0.1:{listener.server_port}"
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    yield Handler
    listener.shutdown()
    listener.server_close()


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


def test_zoo_names_weights_that_were_published_for_pytorch(home):
    home.mkdir()
    (home / "resnet50_v1c.pdparams").write_bytes(b"weights")
    assert pretrained.locate("zoo://resnet50_v1c", "model.backbone.pretrained") == home / "resnet50_v1c.pdparams"
    with pytest.raises(UserError, match=r"resnet101_v1c-e67eebb6\.pth.*--opts model\.backbone\.pretrained=null"):
        pretrained.locate("zoo://resnet101_v1c", "model.backbone.pretrained")
    with pytest.raises(UserError, match="there is no zoo://resnet152"):
        pretrained.locate("zoo://resnet152", "model.backbone.pretrained")
