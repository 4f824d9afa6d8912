"""Whole state dicts of the published implementations under our names, and every way in which one may not fit."""

import numpy as np
import pytest

from paddleseg_ext.config.config import load_config
from paddleseg_ext.convert import convert_weights
from paddleseg_ext.convert.implementations import IMPLEMENTATIONS
from paddleseg_ext.convert.names import our_name, their_name
from paddleseg_ext.convert.target import target_of_config
from tests.convert.state_dicts import KEYS, PSANET, refusal, state_dict, write_yaml


@pytest.mark.parametrize("name", sorted(KEYS))
def test_every_published_state_dict(name, described):
    state = state_dict(name)
    conversion = convert_weights(state, described(name))
    peer, model = name.split("_")[:2]
    assert (conversion.found.implementation.name, conversion.found.model) == (peer, model)
    target = target_of_config(load_config(described(name)))
    assert {n: array.shape for n, array in conversion.weights.items()} == target.shapes
    implementation = IMPLEMENTATIONS[peer]
    for ours, array in conversion.weights.items():
        theirs = their_name(ours, implementation, model)
        assert conversion.origins[ours] == theirs and our_name(theirs, implementation, model) == ours
        assert array.dtype == np.float32 and array.flat[0] == state[theirs].flat[0]
    # Nothing is forgotten: what is not used is a count of batches.
    assert set(state) == {*conversion.origins.values(), *conversion.found.left_out}
    assert all(n.endswith(".num_batches_tracked") for n in conversion.found.left_out)


def test_settings_that_mmsegmentation_notes_beside_the_weights(described):
    name = "mmseg_psanet_101_os8"
    state = state_dict(name)
    notes = (
        # 0.x, 1.x
        "backbone=dict(dilations=(1, 1, 1, 2), strides=(1, 2, 2, 1)), decode_head=dict(align_corners=True)",
        "backbone=dict(\n strides=(\n 1,\n 2,\n 2,\n 1,\n )), decode_head=dict(align_corners=True, mask_size=(97, 97))",
    )
    fitting = {"align_corners": True, "backbone": {"type": "ResNet101_v1c", "output_stride": 16}}
    for key, text in zip(("config", "cfg"), notes):
        checkpoint = {"state_dict": state, "meta": {key: text}}
        lines = [" ".join(line.split()) for line in refusal(checkpoint, described(name)).splitlines()[1:]]
        assert lines == ["model.backbone.output_stride: 16 (now 8)", "model.align_corners: true (now false)"]
        assert convert_weights(checkpoint, described(name, **fitting))


def test_notes_tell_the_sides_of_a_mask_that_is_no_square(described):
    name = "semseg_psanet_50_os8"
    theirs = {key: value for key, value in state_dict("mmseg_psanet_50_os8").items()}
    for key in ("attention", "attention_p"):
        theirs[f"decode_head.{key}.1.weight"] = state_dict(name)[f"psa.{key}.3.weight"]
    checkpoint = {"state_dict": theirs, "meta": {"cfg": "model = dict(decode_head=dict(mask_size=(\n 13,\n 15,\n )))"}}
    message = refusal(checkpoint, described("mmseg_psanet_50_os8", mask_size=[15, 13]))
    assert "model.mask_size: [13, 15]  (now [15, 13])" in message
    assert convert_weights(checkpoint, described("mmseg_psanet_50_os8", mask_size=[13, 15]))


def test_settings_that_openseg_notes(described):
    name = "openseg_isanet_101_os8"
    state = {"state_dict": state_dict(name), "config_dict": {"network": {"backbone": "deepbase_resnet101_dilated16"}}}
    assert "model.backbone.output_stride: 16" in refusal(state, described(name))


def test_a_misspelled_a_missing_and_a_misshapen_weight(described):
    state = state_dict(PSANET)
    state["porj.0.weight"] = state.pop("proj.0.weight")
    del state["reduce.1.bias"]
    state["surplus.weight"] = np.zeros(3, np.float32)
    state["backbone_net.layer4.2.conv3.weight"] = np.zeros((2048, 512, 3, 3), np.float32)
    message = refusal(state, described(PSANET))
    rows = [" ".join(line.split()) for line in message.splitlines()]
    assert "2 missing, 2 left over, 1 of another shape" in rows[0]
    assert "missing proj.0.weight [2048, 1024, 1, 1] nearest in the file: porj.0.weight" in rows
    assert "missing reduce.1.bias [512]" in rows
    assert "left over porj.0.weight [2048, 1024, 1, 1] nearest wanted: proj.0.weight" in rows
    assert any(row.startswith("left over surplus.weight [3]") for row in rows)
    (shape,) = [row for row in rows if row.startswith("shape backbone_net.layer4.2.conv3.weight [2048, 512, 3, 3]")]
    assert "wanted [2048, 512, 1, 1]" in shape


