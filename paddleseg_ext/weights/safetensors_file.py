"""Files of the safetensors format: a header in JSON, followed by the numbers."""

import json
from mmap import mmap
from typing import Any

import numpy as np

from paddleseg_ext.weights.refusal import Refused, shown
from paddleseg_ext.weights.storage import KINDS, Storage

LARGEST_HEADER = 4 << 20  # a ResNet-101 PSANet takes 100 KB
_KINDS = {
    **{f"F{bits}": KINDS[f"float{bits}"] for bits in (16, 32, 64)},
    **{f"I{bits}": KINDS[f"int{bits}"] for bits in (8, 16, 32, 64)},
    **{f"U{bits}": KINDS[f"uint{bits}"] for bits in (8, 16, 32, 64)},
    "BF16": KINDS["bfloat16"],
    "BOOL": KINDS["bool"],
    "C64": KINDS["complex64"],
}


def read(data: mmap) -> dict[str, np.ndarray]:
    """Return {name: array} of a safetensors file: read-only views of the map; bfloat16 becomes float32.

    Raises:
        Refused, LookupError, TypeError, ValueError: The file is damaged, or holds numbers that arrays cannot hold.
    """
    size = int.from_bytes(data[:8], "little")
    start = 8 + size
    if size > LARGEST_HEADER or start > len(data):
        raise Refused(f"announces a header of {size} bytes, which is too large; fetch or copy it again")
    try:
        header = json.loads(
            data[8:start].decode("utf-8"), object_pairs_hook=_without_repetition, parse_int=_small_integer
        )
    except RecursionError:
        raise Refused("has a header with too many levels; it is damaged, use another copy") from None
    if type(header) is not dict:
        raise Refused("has a header that is not a table of tensors; use another copy")
    header.pop("__metadata__", None)
    whole = memoryview(data)[start:]
    arrays = {}
    pieces = []
    for name, entry in header.items():
        first, last, arrays[name] = _tensor(name, entry, whole)
        pieces.append((first, last))
    reached = 0
    for first, last in sorted(pieces):
        if first != reached:
            raise Refused("holds tensors that overlap or leave gaps; it is damaged, use another copy")
        reached = last
    if reached != len(whole):
        raise Refused(
            f"holds {len(whole)} bytes of numbers, but its header describes {reached}; fetch or copy it again"
        )
    return arrays


def _tensor(name: str, entry: dict[str, Any], whole: memoryview) -> tuple[int, int, np.ndarray]:
    """Return (first byte, byte after the last, array) of one entry of the header."""
    if entry["dtype"] not in _KINDS:
        raise Refused(f"holds {shown(name)} as {shown(entry['dtype'])}, which arrays cannot hold; save it again as F32")
    kind, shape = _KINDS[entry["dtype"]], entry["shape"]
    first, last = entry["data_offsets"]
    numbers = (*shape, first, last)
    if not all(type(number) is int and 0 <= number < 1 << 48 for number in numbers) or len(shape) > 32:
        raise Refused(f"describes {shown(name)} with something other than sizes; it is damaged, use another copy")
    if not first <= last <= len(whole):
        raise Refused(f"places {shown(name)} after its end; fetch or copy it again")
    return first, last, Storage(whole[first:last]).array(kind, shape)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = dict(pairs)
    if len(table) != len(pairs):
        raise Refused("names a tensor twice in its header; use another copy")
    return table


def _small_integer(digits: str) -> int:
    if len(digits) > 20:
        raise Refused(f"holds a number of {len(digits)} digits in its header; it is damaged, use another copy")
    return int(digits)
