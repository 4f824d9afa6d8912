"""Files of the safetensors format: a header in JSON, and the numbers behind it."""

import json
from mmap import mmap
from pathlib import Path
from typing import Any, Union

from paddleseg_ext.weights.content import map_file
from paddleseg_ext.weights.refusal import Refused, naming, shown
from paddleseg_ext.weights.storage import KINDS, Storage

LARGEST_HEADER = 25 << 20  # that of a ResNet-101 PSANet takes 100 KB
_KINDS = {
    **{f"F{bits}": KINDS[f"float{bits}"] for bits in (16, 32, 64)},
    **{f"I{bits}": KINDS[f"int{bits}"] for bits in (8, 16, 32, 64)},
    **{f"U{bits}": KINDS[f"uint{bits}"] for bits in (8, 16, 32, 64)},
    "BF16": KINDS["bfloat16"],
    "BOOL": KINDS["bool"],
    "C64": KINDS["complex64"],
}


def read(path: Union[str, Path]) -> dict:
    """{name: array} of a safetensors file: read-only views of one memory map, bfloat16 given as float32.

    Raises:
        UserError: The file is damaged, holds a kind of number that arrays cannot hold, or is none of safetensors.
    """
    with naming(path):
        return read_map(map_file(path))


def read_map(data: mmap) -> dict:
    """``read`` for a file that is mapped already.

    Raises:
        Refused, LookupError, TypeError, ValueError: It cannot be read.
    """
    size = int.from_bytes(data[:8], "little")
    start = 8 + size
    if size > LARGEST_HEADER or start > len(data):
        raise Refused(f"announces a header of {size} bytes, which does not fit; fetch or copy it again")
    try:
        header = json.loads(
            data[8:start].decode("utf-8"), object_pairs_hook=_without_repetition, parse_int=_small_integer
        )
    except RecursionError:
        raise Refused("nests its header as no safetensors file does") from None
    if type(header) is not dict:
        raise Refused("has a header that is no table of tensors; use another copy")
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
        raise Refused(f"holds {len(whole)} bytes of numbers where {reached} belong; fetch or copy it again")
    return arrays


def _tensor(name: str, entry: dict, whole: memoryview) -> tuple:
    """(first byte, byte behind the last, array) of one entry of the header."""
    if entry["dtype"] not in _KINDS:
        raise Refused(f"holds {shown(name)} as {shown(entry['dtype'])}, which arrays cannot hold; save it as F32")
    kind, shape = _KINDS[entry["dtype"]], entry["shape"]
    first, last = entry["data_offsets"]
    numbers = (*shape, first, last)
    if not all(type(number) is int and 0 <= number < 1 << 48 for number in numbers) or len(shape) > 32:
        raise Refused(f"describes {shown(name)} by something other than sizes; it is damaged, use another copy")
    if not first <= last <= len(whole):
        raise Refused(f"holds {shown(name)} behind its end; fetch or copy it again")
    return first, last, Storage(whole[first:last]).array(kind, shape)


def _without_repetition(pairs: list) -> dict:
    table: dict[str, Any] = dict(pairs)
    if len(table) != len(pairs):
        raise Refused("names a tensor twice in its header; use another copy")
    return table


def _small_integer(digits: str) -> int:
    if len(digits) > 20:
        raise Refused(f"holds a number of {len(digits)} digits in its header; it is damaged, use another copy")
    return int(digits)
