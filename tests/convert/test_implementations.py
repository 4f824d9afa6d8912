"""A published implementation is a file in ``implementations/`` and a row of ``layouts.py``: nothing else knows it."""

import ast
import json
from pathlib import Path

import numpy as np
import paddle
import pytest
import yaml

from paddleseg_ext import cli
from paddleseg_ext.commands.val import run_evaluation
from paddleseg_ext.config.config import load_config
from paddleseg_ext.convert import convert_weights
from paddleseg_ext.convert.__main__ import main
from paddleseg_ext.convert.implementation import Implementation, Known, Protocol
from paddleseg_ext.convert.implementations import IMPLEMENTATIONS
from paddleseg_ext.convert.names import our_name, their_name
from paddleseg_ext.convert.notes import Notes
from paddleseg_ext.convert.target import target_of_config
from paddleseg_ext.convert.unshown import table
from paddleseg_ext.errors import UserError
from paddleseg_ext.models import layouts
from tests.convert.narrow import describe, their_weights
from tests.convert.state_dicts import KEYS, write_yaml
from tests.weights.torch_writer import save_zip, tensor

PIXELS = {"mean": [0.4, 0.4, 0.4], "std": [0.2, 0.2, 0.2], "scale": 255, "channel_order": "BGR"}


def read_diary(checkpoint, model):
    """Notes in words that no other implementation has."""
    diary = checkpoint["diary"]
    return Notes(settings={"model.bin_sizes": diary["grids"]}, passed_over=sorted(set(diary) - {"grids"}))


def sharp_protocol(case):
    """A test at two scales, of pictures with a short side that follows from the number of classes."""
    assert case.model == "pspnet" and case.settings["model.bin_sizes"] == [1, 2, 4] and not case.is_cityscapes
    size = {"type": "ResizeByShort", "short_size": 48}
    return Protocol({"scales": [1.0, 1.5], "aug_eval": True}, [size], [{"type": "PadToSize", "size_divisor": 16}])


FIFTH = Implementation(
    name="fifth",
    title="FifthSegmentation",
    address="https://fifth.example",
    version="0.5",
    known_by=(Known("pspnet", ("trunk.", "pyramid.")),),
    family="trunk.",
    conv_bn=("c", "n"),
    backbone={"backbone.stem": "trunk.entrance", "backbone": "trunk"},
    heads={
        "pspnet": {
            "head.psp_module.stages": "pyramid.floors",
            "head.psp_module.conv_bn_relu2": ("pyramid.join", "pyramid.join_norm"),
            "head.conv": "label",
            "head.auxlayer.conv_bn_relu": "side",
            "head.auxlayer.conv": "side_label",
        }
    },
    aliases=(("tag.", "label."),),
    refused={"pyramid.gate.weight": "has a gate in its pyramid, which the PSPNet here does not have"},
    entry="network",
    left_out={"diary": "its diary"},
    left_out_weights={"clock": "its clock"},
    settings={"Normalize": PIXELS, "test_config.resize_once": False},
    noted=frozenset({"model.bin_sizes"}),
    read_notes=read_diary,
    protocol=sharp_protocol,
)
RIGHT = {"layout": "fifth", "bin_sizes": [1, 2, 4], "backbone": {"type": "ResNet18_v1c", "base_channels": 8}}


@pytest.fixture
def fifth(monkeypatch):
    """The row and the file, for one test."""
    monkeypatch.setitem(layouts.PSPNET, "fifth", layouts.PSPNetLayout(reversed_bins=True, aux_channels=64))
    monkeypatch.setitem(IMPLEMENTATIONS, "fifth", FIFTH)


@pytest.fixture
def weights(fifth, scenes):
    """Weights of its PSPNet under its names."""
    return their_weights(describe(scenes, **RIGHT), "fifth")


@pytest.fixture
def convert(scenes, capsys):
    """``convert(weights, YAML, *words) -> (exit code, stdout, stderr)`` of the command, for a file that holds them."""

    def run(weights, config, *words):
        held = {name: tensor(array) for name, array in weights.items()}
        diary = {"grids": [1, 2, 4], "weather": "rain"}
        save_zip({"network": held, "diary": diary}, scenes / "fifth.pth")
        capsys.readouterr()
        code = cli.run(main, [str(word) for word in (scenes / "fifth.pth", "--config", config, *words)])
        return (code, *capsys.readouterr())

    return run


def test_a_fifth_implementation_from_its_names_to_its_protocol(weights, convert, scenes):
    assert {"trunk.entrance.0.weight", "pyramid.floors.0.1.c.weight", "pyramid.join_norm.running_mean"} < set(weights)
    near = describe(scenes, layout="semseg", backbone={"type": "ResNet50_deepstem", "base_channels": 4})
    target, made = scenes / "w.pdparams", scenes / "made.yml"
    code, _, err = convert(weights, near, "--output", target)
    assert code == 1 and "holds FifthSegmentation's PSPNet with other settings" in err
    assert {"model.layout: fifth", "model.bin_sizes: [1, 2, 4]"} <= {
        line.split("  (now")[0].strip() for line in err.splitlines()
    }

    extra = {"clock": np.array(7, "int64")}
    code, out, err = convert({**weights, **extra}, near, "--output", target, "--write_config", made)
    assert code == 0, err
    assert "its clock" in out and "its diary" in out and "were not compared: weather" in out
    for name, value in paddle.load(str(target)).items():
        np.testing.assert_array_equal(np.asarray(value), weights[their_name(name, FIFTH, "pspnet")])
    record = json.loads((scenes / "w.pdparams.json").read_text())
    assert (record["source"], record["entry"]) == ("FifthSegmentation", "network")
    assert record["left_out"]["diary"] == record["left_out"]["clock"] == 1

    content = yaml.safe_load(made.read_text())
    assert (content["model"]["layout"], content["model"]["bin_sizes"]) == ("fifth", [1, 2, 4])
    assert content["test_config"] == {"scales": [1.0, 1.5], "aug_eval": True}
    steps = [step["type"] for step in content["val_dataset"]["transforms"]]
    assert steps == ["ResizeByShort", "Normalize", "PadToSize"]
    pixels = {key: value for key, value in PIXELS.items() if key != "scale"}
    assert content["val_dataset"]["transforms"][1] == {"type": "Normalize", **pixels}
    assert "test protocol are those of FifthSegmentation" in made.read_text()
    run_evaluation(str(made), str(target), device="cpu", opts=None, data_format="NCHW")


