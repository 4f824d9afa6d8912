"""Layouts of torch's implementations keep running variances as torch does; PaddleSeg's own as Paddle does."""

import copy

import numpy as np
import paddle
import pytest

from paddleseg_ext.models.running_variance import keep_unbiased_variance
from tests.models.small import LAYOUTS, small


def normalization(**settings):
    layer = paddle.nn.BatchNorm2D(3, **settings)
    layer._variance.set_value(np.array([0.5, 1.0, 2.0], "float32"))
    keep_unbiased_variance(layer)
    return layer


def batch(*shape):
    return paddle.to_tensor(np.random.default_rng(2).standard_normal(shape).astype("float32"), stop_gradient=False)


def expected(x, momentum=0.9, old=(0.5, 1.0, 2.0)):
    values = x.numpy().astype("float64").transpose(1, 0, 2, 3).reshape(3, -1)
    return momentum * np.array(old) + (1 - momentum) * values.var(axis=1, ddof=1)


@pytest.mark.parametrize("shape", [(2, 3, 1, 1), (2, 3, 4, 5)])
@pytest.mark.parametrize("momentum", [0.9, 0.6])
def test_unbiased_variance_joins_the_running_one(shape, momentum):
    layer, plain, x = normalization(momentum=momentum), paddle.nn.BatchNorm2D(3, momentum=momentum), batch(*shape)
    variance = layer._variance
    output = layer(x)
    np.testing.assert_allclose(variance.numpy(), expected(x, momentum), rtol=1e-6)
    assert layer._variance is variance
    # All else is the layer's own, to the bit.
    assert (output.numpy() == plain(x).numpy()).all()
    assert (layer._mean.numpy() == plain._mean.numpy()).all()


def test_gradients_are_the_layers_own():
    layer, plain, x, y = normalization(), paddle.nn.BatchNorm2D(3), batch(2, 3, 4, 5), batch(2, 3, 4, 5)
    for each, image in ((layer, x), (plain, y)):
        (each(image) ** 3).sum().backward()
    assert (x.grad.numpy() == y.grad.numpy()).all()
    assert (layer.weight.grad.numpy() == plain.weight.grad.numpy()).all()


def test_evaluation_and_a_single_value_leave_it():
    layer = normalization()
    layer.eval()
    layer(batch(2, 3, 4, 5))
    np.testing.assert_array_equal(layer._variance.numpy(), np.array([0.5, 1.0, 2.0], "float32"))
    layer.train()
    layer(batch(1, 3, 1, 1))
    np.testing.assert_array_equal(layer._variance.numpy(), np.array([0.5, 1.0, 2.0], "float32"))


def test_a_second_call_changes_nothing_more():
    layer, x = normalization(), batch(2, 3, 1, 1)
    keep_unbiased_variance(layer)
    layer(x)
    np.testing.assert_allclose(layer._variance.numpy(), expected(x), rtol=1e-6)


def test_a_copy_keeps_its_own():
    layer, x = normalization(), batch(2, 3, 1, 1)
    twin = copy.deepcopy(layer)
    twin(x)
    np.testing.assert_allclose(twin._variance.numpy(), expected(x), rtol=1e-6)
    np.testing.assert_array_equal(layer._variance.numpy(), np.array([0.5, 1.0, 2.0], "float32"))


@pytest.mark.parametrize("level", ["O1", "O2"])
def test_mixed_precision(level):
    layer, x = normalization(), batch(2, 3, 1, 1)
    with paddle.amp.auto_cast(level=level, dtype="bfloat16", custom_black_list={"batch_norm"}):
        layer(x)
    assert layer._variance.dtype == paddle.float32
    np.testing.assert_allclose(layer._variance.numpy(), expected(x), rtol=1e-6)


def test_training_as_a_static_graph():
    layer, x = normalization(), batch(2, 3, 1, 1)
    variance = layer._variance
    static = paddle.jit.to_static(paddle.nn.Sequential(layer), full_graph=True)
    for _ in range(2):
        static(x).sum().backward()
    np.testing.assert_allclose(variance.numpy(), expected(x, old=expected(x)), rtol=1e-6)


def following(model):
    return [getattr(layer, "_unbiased_variance", False) for layer in normalizations(model)]


def normalizations(model):
    return [layer for layer in model.sublayers() if isinstance(layer, paddle.nn.BatchNorm2D)]


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_by_layout(name, layout):
    assert set(following(small(name, layout))) == {layout not in ("paddleseg", "psanet_paddle")}


def test_layers_put_in_later_follow_once_training_starts():
    """``convert_sync_batchnorm`` replaces every normalization."""
    model = small("PSPNet", "mmseg")
    model.backbone.stem[1] = paddle.nn.BatchNorm2D(4)
    assert following(model).count(False) == 1
    model.train()
    assert all(following(model))


def test_synchronized_layers_follow():
    model = small("PSPNet", "ssseg")
    model = paddle.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    model.train()
    found = [layer for layer in model.sublayers() if isinstance(layer, paddle.nn.SyncBatchNorm)]
    assert len(found) > 20
    assert all(layer._unbiased_variance for layer in found)
