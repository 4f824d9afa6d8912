"""What is noted beside weights, and that each thing noted is held against the YAML."""

import pytest
import yaml

from paddleseg_ext.convert import convert_weights
from paddleseg_ext.convert.implementations.mmseg import MMSEG
from paddleseg_ext.convert.implementations.openseg import OPENSEG
from paddleseg_ext.errors import UserError
from paddleseg_ext.weights.refusal import Refused
from tests.convert.state_dicts import model_of, state_dict, write_yaml

RESNET = "dict(type='ResNetV1c', depth=50, strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), contract_dilation=True)"
HEADS = {
    "psanet": "type='PSAHead', mask_size=(97, 97)",
    "pspnet": "type='PSPHead'",
    "isanet": "type='ISAHead', isa_channels=256",
}


def text_of(model: str, head: str = "", backbone: str = RESNET, network: str = "", rest: str = "") -> str:
    """A configuration of mmsegmentation, as it is noted."""
    return (
        f"model = dict(type='EncoderDecoder', backbone={backbone},\n    decode_head=dict({HEADS[model]}, in_index=3,\n"
        f"        norm_cfg=dict(type='SyncBN', requires_grad=True), {head}),\n"
        f"    auxiliary_head=dict(type='FCNHead', in_index=2, num_convs=1, concat_input=False), {network})\n{rest}"
    )


def remarks(checkpoint: dict, config) -> list:
    """What the conversion remarks, but for the pixels, which the small YAML has PaddleSeg's of."""
    return [line for line in convert_weights(checkpoint, config).remarks if " needs Normalize: " not in line]


def noted(model: str, **changes: str) -> dict:
    return MMSEG.read_notes({"meta": {"cfg": text_of(model, **changes)}}, model).settings


DEFAULTS = {
    "psanet": {
        "model.mask_size": [97, 97],
        "model.psa_type": "bi-direction",
        "model.compact": False,
        "model.shrink_factor": 2,
        "model.normalization_factor": 1.0,
        "model.psa_softmax": True,
    },
    "pspnet": {"model.bin_sizes": [1, 2, 3, 6]},
    "isanet": {"model.down_factor": [8, 8], "model.isa_channels": 256},
}


@pytest.mark.parametrize("model", DEFAULTS)
def test_what_a_head_leaves_out_has_mmsegmentations_default(model):
    assert noted(model) == {
        **DEFAULTS[model],
        "model.align_corners": False,
        "model.dropout": 0.1,
        "model.backbone_indices": [2, 3],
        "model.backbone.output_stride": 8,
        "model.backbone.contract_dilation": True,
    }


CHANGES = [
    ("psanet", "psa_type='collect'", "model.psa_type", "collect"),
    ("psanet", "compact=True", "model.compact", True),
    ("psanet", "psa_softmax=False", "model.psa_softmax", False),
    ("psanet", "normalization_factor=None", "model.normalization_factor", None),
    ("psanet", "normalization_factor=4.5", "model.normalization_factor", 4.5),
    ("psanet", "shrink_factor=4", "model.shrink_factor", 4),
    ("pspnet", "pool_scales=(1, 2, 3, 5)", "model.bin_sizes", [1, 2, 3, 5]),
    ("isanet", "down_factor=(4, 8)", "model.down_factor", [4, 8]),
    *((model, "align_corners=True", "model.align_corners", True) for model in HEADS),
    *((model, "dropout_ratio=0.2", "model.dropout", 0.2) for model in HEADS),
]