def test_the_table_stays_short(described):
    state = {key.replace("layer2", "layer5"): value for key, value in state_dict(PSANET).items()}
    count = sum("layer2" in key and not key.endswith("num_batches_tracked") for key in state_dict(PSANET))
    lines = refusal(state, described(PSANET)).splitlines()
    assert f"({count} missing, {count} left over, 0 of another shape)" in lines[0]
    assert [line.split()[0] for line in lines[1:]] == 6 * ["missing"] + 6 * ["left"] + ["and"]
    assert lines[-1] == f"  and {2 * count - 12} more"


def test_what_is_no_floating_point(described):
    state = state_dict(PSANET)
    state["proj.1.weight"] = np.zeros(2048, np.int8)
    assert "proj.1.weight is of int8" in refusal(state, described(PSANET))


def test_half_precision_and_float64_become_float32(described):
    state = state_dict(PSANET)
    state["proj.1.weight"] = np.full(2048, 0.1, np.float16)
    state["proj.1.bias"] = np.full(2048, 0.1, np.float64)
    weights = convert_weights(state, described(PSANET)).weights
    assert weights["psa.proj._batch_norm.weight"].dtype == weights["psa.proj._batch_norm.bias"].dtype == np.float32
    assert weights["psa.proj._batch_norm.weight"][0] == np.float16(0.1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite(value, described):
    state = state_dict("ssseg_psanet_18_os8")
    state["proj.1.weight"] = np.full_like(state["proj.1.weight"], value)
    message = refusal(state, described("ssseg_psanet_18_os8"))
    assert "not finite in 1 of its tensors (first proj.1.weight)" in message


def test_a_file_whose_second_half_was_not_written(described):
    state = state_dict("ssseg_psanet_18_os8")
    for number, (key, array) in enumerate(state.items()):
        if number > len(state) / 2:
            state[key] = np.zeros_like(array)
    remarks = convert_weights(state, described("ssseg_psanet_18_os8")).remarks
    assert any("are all zero (first " in remark and "may be damaged" in remark for remark in remarks)


def test_nothing_but_zeros(described):
    """Converted it would divide every feature by next to nothing."""
    state = {key: np.zeros_like(array) for key, array in state_dict("ssseg_psanet_18_os8").items()}
    message = refusal(state, described("ssseg_psanet_18_os8"))
    assert "holds nothing but zeros where running variances belong" in message
    name = next(key for key in state if key.endswith("running_var"))
    state[name] = state[name] + 1
    assert convert_weights(state, described("ssseg_psanet_18_os8"))


def test_paddles_own_names(described, tmp_path):
    own = {"type": "PSANet", "mask_size": 59, "backbone": {"type": "ResNet50_vd", "output_stride": 8}}
    shapes = target_of_config(load_config(write_yaml(tmp_path, own))).shapes
    state = {name: np.broadcast_to(np.float32(i + 1), shape) for i, (name, shape) in enumerate(shapes.items())}
    conversion = convert_weights(state, write_yaml(tmp_path, own))
    assert conversion.found.implementation.name == "psanet_paddle" and set(conversion.origins) == set(shapes)
    message = refusal(state, write_yaml(tmp_path, {**own, "layout": "ssseg"}))
    assert "model.layout: psanet_paddle  (now ssseg)" in message and "needs no conversion" in message
    for kind in ("PSPNet", "ISANet"):
        model = {"type": kind, "backbone": {"type": "ResNet50_vd", "output_stride": 8}}
        shapes = target_of_config(load_config(write_yaml(tmp_path, model))).shapes
        state = {name: np.ones(shape, np.float32) for name, shape in shapes.items() if "backbone" not in name}
        state.update({n: np.broadcast_to(np.float32(1), shape) for n, shape in shapes.items() if "backbone" in n})
        assert convert_weights(state, write_yaml(tmp_path, model)).found.implementation.name == "paddleseg"
        assert "model.layout: paddleseg" in refusal(state, write_yaml(tmp_path, {**model, "layout": "mmseg"}))
