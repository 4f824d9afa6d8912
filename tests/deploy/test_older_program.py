"""Programs in Paddle 2's format: their functions against themselves on tensors, and exports against the live model."""

import os
import subprocess
import sys

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from paddleseg_ext import cli
from paddleseg_ext.backbones import ResNet18_v1c
from paddleseg_ext.commands import predict
from paddleseg_ext.deploy.deploy_yaml import read_deploy
from paddleseg_ext.deploy.older_program import OLDER_FORMS, older_functions, refusing_function
from paddleseg_ext.deploy.predictor import Predictor, sample_input
from paddleseg_ext.errors import UserError
from paddleseg_ext.models import ISANet, PSANet, PSPNet
from tests.deploy.conftest import (
    ROOT,
    UNCOMPARED,
    draw,
    files_below,
    infer_words,
    largest_difference,
    predict_words,
    thin_psanet,
    write,
)

VALUES = np.random.RandomState(0).uniform(0.1, 0.9, (2, 4, 4)).astype(np.float32)
KEYWORDS = {"matmul": {"transpose_y": True}, "argmax": {"axis": 1, "dtype": "int32"}, "gelu": {"approximate": True}}


def called(name: str, x: paddle.Tensor) -> paddle.Tensor:
    function = getattr(paddle, name, None) or getattr(F, name)
    if name.startswith("logical"):
        arguments = (x > 0.5, x > 0.3)[: 1 if name == "logical_not" else 2]
    elif name in ("maximum", "minimum", "multiply", "greater_than", "bmm", "matmul"):
        arguments = (x, 1 - x)
    else:
        arguments = (x,)
    return function(*arguments, **KEYWORDS.get(name, {}))


def check_every_function() -> None:
    """What a child process runs: each function in an older program gives what it gives on tensors."""
    expected = {name: called(name, paddle.to_tensor(VALUES)).numpy() for name in OLDER_FORMS}
    paddle.enable_static()
    executor = paddle.static.Executor(paddle.CPUPlace())
    for name, values in expected.items():
        program = paddle.static.Program()
        with paddle.static.program_guard(program), older_functions():
            out = called(name, paddle.static.data("x", [-1, 4, 4], "float32"))
        assert isinstance(out, paddle.static.Variable), name
        (found,) = executor.run(program, feed={"x": VALUES}, fetch_list=[out])
        assert tuple(out.shape) == (-1, *values.shape[1:]), name
        assert found.dtype == values.dtype, name
        np.testing.assert_allclose(found, values, rtol=1e-6, err_msg=name)
    print(f"{len(expected)} functions")


def test_every_function_gives_in_an_older_program_what_it_gives_on_tensors():
    """FLAGS_enable_pir_api is read when Paddle is imported, so it takes a process of its own."""
    code = "from tests.deploy.test_older_program import check_every_function; check_every_function()"
    environment = {**os.environ, "FLAGS_enable_pir_api": "0", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", f"import paddleseg_ext; {code}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert f"{len(OLDER_FORMS)} functions" in done.stdout


def test_paddle_is_as_it_was_afterwards():
    before = paddle.matmul, F.sigmoid
    with older_functions():
        assert paddle.matmul is not before[0]
    assert (paddle.matmul, F.sigmoid) == before


def test_another_error_is_left_alone():
    assert refusing_function(TypeError("matmul(): argument 'x' must be Tensor, but got str")) is None
    assert refusing_function(TypeError("(InvalidType) roll(): argument (position 1) must be Value, but got Variable"))


def test_export_under_the_flag_for_older_programs(project, infer, tmp_path):
    """FLAGS_enable_pir_api is read when Paddle is imported, so it takes a process of its own."""
    words = [f"--config={project / 'config.yml'}", f"--model_path={project}", f"--save_dir={tmp_path / 'export'}"]
    environment = {**os.environ, "FLAGS_enable_pir_api": "0"}
    command = [sys.executable, "export.py", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert read_deploy(tmp_path / "export").model == "model.pdmodel"
    assert cli.run(predict.main, predict_words(project, tmp_path / "predict")) == 0
    expected = files_below(tmp_path / "predict")
    for onednn in ("False", "True"):
        words = infer_words(tmp_path / "export", project, tmp_path / onednn, "--enable_mkldnn", onednn)
        assert cli.run(infer.main, words) == 0
        assert files_below(tmp_path / onednn) == expected


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
