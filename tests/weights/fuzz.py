"""Damaged and hostile checkpoints by the thousand: each reader raises its own error or succeeds, and nothing else.

The readers are those of the converter, of ``--model_path``, ``pretrained`` and ``--resume_model``: all that train.py,
val.py, predict.py and export.py open.

    python -m tests.weights.fuzz [--examples 2000] [--minutes 20] [--seed 0]

While a file is read the interpreter's audit hook allows no import, no code and no other file, a timer allows ten
seconds, and the address space may grow by 1 GB. What comes back is walked as a converter would.
"""

import argparse
import codecs
import io
import os
import pickle
import pickletools
import resource
import signal
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import paddle
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from paddleseg_ext.errors import UserError
from paddleseg_ext.weights.loading import read_weights
from paddleseg_ext.weights.paddle_file import read_generator_states
from paddleseg_ext.weights.weight_file import open_checkpoint, open_paddle_state
from tests.weights.torch_writer import (
    Call,
    Name,
    Tensor,
    Writer,
    parameter,
    save_legacy,
    save_members,
    save_zip,
    tensor,
)

SECONDS, MEMORY = 10, 1 << 30
# Python reads these tables when a codec is first used, whoever asks for it.
for codec in ("raw-unicode-escape", "unicode-escape", "cp437", "latin-1", "ascii", "utf-8"):
    codecs.lookup(codec)


def checkpoint():
    """What a training tool writes, in small."""
    shared = np.arange(24, dtype=np.float32)
    array = Call("numpy.core.multiarray", "_reconstruct", Name("numpy", "ndarray"), (0,), "b", state=(1, (1,), "abc"))
    return {
        "meta": {"epoch": 3, "lr": 0.1, "names": ["road", "ü"], "best": None, "big": 1 << 40, "set": {1, 2}},
        "state_dict": Call(
            "collections",
            "OrderedDict",
            [
                ["w", Tensor(shared, (4, 6), (6, 1))],
                ["t", parameter(Tensor(shared, (6, 4), (1, 6)))],
                ["h", tensor(np.ones((2, 2), np.uint16), "bfloat16")],
                ["n", tensor(np.int64(7))],
            ],
        ),
        "optimizer": {"state": {0: {"m": tensor(np.ones(3))}}, "groups": ({"betas": (0.9, 0.99)},)},
        "hub": {"a": array, "size": Call("torch", "Size", [1, 2]), "device": Call("torch", "device", "cuda", 0)},
    }


def whole_files(folder):
    """{name: bytes} of valid files of every format."""
    path = folder / "seed"
    files = {}
    for protocol in (2, 4):
        for name, save in (("zip", save_zip), ("legacy", save_legacy)):
            save(checkpoint(), path, protocol=protocol)
            files[f"{name}{protocol}"] = path.read_bytes()
    save_zip(checkpoint(), path, compression=zipfile.ZIP_DEFLATED)
    files["deflated"] = path.read_bytes()
    header = b'{"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},'
    header += b'"b":{"dtype":"BF16","shape":[1],"data_offsets":[8,10]}}'
    files["safetensors"] = len(header).to_bytes(8, "little") + header + bytes(10)
    paddle_path = folder / "seed.pdparams"
    paddle.save({"a": paddle.ones([2, 3]), "b": paddle.zeros([1], "int64")}, str(paddle_path))
    files["pdparams"] = paddle_path.read_bytes()
    layer = paddle.nn.Linear(2, 2)
    schedule = paddle.optimizer.lr.PolynomialDecay(np.float64(0.1), 10)
    optimizer = paddle.optimizer.Momentum(schedule, parameters=layer.parameters())
    layer(paddle.ones([1, 2])).sum().backward()
    optimizer.step()
    # The numbers in full precision that mixed precision keeps.
    state = {**optimizer.state_dict(), "master_weights": {layer.weight.name: layer.weight}}
    paddle.save(state, str(folder / "seed.pdopt"))
    files["pdopt"] = (folder / "seed.pdopt").read_bytes()
    files["generator states"] = pickle.dumps(paddle.get_rng_state(), 4)
    with tarfile.open(path, "w:gz") as archive:
        archive.add(paddle_path, "resnet/model.pdparams")
    files["tar.gz"] = path.read_bytes()
    with tarfile.open(path, "w") as archive:
        archive.add(paddle_path, "resnet/model.pdparams")
    files["tar"] = path.read_bytes()
    save_members([("model.pdparams", files["pdparams"])], path)
    files["paddle zip"] = path.read_bytes()
    return files


# Mutations of bytes

