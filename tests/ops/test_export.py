"""A small attention network as a program: to_static training, dynamic export, Paddle Inference."""

from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle import inference, nn

from paddleseg_ext.ops import library, point_wise_attention

SIZES = [(1, 4, 3, 3), (2, 4, 7, 5), (1, 4, 16, 17)]


class Attention(nn.Layer):
    """The operator right behind a 1x1 convolution, where Paddle 3 with oneDNN would hand it a blocked layout."""

    def __init__(self, psa_type: str, backend: str):
        super().__init__()
        self.feature = nn.Conv2D(4, 8, 1)
        self.logits = nn.Conv2D(4, 6 * 7, 1, bias_attr=False)
        self.psa_type, self.backend = psa_type, backend

    def forward(self, x):
        return point_wise_attention(self.feature(x), self.logits(x), self.psa_type, (6, 7), backend=self.backend)


@pytest.fixture(params=["collect", "distribute"])
def psa_type(request):
    return request.param


@pytest.fixture(params=["compiled", "native"])
def backend(request):
    return request.param


def export(net: nn.Layer, folder: Path) -> Path:
    net.eval()
    dynamic = [paddle.static.InputSpec([None, 4, None, None], "float32", name="x")]
    paddle.jit.save(net, str(folder / "model"), input_spec=dynamic)
    return next(path for path in folder.glob("model.*") if path.suffix in (".json", ".pdmodel"))


def predictor(program: Path, onednn: bool):
    config = inference.Config(str(program), str(program.with_suffix(".pdiparams")))
    config.disable_glog_info()
    if onednn:
        config.enable_mkldnn()
    else:
        config.disable_mkldnn()
    return inference.create_predictor(config)


def predict(runner, x: np.ndarray) -> np.ndarray:
    handle = runner.get_input_handle(runner.get_input_names()[0])
    handle.reshape(x.shape)
    handle.copy_from_cpu(x)
    runner.run()
    return runner.get_output_handle(runner.get_output_names()[0]).copy_to_cpu()


def test_dynamic_export_runs_in_paddle_inference_with_the_same_numbers(tmp_path, psa_type, backend):
    paddle.seed(0)
    net = Attention(psa_type, backend)
    program = export(net, tmp_path)
    for onednn in (False, True):
        runner = predictor(program, onednn)
        for size in SIZES:
            x = np.random.RandomState(1).randn(*size).astype("float32")
            difference = np.abs(predict(runner, x) - net(paddle.to_tensor(x)).numpy()).max()
            assert difference < 2e-5, f"oneDNN {onednn}, {size}: {difference}"


def test_the_copy_before_the_operator_is_what_keeps_onednn_right(tmp_path, monkeypatch):
    """Pins the reason for the copy: the day this fails on every supported Paddle, it can go."""
    if paddle.__version__.startswith("2."):
        pytest.skip("Paddle 2 gives the operator the plain layout by itself")
    monkeypatch.setattr(paddle, "assign", lambda x: x)
    net = Attention("collect", "compiled")
    runner = predictor(export(net, tmp_path), onednn=True)
    x = np.random.RandomState(1).randn(1, 4, 8, 8).astype("float32")
    assert np.abs(predict(runner, x) - net(paddle.to_tensor(x)).numpy()).max() > 1e-2


def test_to_static_trains_with_the_same_gradients(psa_type, backend):
    paddle.seed(1)
    dygraph, static = Attention(psa_type, backend), Attention(psa_type, backend)
    static.set_state_dict(dygraph.state_dict())
    static = paddle.jit.to_static(static)
    x = paddle.to_tensor(np.random.RandomState(2).randn(2, 4, 6, 5).astype("float32"))
    for net in (dygraph, static):
        (net(x) ** 2).mean().backward()
    for ours, theirs in zip(dygraph.parameters(), static.parameters()):
        assert np.abs(ours.grad.numpy()).max() > 0
        np.testing.assert_allclose(theirs.grad.numpy(), ours.grad.numpy(), rtol=1e-5, atol=1e-7)


def test_a_registered_library_is_told_by_its_path():
    path = library.load()
    assert path is not None and path.is_file() and library.load() == path
