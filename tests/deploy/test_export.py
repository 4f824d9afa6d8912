"""Exports against the live model, in Paddle Inference."""

import numpy as np
import paddle
import pytest

from paddleseg_ext.backbones import ResNet18_v1c
from paddleseg_ext.deploy import export as exporting
from paddleseg_ext.deploy.comparison import LIMIT
from paddleseg_ext.deploy.export import compare
from paddleseg_ext.deploy.predictor import Predictor, sample_input
from paddleseg_ext.errors import UserError
from paddleseg_ext.models import ISANet, PSANet, PSPNet
from tests.deploy.conftest import (
    SIZES,
    TINY,
    UNCOMPARED,
    draw,
    files_below,
    largest_difference,
    thin_psanet,
    write,
)
from tests.deploy.graphs import GRAPHS


def favor_first_class(model, by: float) -> None:
    bias = model.head.conv.bias
    bias.set_value(bias + paddle.to_tensor([by, 0.0, 0.0, 0.0, 0.0]))


@pytest.mark.parametrize("layout", [layout for _, layout in GRAPHS[PSANet]])
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


@pytest.mark.parametrize(("model_class", "layout"), [*GRAPHS[PSPNet], *GRAPHS[ISANet]])
def test_pspnet_and_isanet_of_any_size_give_the_live_logits_with_and_without_onednn(model_class, layout, tmp_path):
    """Also of features of a single row or cell, of a single local group of ISANet, of bins that overlap in PSPNet."""
    paddle.seed(0)
    arguments = {
        (PSPNet, "ssseg"): {"align_corners": True},
        (ISANet, "openseg"): {"down_factor": (4, 6)},
    }.get((model_class, layout), {})
    width = {"pp_out_channels": 16} if model_class is PSPNet else {"isa_channels": 8}
    model = model_class(5, ResNet18_v1c(output_stride=8, base_channels=8), layout=layout, **width, **arguments)
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


def test_an_export_in_the_other_format_replaces_the_program_of_the_first(older_format, tmp_path):
    model = thin_psanet()
    folder = tmp_path / "export"
    first = write(model, folder, output_op="none", form=UNCOMPARED)
    with older_format():
        write(model, folder, output_op="none", form=UNCOMPARED)
    assert sorted(path.name for path in folder.iterdir()) == ["deploy.yaml", "model.pdiparams", "model.pdmodel"]
    assert write(model, folder, output_op="none", form=UNCOMPARED).model == first.model
    assert sorted(path.name for path in folder.iterdir()) == sorted(["deploy.yaml", "model.pdiparams", first.model])


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


def test_an_export_that_differs_is_refused_and_harms_nothing(tmp_path, monkeypatch):
    model = thin_psanet()
    folder = tmp_path / "export"
    write(model, folder, output_op="softmax")
    (folder / "notes.txt").write_text("mine")
    before = files_below(tmp_path)
    paddle_save = paddle.jit.save

    def save_and_change_the_live_model(*arguments, **keywords):
        paddle_save(*arguments, **keywords)
        favor_first_class(model, 0.01)

    monkeypatch.setattr(exporting.paddle.jit, "save", save_and_change_the_live_model)
    with pytest.raises(UserError, match=r"differs from the live one by .*; nothing was written"):
        write(model, folder, output_op="softmax")
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("output_op", ["argmax", "softmax", "none"])
def test_compare_sees_a_changed_weight(output_op, tmp_path):
    model = thin_psanet()
    deploy = write(model, tmp_path / "export", output_op=output_op, form=UNCOMPARED)
    assert compare(deploy, model) <= LIMIT
    favor_first_class(model, 1.0)
    with pytest.raises(UserError, match="differs"):
        compare(deploy, model)


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
