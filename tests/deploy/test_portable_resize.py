"""Bilinear resizes in exports."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddleseg import models as theirs
from paddleseg.models import ResNet18_vd

from paddleseg_ext.deploy import portable_resize
from paddleseg_ext.deploy.portable_resize import portable_resizes
from tests.deploy.conftest import UNCOMPARED, largest_difference, settle, write


@pytest.mark.parametrize("align_corners", [False, True])
def test_paddlesegs_own_model_runs_with_onednn(align_corners, tmp_path):
    """Its bilinear resizes raise under oneDNN on Paddle 3.3, and 3.2 ignores their align_corners."""
    paddle.seed(0)
    model = theirs.PSPNet(5, ResNet18_vd(output_stride=8), pp_out_channels=16, align_corners=align_corners)
    settle(model)
    deploy = write(model, tmp_path / "export", output_op="none", input_shape=[-1, 3, 64, 96], form=UNCOMPARED)
    for onednn in (False, True):
        assert largest_difference(deploy, model, onednn, sizes=[(64, 96)]) <= 1e-4


@pytest.fixture
def wrong_onednn(monkeypatch):
    """oneDNN is wrong about every bilinear resize."""
    monkeypatch.setattr(portable_resize, "onednn_resizes_right", lambda align_corners: False)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("sides", [{"size": [9, 12]}, {"scale_factor": 2}, {"scale_factor": [1.5, 2]}])
def test_a_trilinear_resize_over_a_depth_of_one_is_the_bilinear_one(sides, align_corners, wrong_onednn, monkeypatch):
    x = paddle.to_tensor(np.random.RandomState(0).randn(2, 3, 5, 7).astype("float32"))
    expected = F.interpolate(x, **sides, mode="bilinear", align_corners=align_corners)
    own, modes = portable_resize._interpolate, []
    monkeypatch.setattr(
        portable_resize, "_interpolate", lambda *given, **more: modes.append(more["mode"]) or own(*given, **more)
    )
    with portable_resizes():
        resized = F.interpolate(x, **sides, mode="bilinear", align_corners=align_corners)
    assert modes == ["trilinear"]
    assert resized.shape == expected.shape
    np.testing.assert_allclose(resized.numpy(), expected.numpy(), rtol=0, atol=1e-6)


def test_other_resizes_stay_as_they_are(wrong_onednn):
    x, channels_last = paddle.rand([1, 3, 5, 7]), {"mode": "bilinear", "data_format": "NHWC"}
    for settings in ({"mode": "nearest"}, {"mode": "bicubic"}, {"mode": "area"}, channels_last):
        expected = F.interpolate(x, [9, 12], **settings)
        with portable_resizes():
            np.testing.assert_array_equal(F.interpolate(x, [9, 12], **settings), expected)


def test_paddle_is_as_it_was_afterwards():
    before = F.interpolate
    with pytest.raises(ZeroDivisionError), portable_resizes():
        assert F.interpolate is not before
        raise ZeroDivisionError
    assert F.interpolate is before
