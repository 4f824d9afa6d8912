"""The numbers in a file's bytes as numpy arrays, without a copy if numpy knows their kind."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from paddleseg_ext.weights.refusal import Refused

ByteOrder = Literal["<", ">"]
BFLOAT16 = "bfloat16"
# A tensor may repeat its elements (torch.Tensor.expand). A small file must not fill the memory with them.
MOST_REPEATED = 1 << 20
MOST_AXES = 32
# torch's names of dtypes and numpy's. An array cannot hold other dtypes, such as float8.
KINDS = {
    "float64": "f8",
    "float32": "f4",
    "float16": "f2",
    "bfloat16": BFLOAT16,
    "complex128": "c16",
    "complex64": "c8",
    "int64": "i8",
    "int32": "i4",
    "int16": "i2",
    "int8": "i1",
    "uint64": "u8",
    "uint32": "u4",
    "uint16": "u2",
    "uint8": "u1",
    "bool": "?",
}


def item_size(kind: str) -> int:
    """Return the bytes of one number in the file. ``kind`` is a dtype of numpy, or ``BFLOAT16``."""
    return 2 if kind == BFLOAT16 else np.dtype(kind).itemsize


class Storage:
    """The bytes under one or more tensors.

    Args:
        data: The bytes.
        byte_order: The byte order of the file: ``<`` is little-endian, ``>`` is big-endian.
    """

    def __init__(self, data: memoryview, byte_order: ByteOrder = "<") -> None:
        self._data = data
        self.size = len(data)  # bytes
        self._byte_order = byte_order
        self._native: dict[str, np.ndarray] = {}

    def view(self, kind: str, offset: int, shape: Sequence[int], strides: Sequence[int]) -> np.ndarray:
        """Return the read-only array of ``shape`` that begins at element ``offset``.

        Args:
            kind: A dtype of numpy without its byte order, or ``BFLOAT16``, which becomes float32.
            strides: The steps along each axis, in elements.

        Raises:
            Refused: The array does not lie inside the storage, or repeats it too often.
        """
        sizes = (offset, *shape, *strides)
        if not all(type(size) is int and 0 <= size < 1 << 48 for size in sizes) or len(shape) != len(strides):
            raise Refused("describes a tensor by something other than sizes; it is damaged, use another copy")
        if len(shape) > MOST_AXES:
            raise Refused(f"holds a tensor of {len(shape)} axes, but numpy has at most {MOST_AXES}; use another copy")
        numbers = self._numbers(kind)
        count = 1
        for size in shape:
            count *= size
        if count == 0:
            return _read_only(np.empty(_plain_shape(shape), numbers.dtype))
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides))
        if last >= numbers.size:
            raise Refused(
                f"holds a tensor that reaches to element {last} of a storage of {numbers.size}; it is damaged, use "
                "another copy"
            )
        if count > max(numbers.size, MOST_REPEATED):
            raise Refused(f"holds a tensor that makes {count} elements out of {numbers.size}; use another copy")
        width = numbers.dtype.itemsize
        return _read_only(
            np.ndarray(tuple(shape), numbers.dtype, numbers, offset * width, tuple(step * width for step in strides))
        )

    def array(self, kind: str, shape: Sequence[int], first_axis_fastest: bool = False) -> np.ndarray:
        """Return the whole storage as a read-only array of ``shape``.

        Args:
            kind: See ``view``.
            first_axis_fastest: Neighbors along the first axis are neighbors in the file, not those along the last axis.

        Raises:
            Refused: The size of ``shape`` is not the size of the storage.
        """
        strides, count = [], 1
        for size in shape if first_axis_fastest else reversed(shape):
            strides.append(count)
            count *= size
        if count * item_size(kind) != self.size:
            raise Refused(
                f"holds an array of {count} elements in {self.size} bytes; it is damaged or cut short, use another copy"
            )
        if count == 0:
            strides = [0] * len(shape)
        return self.view(kind, 0, shape, strides if first_axis_fastest else strides[::-1])

    def _numbers(self, kind: str) -> np.ndarray:
        """Return the whole storage as one axis: a copy only if numpy or the machine represents numbers otherwise."""
        if kind not in self._native:
            self._native[kind] = self._decode(kind)
        return self._native[kind]

    def _decode(self, kind: str) -> np.ndarray:
        whole = self._data[: len(self._data) // item_size(kind) * item_size(kind)]
        if kind == BFLOAT16:
            # A bfloat16 is the upper half of a float32.
            upper = np.frombuffer(whole, self._byte_order + "u2").astype(np.uint32)
            return np.left_shift(upper, 16, out=upper).view(np.float32)
        numbers = np.frombuffer(whole, np.dtype(kind).newbyteorder(self._byte_order))
        return numbers.astype(numbers.dtype.newbyteorder("="), copy=False)


def _plain_shape(shape: Sequence[int]) -> tuple[int, ...]:
    # numpy also bounds the product of the sizes that are not zero.
    product = 1
    for size in shape:
        product *= max(size, 1)
    if product >= 1 << 48:
        raise Refused("holds an empty tensor of a shape that numpy cannot have; it is damaged, use another copy")
    return tuple(shape)


def _read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
