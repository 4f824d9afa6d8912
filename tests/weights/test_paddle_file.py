"""What paddle.save wrote, in pickles and in archives of them."""

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
from paddleseg_ext.weights.paddle_file import read_generator_states
from paddleseg_ext.weights.weight_file import open_checkpoint, open_paddle_state, open_paddle_weights
from tests.weights.conftest import refusal, same


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
    assert "without a .pdparams" in refusal(tmp_path / name) or "no weights" in refusal(tmp_path / name)


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


def test_tar_bomb(tmp_path):
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb") as file, tarfile.open(fileobj=file, mode="w|") as tar:
        info = tarfile.TarInfo("model.pdparams")
        info.size = 80 << 20
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    assert "grows to more than 10 times" in refusal(path)


def test_weights_come_with_the_names_of_the_writer_and_know_bfloat16(tmp_path):
    half = paddle.ones([2]).astype("bfloat16")
    paddle.save({"a": paddle.zeros([3]), "b": half}, str(tmp_path / "w.pdparams"))
    weights = open_paddle_weights(tmp_path / "w.pdparams")
    assert [(tensor.numbers.tolist(), tensor.is_bfloat16) for tensor in weights.values()] == [
        ([0, 0, 0], False),
        ([1, 1], True),
    ]
    assert weights["b"].name == half.name


def test_the_state_of_an_optimizer_holds_plain_values_and_tensors(tmp_path):
    layer = paddle.nn.Linear(2, 2)
    schedule = paddle.optimizer.lr.PolynomialDecay(0.1, 10)
    optimizer = paddle.optimizer.Momentum(schedule, parameters=layer.parameters())
    layer(paddle.ones([1, 2])).sum().backward()
    optimizer.step()
    paddle.save(optimizer.state_dict(), str(tmp_path / "m.pdopt"))
    state = open_paddle_state(tmp_path / "m.pdopt")
    assert set(state.pop("StructuredToParameterName@@").values()) == set(state) - {"LR_Scheduler"}
    assert list(state) == list(optimizer.state_dict())
    assert state.pop("LR_Scheduler") == schedule.state_dict()
    for name, tensor in state.items():
        np.testing.assert_array_equal(tensor.numbers, optimizer.state_dict()[name].numpy())


def test_states_of_generators_are_tuples(tmp_path):
    states = paddle.get_rng_state()
    assert read_generator_states(pickle.dumps(states)) == [state.__getstate__() for state in states]
    for value in ([1], {"a": 1}, None):
        with pytest.raises(UserError, match="The state of the random generators is damaged"):
            read_generator_states(pickle.dumps(value))
