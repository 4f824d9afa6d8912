"""The model that converted weights must fill."""

import copy

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.convert.target import target_of_config, target_of_model
from tests.convert.state_dicts import PSANET, refusal, state_dict


def test_another_model(described):
    message = refusal(state_dict("ssseg_pspnet_50_os8"), described(PSANET))
    assert "holds SSSegmentation's PSPNet, but model.type" in message and "is PSANet" in message


def test_a_configuration_is_left_as_it_was(described):
    config = load_config(described(PSANET, layout="mmseg"))
    before = copy.deepcopy(config.dic)
    refusal(state_dict(PSANET), config)
    assert config.dic == before


def test_a_model_shows_its_names_and_shapes(described):
    model = Builder(load_config(described("ssseg_pspnet_18_os8")), pretrained=False).build("model")
    found, expected = target_of_model(model), target_of_config(load_config(described("ssseg_pspnet_18_os8")))
    assert (found.model, found.shapes) == ("pspnet", expected.shapes) and found.settings == {}
    assert expected.settings["model.aux_channels"] == 64
