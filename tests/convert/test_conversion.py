"""Whole state dicts of the published implementations under our names, and every way in which one may not fit."""

import copy

import numpy as np
import pytest

from paddleseg_ext.config.config import load_config
from paddleseg_ext.convert import convert_weights
from paddleseg_ext.convert.implementations import IMPLEMENTATIONS
from paddleseg_ext.convert.names import our_name, their_name
from paddleseg_ext.convert.settings import settings_of
from paddleseg_ext.convert.target import target_of_config
from paddleseg_ext.errors import UserError
from tests.convert.state_dicts import KEYS, model_of, state_dict, write_yaml


@pytest.fixture
def described(tmp_path):
    """``described(name, **changes) -> path``: the YAML of a state dict, with other settings in its model."""

    def write(name, classes=19, **changes):
        return write_yaml(tmp_path, {**model_of(name), **changes}, classes)

    return write


def refusal(*arguments, **settings):
    """The message of the error."""
    with pytest.raises(UserError) as caught:
        convert_weights(*arguments, **settings)
    return str(caught.value)


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


PSANET = "ssseg_psanet_50_os8"


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


def test_another_model(described):
    message = refusal(state_dict("ssseg_pspnet_50_os8"), described(PSANET))
    assert "holds SSSegmentation's PSPNet, but model.type" in message and "is PSANet" in message


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


def test_a_configuration_is_left_as_it_was(described):
    config = load_config(described(PSANET, layout="mmseg"))
    before = copy.deepcopy(config.dic)
    refusal(state_dict(PSANET), config)
    assert config.dic == before


@pytest.mark.parametrize("name", ["ssseg_psanet_18_os8", "ssseg_isanet_18_os8", "mmseg_pspnet_18_os8"])
def test_any_shape_of_any_weight_is_told_of(name, described):
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
