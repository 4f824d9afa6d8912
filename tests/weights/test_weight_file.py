"""A checkpoint is opened by what is in it, whatever its name."""

import pickle
import tarfile

import numpy as np
import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.weights.weight_file import open_checkpoint, open_paddle_state, open_paddle_weights
from tests.weights.conftest import refusal
from tests.weights.test_paddle_file import archive
from tests.weights.torch_writer import SAVERS, tensor


@pytest.mark.parametrize("name", ["weights.pth", "weights.txt", "weights.pdparams", "weights"])
@pytest.mark.parametrize("kind", SAVERS)
def test_torch_whatever_the_name(tmp_path, kind, name):
    SAVERS[kind]({"w": tensor(np.arange(3.0))}, tmp_path / name)
    assert open_checkpoint(tmp_path / name)["w"].tolist() == [0, 1, 2]


def test_safetensors(tmp_path):
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (tmp_path / "w.bin").write_bytes(len(header).to_bytes(8, "little") + header + np.float32(3).tobytes())
    assert open_checkpoint(tmp_path / "w.bin")["w"] == [3]


def test_other_archives(tmp_path):
    path = tmp_path / "a.zip"
    archive(path, {"word/document.xml": b""})
    assert "word/document.xml" in refusal(path)
    np.savez(tmp_path / "a.npz", a=np.ones(1))
    assert "a.npy" in refusal(tmp_path / "a.npz")
    with tarfile.open(tmp_path / "old.pth", "w") as file:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            file.addfile(tarfile.TarInfo(name))
    assert "0.1.10" in refusal(tmp_path / "old.pth")


@pytest.mark.parametrize("kind", SAVERS)
def test_weights_of_pytorch_are_sent_to_the_converter(tmp_path, kind):
    for name in ("w.pdparams", "w.pth"):
        SAVERS[kind]({"w": tensor(np.ones(1))}, tmp_path / name)
        with pytest.raises(UserError, match=rf"{name} is a checkpoint of PyTorch; convert it first: python -m "):
            open_paddle_weights(tmp_path / name)


def test_what_is_no_state_of_an_optimizer(tmp_path):
    path = tmp_path / "m.pdopt"
    for value, sentence in (([1], "does not hold the state"), ({1: 2}, "does not hold the state"), (None, "does not")):
        path.write_bytes(pickle.dumps(value))
        with pytest.raises(UserError, match=sentence):
            open_paddle_state(path)
    path.write_bytes(b"text")
    with pytest.raises(UserError, match="is a text file"):
        open_paddle_state(path)
