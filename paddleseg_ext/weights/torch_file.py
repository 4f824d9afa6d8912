"""Files of torch.save. They are read without torch, and nothing in them is run.

PyTorch writes a zip archive since version 1.6. Before, and today with ``_use_new_zipfile_serialization=False``, it
wrote pickles, followed by raw storages. Both formats are read.

The result equals what torch.save got: dicts, lists, numbers and text unchanged, each tensor as an array. The arrays are
read-only views of the memory map, so nothing is read from the disk before it is used. Only bfloat16, which becomes
float32, and numbers of big-endian machines are copied; float16 stays float16. An ``OrderedDict`` becomes a dict, a
``torch.Size`` a tuple, a ``torch.device`` text. Types and dtypes become ``Global``. The few objects that training tools
put beside their weights become ``Placeholder``. A file that asks for anything else is refused.
"""

import re
from mmap import mmap
from typing import Any, Callable, Optional

import numpy as np

from paddleseg_ext.weights.mapped_zip import MappedZip
from paddleseg_ext.weights.pickle_machine import (
    Global,
    Machine,
    Placeholder,
    build_dict,
    build_tuple,
    placeholder,
    plain_key,
    unknown_global,
)
from paddleseg_ext.weights.refusal import Refused, shown
from paddleseg_ext.weights.storage import KINDS, ByteOrder, Storage, item_size

NEWEST_ZIP_VERSION = 10
_BYTE_ORDERS: dict[bytes, ByteOrder] = {b"little": "<", b"big": ">"}
LEGACY_MAGIC, LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class _Tensors:
    """A storage as a pickle names it: with the kind of its numbers, and the first element of a view of it."""

    def __init__(self, storage: Optional[Storage], kind: Optional[str], first: int = 0) -> None:
        self.storage, self.kind, self.first = storage, kind, first

    def view(self, offset: Any, shape: Any, strides: Any, kind: Optional[str] = None) -> np.ndarray:
        kind = kind or self.kind
        if kind is None or type(shape) not in (tuple, list) or type(strides) not in (tuple, list):
            raise TypeError("a tensor without dtype, size or stride")
        if self.storage is None:
            return _NOT_PLACED
        return self.storage.view(kind, self.first + offset, shape, strides)


_NOT_PLACED = np.empty(0)


def is_among(members: MappedZip) -> bool:
    """Return whether a zip archive holds a pickle of torch.save."""
    return any(name == "data.pkl" or name.endswith("/data.pkl") for name in members)


def read_zip(members: MappedZip) -> Any:
    """Return the object in a zip archive of torch.save.

    Raises:
        Refused, LookupError, TypeError, ValueError, ArithmeticError, struct.error, zlib.error: It cannot be read.
    """
    pickles = [name for name in members if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise Refused("is a zip archive without one data.pkl, so torch.save did not write it; name a checkpoint")
    folder = pickles[0][: -len("data.pkl")]
    if f"{folder}constants.pkl" in members or any(name.startswith(f"{folder}code/") for name in members):
        raise Refused("is a TorchScript program; give the checkpoint of weights that it was made from")
    if f"{folder}version" in members:
        version = int(bytes(members[f"{folder}version"][:16]))
        if version > NEWEST_ZIP_VERSION:
            raise Refused(
                f"has version {version} of PyTorch's file format, but the newest supported is {NEWEST_ZIP_VERSION}; "
                "save it again with an older PyTorch"
            )
    byte_order: ByteOrder = "<"
    if f"{folder}byteorder" in members:
        byte_order = _BYTE_ORDERS[bytes(members[f"{folder}byteorder"][:16])]
    storages: dict[str, tuple[Storage, Optional[str]]] = {}

    def load(persistent_id: Any) -> _Tensors:
        kind, key, numel, first = _storage_named_by(persistent_id)
        if key not in storages:
            storages[key] = Storage(members[f"{folder}data/{key}"], byte_order), kind
        storage, first_kind = storages[key]
        size = numel * _width(kind)
        if size != storage.size or kind != first_kind:
            raise Refused(
                f"needs {size} bytes in its storage {shown(key)}, but there are {storage.size}; it is damaged, use "
                "another copy"
            )
        return _Tensors(storage, kind, first)

    return Machine(bytes(members[pickles[0]]), _resolve, load).run()[0]


def read_legacy(data: mmap) -> Any:
    """Return the object in a file that torch.save wrote before PyTorch 1.6.

    Such a file is five pickles: magic number, protocol, the writer's machine, the object, the keys of its storages.
    Then the storages follow, in the order of their keys and always little-endian. The object is read twice, because the
    place of a storage is known only when the sizes of all storages are known.

    Raises:
        Refused, LookupError, TypeError, ValueError, ArithmeticError, struct.error: It cannot be read.
    """
    kinds: dict[str, tuple[Optional[str], int]] = {}
    places: dict[str, Storage] = {}

    def load(persistent_id: Any) -> _Tensors:
        kind, key, numel, first = _storage_named_by(persistent_id)
        if kinds.setdefault(key, (kind, numel)) != (kind, numel):
            raise Refused(f"describes its storage {shown(key)} in two ways; it is damaged, use another copy")
        return _Tensors(places.get(key), kind, first)

    machine = Machine(data, _resolve, load)
    magic, at = machine.run()
    protocol, at = machine.run(at)
    if type(magic) is not int or magic != LEGACY_MAGIC or type(protocol) is not int or protocol != LEGACY_PROTOCOL:
        raise Refused(f"is of an unknown format of torch.save (protocol {shown(protocol)}); save it again with PyTorch")
    _, at = machine.run(at)
    start = at
    _, at = machine.run(at)
    keys, at = machine.run(at)
    if type(keys) is not list or len(set(map(plain_key, keys))) != len(keys) or set(keys) != set(kinds):
        raise Refused("does not hold the storages that its tensors need; it is damaged, use another copy")
    whole = memoryview(data)
    for key in keys:
        kind, numel = kinds[key]
        size = numel * _width(kind)
        if int.from_bytes(data[at : at + 8], "little") != numel or at + 8 + size > len(data):
            raise Refused(f"ends inside its storage {shown(key)}, or is damaged there; fetch or copy it again")
        places[key] = Storage(whole[at + 8 : at + 8 + size])
        at += 8 + size
    return machine.run(start)[0]


def _storage_named_by(persistent_id: Any) -> tuple[Optional[str], str, int, int]:
    """Return (kind, key, number of elements, first element) of the tuple that stands for a storage."""
    if type(persistent_id) is not tuple or not 5 <= len(persistent_id) <= 6:
        raise TypeError("a storage that is not described by five or six values")
    what, storage_type, key, _, numel, *view = persistent_id
    if (type(what), type(key), type(numel)) != (str, str, int) or what != "storage" or not 0 <= numel < 1 << 48:
        raise Refused("describes a storage in another way than torch.save does; it is damaged, use another copy")
    if not isinstance(storage_type, Global) or storage_type.name not in _STORAGE_KINDS:
        raise TypeError("a storage without its type")
    # Before 0.4 a view of a storage was a storage of its own: (key, first element, number of elements).
    first = view[0][1] if view and view[0] is not None else 0
    return _STORAGE_KINDS[storage_type.name], key, numel, first


def _width(kind: Optional[str]) -> int:
    return 1 if kind is None else item_size(kind)


# Builders: they return, as arrays, what torch's functions of these names return


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any) -> np.ndarray:
    return _tensors(storage).view(offset, size, stride)


