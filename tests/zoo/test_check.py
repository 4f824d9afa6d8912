"""``check`` finds what a YAML file builds otherwise than published, in every kind of fact, and nothing else."""

import re

import pytest
import yaml

from paddleseg_ext.config.config import load_config
from paddleseg_ext.zoo import check
from paddleseg_ext.zoo.table import config_path

# One of each shape.
ROWS = [
    "psanet_resnet50_os8_voc12aug_512x512_60e_ssseg",
    "psanet_resnet50_os16_cityscapes_1024x512_220e_ssseg",
    "psanet_resnet101_os16_ade20k_512x512_130e_ssseg",
    "pspnet_resnet50_os8_ade20k_512x512_130e_ssseg",
    "pspnet_resnet50_os16_voc12aug_512x512_60e_ssseg",
    "isanet_resnet50_os8_cityscapes_1024x512_220e_ssseg",
    "psanet_resnet50_os8_cityscapes_1024x512_40k_mmseg",
    "psanet_resnet50_os8_cityscapes_769x769_80k_mmseg",
    "psanet_resnet50_os8_ade20k_512x512_160k_mmseg",
    "psanet_resnet50_os8_voc12aug_512x512_20k_mmseg",
    "psanet_resnet50_os8_cityscapes_1024x512_80k",
]


@pytest.fixture(scope="module")
def backbones():
    return {}


@pytest.mark.parametrize("name", ROWS)
def test_row_builds_what_was_published(name, backbones):
    assert check.check_row(name, backbones) == []


# One of each implementation and kind of test.
AUTHORS = [
    "psanet_resnet50_os8_cityscapes_705x705_200e_semseg",
    "pspnet_resnet50_os8_voc12aug_473x473_50e_semseg",
    "isanet_resnet50_os8_ade20k_520x520_150k_openseg",
    "isanet_resnet101_os16_lip_473x473_110k_openseg",
]


@pytest.mark.parametrize("name", AUTHORS)
def test_a_configuration_of_the_authors_builds_what_they_wrote(name, backbones):
    assert check.check_row(name, backbones) == []


@pytest.fixture
def named(tmp_path, monkeypatch, backbones):
    """The keys that the check names after ``change`` was applied to the configuration of a row."""

    def names(row, change):
        config = load_config(config_path(row)).dic
        change(config)
        path = tmp_path / "changed.yml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        monkeypatch.setattr(check, "config_path", lambda name: path)
        found = check.check_row(row, backbones)
        assert all(re.fullmatch(r"\S+( transforms)? is .+, published is .+", line) for line in found), found
        return {line.split(" is ")[0] for line in found}

    return names


def _steps(config, dataset="train_dataset"):
    return {step["type"]: step for step in config[dataset]["transforms"]}


def test_names_changes_of_training(named):
    def change(config):
        config["iters"] = 20001
        config["total_batch_size"] = 8
        config["optimizer"].update(weight_decay=4.0e-5, momentum=0.8)
        config["lr_scheduler"].update(end_lr=0.0, power=1.0)
        config["loss"]["types"] = [{"type": "CrossEntropyLoss"}, {"type": "CrossEntropyLoss"}]
        config["loss"]["coef"] = [1, 0.5]
        config["train_dataset"]["mode"] = "train"

    rates = {f"learning_rate.at.{iteration}" for iteration in (1, 1000, 10000, 19999, 20000)}
    assert named("psanet_resnet50_os8_voc12aug_512x512_20k_mmseg", change) == {
        "schedule.iterations",
        "batch",
        "optimizer.weight_decay",
        "optimizer.momentum",
        "learning_rate.floor",
        "learning_rate.power",
        *rates,
        "loss.average",
        "loss.weights[1]",
        "data.train",
    }


def test_names_another_schedule_and_optimizer(named):
    def change(config):
        config["lr_scheduler"]["decay_steps"] = 160000
        config["optimizer"] = {
            "type": "SGD",
            "momentum": 0.9,
            "weight_decay": 5.0e-4,
            "custom_cfg": [{"name": "head", "lr_mult": 10.0}],
        }
        config["loss"]["types"] = [{"type": "OhemCrossEntropyLoss"}, {"type": "OhemCrossEntropyLoss"}]

    found = named("pspnet_resnet50_os8_ade20k_512x512_130e_ssseg", change)
    assert {key for key in found if not key.startswith("learning_rate.at.")} == {
        "schedule.decay_steps",
        "optimizer.parameter_groups",
        "loss.type",
        "loss.average",
    }
    assert "learning_rate.at.82095" in found


