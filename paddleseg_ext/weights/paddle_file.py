"""Files that ``paddle.save`` wrote, and archives of one such file. Nothing in them is run.

A ``.pdparams`` file is a pickle of numpy arrays under the names of the weights. A ``.pdopt`` file is a pickle of the
state of an optimizer: arrays by name, and dicts of plain values. ``paddle.load`` would run the code in such a pickle.
"""

import gzip
import io
import tarfile
from collections.abc import Iterable
from mmap import mmap
from pathlib import PurePosixPath
from typing import Any, NamedTuple, Union

import numpy as np

from paddleseg_ext.weights.content import MapStream, is_gzip
from paddleseg_ext.weights.mapped_zip import ALWAYS_ALLOWED, MOST_EXPANSION, MappedZip
from paddleseg_ext.weights.pickle_machine import (
    Global,
    Machine,
    Placeholder,
    build_dict,
    build_tuple,
    unknown_global,
)
from paddleseg_ext.weights.refusal import Refused, naming, shown
from paddleseg_ext.weights.storage import BFLOAT16, ByteOrder, Storage

SUFFIX, USUAL_NAME = ".pdparams", "model.pdparams"
# An entry that paddle.save adds: the names of the parameters in the process that wrote the file.
# An archive of PaddleSeg holds a handful.
_MOST_MEMBERS = 1000
# paddle.save's entry for arrays that protocols 2 and 3 split.
_PIECES = "UnpackBigParamInfor@@"
_NAMES = "StructuredToParameterName@@"


class Tensor(NamedTuple):
    """A tensor as ``paddle.save`` writes it.

    Attributes:
        name: Its name in the process that wrote it; empty for an array without one.
        numbers: A read-only array; bfloat16 becomes float32.
        is_bfloat16: Whether the numbers were bfloat16.
    """

    name: str
    numbers: np.ndarray
    is_bfloat16: bool


def read_tensors(data: Union[bytes, mmap]) -> dict[str, Tensor]:
    """Return {name: tensor} of a ``.pdparams`` file. The numbers are not copied, except in pickle protocol 2.

    Raises:
        Refused, LookupError, TypeError, ValueError, struct.error: It cannot be read, or holds no weights.
    """
    weights, _ = Machine(data, _resolve, _no_persistent_id).run()
    names = weights.pop(_NAMES, {}) if type(weights) is dict else {}
    if type(weights) is not dict or not weights:
        raise Refused("does not hold the weights of a model; give a model.pdparams file")
    if _PIECES in weights:
        raise Refused("holds a weight of more than 1 GB in pieces; save it again with paddle.save(..., protocol=4)")
    storages: dict[tuple[int, str], Storage] = {}
    tensors = {}
    for name, value in weights.items():
        written, array = value if type(value) is tuple and len(value) == 2 else ("", value)
        if type(name) is not str or type(written) is not str or not isinstance(array, _Array):
            raise Refused(
                f"does not hold the weights of a model: {shown(name)} is not an array; give a model.pdparams file"
            )
        if not written and type(names) is dict and type(names.get(name)) is str:
            written = names[name]
        tensors[name] = _tensor(written, array, storages)
    return tensors


def read_state(data: Union[bytes, mmap]) -> Any:
    """Return what ``paddle.save`` wrote: dicts, lists, tuples and plain values unchanged, each array as a ``Tensor``.

    Raises:
        Refused, LookupError, TypeError, ValueError, struct.error: It cannot be read, or asks for more than data.
    """
    state, _ = Machine(data, _resolve, _no_persistent_id).run()
    return _decoded(state, {}, {})


def _decoded(value: Any, storages: dict[tuple[int, str], Storage], known: dict[int, Any]) -> Any:
    """Return ``value`` with each ``_Array`` as a ``Tensor``. The machine has bounded its depth and its size.

    Args:
        known: The results by the id of the value. What a pickle shares is decoded once.
    """
    if type(value) in (str, int, float, bool, type(None)):
        return value
    if id(value) not in known:
        known[id(value)] = _decoded_once(value, storages, known)
    return known[id(value)]


def _decoded_once(value: Any, storages: dict[tuple[int, str], Storage], known: dict[int, Any]) -> Any:
    if isinstance(value, _Array):
        return _tensor("", value, storages)
    if type(value) is tuple and len(value) == 2 and type(value[0]) is str and isinstance(value[1], _Array):
        # A tensor is pickled as (its name in the writer's process, its numbers).
        return _tensor(value[0], value[1], storages)
    if type(value) is dict:
        return {key: _decoded(inner, storages, known) for key, inner in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_decoded(inner, storages, known) for inner in value)
    raise TypeError(f"there is a {type(value).__name__} where weights or plain values belong")