@pytest.mark.parametrize("model, head, key, value", CHANGES)
def test_a_setting_of_a_head_that_shapes_do_not_show(model, head, key, value, tmp_path):
    """Noted as it is, refused where the YAML says the default, converted where it says the same."""
    assert noted(model, head=head)[key] == value
    name = f"mmseg_{model}_50_os8"
    state = dict(state_dict(name))
    if value == "collect":
        state = {key: array for key, array in state.items() if "_p." not in key}
        shape = list(state["decode_head.proj.conv.weight"].shape)
        state["decode_head.proj.conv.weight"] = state["decode_head.proj.conv.weight"][:, : shape[1] // 2]
    described = model_of(name)
    checkpoint = {"state_dict": state, "meta": {"cfg": text_of(model, head=head)}}
    if value == "collect":
        described["psa_type"] = "distribute"
    with pytest.raises(UserError) as error:
        convert_weights(checkpoint, write_yaml(tmp_path, described))
    assert f"\n  {key}: " in str(error.value) and len(str(error.value).splitlines()) == 2
    fitting = {**described, key.partition(".")[2]: value}
    if value is True and key == "model.compact":
        fitting["mask_size"] = [97, 97]
    assert remarks(checkpoint, write_yaml(tmp_path, fitting)) == []


@pytest.mark.parametrize(
    "backbone, settings",
    [
        (RESNET.replace("(1, 2, 1, 1)", "(1, 2, 2, 1)").replace("(1, 1, 2, 4)", "(1, 1, 1, 2)"), {"output_stride": 16}),
        (RESNET.replace("(1, 2, 1, 1)", "(1, 2, 2, 2)").replace("(1, 1, 2, 4)", "(1, 1, 1, 1)"), {"output_stride": 32}),
        (RESNET.replace(", contract_dilation=True", ""), {"contract_dilation": False}),
    ],
)
def test_strides_and_dilations(backbone, settings, tmp_path):
    found = noted("pspnet", backbone=backbone)
    name = "mmseg_pspnet_50_os8"
    checkpoint = {"state_dict": state_dict(name), "meta": {"cfg": text_of("pspnet", backbone=backbone)}}
    for key, value in settings.items():
        assert found[f"model.backbone.{key}"] == value
        with pytest.raises(UserError, match=f"model.backbone.{key}: {str(value).lower()} "):
            convert_weights(checkpoint, write_yaml(tmp_path, model_of(name)))
    described = model_of(name)
    described["backbone"].update(settings)
    assert convert_weights(checkpoint, write_yaml(tmp_path, described))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"backbone": RESNET.replace("ResNetV1c", "ResNetV1d")}, "backbone.type=ResNetV1d"),
        ({"backbone": RESNET.replace("depth=50", "depth=50, style='caffe'")}, "backbone.style=caffe"),
        ({"backbone": RESNET.replace("depth=50", "multi_grid=(1, 2, 4)")}, "backbone.multi_grid="),
        ({"backbone": RESNET.replace("(1, 1, 2, 4)", "(1, 1, 2, 2)")}, "notes strides (1, 2, 1, 1) and dilations"),
        ({"backbone": RESNET.replace("depth=50", "norm_cfg=dict(type='BN', eps=0.001)")}, "norm_cfg.eps=0.001"),
        ({"head": "act_cfg=dict(type='LeakyReLU')"}, "decode_head.act_cfg.type=LeakyReLU"),
        ({"head": "input_transform='multiple_select'"}, "decode_head.input_transform=multiple_select"),
        ({"network": "test_cfg=dict(mode='whole')"}, None),
    ],
)
def test_what_no_yaml_can_say(changes, words):
    if words is None:
        assert noted("pspnet", **changes)["test_config.is_slide"] is False
        return
    with pytest.raises(Refused) as error:
        noted("pspnet", **changes)
    assert words in str(error.value)


def test_without_normalization():
    text = text_of("pspnet").replace("norm_cfg=dict(type='SyncBN', requires_grad=True)", "norm_cfg=None")
    with pytest.raises(Refused, match="was built without normalization"):
        MMSEG.read_notes({"meta": {"cfg": text}}, "pspnet")


@pytest.mark.parametrize("place", ["test_dataloader", "data"])
def test_the_pipeline_of_the_data_that_is_tested_on_counts(place):
    resize = "dict(type='mmseg.Resize', scale=(64, 32), keep_ratio=False, interpolation='bicubic')"
    held = f"dict(pipeline=[{resize}, dict(type='Strange')])"
    data = f"test_dataloader = dict(dataset={held})" if place == "test_dataloader" else f"data = dict(test={held})"
    rest = f"test_pipeline = [dict(type='Resize', scale=(9, 9), keep_ratio=True)]\n{data}\n"
    notes = MMSEG.read_notes({"meta": {"cfg": text_of("pspnet", rest=rest)}}, "pspnet")
    assert notes.settings["ResizeByRatio"] == {"base_size": [64, 32], "fit": "stretch", "interpolation": "cubic"}
    assert notes.passed_over == ["test_pipeline.Strange"]


