"""Where a checkpoint holds its weights, whose they are, and which checkpoints are refused."""

import numpy as np
import pytest

from paddleseg_ext.convert import convert_weights
from tests.convert.state_dicts import PSANET, refusal, state_dict


@pytest.mark.parametrize(
    "state, sentence",
    [
        (
            {"decode_head.image_pool.1.conv.weight": 1},
            "a checkpoint of mmsegmentation, but not of its PSPNet, PSANet or ISANet",
        ),
        (
            {"bert.encoder.weight": 1},
            "(first bert.encoder.weight) of no known implementation; known are SSSegmentation, mmsegmentation, semseg",
        ),
        ({}, "holds no weights"),
        ({"state_dict": {}}, "holds no weights"),
        ({"state_dict": {"a": "text"}}, "has a of type str among its weights"),
        ({"state_dict": {"layer0.0.weight": 1}, "secret": 3}, "holds an entry secret that no training script"),
        ({"backbone": {"layer0.0.weight": 1}}, "has backbone of type dict among its weights"),
        ({"net": {"a": 1}, "step": 3}, "if they are in its entry net, say --entry net"),
        ({"step": 3, "net": {"a": 1}, "teacher": {"a": 1}}, "say --entry net (others that hold tensors: teacher)"),
        (
            {"step": 3, "log": {"a": "text"}},
            "has step of type int among its weights; give what a training script saved",
        ),
    ],
)
def test_what_is_none_of_ours(state, sentence, described):
    def tensors(value):
        if isinstance(value, dict):
            return {key: tensors(inner) for key, inner in value.items()}
        return np.zeros(2, np.float32) if value == 1 else value

    assert sentence in refusal(tensors(state), described(PSANET))


def test_an_entry_of_another_name(described):
    held = {"epoch": 3, "net": dict(state_dict(PSANET))}
    assert "say --entry net" in refusal(held, described(PSANET))
    assert convert_weights(held, described(PSANET), entry="net").found.entry == "net"


@pytest.mark.parametrize("above", [("state_dict", "net"), ("model", "state_dict"), ("net", "module")])
def test_an_entry_within_an_entry(above, described):
    outer, inner = above
    held = {"epoch": 3, outer: {inner: dict(state_dict(PSANET))}}
    assert f"say --entry {outer}.{inner}" in refusal(held, described(PSANET))
    assert convert_weights(held, described(PSANET), entry=f"{outer}.{inner}").found.entry == f"{outer}.{inner}"


def test_an_empty_entry_is_passed_over(described):
    held = {"state_dict": {}, "net": dict(state_dict(PSANET))}
    assert "say --entry net" in refusal(held, described(PSANET))
    assert (
        convert_weights({"state_dict": {}, "model": dict(state_dict(PSANET))}, described(PSANET)).found.entry == "model"
    )


def test_without_batch_normalization(described):
    """mmsegmentation's norm_cfg=None: its convolutions have a bias, and nothing is normalized."""
    state = {key: value for key, value in state_dict("mmseg_pspnet_50_os8").items() if "running" not in key}
    message = refusal(state, described("mmseg_pspnet_50_os8"))
    assert "holds no running statistics: it was built without batch normalization" in message


@pytest.mark.parametrize("name", ["semseg_psanet_50_os8", "openseg_isanet_50_os8", "mmseg_pspnet_50_os8"])
def test_names_of_data_parallel_training(name, described):
    plain = state_dict(name)
    wrapped = {"epoch": 3, "optimizer": {}, "state_dict": {f"module.{key}": value for key, value in plain.items()}}
    if name.startswith("mmseg"):
        wrapped["meta"] = wrapped.pop("epoch")
    conversion, expected = convert_weights(wrapped, described(name)), convert_weights(plain, described(name))
    assert {n: array.flat[0] for n, array in conversion.weights.items()} == {
        n: array.flat[0] for n, array in expected.weights.items()
    }
    assert {"optimizer"} < set(conversion.found.left_out)


def test_entries(described):
    state, average = state_dict(PSANET), {key: value + 1000 for key, value in state_dict("ssseg_psanet_18_os8").items()}
    checkpoint = {"cur_epoch": 2, "cur_iter": 8, "optimizer": {}, "model": state, "model_ema": average}
    assert convert_weights(checkpoint, described(PSANET)).found.entry == "model"
    narrow = described("ssseg_psanet_18_os8")
    assert convert_weights(checkpoint, narrow, entry="model_ema").weights["head.conv.bias"].flat[0] >= 1000
    assert "say --entry model" in refusal({**checkpoint, "notes": 3}, described(PSANET))
    assert "notes" in convert_weights({**checkpoint, "notes": 3}, described(PSANET), entry="model").found.left_out
    message = refusal(checkpoint, described("ssseg_psanet_18_os8"), entry="ema")
    assert "has no entry ema that holds weights; entries that could: optimizer, model, model_ema" in message


def test_mmengines_second_set_of_weights(described):
    name = "mmseg_pspnet_18_os8"
    state = state_dict(name)
    other = {f"module.{key}": value + 1000 for key, value in state.items()}
    checkpoint = {"meta": {}, "state_dict": state, "ema_state_dict": {"steps": np.array(5), **other}}
    assert convert_weights(checkpoint, described(name)).weights["head.conv.bias"].flat[0] < 1000
    taken = convert_weights(checkpoint, described(name), entry="ema_state_dict")
    assert taken.weights["head.conv.bias"].flat[0] >= 1000 and "steps" in taken.found.left_out


def test_an_implementation_that_it_is_not(described):
    assert "not those of mmsegmentation" in refusal(state_dict(PSANET), described(PSANET), implementation="mmseg")
    assert convert_weights(state_dict(PSANET), described(PSANET), implementation="ssseg")


def test_inplace_abn_is_another_function(described):
    name = "openseg_isanet_101_os8"
    state = {key.replace("isa_head.1.0.", "isa_head.1."): value for key, value in state_dict(name).items()}
    message = refusal({"state_dict": state}, described(name))
    assert "inplace_abn" in message and "leaky ReLU" in message


@pytest.mark.parametrize("name", ["ssseg_psanet_50_os8", "mmseg_isanet_50_os8"])
def test_a_stem_of_one_convolution(name, described):
    prefix = "backbone_net." if name.startswith("ssseg") else "backbone."
    state = {key: value for key, value in state_dict(name).items() if "stem" not in key}
    state[f"{prefix}conv1.weight"] = np.zeros((64, 3, 7, 7), np.float32)
    assert "begins with one 7x7 convolution" in refusal(state, described(name))