some_bytes = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"\xff" * 4, b"\xff" * 8, b"\x7f\xff\xff\xff", bytes(4), bytes(8), b"\x80\x04", b"PK\x01\x02", b"."]
    ),
)


@st.composite
def damaged(draw, wholes):
    content = bytearray(draw(st.sampled_from(wholes)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        how = draw(st.sampled_from(["flip", "set", "insert", "remove", "cut", "repeat"]))
        if how == "flip" and content:
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "set":
            value = draw(some_bytes)
            content[at : at + len(value)] = value
        elif how == "insert":
            content[at:at] = draw(some_bytes)
        elif how == "remove":
            del content[at : at + draw(st.integers(1, 64))]
        elif how == "cut":
            del content[at:]
        elif how == "repeat":
            content[at:at] = content[at : at + draw(st.integers(1, 64))] * draw(st.sampled_from([1, 2, 100]))
    return bytes(content)


# Mutations of opcodes

GLOBALS = [
    *(("torch._utils", f"_rebuild_{what}") for what in ("tensor", "tensor_v2", "tensor_v3", "parameter")),
    ("torch._tensor", "_rebuild_from_type_v2"),
    ("torch", "Size"),
    ("torch", "device"),
    ("torch", "FloatStorage"),
    ("torch", "bfloat16"),
    ("torch.storage", "UntypedStorage"),
    ("collections", "OrderedDict"),
    ("mmengine.logging.history_buffer", "HistoryBuffer"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    *(("builtins", name) for name in ("list", "tuple", "set", "frozenset", "dict", "bytes", "object", "getattr")),
    *(("builtins", name) for name in ("eval", "__import__")),
    ("os", "system"),
    ("copyreg", "_reconstructor"),
    ("paddle.base.libpaddle", "GeneratorState"),
    ("numpy.core.multiarray", "scalar"),
]
OPCODES = [opcode for opcode in pickletools.opcodes if opcode.name != "STOP"]


@st.composite
def random_opcode(draw):
    opcode = draw(st.sampled_from(OPCODES))
    code = opcode.code.encode("latin-1")
    if opcode.name in ("GLOBAL", "INST"):
        return code + "{}\n{}\n".format(*draw(st.sampled_from(GLOBALS))).encode()
    if opcode.name == "STACK_GLOBAL":
        names = (name.encode() for name in draw(st.sampled_from(GLOBALS)))
        return b"".join(b"X" + len(name).to_bytes(4, "little") + name for name in names) + code
    if opcode.arg is None:
        return code
    if opcode.arg.n >= 0:
        return code + draw(
            st.one_of(st.binary(min_size=opcode.arg.n, max_size=opcode.arg.n), st.just(bytes(opcode.arg.n)))
        )
    if opcode.arg.n == pickletools.UP_TO_NEWLINE:
        return (
            code
            + draw(st.sampled_from([b"0", b"1", b"-1", b"1e400", b"nan", b"9" * 400, b"'a'", b"text", b"\\u12"]))
            + b"\n"
        )
    width = {"1": 1, "8": 8}.get(opcode.arg.name[-1], 4)
    content = draw(st.sampled_from([b"", b"0", b"storage", b"cpu", b"text", b"b", b"latin1", b"\xff\xfe"]))
    size = draw(st.sampled_from([len(content)] * 6 + [0, (1 << 8 * width) - 1, 1 << 8 * width - 1]))
    return code + size.to_bytes(width, "little") + content


@st.composite
def reassembled(draw, pickles, storages):
    """A checkpoint whose pickle has its opcodes changed, in one of the three pickled formats."""
    chunks = list(draw(st.sampled_from(pickles)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(chunks) - 1))
        how = draw(st.sampled_from(["insert", "insert", "replace", "remove", "repeat", "move", "nest"]))
        if how == "insert":
            chunks[at:at] = draw(st.lists(random_opcode(), min_size=1, max_size=4))
        elif how == "replace":
            chunks[at] = draw(random_opcode())
        elif how == "remove" and len(chunks) > 1:
            del chunks[at]
        elif how == "repeat":
            chunks[at:at] = chunks[at : at + draw(st.integers(1, 12))] * draw(st.sampled_from([1, 2, 30, 1000]))
        elif how == "move":
            chunks.insert(draw(st.integers(0, len(chunks) - 1)), chunks.pop(at))
        elif how == "nest":
            chunks[at + 1 : at + 1] = [draw(st.sampled_from([b"\x85", b"2\x86", b"]q\x01h\x01a"]))] * draw(
                st.sampled_from([1, 50, 3000])
            )
    return packed(b"".join(chunks), storages, draw(st.sampled_from(["zip", "legacy", "paddle"])))


def packed(data, storages, kind):
    if kind == "paddle":
        return data
    if kind == "zip":
        file = io.BytesIO()
        save_members([("data.pkl", data), *((f"data/{key}", raw) for key, raw in storages.items())], file)
        return file.getvalue()
    heads = b"".join(pickle.dumps(head, 2) for head in (0x1950A86A20F9469CFC6C, 1001, {}))
    behind = b"".join((len(raw) // 4).to_bytes(8, "little") + raw for raw in storages.values())
    return heads + data + pickle.dumps(list(storages), 2) + behind


def opcode_chunks(data):
    places = [place for *_, place in pickletools.genops(data)] + [len(data)]
    return [data[begin:end] for begin, end in zip(places, places[1:])]


# What must hold

# Else Paddle takes the signals that say where a run hangs.
paddle.disable_signal_handler()
armed = None  # what may be opened while a file is read


def audit(event, arguments):
    if armed is None:
        return
    if event == "open":
        path = arguments[0]
        if isinstance(path, int) or str(path).startswith(armed):
            return
    elif event in ("import", "exec", "compile", "ctypes.dlopen") or event.startswith(
        ("os.exec", "subprocess", "socket")
    ):
        pass
    elif event not in ("os.system", "os.fork", "os.posix_spawn", "os.spawn", "pty.spawn"):
        return
    report = f"the reader did {event} {arguments!r}"[:300]
    os.write(2, report.encode() + b"\n")
    raise BaseException(report)


def walk(value):
    """By recursion, without remembering what was met: as simple as code that follows the reader may be."""
    if isinstance(value, dict):
        return sum(walk(inner) for inner in value.values())
    if isinstance(value, (list, tuple)):
        return sum(walk(inner) for inner in value)
    if isinstance(value, np.ndarray):
        assert not value.flags.writeable
        return value.astype(value.dtype).size
    return 0


def generator_states(path):
    try:
        return read_generator_states(path.read_bytes())
    except UserError as error:
        raise UserError(str(error).replace("The state of the random generators", str(path))) from error


READERS = (open_checkpoint, read_weights, open_paddle_state, generator_states)


def check(path):
    """The names of the readers that took the file."""
    global armed
    modules = set(sys.modules)
    armed = tempfile.gettempdir()
    read = []
    for reader in READERS:
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            walk(reader(path))
            read.append(reader.__name__)
        except UserError as error:
            message = str(error)
            assert message.startswith(str(path)) and message.endswith(".") and message.isprintable(), message
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    armed = None
    assert set(sys.modules) == modules, set(sys.modules) - modules
    return read


def too_slow(*_):
    raise TimeoutError(f"more than {SECONDS} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=0, help="continue with further seeds for so long")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = whole_files(folder)
        pickles, storages = [], {}
        for protocol in (2, 4):
            file = io.BytesIO()
            writer = Writer(file, protocol, legacy=False)
            writer.dump(checkpoint())
            pickles.append(opcode_chunks(file.getvalue()))
            storages = {key: array.tobytes() for key, array, _ in writer.storages.values()}
        pickles += [opcode_chunks(files[name]) for name in ("pdparams", "pdopt")]
        path = folder / "fuzzed"
        counts = {"read": 0, "refused": 0}

        def one(content):
            # The map of the last example may still be in use.
            path.unlink(missing_ok=True)
            path.write_bytes(content)
            read = check(path)
            counts["read" if read else "refused"] += 1
            return read

        def example(content):
            one(content)

        taken = {name: one(content) for name, content in files.items()}
        assert all(taken.values()), "a valid file is refused"
        assert {reader for readers in taken.values() for reader in readers} == {each.__name__ for each in READERS}

        sys.addaudithook(audit)
        signal.signal(signal.SIGVTALRM, too_slow)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
        end = time.monotonic() + 60 * options.minutes
        number = options.seed
        while True:
            strategy = st.one_of(damaged(list(files.values())), reassembled(pickles, storages))
            fuzz = settings(
                max_examples=options.examples,
                deadline=None,
                database=None,
                phases=[Phase.generate],  # shrinking what takes ten seconds takes for ever
                suppress_health_check=list(HealthCheck),
            )(given(strategy)(example))
            seed(number)(fuzz)()
            number += 1
            if time.monotonic() >= end:
                break
        print(f"{counts['read']} files read, {counts['refused']} refused, seeds {options.seed} to {number - 1}")


if __name__ == "__main__":
    main()
