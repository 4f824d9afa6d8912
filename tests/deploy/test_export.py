"""Exports against the live model, in Paddle Inference."""

import itertools

import numpy as np
import paddle
import pytest
import yaml
from paddleseg import models as theirs
from paddleseg.models import ResNet18_vd

from paddleseg_ext.backbones import ResNet18_v1c
from paddleseg_ext.deploy import export as exporting
from paddleseg_ext.deploy.comparison import LIMIT
from paddleseg_ext.deploy.deploy_yaml import read_deploy
from paddleseg_ext.deploy.export import Form, compare, export, save_program
from paddleseg_ext.deploy.predictor import Predictor, sample_input
from paddleseg_ext.errors import UserError
from paddleseg_ext.models import ISANet, PSANet, PSPNet
from paddleseg_ext.pictures.visualize import palette
from tests.deploy.conftest import draw, files_below, settle

NAMES = ["a", "b", "c", "d", "e"]
SIZES = ((97, 129), (128, 96), (161, 113), (65, 113))
TINY = ((8, 8), (5, 40), (40, 7), (16, 16))
# For tests that hold the export to the live model themselves; comparing it before is half of what they take.
UNCOMPARED = Form(save_program, lambda deploy, model: 0.0)


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


def favour_first_class(model, by: float) -> None:
    bias = model.head.conv.bias
    bias.set_value(bias + paddle.to_tensor([by, 0.0, 0.0, 0.0, 0.0]))


@pytest.mark.parametrize("layout", ["psanet_paddle", "ssseg", "semseg"])
@pytest.mark.parametrize("ops", ["native", "compiled"])
def test_psanet_of_any_size_gives_the_live_logits_with_and_without_onednn(ops, layout, use_backend, tmp_path):
    use_backend(ops)
    model = thin_psanet(layout=layout)
    deploy = write(model, tmp_path / "export", output_op="none", form=UNCOMPARED)
    assert deploy.custom_ops == (("psamask",) if ops == "compiled" else ())
    assert deploy.input_shape == (-1, 3, -1, -1)
    assert largest_difference(deploy, model, onednn=False) <= 1e-4
    assert largest_difference(deploy, model, onednn=True) <= 1e-4


@pytest.mark.parametrize("ops", ["compiled", "native"])
@pytest.mark.parametrize("psa_type", ["collect", "distribute"])
def test_one_branch_psanet_of_fixed_size(psa_type, ops, use_backend, tmp_path):
    use_backend(ops)
    model = thin_psanet(psa_type=psa_type)
    deploy = write(model, tmp_path / "export", output_op="none", input_shape=[1, 3, 64, 96], form=UNCOMPARED)
    assert deploy.input_shape == (1, 3, 64, 96)
    for onednn in (False, True):
        assert largest_difference(deploy, model, onednn, sizes=[(64, 96)]) <= 1e-4


@pytest.mark.parametrize(
    ("model_class", "arguments"),
    [
        (PSPNet, {"layout": "paddleseg"}),
        (PSPNet, {"layout": "mmseg", "align_corners": True}),
        (PSPNet, {"layout": "semseg"}),
        (ISANet, {"layout": "paddleseg"}),
        (ISANet, {"layout": "ssseg"}),
        (ISANet, {"layout": "openseg", "down_factor": (4, 6)}),
    ],
)
def test_pspnet_and_isanet_of_any_size_give_the_live_logits_with_and_without_onednn(model_class, arguments, tmp_path):
    """Also of features of a single row or cell, of a single local group of ISANet, of bins that overlap in PSPNet."""
    paddle.seed(0)
    width = {"pp_out_channels": 16} if model_class is PSPNet else {"isa_channels": 8}
    model = model_class(5, ResNet18_v1c(output_stride=8, base_channels=8), **width, **arguments)
    draw(model)
    deploy = write(model, tmp_path / "export", output_op="none", form=UNCOMPARED)
    assert deploy.input_shape == (-1, 3, -1, -1)
    for onednn in (False, True):
        assert largest_difference(deploy, model, onednn, sizes=(*SIZES, *TINY, (32, 64))) <= 1e-4


