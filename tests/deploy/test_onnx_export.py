"""ONNX files against the live model, in onnxruntime."""

import importlib
import json
import os
import subprocess
import sys

import numpy as np
import paddle
import pytest

from paddleseg_ext import cli
from paddleseg_ext.backbones import ResNet18_v1c
from paddleseg_ext.commands import export as export_command
from paddleseg_ext.deploy import onnx_export
from paddleseg_ext.deploy.deploy_yaml import Deploy
from paddleseg_ext.deploy.export import export
from paddleseg_ext.deploy.onnx_export import OnnxPredictor, compare_onnx, onnx_form
from paddleseg_ext.deploy.predictor import sample_input
from paddleseg_ext.errors import UserError
from paddleseg_ext.models import ISANet, PSANet, PSPNet
from paddleseg_ext.pictures.visualize import palette
from tests.deploy.conftest import draw, files_below
from tests.deploy.graphs import GRAPHS

NAMES = ["a", "b", "c", "d", "e"]
SIZES = ((97, 129), (64, 64), (65, 113), (8, 8), (5, 40), (40, 7), (16, 16))
# Arguments beside the layout, so that each way to resize, to group and to attend is among the graphs.
ARGUMENTS = {
    (PSPNet, "ssseg"): {"align_corners": True},
    (ISANet, "openseg"): {"down_factor": (4, 6)},
    (PSANet, "semseg"): {"psa_type": "distribute"},
}
WIDTHS = {
    PSPNet: {"pp_out_channels": 16},
    ISANet: {"isa_channels": 8},
    PSANet: {"mask_size": (9, 11), "feats_channels": 16},
}


@pytest.fixture(autouse=True)
def _native(onnx_packages, use_backend):
    use_backend("native")


def thin(model_class, **arguments):
    paddle.seed(0)
    model = model_class(5, ResNet18_v1c(output_stride=8, base_channels=8), **WIDTHS[model_class], **arguments)
    draw(model)
    return model


def write(model, folder, opset=onnx_export.OPSET, **arguments):
    return export(model, folder, [{"type": "Normalize"}], NAMES, palette(5), form=onnx_form(opset), **arguments)


def live_logits(model, batch):
    with paddle.no_grad():
        return model(paddle.to_tensor(batch))[0].numpy()


@pytest.mark.parametrize(("model_class", "layout"), [one for each in GRAPHS.values() for one in each])
def test_any_size_and_batch_gives_the_live_logits(model_class, layout, tmp_path):
    """Also of features of a single row or cell, of bins that overlap in PSPNet, of one local group in ISANet."""
    model = thin(model_class, layout=layout, **ARGUMENTS.get((model_class, layout), {}))
    path = write(model, tmp_path / "e", output_op="none")
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]
    run = OnnxPredictor(path)
    for number, size in enumerate(SIZES):
        batch = sample_input((-1, 3, -1, -1), size, batch=1 + number % 2)
        expected, output = live_logits(model, batch), run(batch)
        assert output.dtype == np.float32
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-4)
        assert np.mean(output.argmax(axis=1) == expected.argmax(axis=1)) >= 0.9999
    assert expected.std() > 0.1


def test_the_file_is_onnx_of_its_own_says_how_to_use_it_and_nothing_is_installed(onnx_packages, tmp_path, monkeypatch):
    """paddle2onnx would: polygraphy, which folds constants for it, calls pip for a package that it misses."""
    model, called = thin(PSANet), tmp_path / "called"
    for name in ("Popen", "run", "call", "check_call", "check_output"):
        monkeypatch.setattr(subprocess, name, lambda words, **more: called.write_text(str(words)))
    monkeypatch.setattr(os, "system", called.write_text)
    graph = onnx_packages.onnx.load(write(model, tmp_path / "e", output_op="none", test_config={"align_corners": True}))
    assert not called.exists()
    onnx_packages.onnx.checker.check_model(graph, full_check=True)
    assert [(entry.domain, entry.version) for entry in graph.opset_import] == [("", onnx_export.OPSET)]
    assert {node.domain for node in graph.graph.node} == {""}
    (metadata,) = graph.metadata_props
    settings = json.loads(metadata.value)
    assert settings.pop("palette") == palette(5)[:5].tolist()
    assert settings == {
        "transforms": [{"type": "Normalize"}],
        "test_config": {"align_corners": True},
        "img_channels": 3,
        "input_shape": [-1, 3, -1, -1],
        "output_op": "none",
        "class_names": NAMES,
        "paddle_version": paddle.__version__,
    }


def test_output_op_decides_what_comes_out(tmp_path):
    model = thin(ISANet, layout="openseg")
    batch = sample_input((-1, 3, -1, -1), (65, 80), batch=2)
    logits = paddle.to_tensor(live_logits(model, batch))
    with paddle.no_grad():
        features = model.feature_logits(paddle.to_tensor(batch))[0]
    for output_op, dtype, expected in (
        ("argmax", "int32", paddle.argmax(logits, axis=1)),
        ("features", "float32", features),
    ):
        output = OnnxPredictor(write(model, tmp_path / output_op, output_op=output_op))(batch)
        assert output.dtype == dtype
        np.testing.assert_allclose(output, expected.numpy(), rtol=0, atol=1e-4)


