"""A checkpoint is opened by what is in it, and anything else is called what it is."""

import gzip
import io
import os
import pickle
import tarfile
import zipfile
from collections import OrderedDict

import numpy as np
import paddle
import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.weights import mapped_zip
from paddleseg_ext.weights.weight_file import open_checkpoint
from tests.weights.torch_writer import SAVERS, save_zip, tensor


@pytest.fixture(scope="module")
def weights():
    """{name: array} of a small layer, with every kind of number that Paddle's layers hold."""
    random = np.random.RandomState(0)
    return {
        "conv.weight": random.randn(4, 3, 2, 2).astype(np.float32),
        "bn._mean": random.randn(4),
        "half": random.randn(3).astype(np.float16),
        "count": np.array([7], np.int64),
        "mask": np.array([True, False]),
        "scalar": np.float32(2.5),
        "turned": np.asfortranarray(random.randn(3, 2).astype(np.float32)),
    }


def same(got, wanted):
    assert list(got) == list(wanted)
    for name, array in wanted.items():
        assert got[name].dtype == array.dtype and not got[name].flags.writeable, name
        np.testing.assert_array_equal(got[name], array, err_msg=name)


@pytest.mark.parametrize("name", ["weights.pth", "weights.txt", "weights.pdparams", "weights"])
@pytest.mark.parametrize("kind", SAVERS)
def test_torch_whatever_the_name(tmp_path, kind, name):
    SAVERS[kind]({"w": tensor(np.arange(3.0))}, tmp_path / name)
    assert open_checkpoint(tmp_path / name)["w"].tolist() == [0, 1, 2]


def test_safetensors(tmp_path):
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (tmp_path / "w.bin").write_bytes(len(header).to_bytes(8, "little") + header + np.float32(3).tobytes())
    assert open_checkpoint(tmp_path / "w.bin")["w"] == [3]


# Paddle


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_what_paddle_saves(tmp_path, weights, protocol):
    path = tmp_path / "model.pdparams"
    paddle.save({name: paddle.to_tensor(array) for name, array in weights.items()}, str(path), protocol=protocol)
    same(open_checkpoint(path), {name: np.ascontiguousarray(array) for name, array in weights.items()})


def test_what_a_layer_saves(tmp_path):
    layer = paddle.nn.Sequential(paddle.nn.Conv2D(3, 4, 3), paddle.nn.BatchNorm2D(4))
    paddle.save(layer.state_dict(), str(tmp_path / "model.pdparams"))
    same(open_checkpoint(tmp_path / "model.pdparams"), {k: v.numpy() for k, v in layer.state_dict().items()})


def test_bfloat16_of_paddle(tmp_path):
    values = [1.0, -2.5, 0.0]
    paddle.save({"w": paddle.to_tensor(values).astype("bfloat16")}, str(tmp_path / "model.pdparams"))
    got = open_checkpoint(tmp_path / "model.pdparams")["w"]
    assert got.dtype == np.float32 and got.tolist() == values


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_as_other_versions_saved_them(tmp_path, weights, protocol):
    names = {"StructuredToParameterName@@": {name: name for name in weights}}
    with open(tmp_path / "model.pdparams", "wb") as file:
        pickle.dump(OrderedDict({**weights, **names}), file, protocol)
    same(open_checkpoint(tmp_path / "model.pdparams"), weights)


def test_arrays_as_python_2_and_numpy_2_saved_them(tmp_path):
    numbers = np.arange(2, dtype=np.float32)
    data = (
        b"\x80\x02}U\x01wcnumpy.%bcore.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R(K\x01K\x02\x85"
        b"cnumpy\ndtype\nU\x02f4K\0K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89U\x08%btbs."
    )
    for underscore in (b"", b"_"):
        (tmp_path / "model.pdparams").write_bytes(data % (underscore, numbers.tobytes()))
        same(open_checkpoint(tmp_path / "model.pdparams"), {"w": numbers})


def archive(path, members):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in members.items():
                file.writestr(name, content)
    else:
        with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as file:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("name", ["backbone.tar.gz", "backbone.tar", "backbone.zip"])
def test_an_archive_of_a_backbone(tmp_path, weights, name):
    content = pickle.dumps(weights, 4)
    archive(tmp_path / name, {"README": b"text", "resnet50/model.pdparams": content})
    same(open_checkpoint(tmp_path / name), weights)
    archive(tmp_path / name, {"other.pdparams": b"", "x/../../model.pdparams": content})
    same(open_checkpoint(tmp_path / name), weights)
    assert os.listdir(tmp_path) == [name], "nothing is unpacked to disk"
    archive(tmp_path / name, {"a.pdparams": content, "b.pdparams": content})
    assert "2 .pdparams files" in refusal(tmp_path / name)
    archive(tmp_path / name, {"README": b"text"})
    assert "without .pdparams" in refusal(tmp_path / name) or "no weights" in refusal(tmp_path / name)


# What is refused