def _rebuild_tensor_v2(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, metadata: Any = None
) -> np.ndarray:
    _refuse_lazy_views(metadata)
    return _tensors(storage).view(offset, size, stride)


def _rebuild_tensor_v3(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, dtype: Any, metadata: Any = None
) -> np.ndarray:
    _refuse_lazy_views(metadata)
    name = dtype.name if isinstance(dtype, Global) else ""
    if name not in _DTYPE_KINDS:
        raise TypeError("a tensor without its dtype")
    return _tensors(storage).view(offset, size, stride, _DTYPE_KINDS[name])


def _refuse_lazy_views(metadata: Any) -> None:
    if metadata is not None and (type(metadata) is not dict or metadata):
        raise Refused("holds a conjugated or negated view of a tensor; save it with .resolve_conj().resolve_neg()")


def _tensors(storage: Any) -> _Tensors:
    if not isinstance(storage, _Tensors):
        raise TypeError("a tensor without its storage")
    return storage


def _rebuild_parameter(data: Any, *_: Any) -> np.ndarray:
    if not isinstance(data, np.ndarray):
        raise TypeError("a parameter without its tensor")
    return data


def _rebuild_from_type(function: Any, kind: Any, arguments: Any, state: Any) -> np.ndarray:
    """Build a tensor with attributes that Python code gave it, or of a subclass."""
    if not isinstance(function, Global) or function.build not in _TENSOR_BUILDERS or type(arguments) is not tuple:
        raise TypeError("a tensor without its builder")
    return function.build(*arguments)


_TENSOR_BUILDERS = (_rebuild_tensor, _rebuild_tensor_v2, _rebuild_tensor_v3, _rebuild_parameter)


def _size(sizes: Any = ()) -> tuple[Any, ...]:
    return tuple(sizes) if type(sizes) in (tuple, list) else ()


def _device(kind: Any, *index: Any) -> str:
    return ":".join(str(part) for part in (kind, *index) if type(part) in (str, int))


def _defaultdict(factory: Any = None, pairs: Any = ()) -> dict[Any, Any]:
    return build_dict(pairs)


def _list(items: Any = ()) -> list[Any]:
    return list(build_tuple(items))


def _set(items: Any = ()) -> set[Any]:
    return set(map(plain_key, build_tuple(items)))


def _frozenset(items: Any = ()) -> frozenset[Any]:
    return frozenset(_set(items))


