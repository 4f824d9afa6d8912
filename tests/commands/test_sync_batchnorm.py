"""Batch statistics over several cards: asked for only where there are several."""

from types import SimpleNamespace

import paddle
import pytest

from paddleseg_ext.commands.sync_batchnorm import convert_sync_batchnorm


@pytest.mark.parametrize(
    ("processes", "device", "converted"), [(2, "gpu:0", True), (1, "gpu:0", False), (2, "cpu", False)]
)
def test_only_several_cards(monkeypatch, processes, device, converted):
    monkeypatch.setattr(paddle.distributed, "ParallelEnv", lambda: SimpleNamespace(nranks=processes))
    monkeypatch.setattr(paddle, "get_device", lambda: device)
    model = paddle.nn.Sequential(paddle.nn.Conv2D(3, 4, 1), paddle.nn.BatchNorm2D(4))
    assert isinstance(convert_sync_batchnorm(model)[1], paddle.nn.SyncBatchNorm) == converted
