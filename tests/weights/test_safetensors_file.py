"""safetensors files, which are written here by hand as their format says."""

import json

import numpy as np
import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.weights import safetensors_file
from paddleseg_ext.weights.content import map_file
from paddleseg_ext.weights.refusal import naming

NAMES = {"float64": "F64", "float32": "F32", "float16": "F16", "bool": "BOOL", "complex64": "C64"}
NAMES.update({f"int{bits}": f"I{bits}" for bits in (8, 16, 32, 64)})
NAMES.update({f"uint{bits}": f"U{bits}" for bits in (8, 16, 32, 64)})


def read(path) -> dict:
    with naming(path):
        return safetensors_file.read(map_file(path))


def save(path, arrays, kinds=None, **more):
    header, content = {}, b""
    for name, array in arrays.items():
        raw = array.tobytes()
        header[name] = {
            "dtype": (kinds or {}).get(name) or NAMES[str(array.dtype)],
            "shape": list(array.shape),
            "data_offsets": [len(content), len(content) + len(raw)],
        }
        content += raw
    write(path, {**header, **more}, content)


def write(path, header, content=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content)


def test_every_dtype(tmp_path):
    arrays = {dtype: np.random.RandomState(1).uniform(0, 100, (2, 3)).astype(dtype) for dtype in NAMES}
    save(tmp_path / "m.safetensors", arrays, __metadata__={"format": "pt"})
    got = read(tmp_path / "m.safetensors")
    assert list(got) == list(arrays)
    for dtype, array in arrays.items():
        assert got[dtype].dtype == dtype and not got[dtype].flags.writeable
        np.testing.assert_array_equal(got[dtype], array)


def test_bfloat16_scalars_and_empty_arrays(tmp_path):
    arrays = {"b": np.array([0x3F80, 0xC000], np.uint16), "s": np.float32(3), "e": np.empty((0, 2), np.float32)}
    save(tmp_path / "m.safetensors", arrays, {"b": "BF16"})
    got = read(tmp_path / "m.safetensors")
    assert got["b"].tolist() == [1, -2] and got["b"].dtype == np.float32
    assert got["s"] == 3 and got["s"].shape == () and got["e"].shape == (0, 2)


ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "size", "reported"),
    {
        "float8": ({"a": {**ONE, "dtype": "F8_E4M3", "data_offsets": [0, 2]}}, 2, "a as F8_E4M3"),
        "cut": ({"a": ONE}, 7, "after its end"),
        "more than named": ({"a": ONE}, 9, "9 bytes"),
        "gap": ({"a": {**ONE, "data_offsets": [4, 12]}}, 12, "gaps"),
        "overlap": ({"a": ONE, "b": {**ONE, "data_offsets": [4, 12]}}, 12, "overlap"),
        "same place": ({"a": ONE, "b": ONE}, 8, "overlap"),
        "shape": ({"a": {**ONE, "shape": [3]}}, 8, "3 elements"),
        "negative": ({"a": {**ONE, "shape": [-1, -2]}}, 8, "sizes"),
        "backwards": ({"a": {**ONE, "data_offsets": [8, 0]}}, 8, "after"),
        "fraction": ({"a": {**ONE, "shape": [2.0]}}, 8, "sizes"),
        "no offsets": ({"a": {"dtype": "F32", "shape": [2]}}, 8, "damaged"),
        "entry that is text": ({"a": "F32"}, 8, "damaged"),
        "twice": (b'{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":1}', 4, "twice"),
        "no JSON": (b'{"a":', 0, "damaged"),
        "deep": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 0, "too many levels"),
        "digits": (b'{"a":' + b"9" * 100_000 + b"}", 0, "100000 digits"),
        "other text": (b'{"\xff":1}', 0, "damaged"),
    }.values(),
)
def test_a_damaged_file(tmp_path, header, size, reported):
    path = tmp_path / "wrong.safetensors"
    write(path, header, bytes(size))
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(caught.value).startswith(str(path)) and reported in str(caught.value)


def test_a_header_longer_than_the_file(tmp_path):
    for size in (100, 1 << 30, 1 << 63):
        (tmp_path / "wrong.safetensors").write_bytes(size.to_bytes(8, "little") + b"{}")
        with pytest.raises(UserError, match="announces a header"):
            read(tmp_path / "wrong.safetensors")