def _statistic_of_history(owner: Any, name: Any) -> Placeholder:
    # mmengine's HistoryBuffer pickles getattr(HistoryBuffer, "mean"). No other attribute may be taken from anything.
    history = isinstance(owner, Global) and owner.name == _HISTORY
    if history and type(name) is str and name in ("min", "max", "current", "mean"):
        return Placeholder(f"{_HISTORY}.{name}")
    raise unknown_global(f"builtins.getattr({getattr(owner, 'name', type(owner).__name__)}, {shown(name)})")


_HISTORY = "mmengine.logging.history_buffer.HistoryBuffer"
_BUILDERS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor_v2,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
    "torch.nn.parameter.Parameter": _rebuild_parameter,
    "torch.Size": _size,
    "torch.device": _device,
    "collections.OrderedDict": build_dict,
    "collections.defaultdict": _defaultdict,
    "builtins.dict": build_dict,
    "builtins.list": _list,
    "builtins.tuple": build_tuple,
    "builtins.set": _set,
    "builtins.frozenset": _frozenset,
    "builtins.getattr": _statistic_of_history,
}
# Training tools keep these beside the weights. They are harmless and not needed.
_FORGOTTEN = (
    _HISTORY,
    "mmengine.config.config.ConfigDict",
    "mmcv.utils.config.ConfigDict",
    "addict.addict.Dict",
    "argparse.Namespace",
    "collections.Counter",
    "collections.deque",
    "copyreg._reconstructor",
    "datetime.datetime",
    "datetime.timedelta",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
    "_codecs.encode",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.core.numeric._frombuffer",
    "torch.serialization._get_layout",
    "torch.torch_version.TorchVersion",
    *(f"builtins.{name}" for name in ("bool", "bytearray", "bytes", "complex", "float", "int", "object", "str")),
    *(f"builtins.{name}" for name in ("range", "slice")),
)
# Types: a pickle names them and never calls them.
_DTYPE_KINDS = {f"torch.{name}": kind for name, kind in KINDS.items()}
_STORAGE_KINDS = {
    **{
        f"torch.{name}Storage": KINDS[dtype]
        for name, dtype in {
            "Double": "float64",
            "Float": "float32",
            "Half": "float16",
            "BFloat16": "bfloat16",
            "Long": "int64",
            "Int": "int32",
            "Short": "int16",
            "Char": "int8",
            "Byte": "uint8",
            "Bool": "bool",
            "ComplexFloat": "complex64",
            "ComplexDouble": "complex128",
        }.items()
    },
    # Each tensor of it names its own dtype.
    "torch.storage.UntypedStorage": None,
}
_TYPES = (*_DTYPE_KINDS, *_STORAGE_KINDS, "torch.Tensor", "torch.nn.parameter.Buffer")
# Other names of the same things, in files of older writers.
_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg", "numpy._core.multiarray": "numpy.core.multiarray"}
_RENAMED["numpy._core.numeric"] = "numpy.core.numeric"
_RENAMED["torch.cuda"] = "torch"


# Names that belong to a tensor that is not an array of numbers; words for it; how to save an ordinary one instead.
_OTHER_TENSORS = (
    (
        re.compile(r"torch\._utils\._rebuild_(sparse|nested)"),
        "a sparse or nested tensor",
        "value.to_dense() (nested: value.to_padded_tensor(0))",
    ),
    (
        re.compile(r"torch\._utils\._rebuild_qtensor|torch\.(quint|qint)\w+|torch\.QU?Int\w*Storage|torch\.per_\w+"),
        "a quantized tensor",
        "value.dequantize()",
    ),
    (
        re.compile(r"torch\.(float8|float4|bits|u?int[1-7])\w*|torch\.Float8\w*Storage"),
        "a tensor of fewer than 16 bits a number",
        "value.float()",
    ),
    (
        re.compile(r"torch\._utils\._rebuild_meta_tensor\w*"),
        "a tensor of the device meta, which has a shape and no numbers",
        "weights that were loaded on a cpu",
    ),
    (
        re.compile(r"torch\._utils\._rebuild_(wrapper_subclass|device_tensor|xla|mlc|xpu)\w*|torch\.distributed\.\w.*"),
        "a tensor of another device or spread over several",
        "value.cpu() of each whole tensor",
    ),
)


def _other_tensor(name: str) -> Optional[Refused]:
    for pattern, what, cure in _OTHER_TENSORS:
        if pattern.match(name):
            return Refused(
                f"holds {what} ({shown(name)}), and only ordinary tensors can be converted; nothing was run, save the "
                f"state_dict() again with {cure}"
            )
    return None


def _not_called(name: str) -> Any:
    def build(*_: Any) -> None:
        raise TypeError(f"{name} is called")

    return build


_GLOBALS = {
    **{name: Global(name, _not_called(name)) for name in _TYPES},
    **{name: placeholder(name) for name in _FORGOTTEN},
    **{name: Global(name, build) for name, build in _BUILDERS.items()},
}


def _resolve(module: str, name: str) -> Global:
    known = _GLOBALS.get(f"{_RENAMED.get(module, module)}.{name}")
    if known is None:
        raise _other_tensor(f"{module}.{name}") or unknown_global(f"{module}.{name}")
    return known
