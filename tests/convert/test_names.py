"""Names of weights, from ours to an implementation's and back."""

import pytest

from paddleseg_ext.convert import convert_weights
from paddleseg_ext.convert.implementations import IMPLEMENTATIONS
from paddleseg_ext.convert.names import our_name, their_name
from tests.convert.state_dicts import refusal, state_dict


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_every_prefix_of_the_tables_goes_there_and_back(name):
    one = IMPLEMENTATIONS[name]
    for model in set(one.heads) - {"backbone"}:
        for ours in one.heads[model]:
            weight = f"{ours}._conv.weight"
            assert our_name(their_name(weight, one, model), one, model) == weight


def test_what_we_do_not_have_has_no_name():
    assert our_name("decode_head.strange.weight", IMPLEMENTATIONS["mmseg"], "pspnet") is None


def test_older_names_of_the_same_parts(described):
    state = state_dict("ssseg_pspnet_50_os8")
    older = {key.replace("ppm_net.bottleneck", "ppm_net.fuse_layer"): value for key, value in state.items()}
    assert convert_weights(older, described("ssseg_pspnet_50_os8")).origins[
        "head.psp_module.conv_bn_relu2._conv.weight"
    ] == ("ppm_net.fuse_layer.0.weight")
    state = state_dict("mmseg_isanet_50_os8")
    listed = {key.replace("auxiliary_head.", "auxiliary_head.0."): value for key, value in state.items()}
    assert convert_weights(listed, described("mmseg_isanet_50_os8"))
    both = {**state, **listed}
    assert "holds one weight twice" in refusal(both, described("mmseg_isanet_50_os8"))
