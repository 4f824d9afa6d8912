"""``--data_format NHWC``."""

from types import SimpleNamespace

import pytest

from paddleseg_ext.config.config import load_config
from paddleseg_ext.config.data_format import use_nhwc
from paddleseg_ext.errors import UserError


def test_every_part_of_deeplabv3p_reads_nhwc():
    model = {"type": "DeepLabV3P", "backbone": {"type": "ResNet50_vd"}}
    config = SimpleNamespace(dic={"model": model, "loss": {"types": [{"type": "CrossEntropyLoss"}]}})
    use_nhwc(config)
    parts = (model, model["backbone"], *config.dic["loss"]["types"])
    assert [part["data_format"] for part in parts] == ["NHWC"] * 3


def test_a_model_that_reads_nchw_only(scenes):
    config = load_config(scenes / "config.yml")
    with pytest.raises(UserError, match="--data_format NHWC: PSPNet reads images as NCHW only"):
        use_nhwc(config)
    assert "data_format" not in config.dic["model"]