@pytest.mark.parametrize(
    "pipeline, size, passed_over",
    [
        ("[dict(type='LoadImageFromFile')]", None, []),
        ("[dict(type='Resize', scale=(64, 32))]", ([64, 32], "stretch"), []),
        (
            "[dict(type='MultiScaleFlipAug', img_scale=(64, 32), transforms=[dict(type='Resize', keep_ratio=False)])]",
            ([64, 32], "stretch"),
            [],
        ),
        ("[dict(type='MultiScaleFlipAug', img_scale=[(64, 32), (96, 48)])]", "unknown", ["MultiScaleFlipAug"]),
        ("[dict(type='Resize', scale=(64, 32), interpolation='area')]", "unknown", ["Resize"]),
        ("[dict(type='ResizeToMultiple')]", None, ["ResizeToMultiple"]),
    ],
)
def test_every_way_to_note_a_size(pipeline, size, passed_over):
    notes = MMSEG.read_notes({"meta": {"cfg": text_of("pspnet", rest=f"test_pipeline = {pipeline}\n")}}, "pspnet")
    found = notes.settings.get("ResizeByRatio", "unknown")
    assert (found["base_size"], found["fit"]) == size if isinstance(size, tuple) else found == size
    assert notes.passed_over == [f"test_pipeline.{kind}" for kind in passed_over]


def test_a_file_without_its_configuration_is_said_to_be_one(tmp_path):
    name = "mmseg_pspnet_50_os8"
    checkpoint = {"state_dict": state_dict(name), "meta": {"mmseg_version": "1.2.2"}}
    assert remarks(checkpoint, write_yaml(tmp_path, model_of(name))) == [
        "its configuration is not in the file, so only what shapes show was compared"
    ]


def test_other_places_of_a_test_protocol():
    old = "test_cfg = dict(mode='slide', crop_size=(33, 65), stride=(22, 43))\n"
    assert noted("pspnet", rest=old)["test_config.crop_size"] == [65, 33]
    assert "test_config.is_slide" not in noted("pspnet", rest="test_cfg = dict(type='TestLoop')\n")
    padded = "data_preprocessor = dict(mean=[0.0, 0.0, 0.0], test_cfg=dict(size_divisor=32))\n"
    notes = MMSEG.read_notes({"meta": {"cfg": text_of("pspnet", rest=padded)}}, "pspnet")
    assert notes.passed_over == ["data_preprocessor.test_cfg"]


@pytest.mark.parametrize("scope", ["mmseg.", "mmseg.models.backbones.resnet."])
def test_a_class_under_the_name_of_its_package_is_the_same_class(scope):
    norm = "norm_cfg=dict(type='torch.nn.SyncBatchNorm')"
    backbone = RESNET.replace("type='ResNetV1c'", f"type='{scope}ResNetV1c', {norm}")
    text = text_of("psanet", backbone=backbone).replace("'PSAHead'", f"'{scope}PSAHead'")
    notes = MMSEG.read_notes({"meta": {"cfg": text}}, "psanet")
    assert notes.settings["model.psa_type"] == "bi-direction" and not notes.passed_over


@pytest.mark.parametrize(
    "head, right",
    [
        ("num_classes=2, out_channels=1, threshold=0.3", False),
        ("num_classes=2, out_channels=1", False),
        ("num_classes=2, out_channels=2", True),
        ("out_channels=None, threshold=None", True),
    ],
)
def test_a_sigmoid_over_one_channel_is_refused(head, right):
    """Its labels are no argmax."""
    if right:
        assert noted("pspnet", head=head)
        return
    with pytest.raises(Refused, match=r"out_channels=1|threshold="):
        noted("pspnet", head=head)


NEW = "data_preprocessor = dict(bgr_to_rgb=False, mean=[100.0, 110.0, 120.0], std=[1.0, 2.0, 4.0])\n"
OLD = "img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)\n"


