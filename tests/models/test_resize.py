import itertools

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle.static import InputSpec

from paddleseg_ext.models.resize import resize, spatial_size

SIZES = [((7, 9), (13, 17)), ((13, 17), (7, 9)), ((6, 8), (6, 8)), ((5, 1), (1, 6)), ((8, 10), (12, 16))]


def interpolate_axis(x, axis, count, align_corners):
    """One axis by NumPy's own linear interpolation, in float64."""
    length = x.shape[axis]
    at = (
        np.arange(count) * (length - 1) / max(count - 1, 1)
        if align_corners
        else ((np.arange(count) + 0.5) * length / count - 0.5)
    )
    return np.apply_along_axis(lambda line: np.interp(at, np.arange(length), line), axis, x)


@pytest.mark.parametrize(("sizes", "align_corners"), itertools.product(SIZES, (True, False)))
def test_matrix_form_equals_the_frameworks_resize(sizes, align_corners):
    source, target = sizes
    x = np.random.default_rng(0).standard_normal((2, 3, *source))
    actual = resize(paddle.to_tensor(x), target, paddle.to_tensor(align_corners)).numpy()
    exact = interpolate_axis(interpolate_axis(x, 2, target[0], align_corners), 3, target[1], align_corners)
    np.testing.assert_allclose(actual, exact, atol=1e-12)
    known = resize(paddle.to_tensor(x), target, align_corners).numpy()
    np.testing.assert_allclose(known, exact, atol=1e-12)
    single = resize(paddle.to_tensor(x.astype("float32")), target, align_corners).numpy()
    np.testing.assert_allclose(single, exact, atol=1e-5)


def test_matrix_form_of_align_mode_1_equals_the_frameworks():
    """PaddleSeg's ISANet resizes by that rule; a program does it by matrices."""
    x = paddle.rand([2, 3, 7, 9])
    for size in ((13, 17), (56, 72), (5, 4)):
        expected = F.interpolate(x, size=list(size), mode="bilinear", align_corners=False, align_mode=1)
        assert (resize(x, size, False, align_mode=1).numpy() == expected.numpy()).all()
        matrices = resize(x, size, paddle.to_tensor(False), align_mode=1)
        np.testing.assert_allclose(matrices.numpy(), expected.numpy(), atol=1e-5)


def test_known_sizes_use_the_frameworks_resize():
    x = paddle.rand([1, 2, 5, 6])
    expected = F.interpolate(x, size=[9, 4], mode="bilinear", align_corners=False)
    assert (resize(x, (9, 4), False).numpy() == expected.numpy()).all()


def test_spatial_size_is_ints_in_dygraph():
    assert spatial_size(paddle.zeros([1, 2, 3, 4])) == (3, 4)


class _Halve(paddle.nn.Layer):
    def forward(self, x):
        height, width = spatial_size(x)
        return resize(x, (height // 2, width // 2), height % 2 == 1)


def test_dynamic_graph_of_unknown_size(tmp_path):
    """One exported graph follows the size, and the align_corners, of what it is given."""
    paddle.seed(0)
    layer = paddle.jit.to_static(_Halve(), input_spec=[InputSpec([None, 3, None, None])], full_graph=True)
    paddle.jit.save(layer, str(tmp_path / "halve"))
    loaded = paddle.jit.load(str(tmp_path / "halve"))
    for size in ((12, 16), (13, 17), (13, 16)):
        x = paddle.rand([2, 3, *size])
        expected = F.interpolate(x, size=[size[0] // 2, size[1] // 2], mode="bilinear", align_corners=size[0] % 2 == 1)
        np.testing.assert_allclose(loaded(x).numpy(), expected.numpy(), atol=1e-6)


class _ConvolvedResize(paddle.nn.Layer):
    def __init__(self, align_corners):
        super().__init__()
        self.before = paddle.nn.Conv2D(3, 8, 3, padding=1)
        self.after = paddle.nn.Conv2D(8, 4, 1)
        self.align_corners = align_corners

    def forward(self, x):
        height, width = spatial_size(x)
        return self.after(resize(self.before(x), (height // 2 + 1, width // 2 + 1), self.align_corners))


@pytest.mark.parametrize("onednn", [False, True])
@pytest.mark.parametrize("align_corners", [False, True])
def test_paddle_inference_agrees(tmp_path, onednn, align_corners):
    """The framework's own resize fails this with oneDNN: wrong under align_corners on 3.2.2, an exception on 3.3.1."""
    from paddle import inference

    layer = _ConvolvedResize(align_corners)
    random = np.random.default_rng(0)
    inputs = [random.standard_normal((2, 3, *size)).astype("float32") for size in ((16, 24), (17, 23))]
    expected = [layer(paddle.to_tensor(x)).numpy() for x in inputs]
    graph = paddle.jit.to_static(layer, input_spec=[InputSpec([None, 3, None, None])], full_graph=True)
    paddle.jit.save(graph, str(tmp_path / "model"))
    (program,) = [path for path in tmp_path.iterdir() if path.suffix in (".json", ".pdmodel")]
    config = inference.Config(str(program), str(tmp_path / "model.pdiparams"))
    config.disable_gpu()
    config.disable_glog_info()
    (config.enable_mkldnn if onednn else config.disable_mkldnn)()
    predictor = inference.create_predictor(config)
    handle = predictor.get_input_handle(predictor.get_input_names()[0])
    for x, y in zip(inputs, expected):
        handle.reshape(x.shape)
        handle.copy_from_cpu(x)
        predictor.run()
        actual = predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()
        np.testing.assert_allclose(actual, y, atol=1e-4)
