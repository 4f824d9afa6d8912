"""Each command opens each file of weights once, and reads it without running anything."""

import ast
import collections
import pickle
import sys
from pathlib import Path

import paddle
import pytest

from paddleseg_ext.commands import export, predict, train, val
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config

ROOT = Path(__file__).resolve().parents[2]


COMMANDS = {"train": train, "val": val, "predict": predict, "export": export}
WEIGHTS = (".pdparams", ".pdopt", ".pdiparams", ".pth", ".safetensors", ".tar.gz")
# While a command runs: the files that were there before, and how often it opened each of them.
there: set = set()
opened: collections.Counter = collections.Counter()


def note(event: str, arguments: tuple) -> None:
    """Python's own report of each ``open``, whoever calls it."""
    if event == "open" and str(arguments[0]) in there:
        opened[Path(arguments[0]).name] += 1


sys.addaudithook(note)


@pytest.fixture
def opens(weights, monkeypatch):
    """Run a command; returns {file name: how often it opened it} of the weights that were there before."""

    def refuse(*_, **__):
        raise AssertionError("a reader that runs what is in a file was called")

    def run(name: str, *words: object) -> dict:
        opened.clear()
        there.update(str(path) for path in weights.rglob("*") if path.suffix in WEIGHTS)
        with monkeypatch.context() as patch:
            patch.setattr(paddle, "load", refuse)
            patch.setattr(pickle, "load", refuse)
            patch.setattr(pickle, "Unpickler", refuse)
            COMMANDS[name].main([str(word) for word in words])
        there.clear()
        return dict(opened)

    yield run
    there.clear()


@pytest.fixture
def weights(scenes) -> Path:
    """A folder with ``model.pdparams`` of the model of ``config.yml``, and ``backbone.pdparams`` of its backbone."""
    model = Builder(load_config(scenes / "config.yml")).build("model")
    paddle.save(model.state_dict(), str(scenes / "model.pdparams"))
    paddle.save(model.backbone.state_dict(), str(scenes / "backbone.pdparams"))
    return scenes


def test_training_from_pretrained_weights_and_its_resume(weights, opens):
    settings = ["--config", weights / "config.yml", "--device", "cpu", "--save_dir", weights / "out", "--use_ema"]
    options = ["--opts", f"model.backbone.pretrained={weights / 'backbone.pdparams'}"]
    assert opens("train", *settings, "--iters", 1, *options) == {"backbone.pdparams": 1}
    # The whole model comes from the checkpoint, so the backbone's file is not opened.
    assert opens("train", *settings, "--iters", 2, "--resume_model", weights / "out/iter_1", *options) == {
        "model.pdparams": 1,
        "model.pdopt": 1,
        "ema_model.pdparams": 1,
    }


def test_whole_models_as_pretrained_weights(weights, opens):
    settings = ["--config", weights / "config.yml", "--device", "cpu", "--save_dir", weights / "out", "--iters", 1]
    options = [f"model.pretrained={weights / 'model.pdparams'}"]
    options += [f"model.backbone.pretrained={weights / 'backbone.pdparams'}"]
    assert opens("train", *settings, "--opts", *options) == {"model.pdparams": 1, "backbone.pdparams": 1}


def test_evaluation_prediction_and_export(weights, opens):
    settings = ["--config", weights / "config.yml", "--model_path", weights / "model.pdparams"]
    once = {"model.pdparams": 1}
    assert opens("val", *settings, "--device", "cpu") == once
    image = next(weights.rglob("*.jpg"), None) or next(path for path in weights.rglob("*.png"))
    assert opens("predict", *settings, "--device", "cpu", "--image_path", image, "--save_dir", weights / "p") == once
    assert opens("export", *settings, "--save_dir", weights / "exported") == once


# Names by which a program reads a file and runs what is in it.
FORBIDDEN = {"Unpickler", "_Unpickler"}
FORBIDDEN_OF = {
    "pickle": {"load", "loads"},
    "_pickle": {"load", "loads"},
    "paddle": {"load"},
    "torch": {"load"},
    "joblib": {"load"},
    "dill": {"load", "loads"},
    "marshal": {"load", "loads"},
    "shelve": {"open"},
    "yaml": {"unsafe_load", "full_load"},
}


def forbidden(source: str) -> list[str]:
    """What of the above a file calls or imports."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names = FORBIDDEN | FORBIDDEN_OF.get(node.module or "", set())
            found += [f"{node.module}.{alias.name}" for alias in node.names if alias.name in names]
        elif isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr in FORBIDDEN or node.attr in FORBIDDEN_OF.get(owner, ()):
                found.append(f"{owner}.{node.attr}")
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("load"):
            found += [word.arg for word in node.keywords if word.arg == "allow_pickle"]
        elif isinstance(node, ast.Name) and node.id in FORBIDDEN:
            found.append(node.id)
    return found


def test_no_command_reaches_a_reader_that_runs_code():
    folders = ("paddleseg_ext", "tools", "deploy", "test_tipc", "custom_ops/paddleseg_ext_ops")
    files = [*ROOT.glob("*.py"), *(path for name in folders for path in (ROOT / name).rglob("*.py"))]
    assert len(files) > 100
    found = {str(path.relative_to(ROOT)): forbidden(path.read_text("utf-8")) for path in files}
    # The peers' programs write and read files of torch in an environment of their own, and no command imports them.
    peers = "paddleseg_ext/parity/peer_side/"
    assert not {path: names for path, names in found.items() if names and not path.startswith(peers)}


@pytest.mark.parametrize(
    "line",
    (
        "import pickle\npickle.loads(b'')",
        "from pickle import load",
        "import paddle\npaddle.load('a')",
        "from paddle import load",
        "class Mine(pickle.Unpickler): pass",
        "from pickle import Unpickler",
        "def f():\n    import numpy as np\n    np.load('a', allow_pickle=True)",
        "import yaml\nyaml.unsafe_load('')",
    ),
)
def test_each_of_them_is_seen(line):
    assert forbidden(line)
