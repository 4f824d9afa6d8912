"""Each attack on a reader of weights, by each way that a file comes in, and the sentence that it ends in.

No attack may run code, import a module, take long, or fill the memory, and the model is left as it was.
"""

import base64
import builtins
import io
import json
import os
import pickle
import signal
import struct
import sys
import tarfile
import zipfile

import numpy as np
import paddle
import pytest

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.engine import random_state
from paddleseg_ext.errors import UserError
from paddleseg_ext.weights import checkpoint
from paddleseg_ext.weights.loading import load_weights
from paddleseg_ext.weights.weight_file import open_checkpoint

SECONDS = 20


class _Call:
    """Pickles as a call of ``function``."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def dumped(value) -> bytes:
    return pickle.dumps({"weight": np.zeros(2, "float32"), "x": value}, protocol=4)


def named(module: str, name: str) -> bytes:
    """A pickle that asks for ``module.name`` and calls it with nothing."""
    return b"\x80\x02" + f"c{module}\n{name}\n".encode() + b")R."


def array(shape: tuple, kind: str = "f4", numbers: bytes = b"") -> bytes:
    """{"weight": an array} as numpy pickles it, with whatever is said of it."""
    sizes = b"".join(b"\x8a\x08" + struct.pack("<q", size) for size in shape)
    return (
        b"\x80\x03}X\x06\x00\x00\x00weightcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
        b"(K\x01(" + sizes + b"tcnumpy\ndtype\nX" + struct.pack("<I", len(kind)) + kind.encode() + b"K\x00K\x01\x87R"
        b"(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89B" + struct.pack("<I", len(numbers)) + numbers + b"tbs."
    )


def shared_tuples(levels: int) -> bytes:
    """2 ** levels empty tuples in a file of a few bytes."""
    return b"\x80\x02)" + b"2\x86" * levels + b"."


def packed_tar(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo("../../model.pdparams")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def packed_zip(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.pdparams", data)
    return buffer.getvalue()


def sparse_tar(size: int) -> bytes:
    """An archive whose member says that it is ``size`` bytes, of which the archive holds 512."""
    entry = tarfile.TarInfo("model.pdparams")
    entry.type, entry.size = tarfile.GNUTYPE_SPARSE, 512
    header = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    header[386:398], header[398:410] = b"%011o\0" % (size - 512), b"%011o\0" % 512
    header[483:495] = b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + bytes(512) + bytes(1024)


def many_members(count: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for number in range(count):
            archive.addfile(tarfile.TarInfo(str(number)))
    return buffer.getvalue()


def large_directory(count: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number:064d}", b"")
    return buffer.getvalue()


def text(letters: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(letters)) + letters


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
WIDE = b"(" + b"N" * 1000 + b"t"

# What is in the file, given a path that code would make; and what the sentence says of it.
ATTACKS = {
    "calls a command": (lambda mark: dumped(_Call(os.system, f"touch {mark}")), "asks for .*system.*nothing was run"),
    "evaluates text": (
        lambda mark: dumped(_Call(eval, f"open({str(mark)!r}, 'w')")),
        r"asks for builtins\.eval.*nothing was run",
    ),
    "opens a file": (lambda mark: dumped(_Call(builtins.open, str(mark), "w")), "asks for .*open.*nothing was run"),
    "takes an attribute": (lambda mark: dumped(_Call(getattr, "text", "upper")), r"asks for builtins\.getattr"),
    "imports a module": (lambda mark: named("antigravity", "fly"), r"asks for antigravity\.fly"),
    "walks into a module": (lambda mark: named("numpy.core.multiarray", "sys.modules"), "asks for numpy"),
    "unpickles once more": (lambda mark: dumped(_Call(pickle.loads, b"N.")), r"asks for _pickle\.loads"),
    "makes an object with a state": (lambda mark: named("paddle.nn", "Linear"), r"asks for paddle\.nn\.Linear"),
    "asks for the state of a generator": (
        lambda mark: named("paddle.base.libpaddle", "GeneratorState"),
        r"asks for paddle\.base\.libpaddle\.GeneratorState",
    ),
    "refers to objects outside": (lambda mark: b"\x80\x02X\x01\x00\x00\x00aQ.", "refers to objects outside"),
    "uses an extension code": (lambda mark: b"\x80\x02\x82\x01.", "uses the pickle opcode EXT1"),
    "shares tuples without end": (lambda mark: shared_tuples(60), "nests its data"),
    "nests without end": (lambda mark: b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b".", "nests its data"),
    "holds itself": (lambda mark: b"\x80\x02]q\x00h\x00a.", "contains itself"),
    "announces more than there is": (lambda mark: b"\x80\x02X\xff\xff\xff\x7fabc.", "damaged or cut short"),
    "holds a number without end": (
        lambda mark: b"\x80\x02\x8b" + struct.pack("<i", 1 << 20) + b"\x01" * (1 << 20) + b".",
        "holds an integer of 1048576 bytes",
    ),
    "takes steps without end": (lambda mark: b"\x80\x02" + b"N0" * 1_100_000 + b"N.", "takes more than .* steps"),
    "shares a list of arrays": (
        lambda mark: pickle.dumps({"w": [[np.zeros(1, "f4")] * 3000] * 3200}, 4),
        r"w is not an array|does not fit this optimizer",
    ),
    "calls with a thousand arguments": (
        lambda mark: b"\x80\x02" + WIDE + b"q\x000" + RECONSTRUCT + b"q\x010" + b"h\x01h\x00R0" * 100 + b"N.",
        "calls something with 1000 arguments",
    ),
    "has numbers in tuples as keys": (
        lambda mark: b"\x80\x02}K\x01K\x02\x86Ns.",
        "uses keys that are not plain text or numbers",
    ),
    "has a key of a megabyte": (
        lambda mark: b"\x80\x02}" + text(b"a" * (1 << 20)) + b"Ns.",
        "uses keys that are not plain text or numbers",
    ),
    "is an archive with a sparse member": (lambda mark: sparse_tar(3 << 30), "with a sparse member"),
    "is an archive of many members": (lambda mark: many_members(5000), "of more than 1000 members"),
    "is a zip archive of many members": (lambda mark: large_directory(60_000), "with a directory too large"),
    "is in pieces": (
        lambda mark: pickle.dumps({"UnpackBigParamInfor@@": {}, "a": np.ones(1, "f4")}, 2),
        r"in pieces; save it again with paddle\.save",
    ),
    "has numbers of objects": (lambda mark: array((1,), "O8", bytes(8)), "numbers of the kind O8"),
    "has a shape beyond its numbers": (lambda mark: array((1 << 40,), "f4", bytes(4)), "elements in 4 bytes"),
    "has a negative shape": (lambda mark: array((-1,), "f4", bytes(4)), "has no shape"),
    "is cut short": (lambda mark: array((1,), "f4", bytes(4))[:-6], "damaged or cut short"),
    "is an archive that grows": (lambda mark: packed_tar(bytes(200 << 20)), "grows to more than 10 times"),
    "is a zip archive that grows": (lambda mark: packed_zip(bytes(200 << 20)), "would grow from"),
    "hides in an archive": (
        lambda mark: packed_tar(dumped(_Call(os.system, f"touch {mark}"))),
        "asks for .*system.*nothing was run",
    ),
    "is text": (lambda mark: b"import os\nos.system('true')\n", "is a text file"),
    "is a page of the web": (lambda mark: b"<!DOCTYPE html><html>not found</html>", "is a web page"),
    "is empty": (lambda mark: b"", "is empty"),
}


def convert(path, scenes) -> None:
    open_checkpoint(path)


def model_path(path, scenes) -> None:
    load_weights(Builder(load_config(scenes / "config.yml")).build("model"), path)


def pretrained(path, scenes) -> None:
    options = [f"model.backbone.pretrained={path}"]
    Builder(load_config(scenes / "config.yml", opts=options)).build("model")


def _resume(path, name) -> None:
    model = paddle.nn.Linear(2, 2)
    optimizer = paddle.optimizer.Momentum(parameters=model.parameters())
    folder = path.parent / "iter_1"
    checkpoint.save_checkpoint(folder, model, optimizer, {"iter": 1}, model)
    os.replace(path, folder / name)
    before = model.weight.numpy()
    try:
        checkpoint.load_checkpoint(folder, model, optimizer, model)
    finally:
        np.testing.assert_array_equal(model.weight.numpy(), before)


def resumed_weights(path, scenes) -> None:
    _resume(path, "model.pdparams")


def resumed_optimizer(path, scenes) -> None:
    _resume(path, "model.pdopt")


def resumed_average(path, scenes) -> None:
    _resume(path, "ema_model.pdparams")


# What only a reader of weights refuses.
OF_WEIGHTS = ("is in pieces",)
DOORS = (convert, model_path, pretrained, resumed_weights, resumed_optimizer, resumed_average)


@pytest.fixture
def mark(tmp_path):
    """What code in a file would make; and it has to be quick."""

    def too_long(*_):
        raise TimeoutError(f"more than {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    modules = set(sys.modules)
    yield tmp_path / "ran"
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    assert not (tmp_path / "ran").exists()
    assert "antigravity" not in set(sys.modules) - modules


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_attack(attack, door, mark, scenes):
    content, sentence = ATTACKS[attack]
    if door is resumed_optimizer and "archive" in attack:
        sentence = "is an archive; unpack it first|neither a PyTorch, a safetensors nor a Paddle file"
    if door is resumed_optimizer and attack in OF_WEIGHTS:
        pytest.skip("what an optimizer keeps is no table of arrays; tests/weights/test_checkpoint.py compares it")
    path = scenes / "sent.pdparams"
    path.write_bytes(content(mark))
    with pytest.raises(UserError, match=sentence) as error:
        door(path, scenes)
    assert "\n" not in str(error.value) and len(str(error.value)) < 700


@pytest.mark.parametrize("door", DOORS[:2])
def test_a_pipe_or_a_device_is_not_waited_for(door, mark, scenes):
    os.mkfifo(scenes / "pipe.pdparams")
    for path in (scenes / "pipe.pdparams", "/dev/zero"):
        with pytest.raises(UserError, match="is not a regular file"):
            door(path, scenes)


def test_a_random_state_with_code(mark):
    text = base64.b64encode(pickle.dumps([_Call(os.system, f"touch {mark}")])).decode("ascii")
    with pytest.raises(UserError, match=r"asks for .*system.*nothing was run"):
        random_state.restore_of_paddle(text)


@pytest.mark.parametrize(
    "text",
    ("[" * 100_000, '{"iter": 1', "\x00\x01", '{"iter": 1, "random_states": [{"data": "(1, 2)", "paddle": "seed 1"}]}'),
)
def test_a_damaged_record_of_the_run(text, tmp_path):
    model = paddle.nn.Linear(2, 2)
    optimizer = paddle.optimizer.Momentum(parameters=model.parameters())
    model(paddle.ones([1, 2])).sum().backward()
    optimizer.step()
    checkpoint.save_checkpoint(tmp_path / "iter_1", model, optimizer, {"iter": 1})
    (tmp_path / "iter_1/trainer.json").write_text(text)
    with pytest.raises(UserError, match=r"trainer\.json (is|are) damaged"):
        state = checkpoint.load_checkpoint(tmp_path / "iter_1", model, optimizer)
        random_state.restore(state["random_states"][0])


def test_paddle_itself_would_run_it(tmp_path):
    """Why this package reads files itself. Should this fail one day, Paddle has learned to refuse."""
    (tmp_path / "model.pdparams").write_bytes(pickle.dumps({"x": _Call(os.system, f"touch {tmp_path / 'ran'}")}))
    paddle.load(str(tmp_path / "model.pdparams"))
    assert (tmp_path / "ran").exists()


def test_what_paddle_saves_passes(tmp_path):
    layer = paddle.nn.Sequential(paddle.nn.Conv2D(3, 4, 1), paddle.nn.BatchNorm2D(4))
    schedule = paddle.optimizer.lr.PolynomialDecay(np.float64(0.1), 10)
    optimizer = paddle.optimizer.AdamW(schedule, parameters=layer.parameters())
    layer(paddle.rand([1, 3, 4, 4])).sum().backward()
    optimizer.step()
    schedule.step()
    for protocol in (2, 4):
        folder = tmp_path / f"iter_{protocol}"
        folder.mkdir()
        paddle.save(layer.state_dict(), str(folder / "model.pdparams"), protocol=protocol)
        paddle.save(optimizer.state_dict(), str(folder / "model.pdopt"), protocol=protocol)
        (folder / "trainer.json").write_text(json.dumps({"iter": 1}))
        assert checkpoint.load_checkpoint(folder, layer, optimizer) == {"iter": 1}
