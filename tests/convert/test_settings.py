"""What the shapes of weights say about the YAML."""

import numpy as np
import pytest

from paddleseg_ext.config.config import load_config
from paddleseg_ext.convert.implementations import IMPLEMENTATIONS
from paddleseg_ext.convert.names import their_name
from paddleseg_ext.convert.settings import settings_of
from paddleseg_ext.convert.target import target_of_config
from tests.convert.state_dicts import PSANET, refusal, state_dict


@pytest.mark.parametrize(
    "changes, advice",
    [
        ({"mask_size": [66, 66]}, "model.mask_size: [97, 97]  (now [66, 66])"),
        ({"layout": "mmseg"}, "model.layout: ssseg  (now mmseg)"),
        ({"classes": 21}, "model.num_classes: 19  (now 21, and the data sets must have as many)"),
        ({"aux_channels": 256}, "model.aux_channels: 512  (now 256)"),
        ({"feats_channels": 256}, "model.feats_channels: 512  (now 256)"),
        ({"enable_auxiliary_loss": False}, "model.enable_auxiliary_loss: true  (now false)"),
        ({"psa_type": "collect"}, "model.psa_type: bi-direction  (now collect or distribute)"),
        ({"use_psa": False}, "model.use_psa: true  (now false)"),
        ({"backbone": {"type": "ResNet101_v1c"}}, "model.backbone.type: ResNet50_v1c  (now ResNet101_v1c)"),
        ({"backbone": {"type": "ResNet50_deepstem"}}, "model.backbone.type: ResNet50_v1c  (now ResNet50_deepstem)"),
        ({"backbone": {"type": "ResNet50_vd"}}, "model.backbone.type: ResNet50_v1c  (now ResNet*_vd of PaddleSeg)"),
        (
            {"backbone": {"type": "ResNet50_v1c", "base_channels": 32}},
            "model.backbone.base_channels: 64  (now 32)",
        ),
    ],
)
def test_says_what_the_yaml_should_say(changes, advice, described):
    message = refusal(state_dict(PSANET), described(PSANET, **changes))
    assert "SSSegmentation's PSANet" in message
    lines = [" ".join(line.split()) for line in message.splitlines()[1:]]
    assert " ".join(advice.split()) in lines
    if "backbone" not in changes:
        assert len(lines) == 1


@pytest.mark.parametrize(
    "name, changes, advice",
    [
        ("ssseg_pspnet_50_os8", {"pp_out_channels": 1024}, "model.pp_out_channels: 512"),
        ("ssseg_pspnet_50_os8", {"bin_sizes": [1, 2, 3]}, "model.bin_sizes: 4 sides"),
        ("ssseg_pspnet_50_os8", {"layout": "paddleseg"}, "model.layout: ssseg"),
        ("mmseg_isanet_50_os8", {"isa_channels": 128}, "model.isa_channels: 256"),
        ("mmseg_isanet_50_os8", {"layout": "ssseg"}, "model.layout: mmseg"),
        ("semseg_psanet_50_os8", {"mask_size": 59}, "model.mask_size: two sides whose product is 195"),
        (
            "openseg_isanet_50_os8",
            {"backbone": {"type": "ResNet50_deepstem"}},
            "model.backbone.contract_dilation: true",
        ),
        (
            "semseg_pspnet_50_os8",
            {"backbone": {"type": "ResNet50_deepstem", "contract_dilation": True}},
            "model.backbone.contract_dilation: false",
        ),
    ],
)
def test_of_every_head(name, changes, advice, described):
    assert f"  {advice} " in refusal(state_dict(name), described(name, **changes))


@pytest.mark.parametrize("name", ["ssseg_psanet_18_os8", "ssseg_isanet_18_os8", "mmseg_pspnet_18_os8"])
def test_any_shape_of_any_weight_is_reported(name, described):
    config = load_config(described(name))
    peer, model = name.split("_")[:2]
    shapes = target_of_config(config).shapes
    odd = ((), (0,), (5,), (3, 0, 2, 2), (1, 1, 1, 1, 1))
    for ours in shapes:
        for shape in odd:
            settings_of({**shapes, ours: shape}, model)
    state = state_dict(name)
    for ours, shape in zip([n for n in shapes if "backbone" not in n and n.endswith("conv.weight")], odd * 3):
        message = refusal(
            {**state, their_name(ours, IMPLEMENTATIONS[peer], model): np.zeros(shape, np.float32)}, config
        )
        assert "1 of another shape" in message or "the YAML should say" in message