@pytest.mark.parametrize("layout", ["ssseg", "semseg"])
def test_psanet_of_features_of_a_single_row_or_cell(layout, tmp_path):
    """oneDNN on Paddle 3 gives garbage for a matrix product over one element."""
    paddle.seed(0)
    backbone = ResNet18_v1c(output_stride=8, base_channels=8)
    model = PSANet(5, backbone, layout=layout, mask_size=(9, 11), feats_channels=16)
    draw(model)
    deploy = write(model, tmp_path / "export", output_op="none", form=UNCOMPARED)
    for onednn in (False, True):
        assert largest_difference(deploy, model, onednn, sizes=TINY) <= 1e-4


@pytest.mark.parametrize("align_corners", [False, True])
def test_paddlesegs_own_model_runs_with_onednn(align_corners, tmp_path):
    """Its bilinear resizes raise under oneDNN on Paddle 3.3, and 3.2 ignores their align_corners."""
    paddle.seed(0)
    model = theirs.PSPNet(5, ResNet18_vd(output_stride=8), pp_out_channels=16, align_corners=align_corners)
    settle(model)
    deploy = write(model, tmp_path / "export", output_op="none", input_shape=[-1, 3, 64, 96], form=UNCOMPARED)
    for onednn in (False, True):
        assert largest_difference(deploy, model, onednn, sizes=[(64, 96)]) <= 1e-4


@pytest.mark.parametrize("ops", ["compiled", "native"])
@pytest.mark.parametrize("model_class", [PSPNet, PSANet, ISANet])
def test_a_program_in_the_older_format_gives_the_live_logits_with_and_without_onednn(
    model_class, ops, use_backend, older_format, tmp_path
):
    if model_class is not PSANet and ops == "compiled":
        pytest.skip("only PSANet has a compiled operator")
    use_backend(ops)
    widths = {PSPNet: {"pp_out_channels": 16}, PSANet: {"mask_size": (9, 11), "feats_channels": 16}}
    paddle.seed(0)
    backbone = ResNet18_v1c(output_stride=8, base_channels=8)
    model = model_class(5, backbone, **widths.get(model_class, {"isa_channels": 8}))
    draw(model)
    with older_format():
        deploy = write(model, tmp_path / "export", output_op="none", form=UNCOMPARED)
        assert write(model, tmp_path / "labels", form=UNCOMPARED).output_op == "argmax"
    assert deploy.model == "model.pdmodel"
    assert deploy.custom_ops == (("psamask",) if model_class is PSANet and ops == "compiled" else ())
    for onednn in (False, True):
        assert largest_difference(deploy, model, onednn) <= 1e-4


def test_the_older_format_takes_enable_memory_optim(older_format, tmp_path):
    """deploy/python/README.md says so, to users of PaddleSeg's own infer.py."""
    model = thin_psanet()
    with older_format():
        deploy = write(model, tmp_path / "export", output_op="none", form=UNCOMPARED)
    config = paddle.inference.Config(str(deploy.folder / deploy.model), str(deploy.folder / deploy.params))
    config.disable_gpu()
    config.enable_memory_optim()
    loaded = paddle.inference.create_predictor(config)
    batch = sample_input((-1, 3, -1, -1), (97, 129))
    loaded.get_input_handle("x").reshape(batch.shape)
    loaded.get_input_handle("x").copy_from_cpu(batch)
    loaded.run()
    output = loaded.get_output_handle(loaded.get_output_names()[0]).copy_to_cpu()
    np.testing.assert_allclose(output, Predictor(deploy)(batch), atol=1e-4)


def test_an_export_in_the_other_format_replaces_the_program_of_the_first(older_format, tmp_path):
    model = thin_psanet()
    folder = tmp_path / "export"
    first = write(model, folder, output_op="none", form=UNCOMPARED)
    with older_format():
        write(model, folder, output_op="none", form=UNCOMPARED)
    assert sorted(path.name for path in folder.iterdir()) == ["deploy.yaml", "model.pdiparams", "model.pdmodel"]
    assert write(model, folder, output_op="none", form=UNCOMPARED).model == first.model
    assert sorted(path.name for path in folder.iterdir()) == sorted(["deploy.yaml", "model.pdiparams", first.model])


