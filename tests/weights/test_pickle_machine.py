"""Pickles that ask for code, or for more than a reader can bear."""

import pickle

import numpy as np
import pytest

from paddleseg_ext.weights.pickle_machine import (
    MOST_NESTING,
    Global,
    Machine,
    build_dict,
    build_tuple,
    plain_key,
    refuse_tangles,
)
from paddleseg_ext.weights.refusal import Refused
from paddleseg_ext.weights.weight_file import open_checkpoint
from tests.weights.conftest import refusal
from tests.weights.torch_writer import SAVERS, as_checkpoint, text


@pytest.mark.parametrize(
    ("data", "reported"),
    {
        "INST": (b"(S'ls'\nios\nsystem\n.", "STRING"),
        "INST of text": (b"(" + text("ls") + b"ios\nsystem\n.", "os.system"),
        "OBJ": (b"(cos\nsystem\n" + text("ls") + b"o.", "os.system"),
        "NEWOBJ": (b"\x80\x02cos\nsystem\n" + text("ls") + b"\x85\x81.", "os.system"),
        "NEWOBJ_EX": (b"\x80\x04ctorch\nSize\n)}" + text("a") + b"K\x01s\x92.", "damaged"),
        "dotted": (b"\x80\x04" + text("torch") + text("serialization.os.system") + b"\x93.", "torch.serialization.os"),
        "lines in a name": (b"\x80\x04" + text("os\nx") + text("sys\x1btem") + b"\x93.", "os\\nx.sys\\x1btem"),
        "EXT1": (b"\x82\x01.", "EXT1"),
        "PERSID": (b"P0\n.", "PERSID"),
        "state of a class": (b"\x80\x02ctorch\nSize\n}b.", "damaged"),
        "calling data": (b"\x80\x02" + text("ls") + text("ls") + b"\x85R.", "damaged"),
        "calling a type": (b"\x80\x02ctorch\nfloat32\n)R.", "damaged"),
        "subclass trick": (
            b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(cbuiltins\nlist\nN](K\x01e\x85Nt\x87R.",
            "damaged",
        ),
        "items of a tensor": (b"\x80\x02ctorch\nSize\n)R" + b"K\x01a.", "damaged"),
    }.values(),
)
def test_other_ways_to_code_are_refused(tmp_path, data, reported):
    as_checkpoint(data, tmp_path / "evil.pth", "zip")
    assert reported in refusal(tmp_path / "evil.pth")


LAUGHS = b"".join(b"(" + b"h%c" % n * 10 + b"lq%c" % (n + 1) for n in range(100))
ABUSES = {
    "lists 10,000 deep": b"]" * 10_000 + b"a" * 9_999 + b".",
    "tuples 10,000 deep": b")" + b"\x85" * 10_000 + b".",
    "dicts 10,000 deep": b"}" + b"K\x01}" * 10_000 + b"s" * 10_000 + b".",
    "a list in itself": b"]q\x00h\x00a.",
    "billion laughs": b"]q\x00" + LAUGHS + b".",
    "deep key": b"}" + b")" + b"\x85" * 200_000 + b"Ns.",
    "wide key": b"}(" + b"K\x01" * 100 + b"tNs.",
    "laughing key": b"}" + b")" + b"2\x86" * 40 + b"Ns.",
    "huge integer key": b"}\x8a\x09" + bytes(8) + b"\x01Ns.",
    "key that is a dict": b"}}Ns.",
    "set of lists": b"\x8f(]\x90.",
    "not a number key": b"}G\x7f\xf8\0\0\0\0\0\0Ns.",
    "LONG4 of 2 GB": b"\x8b\xff\xff\xff\x7f.",
    "LONG4 of less than nothing": b"\x8b\xff\xff\xff\xff.",
    "LONG of many bytes": b"\x8b\0\x01\x01\0" + bytes(70_000) + b".",
    "many digits": b"L" + b"9" * 5000 + b"L\n.",
    "BINBYTES8 of all memory": b"\x8e" + b"\xff" * 8 + b".",
    "BINUNICODE8 of all memory": b"\x8d" + b"\xff" * 7 + b"\x7f.",
    "BINSTRING of less than nothing": b"T\xff\xff\xff\xff.",
    "memo of numbers that collide": b"N"
    + b"".join(b"p%d\n" % (index * ((1 << 61) - 1)) for index in range(1, 30_000))
    + b".",
    "memo of nothing": b"h\x05.",
    "half a surrogate": text("a")[:1] + b"\x03\0\0\0\xed\xa0\x80.",
    "endless line": b"V" + b"a" * (2 << 20),
    "no end": b"N",
    "nothing": b"",
    "empty stack": b".",
    "unknown opcode": b"\xff.",
    "a million steps too many": b"N0" * 1_000_001 + b".",
    "copies over and over": b"\x80\x02cbuiltins\nlist\nq\x00("
    + b"N" * 10_000
    + b"lq\x01"
    + b"h\x00h\x01\x85R0" * 200
    + b".",
    "odd items": b"}(Nu.",
    "text as storage": text("a") + b"Q.",
    "number as storage": b"K\x01Q.",
}


@pytest.mark.parametrize("abuse", ABUSES)
@pytest.mark.parametrize("kind", SAVERS)
def test_a_pickle_that_would_exhaust_the_reader(tmp_path, kind, abuse):
    as_checkpoint(ABUSES[abuse], tmp_path / "evil.pth", kind)
    refusal(tmp_path / "evil.pth")


def test_a_memo_of_4_billion_entries_costs_one(tmp_path):
    as_checkpoint(b"Nr\xff\xff\xff\xff.", tmp_path / "odd.pth", "zip")
    assert open_checkpoint(tmp_path / "odd.pth") is None


def run(data: bytes, **known):
    """What a machine builds, with the builders of ``known`` as the globals ``m.NAME``."""

    def resolve(module, name):
        return Global(f"{module}.{name}", known[name])

    return Machine(data, resolve, lambda persistent_id: f"<{persistent_id}>").run()


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_of_every_protocol(protocol):
    value = {"a": [1, -1, 300, 1 << 20, -(1 << 40), 1 << 100, 0.5, None, True, False], "ü": ("x", (), (1, 2, 3, 4))}
    data = pickle.dumps(value, protocol)
    assert run(data + b"more") == (value, len(data))


def test_only_the_builders_of_the_owner_are_called():
    calls = []
    data = b"\x80\x02cm\nbuild\n" + text("one") + b"K\x02\x86R."
    assert run(data, build=lambda *given: calls.append(given) or "built") == ("built", len(data))
    assert calls == [("one", 2)]
    with pytest.raises(KeyError):
        run(data)
    assert run(b"\x80\x02" + text("key") + b"Q.") == ("<key>", len(text("key")) + 4)


def test_keys_that_may_be_hashed():
    for key in ("text", 1, -3, 0.5, True, None, ("a", 1), ()):
        assert plain_key(key) is key
    for key in (float("nan"), 1 << 60, -(1 << 60), (1,) * 9, (1, 2), "a" * 5000, ((),), [], b"bytes", np.float32(1)):
        with pytest.raises(Refused, match="uses keys that are not plain text or numbers"):
            plain_key(key)


def test_builders_take_no_other_things():
    assert build_dict([("a", 1), ("b", 2)]) == build_dict({"a": 1, "b": 2}) == {"a": 1, "b": 2}
    assert build_tuple([1, 2]) == (1, 2)
    with pytest.raises(TypeError, match="a tuple of str"):
        build_tuple("ab")


def nested(levels: int) -> list:
    value: list = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_depth_size_and_loops_are_bounded():
    refuse_tangles(nested(MOST_NESTING))
    with pytest.raises(Refused, match="nests its data"):
        refuse_tangles(nested(MOST_NESTING + 1))
    shared = [0] * 1000
    refuse_tangles([shared] * 9000)
    with pytest.raises(Refused, match="nests its data"):
        refuse_tangles([shared] * 10_000)
    loop: dict = {}
    loop["self"] = (loop,)
    with pytest.raises(Refused, match="contains itself"):
        refuse_tangles(loop)