def _tensor(name: str, value: "_Array", storages: dict[tuple[int, str], Storage]) -> Tensor:
    """Decode one array. Bytes that several arrays share are decoded once, so that a small file stays small."""
    shape, kind, order, numbers = value.parts
    if type(shape) is not tuple or not all(type(size) is int and 0 <= size < 1 << 48 for size in shape):
        raise TypeError(f"the array {shown(name)} has no shape")
    if not isinstance(kind, _Kind) or type(numbers) not in (memoryview, str):
        raise TypeError(f"the array {shown(name)} has no numbers")
    key = id(numbers), kind.byte_order
    if key not in storages:
        # Python 2 wrote bytes as text, one character for each byte.
        content = memoryview(numbers.encode("latin-1")) if type(numbers) is str else numbers
        storages[key] = Storage(content, kind.byte_order)
    storage_kind = kind.storage_kind()
    return Tensor(name, storages[key].array(storage_kind, shape, order == "F"), storage_kind == BFLOAT16)


# Arrays of numpy, as numpy pickles them


class _Kind(Placeholder):
    """A dtype."""

    def __init__(self, code: Any, *_: Any) -> None:
        super().__init__("numpy.dtype")
        self.code = code
        self.byte_order: ByteOrder = "<"

    def set_state(self, state: Any) -> None:
        if type(state) is not tuple or len(state) < 2 or type(state[1]) is not str:
            raise TypeError("a dtype without its byte order")
        self.byte_order = ">" if state[1] == ">" else "<"

    def storage_kind(self) -> str:
        # Only text is sure to have a cheap hash: see plain_key.
        if type(self.code) is not str:
            raise TypeError("a dtype without its name")
        # Paddle does not have uint16. It writes the bits of bfloat16 under that name.
        kind = {"u2": BFLOAT16, "b1": "?"}.get(self.code, self.code)
        if kind != BFLOAT16 and kind not in ("?", "f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "c8", "c16"):
            raise Refused(f"holds numbers of the kind {shown(self.code)}, as no weights do; use another file")
        return kind


class _Array(Placeholder):
    """An array. The pickle makes it empty, and then gives it its state."""

    def __init__(self, shape: Any = None, kind: Any = None, order: Any = None, numbers: Any = None) -> None:
        super().__init__("numpy.ndarray")
        self.parts = shape, kind, order, numbers

    def set_state(self, state: Any) -> None:
        _, shape, kind, first_axis_fastest, numbers = state
        self.parts = shape, kind, "F" if first_axis_fastest is True else "C", numbers


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _array_of_buffer(numbers: Any, kind: Any, shape: Any, order: Any) -> _Array:
    """Build an array as numpy does in protocol 5."""
    return _Array(shape, kind, order, numbers)


def _scalar(kind: Any, numbers: Any) -> _Array:
    return _Array((), kind, "C", numbers)


def _encode(text: Any, codec: Any) -> memoryview:
    """Return bytes, which protocol 2 writes as text."""
    if type(text) is not str or codec != "latin1":
        raise TypeError("bytes in another code than latin1")
    return memoryview(text.encode("latin-1"))


def _not_called(*_: Any) -> None:
    raise TypeError("a type is called")


_GLOBALS = {
    "builtins.tuple": Global("builtins.tuple", build_tuple),
    "builtins.dict": Global("builtins.dict", build_dict),
    "collections.OrderedDict": Global("collections.OrderedDict", build_dict),
    "_codecs.encode": Global("_codecs.encode", _encode),
    "numpy.ndarray": Global("numpy.ndarray", _not_called),
    "numpy.dtype": Global("numpy.dtype", _Kind, copies=False),
    # numpy 2 writes numpy._core.
    **{
        f"numpy.{core}.{name}": Global(name, build, copies=False)
        for core in ("core", "_core")
        for name, build in {
            "multiarray._reconstruct": _reconstruct,
            "multiarray.scalar": _scalar,
            "numeric._frombuffer": _array_of_buffer,
        }.items()
    },
}


def _resolve(module: str, name: str) -> Global:
    known = _GLOBALS.get(f"{'builtins' if module == '__builtin__' else module}.{name}")
    if known is None:
        raise unknown_global(f"{module}.{name}")
    return known


def _no_persistent_id(_: Any) -> None:
    raise Refused("refers to objects outside of itself, which no Paddle file does; use a file from a source you trust")


# Archives


def pickle_in_zip(members: MappedZip) -> bytes:
    """Return the content of the only ``.pdparams`` file (or the only ``model.pdparams``) in a zip archive.

    Raises:
        Refused, LookupError, TypeError, ValueError, struct.error, zlib.error: It cannot be read.
    """
    return bytes(members[_weights_among(members)])


def pickle_in_tar(data: mmap) -> bytes:
    """Return the content of the only ``.pdparams`` file (or the only ``model.pdparams``) in a tar archive.

    The archive may be compressed with gzip.

    Raises:
        Refused, LookupError, TypeError, ValueError, EOFError, struct.error, zlib.error: It cannot be read.
    """
    contents: dict[str, bytes] = {}
    try:
        raw = MapStream(data)
        stream = _Bounded(gzip.GzipFile(fileobj=raw) if is_gzip(data) else raw, len(data))
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for number, member in enumerate(archive):
                if number >= _MOST_MEMBERS:
                    raise Refused(f"is an archive of more than {_MOST_MEMBERS} members; unpack it and name one file")
                if member.issparse():
                    raise Refused("is an archive with a sparse member, as no weights are; pack it again without it")
                if member.name in ("storages", "tensors", "pickle"):
                    raise Refused(
                        "is of the tar format that torch.save wrote before PyTorch 0.1.10, which is not supported; "
                        "load it with an old PyTorch and save it again"
                    )
                wanted = member.isfile() and member.name.endswith(SUFFIX)
                if wanted and (file := archive.extractfile(member)):
                    contents[member.name] = file.read()
    # tarfile reads headers that extend each other by recursion.
    except (tarfile.TarError, gzip.BadGzipFile, RecursionError) as error:
        raise Refused(f"is an archive that is damaged or cut short ({shown(error)}); fetch or copy it again") from error
    return contents[_weights_among(contents)]


def _weights_among(members: Iterable[str]) -> str:
    names = [name for name in members if name.endswith(SUFFIX)]
    usual = [name for name in names if PurePosixPath(name).name == USUAL_NAME]
    for found in (names, usual):
        if len(found) == 1:
            return found[0]
    if not names:
        raise Refused(f"is an archive without a {SUFFIX} file; name a checkpoint")
    raise Refused(f"is an archive with {len(names)} {SUFFIX} files; unpack it and name one of them")


class _Bounded(io.RawIOBase):
    """A stream that is refused when it becomes longer than an archive of weights can be.

    Args:
        stream: The unpacked archive.
        size: The size of the packed archive in bytes.
    """

    def __init__(self, stream: Any, size: int) -> None:
        self._stream = stream
        self._size = size
        self._left = ALWAYS_ALLOWED + MOST_EXPANSION * size

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes."""
        content = self._stream.read(min(size, self._left + 1))
        self._left -= len(content)
        if self._left < 0:
            raise Refused(f"grows to more than {MOST_EXPANSION} times its {self._size} bytes; use another copy")
        return content


# States of random generators, which are pickles in checkpoints of version 0.1.0


class _GeneratorState(Placeholder):
    """A ``GeneratorState`` of Paddle, as the tuple in its pickle."""

    def __init__(self, *_: Any) -> None:
        super().__init__("paddle.base.libpaddle.GeneratorState")
        self.parts: Any = None

    def set_state(self, state: Any) -> None:
        self.parts = state


def read_generator_states(data: bytes) -> list[tuple[Any, ...]]:
    """Return, for each ``GeneratorState`` in a pickled list, the argument of its ``__setstate__``.

    Raises:
        UserError: The pickle does not hold such a list, or asks for more than data.
    """
    known = Global("paddle.base.libpaddle.GeneratorState", _GeneratorState, copies=False)

    def resolve(module: str, name: str) -> Global:
        if f"{module}.{name}" != known.name:
            raise unknown_global(f"{module}.{name}")
        return known

    with naming("The state of the random generators"):
        states, _ = Machine(data, resolve, _no_persistent_id).run()
        parts: list[Any] = [state.parts if isinstance(state, _GeneratorState) else None for state in states]
        if not all(type(part) is tuple and len(part) in (3, 4) for part in parts):
            raise TypeError("there is something other than states of generators")
        return parts
