"""Bilinear resizes in exports."""

import paddle
import pytest
from paddleseg import models as theirs
from paddleseg.models import ResNet18_vd

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
