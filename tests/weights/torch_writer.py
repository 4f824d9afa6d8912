"""Writes files as torch.save does, in both of its formats, with numpy alone: torch and Paddle share no environment."""

import io
import pickle
import zipfile

import numpy as np

STORAGE_TYPES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
    "complex64": "ComplexFloatStorage",
    "complex128": "ComplexDoubleStorage",
}
UNTYPED = ("uint16", "uint32", "uint64")
MAGIC, PROTOCOL_VERSION = 0x1950A86A20F9469CFC6C, 1001


class Name:
    """Pickled as a global of any module, which need not exist."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self, *_):
        raise AssertionError("names are only written")


class Call:
    """Pickled as the call of a global, with a state for what it gives if there is one."""

    def __init__(self, module, name, *arguments, state=None):
        self.function, self.arguments, self.state = Name(module, name), arguments, state


class Tensor:
    """A tensor over ``storage``, the array of one axis that tensors share (uint16 for the bits of bfloat16)."""

    def __init__(self, storage, shape=None, stride=(1,), offset=0, dtype=None, view=None):
        self.storage, self.stride, self.offset, self.view = storage, stride, offset, view
        self.shape = (storage.size,) if shape is None else shape
        self.dtype = dtype or str(storage.dtype)

    def __reduce__(self):
        raise AssertionError("only Writer writes tensors")


def tensor(array, dtype=None):
    """A contiguous ``Tensor`` with the numbers of ``array``."""
    array = np.asarray(array)
    stride = tuple(step // array.itemsize for step in np.empty(array.shape, array.dtype).strides)
    return Tensor(array.reshape(-1).copy(), array.shape, stride, dtype=dtype)


def parameter(inner):
    return Call("torch._utils", "_rebuild_parameter", inner, True, {})


class Writer(pickle._Pickler):
    def __init__(self, file, protocol, legacy):
        super().__init__(file, protocol)
        self.legacy = legacy
        self.storages = {}  # id of the array: (key, array, dtype)

    def save_name(self, name):
        self.write(b"c" + f"{name.module}\n{name.name}\n".encode())

    def save_call(self, call):
        self.save_reduce(call.function, call.arguments, call.state)

    def save_tensor(self, tensor):
        key = str(len(self.storages))
        key = self.storages.setdefault(id(tensor.storage), (key, tensor.storage, tensor.dtype))[0]
        self.save_persistent(tensor, key)

    def save_persistent(self, tensor, key):
        untyped = tensor.dtype in UNTYPED
        kind = Name("torch.storage", "UntypedStorage") if untyped else Name("torch", STORAGE_TYPES[tensor.dtype])
        size = tensor.storage.nbytes if untyped else tensor.storage.size
        identity = ("storage", kind, key, "cpu", size, *((tensor.view,) if self.legacy else ()))
        more = (Name("torch", tensor.dtype),) if untyped else ()
        arguments = (Identity(identity), tensor.offset, tensor.shape, tensor.stride, False, {}, *more)
        self.save_reduce(Name("torch._utils", f"_rebuild_tensor_v{3 if untyped else 2}"), arguments)

    def save_identity(self, identity):
        self.save(identity.persistent_id)
        self.write(pickle.BINPERSID)


class Identity:
    def __init__(self, persistent_id):
        self.persistent_id = persistent_id


Writer.dispatch = {
    **pickle._Pickler.dispatch,
    Name: Writer.save_name,
    Call: Writer.save_call,
    Tensor: Writer.save_tensor,
    Identity: Writer.save_identity,
}


def _raw(array, byte_order="<"):
    return np.asarray(array, array.dtype.newbyteorder(byte_order)).tobytes()


def save_zip(value, path, protocol=2, byteorder="little", compression=zipfile.ZIP_STORED, extra=()):
    """As torch.save writes since 1.6; ``extra`` are more (name, bytes) members."""
    file = io.BytesIO()
    writer = Writer(file, protocol, legacy=False)
    writer.dump(value)
    order = {"little": "<", "big": ">"}[byteorder]
    members = [("data.pkl", file.getvalue()), ("byteorder", byteorder.encode())]
    members += [(f"data/{key}", _raw(array, order)) for key, array, _ in writer.storages.values()]
    save_members([*members, ("version", b"3\n"), *extra], path, compression)


def save_members(members, path, compression=zipfile.ZIP_STORED):
    """The (name, bytes) ``members``, each beginning at a multiple of 64 as torch.save has it."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(f"archive/{name}")
            info.compress_type = compression
            begin = archive.fp.tell() + 30 + len(info.filename) + 4
            padding = -begin % 64
            info.extra = b"FB" + padding.to_bytes(2, "little") + bytes(padding)
            archive.writestr(info, content)


def save_legacy(value, path, protocol=2, protocol_version=PROTOCOL_VERSION):
    """As torch.save wrote before 1.6."""
    with open(path, "wb") as file:
        for head in (MAGIC, protocol_version, {"protocol_version": protocol_version, "little_endian": True}):
            pickle.dump(head, file, protocol)
        writer = Writer(file, protocol, legacy=True)
        writer.dump(value)
        storages = list(writer.storages.values())
        pickle.dump([key for key, *_ in storages], file, protocol)
        for _, array, dtype in storages:
            size = array.nbytes if dtype in UNTYPED else array.size
            file.write(size.to_bytes(8, "little") + _raw(array))


SAVERS = {"zip": save_zip, "legacy": save_legacy}


def as_checkpoint(data, path, kind):
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", data)
            archive.writestr("archive/version", "3")
    else:
        heads = (0x1950A86A20F9469CFC6C, 1001, {})
        path.write_bytes(b"".join(pickle.dumps(head, 2) for head in heads) + data + pickle.dumps([], 2))


def text(value):
    return b"X" + len(value).to_bytes(4, "little") + value.encode()