def refusal(path):
    with pytest.raises(UserError) as caught:
        open_checkpoint(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and message.endswith(".") and "\n" not in message
    return message


OTHER_FILES = {
    "a text file": b"hello w\xc3\xb6rld\n" * 400,
    "a web page": b"\n<!DOCTYPE html><html><body>404</body></html>",
    "web page, perhaps of a download": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "PNG": b"\x89PNG\r\n\x1a\n" + bytes(50),
    "JPEG": b"\xff\xd8\xff\xe0" + bytes(50),
    "PDF": b"%PDF-1.7",
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(50),
    "ONNX": b"\x08\x08\x12\x07pytorch\x1a\x052.1.0" + bytes(50),
    "numpy array": b"\x93NUMPY\x01\0" + bytes(50),
    "neither": bytes(range(256)),
    "empty": b"",
    "no whole": b"\x80",
    "damaged": b"\x80\x02",
    "cut short": b"\x1f\x8b\x08\0",
    "zip archive": b"PK\x03\x04" + bytes(50),
}


@pytest.mark.parametrize("what", OTHER_FILES)
def test_other_files_are_called_what_they_are(tmp_path, what):
    (tmp_path / "model.pth").write_bytes(OTHER_FILES[what])
    message = refusal(tmp_path / "model.pth")
    assert what in message or what == "no whole"


def test_what_is_no_file(tmp_path):
    assert "does not exist" in refusal(tmp_path / "model.pth")
    assert "is a folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "no ordinary file" in refusal(tmp_path / "pipe")


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


def test_pickles_that_are_no_weights(tmp_path):
    path = tmp_path / "m.pdparams"
    for value in ({}, [1], {"a": 1}, {"a": {"b": np.ones(1)}}, {1: np.ones(1)}, {"a": np.array("text")}, {"a": None}):
        path.write_bytes(pickle.dumps(value, 4))
        refusal(path)


def test_a_paddle_file_with_code(tmp_path):
    proof = tmp_path / "ran"
    path = tmp_path / "m.pdparams"
    command = f"touch {proof}".encode()
    path.write_bytes(b"\x80\x02cposix\nsystem\nX" + len(command).to_bytes(4, "little") + command + b"\x85R.")
    assert "posix.system" in refusal(path) and not proof.exists()
    path.write_bytes(b"\x80\x02cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85\x85R.")
    assert "damaged" in refusal(path)


def test_shared_bytes_of_paddle_are_decoded_once(tmp_path):
    """A file of 1 MB that would be 40 GB."""
    numbers = np.ones(1 << 19, np.uint16).tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01J\0\0\x08\0\x85cnumpy\ndtype\nX\x02\0\0\0u2\x85R\x89h\x09tb"
    entries = b"".join(b"X\x08\0\0\0" + f"{index:08}".encode() + array for index in range(20_000))
    data = b"\x80\x04B" + len(numbers).to_bytes(4, "little") + numbers + b"q\x090}(" + entries + b"u."
    (tmp_path / "m.pdparams").write_bytes(data)
    got = open_checkpoint(tmp_path / "m.pdparams")
    assert len(got) == 20_000 and np.shares_memory(got["00000000"], got["00019999"])


def test_a_dtype_that_takes_for_ever_to_hash(tmp_path):
    laughing = b")" + b"2\x86" * 60
    data = b"\x80\x02}U\x01wcnumpy.core.multiarray\n_reconstruct\n)R(K\x01)cnumpy\ndtype\n%b\x85R\x89U\x01atbs."
    (tmp_path / "m.pdparams").write_bytes(data % laughing)
    assert "dtype without its name" in refusal(tmp_path / "m.pdparams")


# Archives that are traps


def test_zip_bomb(tmp_path):
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/data.pkl", b"N.")
        with file.open("a/data/0", "w") as member:
            for _ in range(80):
                member.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    assert "would grow" in refusal(path)


def test_zip_bomb_that_lies(tmp_path):
    """The directory says 8 bytes, the data goes on for 64 MB."""
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/data.pkl", bytes(64 << 20))
    content = path.read_bytes()
    path.write_bytes(content.replace((64 << 20).to_bytes(4, "little"), (8).to_bytes(4, "little")))
    assert "not of the size it promises" in refusal(path)


def test_tar_bomb(tmp_path):
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb") as file, tarfile.open(fileobj=file, mode="w|") as tar:
        info = tarfile.TarInfo("model.pdparams")
        info.size = 80 << 20
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    assert "grows to more than 10 times" in refusal(path)


def test_encrypted_zip(tmp_path):
    path = tmp_path / "secret.pth"
    save_zip([], path)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "encrypted" in refusal(path)


def test_zip_members_that_overlap(tmp_path):
    """One storage of a thousand names would be decompressed, or converted, a thousand times."""
    path = tmp_path / "overlap.pth"
    save_zip([tensor(np.arange(3.0)), tensor(np.arange(3.0))], path)
    content = path.read_bytes()
    entries = [at for at in range(len(content)) if content[at : at + 4] == b"PK\x01\x02"]
    first, second = (at for at in entries if b"data/" in content[at + 46 : at + 64])
    moved = bytearray(content)
    moved[second + 42 : second + 46] = content[first + 42 : first + 46]
    path.write_bytes(moved)
    refusal(path)


def test_zip_members_of_one_name(tmp_path):
    path = tmp_path / "twice.pth"
    save_zip([], path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"archive/byteorder", b"archive/data.pkl\0"))
    refusal(path)
    with pytest.warns(UserWarning), zipfile.ZipFile(path, "w") as file:
        for _ in range(2):
            file.writestr("a/data.pkl", b"N.")
    assert "two members of one name" in refusal(path)


def test_zip_in_another_compression(tmp_path):
    save_zip([], tmp_path / "m.pth", compression=zipfile.ZIP_BZIP2)
    assert "compression" in refusal(tmp_path / "m.pth")


def test_zip_directory_too_large_to_be_true(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped_zip, "LARGEST_DIRECTORY", 100)
    save_zip([tensor(np.ones(1))] * 4, tmp_path / "m.pth")
    assert "too large to be true" in refusal(tmp_path / "m.pth")