def test_pixels_and_sizes_of_the_test():
    slide = "test_cfg=dict(mode='slide', crop_size=(512, 769), stride=(341, 513))"
    pipeline = (
        "test_pipeline = [dict(type='LoadImageFromFile'), dict(type='Resize', scale=(2049, 1025), keep_ratio=True)]"
    )
    found = noted("pspnet", network=slide, rest=NEW + pipeline)
    # mmsegmentation says (height, width) of windows and (width, height) of pictures.
    assert (found["test_config.crop_size"], found["test_config.stride"]) == ([769, 512], [513, 341])
    assert found["test_config.is_slide"] is True and found["ResizeByRatio"]["base_size"] == [2049, 1025]
    assert found["Normalize"]["channel_order"] == "BGR"
    assert [value * found["Normalize"]["scale"] for value in found["Normalize"]["mean"]] == pytest.approx(
        [100, 110, 120]
    )
    inner = "transforms=[dict(type='Resize', keep_ratio=True), dict(type='RandomFlip')]"
    old = f"test_pipeline = [dict(type='MultiScaleFlipAug', img_scale=(2048, 512), flip=False, {inner})]"
    found = noted("pspnet", rest=OLD + old)
    assert found["Normalize"] == {
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "scale": 255,
        "channel_order": "RGB",
    }
    assert found["ResizeByRatio"] == {"base_size": [2048, 512], "fit": "inside", "interpolation": "linear"}


@pytest.mark.parametrize("form", ["cfg", "config", "dict", "json", "fragment", "names"])
def test_every_form_of_a_configuration(form):
    model = {"decode_head": {"type": "PSPHead", "pool_scales": [1, 2]}}
    meta = {
        "cfg": {"cfg": "model = dict(decode_head=dict(type='PSPHead', pool_scales=(1, 2)))"},
        "config": {"config": "model = dict(decode_head=dict(type='PSPHead', pool_scales=[1, 2]))"},
        "dict": {"cfg": {"model": model}},
        "json": {"cfg": '{"model": {"decode_head": {"type": "PSPHead", "pool_scales": [1, 2], "compact": true}}}'},
        "fragment": {"cfg": "decode_head=dict(type='PSPHead', pool_scales=(1, 2)), backbone=dict()"},
        "names": {"cfg": "scales = (1, 2)\nmodel = {'decode_head': dict(type='PSPHead', pool_scales=scales, x=f(3))}"},
    }[form]
    notes = MMSEG.read_notes({"meta": meta}, "pspnet")
    assert notes.settings["model.bin_sizes"] == [1, 2] and not notes.unread


@pytest.mark.parametrize("text", ["model = dict(", "(" * 5000, "\x00", 3, "x" * (1 << 22) + "y"])
def test_a_configuration_that_cannot_be_read_is_said_to_be_so(text, tmp_path):
    name = "mmseg_pspnet_50_os8"
    checkpoint = {"state_dict": state_dict(name), "meta": {"cfg": text}}
    assert remarks(checkpoint, write_yaml(tmp_path, model_of(name))) == [
        "its configuration could not be read, so only what shapes show was compared"
    ]


def test_what_is_unknown_is_said_to_be_so(tmp_path):
    name = "mmseg_pspnet_50_os8"
    checkpoint = {"state_dict": state_dict(name), "meta": {"cfg": text_of("pspnet", head="strange=3, sampler=None")}}
    (remark,) = remarks(checkpoint, write_yaml(tmp_path, model_of(name)))
    assert remark.endswith("were not compared: decode_head.strange")


@pytest.mark.parametrize("value", ["97 * 97", "float(3)", "(97, N)"])
def test_what_is_no_plain_value_is_said_to_be_unknown_and_gets_no_default(value):
    """Nothing is worked out, and mmsegmentation's default is not what is meant."""
    notes = MMSEG.read_notes({"meta": {"cfg": text_of("psanet", head=f"normalization_factor={value}")}}, "psanet")
    assert notes.passed_over == ["decode_head.normalization_factor"]
    assert "model.normalization_factor" not in notes.settings and notes.settings["model.compact"] is False


def openseg(**changes) -> dict:
    network = {"backbone": "deepbase_resnet50_dilated8", "factors": [[8, 8]], "bn_type": "torchbn"}
    pixels = {"div_value": 1.0, "mean": [102.9801, 115.9465, 122.7717], "std": [1.0, 1.0, 1.0]}
    return {
        "network": {**network, **changes.get("network", {})},
        "data": {"input_mode": "BGR", "num_classes": 19, **changes.get("data", {})},
        "normalize": {**pixels, **changes.get("normalize", {})},
        "val_trans": changes.get("val_trans", {"trans_seq": []}),
    }


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, {"model.backbone.output_stride": 8, "model.down_factor": [8, 8]}),
        ({"network": {"backbone": "deepbase_resnet101_dilated16"}}, {"model.backbone.output_stride": 16}),
        ({"network": {"factors": [[4, 16]]}}, {"model.down_factor": [4, 16]}),
        (
            {"val_trans": {"trans_seq": ["resize"], "resize": {"min_side_length": 520}}},
            {"ResizeByRatio": {"base_size": [520, 520], "fit": "cover", "interpolation": "cubic"}},
        ),
        (
            {"val_trans": {"trans_seq": ["resize"], "resize": {"target_size": [473, 480]}}},
            {"ResizeByRatio": {"base_size": [473, 480], "fit": "stretch", "interpolation": "cubic"}},
        ),
        (
            {"data": {"input_mode": "RGB"}, "normalize": {"div_value": 255.0, "mean": [0.5] * 3}},
            {"Normalize": {"mean": [0.5] * 3, "std": [1.0] * 3, "scale": 255.0, "channel_order": "RGB"}},
        ),
    ],
)
def test_what_openseg_notes(changes, expected):
    settings = OPENSEG.read_notes({"config_dict": openseg(**changes)}, "isanet").settings
    assert {key: settings[key] for key in expected} == expected