def test_names_changes_of_the_network(named):
    def change(config):
        config["model"].update(mask_size=[59, 97], dropout=0.2, shrink_factor=4, psa_softmax=False, align_corners=True)
        config["model"].update(psa_type="collect", normalization_factor=None, aux_channels=256, feats_channels=256)
        config["model"]["backbone"].update(output_stride=16, pretrained="zoo://resnet101_v1c")

    changed = {"mask_size", "attention", "shrink_factor", "psa_softmax", "psa_type", "normalization_factor", "dropout"}
    changed |= {"reduce", "proj", "fuse"}
    found = named("psanet_resnet50_os8_voc12aug_512x512_60e_ssseg", change)
    assert {key.split("[")[0] for key in found} == {
        *(f"head.{key}" for key in changed - {"attention", "reduce", "proj", "fuse"}),
        "head.attention.in",
        "head.attention.out",
        "head.reduce.out",
        "head.proj.in",
        "head.fuse.out",
        "aux_head.channels",
        "aux_head.dropout",
        "align_corners",
        "test.align_corners",
        "output_stride",
        "stages.strides",
        "stages.dilations",
        "stages.first_dilations",
        "backbone.pretrained.url",
    }


@pytest.mark.parametrize(
    "row, layout, changed",
    [
        (
            "psanet_resnet50_os8_voc12aug_512x512_60e_ssseg",
            "psanet_paddle",
            {"layout", "shrink_rule", "branches[0]", "branches[1]", "proj.padding", "drops", "initialization"},
        ),
        (
            "pspnet_resnet50_os16_voc12aug_512x512_60e_ssseg",
            "paddleseg",
            {"layout", *(f"branches[{i}]" for i in range(1, 5)), "level.bias", "fuse.bias", "drops", "initialization"},
        ),
        (
            "isanet_resnet50_os8_cityscapes_1024x512_220e_ssseg",
            "mmseg",
            {"layout", "value.bias", "fuse.kernel", "initialization"},
        ),
        (
            "isanet_resnet50_os8_cityscapes_1024x512_220e_ssseg",
            "openseg",
            {"layout", "fuse.kernel", "branches[0]", "branches[1]", "dropout"},
        ),
    ],
)
def test_names_the_head_of_another_publisher(named, row, layout, changed):
    def change(config):
        config["model"]["layout"] = layout
        if layout == "openseg":
            # It forces the other.
            del config["model"]["align_corners"]

    found = named(row, change)
    assert {key[len("head.") :] for key in found if key.startswith("head.")} == changed
    # openseg's auxiliary head is as wide as SSSegmentation's.
    assert ("aux_head.channels" in found) == (layout != "openseg")


def test_names_another_backbone(named):
    def change(config):
        config["model"]["backbone"] = {"type": "ResNet50_vd", "output_stride": 8}

    assert named("isanet_resnet50_os8_cityscapes_1024x512_220e_ssseg", change) == {
        "backbone.name",
        "backbone.shortcut",
        "backbone.pretrained.url",
        "stages.first_dilations[2]",
        "stages.first_dilations[3]",
    }


def test_names_changes_of_the_pictures(named):
    def change(config):
        steps = _steps(config)
        steps["ResizeByRatio"].update(base_size=[2048, 1024], max_ratio=1.5)
        steps["RandomClassRatioCrop"].update(crop_size=[512, 256], max_ratio=0.5, attempts=1, uncropped_if_void=False)
        steps["RandomHorizontalFlip"]["prob"] = 0.1
        steps["PhotoMetricDistortion"].update(swapped_hsv=False, hue_delta=9, contrast_range=[0.5, 1.4])
        steps["Normalize"]["std"] = [0.5, 0.224, 0.225]
        steps["PadToSize"].update(position="right_bottom", im_padding_value=127.5, label_padding_value=0)

    keys = {
        0: ("base[1]", "ratio[1]"),
        1: ("size[1]", "class_ratio", "draws", "void"),
        2: ("probability",),
        3: ("codes", "hue", "contrast[1]"),
        4: ("std[0]",),
        5: ("position", "image", "label"),
    }
    assert named("isanet_resnet50_os8_voc12aug_512x512_60e_ssseg", change) == {
        "crop[1]",
        *(f"train[{index}].{key}" for index, names in keys.items() for key in names),
    }


