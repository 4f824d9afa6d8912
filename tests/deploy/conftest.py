"""A thin PSANet, the YAML that describes it, exports of it, and a few pictures."""

import contextlib
import importlib.util
import itertools
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import paddle
import pytest
import yaml

from paddleseg_ext import cli
from paddleseg_ext.backbones import ResNet18_v1c
from paddleseg_ext.commands import export as export_command
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.deploy.deploy_yaml import read_deploy
from paddleseg_ext.deploy.export import Form, export, save_program
from paddleseg_ext.deploy.onnx_export import packages
from paddleseg_ext.deploy.predictor import Predictor, sample_input
from paddleseg_ext.errors import UserError
from paddleseg_ext.models import PSANet
from paddleseg_ext.ops import backend, library
from paddleseg_ext.parity.peer_side.draw import draw_weight
from paddleseg_ext.pictures.visualize import palette

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["a", "b", "c", "d", "e"]
SIZES = ((97, 129), (128, 96), (161, 113), (65, 113))
TINY = ((8, 8), (5, 40), (40, 7), (16, 16))
# For tests that hold the export to the live model themselves; comparing it before is half of what they take.
UNCOMPARED = Form(save_program, lambda deploy, model: 0.0)


def small_config(layout: str = "psanet_paddle") -> dict:
    """The content of a YAML: PSANet with five classes on a thin ResNet-18."""
    dataset = {"type": "Dataset", "dataset_root": ".", "num_classes": 5}
    return {
        "batch_size": 2,
        "iters": 6,
        "train_dataset": {**dataset, "train_path": "train.txt", "mode": "train", "transforms": [{"type": "Normalize"}]},
        "val_dataset": {**dataset, "val_path": "val.txt", "mode": "val", "transforms": [{"type": "Normalize"}]},
        "optimizer": {"type": "SGD"},
        "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.01},
        "loss": {"types": [{"type": "CrossEntropyLoss"}], "coef": [1, 0.4]},
        "model": {
            "type": "PSANet",
            "layout": layout,
            "backbone": {"type": "ResNet18_v1c", "output_stride": 8, "base_channels": 8},
            "mask_size": [9, 11],
            "feats_channels": 16,
        },
    }


def settle(model: paddle.nn.Layer, size: tuple = (97, 129)) -> None:
    """Give the batch norms the statistics of one batch, so that logits are of order 1 as in a trained model."""
    paddle.seed(0)
    norms = [layer for layer in model.sublayers() if isinstance(layer, paddle.nn.BatchNorm2D)]
    for norm in norms:
        norm._momentum = 0.0
    model.train()
    with paddle.no_grad():
        model(paddle.to_tensor(sample_input((-1, 3, -1, -1), size, batch=2)))
    model.eval()


def draw(model: paddle.nn.Layer) -> None:
    """Weights and statistics of the golden cases' kind, which keep activations of order 1 and rounding small."""
    for name, tensor in model.state_dict().items():
        torch_name = name.replace("_mean", "running_mean").replace("_variance", "running_var")
        tensor.set_value(draw_weight(torch_name, tensor.shape, 1))
    model.eval()


def thin_psanet(size=(97, 129), **arguments) -> PSANet:
    paddle.seed(0)
    backbone = ResNet18_v1c(output_stride=8, base_channels=8)
    model = PSANet(5, backbone, **{"mask_size": (9, 11), "feats_channels": 16, **arguments})
    settle(model, size)
    return model


def write(model, folder, **arguments):
    return read_deploy(export(model, folder, [{"type": "Normalize"}], NAMES, palette(5), **arguments))


def largest_difference(deploy, model, onednn: bool, sizes=SIZES) -> float:
    """Over every size, where the batch is open one and two images at once."""
    predictor = Predictor(deploy, onednn=onednn)
    worst = 0.0
    counts = (1, 2) if deploy.input_shape[0] == -1 else (1,)
    for size, count in itertools.product(sizes, counts):
        batch = sample_input(deploy.input_shape, size, count)
        with paddle.no_grad():
            expected = model(paddle.to_tensor(batch))[0].numpy()
        output = predictor(batch)
        assert output.shape == expected.shape
        worst = max(worst, float(np.abs(output - expected).max()))
    return worst


@pytest.fixture(scope="session")
def onnx_packages():
    """paddle2onnx, onnx and onnxruntime by name. Where one is missing the test fails: the `test` extra has them."""
    try:
        return packages()
    except UserError as error:
        if "cannot write ONNX" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.fixture