def test_what_a_fifth_implementation_says_of_its_names(weights, convert, scenes):
    right = describe(scenes, **RIGHT)
    old = {name.replace("label.", "tag.") if name.startswith("label.") else name: a for name, a in weights.items()}
    for flag in ("--implementation", "--source"):
        assert convert(old, right, "--dry-run", flag, "fifth")[0] == 0
    del weights["pyramid.join.weight"]
    assert "missing    pyramid.join.weight [16, " in convert(weights, right, "--dry-run")[2]
    gated = {**weights, "pyramid.gate.weight": weights["label.weight"]}
    assert "has a gate in its pyramid" in convert(gated, right, "--dry-run")[2]
    other = {name: array for name, array in weights.items() if not name.startswith("pyramid.")}
    assert "is a checkpoint of FifthSegmentation, but not of its PSPNet" in convert(other, right, "--dry-run")[2]
    assert any("FifthSegmentation" in line for line in table() if line.startswith("| `model.bin_sizes`"))


def test_without_its_file_a_fifth_implementation_is_nobody(scenes):
    path = describe(scenes)
    with pytest.raises(UserError, match="of no known implementation"):
        convert_weights({"trunk.a.weight": np.zeros(1), "pyramid.b.weight": np.zeros(1)}, path)
    assert "fifth" not in IMPLEMENTATIONS and "fifth" not in layouts.PSPNET
    assert not any("FifthSegmentation" in line for line in table())


def test_algorithms_compare_no_name_of_an_implementation():
    folder = Path(__file__).resolve().parents[2] / "paddleseg_ext" / "convert"
    for path in folder.glob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        words = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        assert not words & set(IMPLEMENTATIONS), path.name


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_every_implementation_is_known_by_its_own_names(name):
    one = IMPLEMENTATIONS[name]
    assert one.name == name and one.address.startswith("https://")
    tables = {"PSPNet": layouts.PSPNET, "PSANet": layouts.PSANET, "ISANet": layouts.ISANET}
    assert one.models == sorted(model.lower() for model, rows in tables.items() if name in rows)
    torch_models = {known.model for known in one.known_by if not known.paddle_names} - {"backbone"}
    assert torch_models == set(one.heads) - {"backbone"}


BACKBONE = "model.backbone."
NARROW = {
    "pspnet": {"type": "PSPNet", "pp_out_channels": 16},
    "psanet": {"type": "PSANet", "feats_channels": 16, "mask_size": [5, 5]},
    "isanet": {"type": "ISANet", "isa_channels": 8},
}


def test_every_model_of_torch_has_a_recorded_state_dict():
    """The names in ``keys.json.gz`` are the implementation's own; ``test_conversion.py`` converts each."""
    recorded = {tuple(name.split("_")[:2]) for name in KEYS}
    models = {(one.name, model) for one in IMPLEMENTATIONS.values() for model in one.heads if model != "backbone"}
    missing = sorted(models - recorded)
    assert not missing, f"{missing}: add the names and shapes of a state dict to keys.json.gz (see state_dicts.py)."


@pytest.mark.parametrize(
    ("name", "model"), [(one.name, model) for one in IMPLEMENTATIONS.values() for model in one.models]
)
def test_every_weight_of_a_narrow_model_comes_back(name, model, tmp_path):
    """Under the names of the tables, classifiers included; an implementation in Paddle has our names."""
    one = IMPLEMENTATIONS[name]
    backbone = {"type": "ResNet50_deepstem", "base_channels": 4}
    backbone.update({key[len(BACKBONE) :]: value for key, value in one.settings.items() if key.startswith(BACKBONE)})
    made = {"layout": name, "backbone": backbone, "aux_channels": 16, **NARROW[model]}
    path = write_yaml(tmp_path, made)
    target = target_of_config(load_config(path))
    names = {ours: their_name(ours, one, model) if one.heads else ours for ours in target.shapes}
    assert len(set(names.values())) == len(names)
    state = {names[ours]: np.full(shape, i + 1, "float32") for i, (ours, shape) in enumerate(target.shapes.items())}
    conversion = convert_weights({one.entry: state} if one.heads else state, path, implementation=name)
    assert (conversion.found.implementation, conversion.found.model) == (one, model)
    assert conversion.origins == names
    for i, (ours, shape) in enumerate(target.shapes.items()):
        np.testing.assert_array_equal(conversion.weights[ours], np.full(shape, i + 1))
        assert not one.heads or our_name(names[ours], one, model) == ours
