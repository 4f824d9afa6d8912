"""What torch.save writes comes back as arrays."""

import collections
import pickle
import sys
import zipfile

import numpy as np
import pytest

from paddleseg_ext.weights.weight_file import open_checkpoint
from tests.weights.conftest import refusal
from tests.weights.torch_writer import (
    SAVERS,
    STORAGE_TYPES,
    UNTYPED,
    Call,
    Name,
    Tensor,
    as_checkpoint,
    parameter,
    save_legacy,
    save_zip,
    tensor,
    text,
)

NUMPY_DTYPES = [dtype for dtype in (*STORAGE_TYPES, *UNTYPED) if dtype != "bfloat16"]


def round_trip(save, tmp_path, value, **settings):
    save(value, tmp_path / "model.pth", **settings)
    return open_checkpoint(tmp_path / "model.pth")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
def test_every_dtype(save, tmp_path, dtype, protocol):
    array = np.random.RandomState(0).uniform(0, 100, (3, 4, 2)).astype(dtype)
    got = round_trip(save, tmp_path, {"weight": tensor(array)}, protocol=protocol)["weight"]
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, array)


def test_bfloat16_is_the_upper_half_of_float32(save, tmp_path):
    exact = np.array([[0.0, -1.5, 3.140625], [np.inf, -np.inf, 2.0**-130]], np.float32)
    bits = (exact.view(np.uint32) >> 16).astype(np.uint16)
    got = round_trip(save, tmp_path, {"w": tensor(bits, "bfloat16")})["w"]
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, exact)


def test_views_of_one_storage(save, tmp_path):
    storage = np.arange(48, dtype=np.float32)
    rows = storage.reshape(6, 8)
    got = round_trip(
        save,
        tmp_path,
        {
            "rows": Tensor(storage, (6, 8), (8, 1)),
            "transposed": Tensor(storage, (8, 6), (1, 8)),
            "strided": Tensor(storage, (3, 3), (16, 1), offset=10),
            "repeated": Tensor(storage, (2, 5), (1, 0), offset=7),
            "scalar": Tensor(storage, (), (), offset=47),
            "empty": Tensor(storage, (0, 3), (3, 1)),
        },
    )
    wanted = {
        "rows": rows,
        "transposed": rows.T,
        "strided": rows[1::2, 2:5],
        "repeated": np.repeat([[7.0], [8.0]], 5, 1),
        "scalar": np.float32(47),
        "empty": np.empty((0, 3)),
    }
    for name, array in wanted.items():
        np.testing.assert_array_equal(got[name], array, err_msg=name)
    assert np.shares_memory(got["rows"], got["transposed"]) and np.shares_memory(got["rows"], got["scalar"])


def test_an_empty_storage(save, tmp_path):
    got = round_trip(save, tmp_path, [tensor(np.empty((2, 0), np.float16)), tensor(np.float32(1))])
    assert got[0].shape == (2, 0) and got[0].dtype == np.float16 and got[1] == 1


def test_arrays_are_read_only_pieces_of_the_map(save, tmp_path):
    got = round_trip(save, tmp_path, [tensor(np.ones((4, 4), np.float32))])[0]
    assert not got.flags.writeable and not got.flags.owndata
    with pytest.raises(ValueError):
        got[0] = 2
    base = got
    while isinstance(base, np.ndarray):
        base = base.base
    assert type(base.obj).__name__ == "mmap"


def test_a_file_of_a_big_endian_machine(tmp_path):
    numbers, bits = np.arange(6, dtype=np.int32), np.array([0x3F80, 0x4000], np.uint16)
    got = round_trip(save_zip, tmp_path, [tensor(numbers), tensor(bits, "bfloat16")], byteorder="big")
    assert got[0].dtype.isnative and not got[0].flags.writeable
    np.testing.assert_array_equal(got[0], numbers)
    np.testing.assert_array_equal(got[1], [1, 2])