def test_what_the_older_format_cannot_say_is_named(older_format, tmp_path):
    class Rolling(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.conv = paddle.nn.Conv2D(3, 5, 1)

        def forward(self, x):
            return [paddle.roll(self.conv(x), 1, 2)]

    with older_format():
        if paddle.__version__.startswith("2."):
            pytest.skip("Paddle 2 has no newer format, and rolls in its own")
        with pytest.raises(UserError, match=r"Rolling calls roll, which Paddle .* FLAGS_enable_pir_api=0 .*2\.6\.2"):
            write(Rolling(), tmp_path / "export", output_op="none")


def test_output_op_decides_what_comes_out(tmp_path):
    model = thin_psanet()
    batch = sample_input((-1, 3, -1, -1), (64, 80), batch=2)
    with paddle.no_grad():
        logits = model(paddle.to_tensor(batch))[0]
    for output_op, expected in (
        ("argmax", paddle.argmax(logits, axis=1).numpy()),
        ("softmax", paddle.nn.functional.softmax(logits, axis=1).numpy()),
    ):
        deploy = write(model, tmp_path / output_op, output_op=output_op, form=UNCOMPARED)
        output = Predictor(deploy)(batch)
        assert str(output.dtype) == deploy.output_dtype
        assert output.shape == expected.shape
        np.testing.assert_allclose(output, expected, atol=1e-4)


def test_deploy_yaml_says_what_is_there(exported):
    content = yaml.safe_load((exported / "deploy.yaml").read_text())["Deploy"]
    assert sorted(path.name for path in exported.iterdir()) == sorted(
        [content["model"], content["params"], "deploy.yaml"]
    )
    assert (content["output_op"], content["output_dtype"]) == ("argmax", "int32")
    assert content["input_shape"] == [-1, 3, -1, -1]
    assert content["transforms"] == [{"type": "Normalize"}]
    deploy = read_deploy(exported / "deploy.yaml")
    assert deploy.class_names == [f"class {index}" for index in range(5)]
    np.testing.assert_array_equal(deploy.palette, palette(5))


def test_an_export_that_differs_is_refused_and_harms_nothing(tmp_path, monkeypatch):
    model = thin_psanet()
    folder = tmp_path / "export"
    write(model, folder, output_op="softmax")
    (folder / "notes.txt").write_text("mine")
    before = files_below(tmp_path)
    paddle_save = paddle.jit.save

    def save_and_change_the_live_model(*arguments, **keywords):
        paddle_save(*arguments, **keywords)
        favour_first_class(model, 0.01)

    monkeypatch.setattr(exporting.paddle.jit, "save", save_and_change_the_live_model)
    with pytest.raises(UserError, match=r"differs from the live one by .*; nothing was written"):
        write(model, folder, output_op="softmax")
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("output_op", ["argmax", "softmax", "none"])
def test_compare_sees_a_changed_weight(output_op, tmp_path):
    model = thin_psanet()
    deploy = write(model, tmp_path / "export", output_op=output_op, form=UNCOMPARED)
    assert compare(deploy, model) <= LIMIT
    favour_first_class(model, 1.0)
    with pytest.raises(UserError, match="differs"):
        compare(deploy, model)


def test_rounding_is_no_difference(tmp_path, capfd):
    """Logits in the ten thousands round by more than the limit, in the export as in the live model."""
    model = thin_psanet()
    weight = model.head.conv.weight
    weight.set_value(weight * 1e4)
    write(model, tmp_path / "export", output_op="none")
    assert "own rounding, float32 against float64" in "".join(capfd.readouterr())
    assert model.head.conv.weight.dtype == paddle.float32


def test_a_second_export_replaces_the_first_and_keeps_the_rest(tmp_path):
    model = thin_psanet()
    folder = tmp_path / "export"
    write(model, folder, output_op="softmax")
    (folder / "notes.txt").write_text("mine")
    assert write(model, folder, output_op="none").output_op == "none"
    assert (folder / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_compact_psanet_asks_for_its_size(tmp_path):
    model = thin_psanet(layout="ssseg", compact=True, mask_size=(8, 8), shrink_factor=1, size=(64, 64))
    deploy = write(model, tmp_path / "export", output_op="none", input_shape=[1, 3, 64, 64], form=UNCOMPARED)
    for onednn in (False, True):
        assert largest_difference(deploy, model, onednn, sizes=[(64, 64)]) <= 1e-4
    with pytest.raises(UserError, match="mask_size"):
        write(model, tmp_path / "open", output_op="none")
    assert not (tmp_path / "open").exists()


@pytest.mark.parametrize("shape", [[1, 3, 64], [1, 4, 64, 64], [1, 3, 0, 64]])
def test_impossible_input_shape(shape, tmp_path):
    with pytest.raises(UserError, match="--input_shape"):
        write(thin_psanet(), tmp_path / "export", input_shape=shape)
    assert list(tmp_path.iterdir()) == []