def test_fixed_size_and_newest_operators(onnx_packages, tmp_path):
    opset = onnx_export.OPSETS[-1]
    path = write(thin(PSANet), tmp_path / "e", opset, input_shape=[2, 3, 64, 96], output_op="none")
    graph = onnx_packages.onnx.load(path)
    assert graph.opset_import[0].version == opset
    assert [side.dim_value for side in graph.graph.input[0].type.tensor_type.shape.dim] == [2, 3, 64, 96]
    assert OnnxPredictor(path)(sample_input((2, 3, 64, 96), (64, 96))).shape == (2, 5, 64, 96)


def test_a_wrong_graph_is_refused_and_harms_nothing(onnx_packages, tmp_path, monkeypatch):
    """As paddle2onnx is known to write them: a constant is another, and all else is well."""
    model = thin(ISANet)
    (tmp_path / "e").mkdir()
    (tmp_path / "e/model.onnx").write_text("an earlier one")
    before = files_below(tmp_path)
    converted, helper = onnx_export._converted, onnx_packages.onnx.numpy_helper

    def wrong(*arguments):
        graph = converted(*arguments)
        constants = [node.attribute[0].t for node in graph.graph.node if node.op_type == "Constant"]
        (bias,) = [constant for constant in constants if constant.dims == [5] and constant.data_type == 1]
        bias.CopyFrom(helper.from_array(helper.to_array(bias) + np.float32([0.01, 0, 0, 0, 0])))
        return graph

    monkeypatch.setattr(onnx_export, "_converted", wrong)
    with pytest.raises(UserError, match=r"differs from the live one by .*; nothing was written"):
        write(model, tmp_path / "e", output_op="none")
    assert files_below(tmp_path) == before


def test_a_file_that_does_not_run_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    deploy = Deploy(
        folder=tmp_path,
        model="model.onnx",
        params="",
        transforms=[],
        img_channels=3,
        input_shape=(1, 3, 32, 32),
        output_op="none",
        output_dtype="float32",
        custom_ops=(),
        class_names=NAMES,
        palette=palette(5),
        paddle_version="",
    )
    with pytest.raises(UserError, match="onnxruntime cannot run what paddle2onnx made of ISANet"):
        compare_onnx(deploy, thin(ISANet))


class WithoutCounterpart(paddle.nn.Layer):
    """A network with an operator that paddle2onnx aborts its process for."""

    def __init__(self):
        super().__init__()
        self.convolution = paddle.nn.Conv2D(3, 5, 1)

    def forward(self, x):
        return [paddle.lgamma(self.convolution(x))]


def test_what_has_no_counterpart_in_onnx_is_one_sentence_and_harms_nothing(tmp_path, capfd):
    with pytest.raises(UserError, match="cannot write this model as ONNX of opset 13: Due to the unsupp"):
        write(WithoutCounterpart(), tmp_path / "e")
    assert list(tmp_path.iterdir()) == []
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_custom_operator_is_refused(use_backend, tmp_path):
    use_backend("compiled")
    with pytest.raises(UserError, match="ONNX does not have psamask"):
        write(thin(PSANet), tmp_path / "e")
    assert list(tmp_path.iterdir()) == []


def command(project, save_dir, *more):
    words = ["--config", str(project / "config.yml"), "--model_path", str(project), "--save_dir", str(save_dir)]
    return cli.run(export_command.main, [*words, "--format", "onnx", *more])


def test_a_missing_package_is_one_sentence_with_the_cure(project, tmp_path, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert command(project, tmp_path / "e") == 1
    message = capfd.readouterr().err.splitlines()[-1]
    assert message.startswith("error: ONNX needs onnxruntime, ")
    assert message.endswith("run: python -m pip install -e '.[onnx]' -c constraints.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_paddle_that_cannot_write_it_is_one_sentence(project, tmp_path, monkeypatch, capfd):
    import_module = importlib.import_module

    def refuse(name, *more):
        if name == "paddle2onnx":
            raise ValueError("The paddlepaddle version should not be less than 3. Please install another.")
        return import_module(name, *more)

    monkeypatch.setattr(importlib, "import_module", refuse)
    assert command(project, tmp_path / "e") == 1
    assert capfd.readouterr().err.splitlines()[-1] == (
        f"error: Paddle {paddle.__version__} cannot write ONNX (paddle2onnx: The paddlepaddle version should not be "
        "less than 3); export with Paddle 3."
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--ops", "compiled"], "no ONNX runtime has the compiled operator"),
        (["--opset", "9"], "--opset"),
        (["--format", "paddle", "--opset", "13"], "--opset needs --format onnx"),
        (["--format", "tensorrt"], "--format"),
        (["--model_path", "{tmp}/none"], "none"),
    ],
)
def test_bad_input_is_one_sentence_and_harms_nothing(more, sentence, project, tmp_path, capfd):
    assert command(project, tmp_path / "e", *(word.format(tmp=tmp_path) for word in more)) == 1
    message = capfd.readouterr().err.splitlines()[-1]
    assert message.startswith("error: ")
    assert sentence in message
    assert list(tmp_path.iterdir()) == []