@pytest.mark.parametrize(
    "network, words",
    [
        ({"bn_type": "inplace_abn"}, "leaky ReLU"),
        ({"multi_grid": [1, 2, 4]}, "multi_grid="),
        ({"factors": [[8, 8], [4, 4]]}, "notes 2 pairs of factors"),
    ],
)
def test_what_openseg_notes_and_is_not_here(network, words):
    with pytest.raises(Refused, match=words):
        OPENSEG.read_notes({"config_dict": openseg(network=network)}, "isanet")


def test_what_openseg_pads_and_what_is_unknown():
    settings = {**openseg(data={"image_tool": "pil"}), "val": {"mode": "sscrop_test", "data_transformer": {}}}
    settings["val_trans"] = {"trans_seq": ["resize"], "resize": {"max_side_length": 800}}
    notes = OPENSEG.read_notes({"config_dict": settings}, "isanet")
    assert notes.passed_over == ["data.image_tool", "val_trans.resize", "val.mode"] and notes.size_divisor == 1
    assert "ResizeByRatio" not in notes.settings
    settings["val"] = {"data_transformer": {"fit_stride": 32}}
    assert OPENSEG.read_notes({"config_dict": settings}, "isanet").size_divisor == 32
    assert OPENSEG.read_notes({"config_dict": openseg()}, "isanet").size_divisor is None
    # That there is no resize is noted, too: pictures are tested on as they are.
    assert OPENSEG.read_notes({"config_dict": openseg()}, "isanet").settings["ResizeByRatio"] is None


def test_noted_pixels_are_held_against_the_yaml(tmp_path):
    name = "openseg_isanet_50_os8"
    checkpoint = {"state_dict": state_dict(name), "config_dict": openseg()}
    with pytest.raises(UserError) as error:
        convert_weights(checkpoint, write_yaml(tmp_path, model_of(name)))
    assert (
        "  Normalize: {mean: [102.9801, 115.9465, 122.7717], std: [1.0, 1.0, 1.0], scale: 1.0, channel_order: BGR}"
        in (str(error.value))
    )


def test_settings_of_long_lines_only(tmp_path):
    """None of them is short enough to say where the second column begins."""
    path = write_yaml(tmp_path, model_of("mmseg_pspnet_50_os8"))
    config = yaml.safe_load(path.read_text())
    config["val_dataset"]["transforms"].insert(0, {"type": "ResizeByRatio", "base_size": [64, 32]})
    path.write_text(yaml.safe_dump(config))
    resize = "dict(type='Resize', img_scale=(2048, 512), keep_ratio=True)"
    text = text_of("pspnet", rest=f"{NEW}test_pipeline = [dict(type='LoadImageFromFile'), {resize}]")
    with pytest.raises(UserError) as error:
        convert_weights({"state_dict": state_dict("mmseg_pspnet_50_os8"), "meta": {"cfg": text}}, path)
    lines = str(error.value).splitlines()[1:]
    assert sorted(line.split()[0] for line in lines) == ["Normalize:", "ResizeByRatio:"]


def test_pixels_that_nobody_noted_are_a_remark(tmp_path):
    """semseg's programs hold them and its checkpoints do not say so."""
    name = "semseg_pspnet_50_os8"
    (remark,) = convert_weights(state_dict(name), write_yaml(tmp_path, model_of(name))).remarks
    assert remark.startswith("semseg's PSPNet needs Normalize: {mean: [0.485, 0.456, 0.406]")