def use_backend(monkeypatch: pytest.MonkeyPatch):
    """Select a backend of the operator for one test."""

    def use(name: str) -> None:
        if name == "compiled" and library.load() is None:
            pytest.skip(f"no compiled operator: {library.why_not()}")
        monkeypatch.setenv(backend.VARIABLE, name)
        backend.selected_backend.cache_clear()

    yield use
    backend.selected_backend.cache_clear()


@pytest.fixture
def older_format():
    """A context in which Paddle writes programs as under FLAGS_enable_pir_api=0; Paddle 2 always does."""
    return getattr(getattr(paddle, "pir_utils", None), "DygraphOldIrGuard", contextlib.nullcontext)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``config.yml``, ``model.pdparams`` of settled weights, and ``photos/`` of three sizes."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "config.yml").write_text(yaml.safe_dump(small_config()))
    paddle.seed(1)
    model = Builder(load_config(folder / "config.yml"), pretrained=False).build("model")
    settle(model)
    paddle.save(model.state_dict(), str(folder / "model.pdparams"))
    rng = np.random.RandomState(3)
    for name, size in (("a.png", (64, 96)), ("b.jpg", (64, 96)), ("deep/er/c.bmp", (65, 49))):
        path = folder / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.randint(0, 256, (6, 7, 3)).astype(np.uint8)
        cv2.imwrite(str(path), cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC))
    return folder


@pytest.fixture(scope="session")
def exported(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's model, exported with labels as its output."""
    folder = tmp_path_factory.mktemp("exported") / "model"
    export_command.main(
        ["--config", str(project / "config.yml"), "--model_path", str(project), "--save_dir", str(folder)]
    )
    return folder


@pytest.fixture
def describe(project):
    """Write a YAML whose protocol is as given; returns the words that name it and the weights."""

    def write(steps, test_config) -> list:
        config = small_config("ssseg")
        config["val_dataset"].update(transforms=steps, dataset_root=str(project), val_path=str(project / "val.txt"))
        config["test_config"] = {key: value for key, value in test_config.items() if key != "align_corners"}
        config["model"]["align_corners"] = test_config.get("align_corners", False)
        path = project / "protocol.yml"
        path.write_text(yaml.safe_dump(config))
        return ["--config", str(path), "--model_path", str(weights_for(project, path))]

    return write


@pytest.fixture(scope="session")
def export_of(tmp_path_factory):
    """Export what ``words`` name for a case of ``PROTOCOLS``, once; returns the folder."""
    folder = tmp_path_factory.mktemp("exports")

    def once(case, words):
        if not (folder / case).exists():
            assert cli.run(export_command.main, [*words, "--save_dir", str(folder / case)]) == 0
        return folder / case

    return once


def weights_for(project, config):
    """Settled weights of the model in ``config``, made once."""
    path = project / "ssseg.pdparams"
    if not path.exists():
        paddle.seed(2)
        model = Builder(load_config(config), pretrained=False).build("model")
        settle(model)
        paddle.save(model.state_dict(), str(path))
    return path


def infer_words(exported: Path, project: Path, save_dir: Path, *more: str) -> list[str]:
    """The words of a command line of deploy/python/infer.py for the photos of the project."""
    config = str(exported / "deploy.yaml")
    return ["--config", config, "--image_path", str(project / "photos"), "--save_dir", str(save_dir), *more]


def refused(main, words: list[str], capfd: pytest.CaptureFixture) -> str:
    """The one line in which a command refuses ``words``."""
    capfd.readouterr()
    assert cli.run(main, words) == 1
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    return line


def assert_help_explains(script: str, flags: str) -> None:
    """Check that ``--help`` of a script of the repository names each flag, and shows an example."""
    environment = {**os.environ, "COLUMNS": "200"}
    command = [sys.executable, script, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0
    assert [flag for flag in flags.split() if f"--{flag}" not in done.stdout] == []
    assert "examples:\n  python " in done.stdout


@pytest.fixture(scope="session")
def infer() -> ModuleType:
    """``deploy/python/infer.py`` as a module."""
    spec = importlib.util.spec_from_file_location("deploy_python_infer", ROOT / "deploy" / "python" / "infer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def files_below(folder: Path) -> dict:
    """{relative name: bytes} of every file."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def predict_words(project: Path, save_dir: Path, *more: str) -> list[str]:
    """The words of a command line of predict.py for the photos of the project."""
    weights = ["--config", str(project / "config.yml"), "--model_path", str(project / "model.pdparams")]
    return [*weights, "--image_path", str(project / "photos"), "--save_dir", str(save_dir), "--device", "cpu", *more]