def test_names_another_order_of_the_transforms(named):
    def change(config):
        transforms = config["train_dataset"]["transforms"]
        transforms[4:6] = reversed(transforms[4:6])

    found = named("psanet_resnet50_os8_voc12aug_512x512_20k_mmseg", change)
    assert {"train[4].step", "train[5].step"} <= found
    assert all(key.startswith(("train[4]", "train[5]")) for key in found)


def test_names_changes_of_the_test_protocol(named):
    def change(config):
        config["test_config"].update(stride=[512, 513], absent_classes="zero", aug_eval=True)
        config["model"]["align_corners"] = False
        del config["test_config"]["align_corners"]
        config["test_config"].update(scales=[0.5, 0.75, 1.0], aug_average="logits", aug_rescale="tensor")
        config["test_config"]["flip_horizontal"] = False
        _steps(config, "val_dataset")["ResizeByRatio"]["base_size"] = [2048, 1024]
        config["val_dataset"]["transforms"] += [
            {"type": "PadToSize", "target_size": [2049, 1025]},
            {"type": "Padding", "target_size": [2049, 1025]},
        ]

    assert named("psanet_resnet50_os8_cityscapes_769x769_80k_mmseg", change) == {
        "test.stride[0]",
        "align_corners",
        "test.align_corners",
        "test.absent_classes",
        "test.aug_eval",
        "test.multi_scale.scales",
        "test.multi_scale.flip",
        "test.multi_scale.average",
        "test.multi_scale.rescale",
        "test.resize[0]",
        "test.resize[1]",
        "test.pad",
        "test.other transforms",
    }


def test_names_another_way_of_testing(named):
    def change(config):
        config["test_config"].update(resize_once=False, is_slide=True, crop_size=[512, 512], stride=[341, 341])

    found = named("isanet_resnet50_os8_cityscapes_1024x512_220e_ssseg", change)
    assert found == {"test.logits", "test.mode", "test.window", "test.stride"}


def test_a_file_that_cannot_be_built_is_a_difference(tmp_path, monkeypatch):
    path = tmp_path / "wrong.yml"
    path.write_text(f"_base_: {config_path(ROWS[0])}\nmodel:\n  layout: caffe\n")
    monkeypatch.setattr(check, "config_path", lambda name: path)
    (found,) = check.check_row(ROWS[0], {})
    assert "PSANet has no layout 'caffe'" in found


def test_names_changes_of_an_authors_configuration(named):
    def change(config):
        steps = _steps(config, "val_dataset")
        steps["ResizeByRatio"].update(base_size=[512, 512], interpolation="linear")
        steps["Normalize"].update(channel_order="RGB", scale=255)
        steps["PadToSize"].update(size_divisor=16)
        config["test_config"].update(interpolation="linear", scales=[1.0])
        config["model"]["dropout"] = 0.1
        config["model"]["backbone"]["contract_dilation"] = False
        config["lr_scheduler"]["learning_rate"] = 0.01

    assert named("isanet_resnet50_os8_ade20k_520x520_150k_openseg", change) == {
        "test.resize.short",
        "test.resize.interpolation",
        "test.channel_order",
        *(f"test.{key}[{channel}]" for key in ("mean", "std") for channel in range(3)),
        "test.pad.multiple",
        "test.interpolation",
        "test.multi_scale.scales",
        "head.dropout",
        "aux_head.dropout",
        *(f"stages.first_dilations[{stage}]" for stage in (2, 3)),
        "learning_rate.start",
    }

    def change(config):
        steps = _steps(config, "val_dataset")
        steps["ResizeByLong"].update(long_size=500)
        steps["PadToSize"].update(at_least=False, position="right_bottom", im_padding_value=1)
        config["test_config"].update(aug_average="softmax", aug_eval=False, stride=[300, 316])
        config["optimizer"].pop("custom_cfg")

    assert named("pspnet_resnet50_os8_voc12aug_473x473_50e_semseg", change) == {
        "test.resize.long",
        "test.pad.at_least",
        "test.pad.to",
        "test.pad.position",
        "test.pad.image",
        "test.multi_scale.average",
        "test.aug_eval",
        "test.stride[0]",
        "optimizer.parameter_groups",
    }