def test_a_view_as_the_first_versions_wrote_it(tmp_path):
    storage = np.arange(10, dtype=np.float32)
    got = round_trip(save_legacy, tmp_path, [Tensor(storage, (2,), (2,), offset=1, view=("v", 4, 6))])[0]
    np.testing.assert_array_equal(got, [5, 7])


def test_every_way_torch_rebuilds_a_tensor(save, tmp_path):
    one = tensor(np.ones(2, np.float32))
    got = round_trip(
        save,
        tmp_path,
        {
            "parameter": parameter(one),
            "with state": Call("torch._utils", "_rebuild_parameter_with_state", one, True, {}, {"a": 1}),
            "of 0.3": Call("torch.nn.parameter", "Parameter", one, True),
        },
    )
    assert all(array.tolist() == [1, 1] for array in got.values()) and len(got) == 3


def test_a_tensor_with_attributes(tmp_path):
    # pickle.dumps of torch 2.13: t = torch.zeros(2); t.foo = 3
    data = (
        b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n((X\x07\0\0"
        b"\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02tQK\0K\x02\x85K\x01\x85\x89ccollections\n"
        b"OrderedDict\n)Rt}X\x03\0\0\0fooK\x03stR."
    )
    with zipfile.ZipFile(tmp_path / "t.pth", "w") as archive:
        archive.writestr("t/data.pkl", data)
        archive.writestr("t/data/0", np.array([1, 2], np.float32).tobytes())
    assert open_checkpoint(tmp_path / "t.pth").tolist() == [1, 2]


def test_the_data_beside_the_weights(save, tmp_path):
    value = {
        "epoch": 3,
        "lr": [0.5, -1, 1 << 40, None, True, "ü"],
        "groups": ({"betas": (0.9, 0.999)}, set("ab"), frozenset([1])),
        0: {(1, "a"): "key"},
    }
    got = round_trip(save, tmp_path, value)
    assert got == value


def test_types_of_torch_become_data(save, tmp_path):
    got = round_trip(
        save,
        tmp_path,
        {
            "state_dict": Call("collections", "OrderedDict", [["b", 1], ["a", 2]], state={"_metadata": {"": 1}}),
            "state": Call("collections", "defaultdict", Name("builtins", "dict"), {"m": 3}),
            "size": Call("torch", "Size", [2, 3]),
            "device": Call("torch", "device", "cuda", 0),
            "dtype": Name("torch", "float16"),
        },
    )
    assert list(got["state_dict"].items()) == [("b", 1), ("a", 2)]
    assert got["state"] == {"m": 3}
    assert (got["size"], got["device"], repr(got["dtype"])) == ((2, 3), "cuda:0", "<torch.float16>")


def test_what_mmengine_logs_is_forgotten(save, tmp_path):
    history = Name("mmengine.logging.history_buffer", "HistoryBuffer")
    array = Call(
        "numpy.core.multiarray",
        "_reconstruct",
        Name("numpy", "ndarray"),
        (0,),
        Call("_codecs", "encode", "b", "latin1"),
        state=(1, (1,), Call("numpy", "dtype", "f8", False, True), False, "12345678"),
    )
    methods = {name: Call("__builtin__", "getattr", history, name) for name in ("min", "max", "current", "mean")}
    state = {"_log_history": array, "statistics_methods": methods}
    hub = {"log_scalars": {"train/loss": Call(history.module, history.name, state=state)}, "iter": 7}
    got = round_trip(save, tmp_path, {"message_hub": hub, "state_dict": {"w": tensor(np.ones(1))}})
    assert repr(got["message_hub"]["log_scalars"]["train/loss"]) == f"<{history.module}.HistoryBuffer>"
    assert got["message_hub"]["iter"] == 7 and got["state_dict"]["w"] == 1


def test_compressed_by_someone(tmp_path):
    array = np.arange(1000.0)
    got = round_trip(save_zip, tmp_path, [tensor(array)], compression=zipfile.ZIP_DEFLATED)[0]
    np.testing.assert_array_equal(got, array)


def test_nothing_of_the_file_is_imported(save, tmp_path):
    before = set(sys.modules)
    round_trip(save, tmp_path, [tensor(np.ones(1)), Call("mmcv.utils.config", "ConfigDict")])
    assert set(sys.modules) == before and "torch" not in sys.modules


class Payload:
    """Pickles as a call of ``function``."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def python_call(module, name, *arguments):
    """A pickle that calls module.name, whether or not it exists here."""
    return b"\x80\x02" + b"c%b\n%b\n" % (module.encode(), name.encode()) + pickle.dumps(arguments, 2)[2:-1] + b"R."


CALLS = {
    "posix.system": ("posix", "system"),
    "os.system": ("os", "system"),
    "builtins.eval": ("builtins", "eval"),
    "builtins.exec": ("__builtin__", "exec"),
    "builtins.__import__": ("builtins", "__import__"),
    "subprocess.Popen": ("subprocess", "Popen"),
    "torch.hub.load": ("torch.hub", "load"),
    "torch.storage._load_from_bytes": ("torch.storage", "_load_from_bytes"),
    "torch.load": ("torch", "load"),
    "torch._utils._rebuild_qtensor": ("torch._utils", "_rebuild_qtensor"),
    "torch.QInt8Storage": ("torch", "QInt8Storage"),
    "torch.float8_e4m3fn": ("torch", "float8_e4m3fn"),
    "torch.nn.modules.conv.Conv2d": ("torch.nn.modules.conv", "Conv2d"),
    "codecs.decode": ("codecs", "decode"),
    "pickle.loads": ("pickle", "loads"),
    "numpy.load": ("numpy", "load"),
    "functools.partial": ("functools", "partial"),
    "importlib.import_module": ("importlib", "import_module"),
    "operator.attrgetter": ("operator", "attrgetter"),
}


@pytest.mark.parametrize("kind", SAVERS)
@pytest.mark.parametrize("wanted", CALLS)
def test_any_other_global_is_refused_by_name(tmp_path, kind, wanted):
    proof = tmp_path / "ran"
    module, name = CALLS[wanted]
    as_checkpoint(python_call(module, name, f"touch {proof}"), tmp_path / "evil.pth", kind)
    message = refusal(tmp_path / "evil.pth")
    module = module.replace("__builtin__", "builtins") if wanted.startswith("builtins") else module
    assert wanted in message.replace("__builtin__", "builtins") and "nothing was run" in message
    assert not proof.exists()


# What torch 2.13 writes of tensors that are no arrays of numbers, and the word that the refusal has to have.
OTHER_TENSORS = {
    "sparse": ("torch._utils", "_rebuild_sparse_tensor", "a sparse or nested tensor", "to_dense()"),
    "nested": ("torch._utils", "_rebuild_nested_tensor", "a sparse or nested tensor", "to_padded_tensor"),
    "quantized": ("torch._utils", "_rebuild_qtensor", "a quantized tensor", "dequantize()"),
    "quantized storage": ("torch", "QUInt8Storage", "a quantized tensor", "dequantize()"),
    "quantized type": ("torch", "qint8", "a quantized tensor", "dequantize()"),
    "8 bits": ("torch", "float8_e4m3fn", "fewer than 16 bits", "value.float()"),
    "8 bits, another": ("torch", "float8_e5m2fnuz", "fewer than 16 bits", "value.float()"),
    "4 bits": ("torch", "float4_e2m1fn_x2", "fewer than 16 bits", "value.float()"),
    "meta": ("torch._utils", "_rebuild_meta_tensor_no_storage", "the device meta", "loaded on a cpu"),
    "subclass": ("torch._utils", "_rebuild_wrapper_subclass", "another device", "value.cpu()"),
    "distributed": ("torch.distributed.tensor", "DTensor", "another device", "value.cpu()"),
}


@pytest.mark.parametrize("kind", SAVERS)
@pytest.mark.parametrize("case", OTHER_TENSORS)
def test_another_kind_of_tensor_is_said_to_be_one(tmp_path, kind, case):
    """It is in a state_dict() already, so to save that alone would change nothing."""
    module, name, what, cure = OTHER_TENSORS[case]
    as_checkpoint(python_call(module, name, "x"), tmp_path / "other.pth", kind)
    message = refusal(tmp_path / "other.pth")
    assert what in message and f"{module}.{name}" in message and cure in message and "alone" not in message


@pytest.mark.parametrize("kind", SAVERS)
def test_a_payload_of_python_s_own_pickle_does_not_run(tmp_path, kind):
    import os

    proof = tmp_path / "ran"
    evil = {"state_dict": collections.OrderedDict(w=[Payload(os.system, f"touch {proof}")])}
    data = pickle.dumps(evil, 2)
    as_checkpoint(data, tmp_path / "evil.pth", kind)
    assert f"{os.system.__module__}.system" in refusal(tmp_path / "evil.pth") and not proof.exists()
    pickle.loads(data)
    assert proof.exists(), "the payload is none"


def test_taking_attributes_is_refused(tmp_path):
    chain = python_call("builtins", "getattr", "text", "__class__")
    as_checkpoint(chain, tmp_path / "evil.pth", "zip")
    assert "builtins.getattr(str, __class__)" in refusal(tmp_path / "evil.pth")
    laughing = b"\x80\x02cbuiltins\ngetattr\nN)" + b"2\x86" * 60 + b"\x86R."
    as_checkpoint(laughing, tmp_path / "evil.pth", "zip")
    assert "getattr(NoneType, a tuple)" in refusal(tmp_path / "evil.pth")
    history = b"cmmengine.logging.history_buffer\nHistoryBuffer\n"
    as_checkpoint(
        b"\x80\x02cbuiltins\ngetattr\n" + history + text("__init__") + b"\x86R.", tmp_path / "evil.pth", "zip"
    )
    assert "HistoryBuffer, __init__" in refusal(tmp_path / "evil.pth")


def test_a_negated_view(tmp_path):
    data = (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000NK\x02tQK\0"
        b"K\x02\x85K\x01\x85\x89N}X\x03\0\0\0negI01\nstR."
    )
    with zipfile.ZipFile(tmp_path / "t.pth", "w") as archive:
        archive.writestr("t/data.pkl", data)
        archive.writestr("t/data/0", bytes(8))
    assert "resolve_neg" in refusal(tmp_path / "t.pth")


def test_cut_anywhere(save, tmp_path):
    whole, cut = tmp_path / "whole.pth", tmp_path / "cut.pth"
    save({"w": tensor(np.arange(20.0)), "b": tensor(np.arange(3))}, whole)
    content = whole.read_bytes()
    for size in [*range(1, 200), *range(200, len(content), 23), len(content) - 1]:
        cut.write_bytes(content[:size])
        refusal(cut)


def test_storages_that_do_not_fit(tmp_path):
    path = tmp_path / "wrong.pth"
    data = b"\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000NK\x02tQ."
    for content in (bytes(7), bytes(9), None):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("t/data.pkl", data)
            if content is not None:
                archive.writestr("t/data/0", content)
        refusal(path)


def test_another_version_of_the_format(tmp_path):
    save_legacy([], tmp_path / "future.pth", protocol_version=1002)
    assert "1002" in refusal(tmp_path / "future.pth")
    with zipfile.ZipFile(tmp_path / "future.pth", "w") as archive:
        archive.writestr("t/data.pkl", b"N.")
        archive.writestr("t/version", "99")
    assert "version 99" in refusal(tmp_path / "future.pth")


def test_a_torchscript_program(tmp_path):
    save_zip([], tmp_path / "script.pt", extra=[("constants.pkl", b"N."), ("code/__torch__.py", b"")])
    assert "TorchScript" in refusal(tmp_path / "script.pt")
