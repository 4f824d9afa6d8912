"""``--write_config``: a YAML that is right for a checkpoint, made of one of another implementation."""

import numpy as np
import pytest
import yaml

from paddleseg_ext import cli
from paddleseg_ext.commands.val import run_evaluation
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.convert.__main__ import main
from paddleseg_ext.convert.implementation import IMAGENET_PIXELS
from paddleseg_ext.protocol.inference import protocol_of
from tests.convert.narrow import describe, their_weights
from tests.weights.torch_writer import save_zip, tensor

DEEP = {"type": "ResNet50_deepstem", "base_channels": 4}
V1C = {"type": "ResNet18_v1c", "base_channels": 8}
OPENSEG = {
    "network": {"backbone": "deepbase_resnet50_dilated16", "factors": [[4, 8]], "bn_type": "torchbn"},
    "data": {"input_mode": "BGR"},
    "normalize": {"div_value": 1.0, "mean": [102.9801, 115.9465, 122.7717], "std": [1.0, 1.0, 1.0]},
    "val_trans": {"trans_seq": ["resize"], "resize": {"min_side_length": 40}},
}
MMSEG = (
    "model = dict(decode_head=dict(type='PSAHead', mask_size=(5, 7), psa_type='distribute', shrink_factor=1,\n"
    "    align_corners=True, in_index=3), auxiliary_head=dict(in_index=2), test_cfg=dict(mode='slide',\n"
    "    crop_size=(33, 41), stride=(22, 27)))\n"
    "data_preprocessor = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True)\n"
)
PSA = {"type": "PSANet", "feats_channels": 16, "pp_out_channels": None}
# What the checkpoint is of, what is beside its weights, and the model section of a YAML that is wrong about it.
CASES = {
    "semseg psanet": (
        {**PSA, "layout": "semseg", "backbone": DEEP, "mask_size": [5, 5]},
        {"epoch": 3},
        {**PSA, "layout": "ssseg", "backbone": V1C, "align_corners": False, "aux_channels": 8},
    ),
    "semseg pspnet": (
        {"layout": "semseg", "backbone": DEEP},
        {"epoch": 3},
        {"layout": "mmseg", "backbone": {"type": "ResNet50_v1c", "base_channels": 4}},
    ),
    "openseg isanet": (
        {
            "type": "ISANet",
            "layout": "openseg",
            "backbone": {**DEEP, "contract_dilation": True, "ceil_mode": True, "output_stride": 16},
            "isa_channels": 8,
            "down_factor": [4, 8],
            "pp_out_channels": None,
        },
        {"config_dict": OPENSEG},
        {
            "type": "ISANet",
            "layout": "ssseg",
            # ImageNet weights of a network that is not the checkpoint's.
            "backbone": {**V1C, "pretrained": "resnet18_v1c.pdparams"},
            "pp_out_channels": None,
            "align_corners": False,
        },
    ),
    "mmseg psanet": (
        {**PSA, "layout": "mmseg", "backbone": V1C, "mask_size": [5, 7], "psa_type": "distribute", "shrink_factor": 1},
        {"meta": {"cfg": MMSEG}},
        {**PSA, "layout": "semseg", "backbone": DEEP, "mask_h": 7, "mask_w": 5},
    ),
    "ssseg pspnet": (
        {"layout": "ssseg", "backbone": V1C},
        {"cur_epoch": 1},
        {"layout": "semseg", "backbone": DEEP, "aux_channels": 8, "pp_out_channels": 32},
    ),
}
EXPECTED = {
    "semseg psanet": {
        "is_slide": True,
        "crop_size": [33, 33],
        "stride": [22, 22],
        "aug_eval": True,
        "scales": [1.0],
        "flip_horizontal": True,
        "aug_average": "window",
        "aug_rescale": "base",
        "absent_classes": "zero",
        "align_corners": True,
    },
    "openseg isanet": {
        "absent_classes": "skip",
        "scales": [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0],
        "flip_horizontal": True,
        "interpolation": "cubic",
        "align_corners": True,
    },
    "mmseg psanet": {
        "absent_classes": "skip",
        "scales": [0.5, 0.75, 1.0, 1.25, 1.5, 1.75],
        "flip_horizontal": True,
        "aug_average": "softmax",
        "aug_rescale": "image",
        "is_slide": True,
        "crop_size": [41, 33],
        "stride": [27, 22],
        "align_corners": True,
    },
    "ssseg pspnet": {"resize_once": True, "absent_classes": "skip"},
}
EXPECTED["semseg pspnet"] = {**EXPECTED["semseg psanet"], "crop_size": [473, 473], "stride": [316, 316]}


@pytest.fixture
def case(scenes):
    """``case(name) -> (checkpoint, wrong YAML, right model)``."""

    def write(name):
        model, beside, wrong = CASES[name]

        def yaml_of(changes, test_config=None):
            path = describe(scenes, **changes)
            content = yaml.safe_load(path.read_text())
            content["model"] = {key: value for key, value in content["model"].items() if value is not None}
            if test_config:
                content["test_config"] = test_config
            path.write_text(yaml.safe_dump(content))
            return path

        weights = their_weights(yaml_of(model), name.split()[0])
        entry = "model" if name.startswith("ssseg") else "state_dict"
        checkpoint = scenes / "checkpoint.pth"
        save_zip({**beside, entry: {key: tensor(array) for key, array in weights.items()}}, checkpoint)
        return checkpoint, yaml_of(wrong, {"resize_once": True, "absent_classes": "skip"})

    return write


@pytest.fixture
def run(capfd):
    def run(*words):
        capfd.readouterr()
        code = cli.run(main, [str(word) for word in words])
        return (code, *capfd.readouterr())

    return run


@pytest.mark.parametrize("name", CASES)
def test_from_the_model_to_the_test_protocol(name, case, run, scenes):
    checkpoint, wrong = case(name)
    target, made = scenes / "w.pdparams", scenes / "right.yml"
    code, _, err = run(checkpoint, "--config", wrong, "--output", target)
    assert code == 1 and "--write_config NEW.yml" in err and f"\n  model.layout: {name.split()[0]} " in err
    assert not target.exists() and not made.exists()
    code, _, err = run(checkpoint, "--config", wrong, "--output", target, "--write_config", made)
    assert code == 0, err

    config = load_config(made)
    model = Builder(load_config(made), pretrained=False).build("model")
    assert config.test_config == EXPECTED[name]
    assert protocol_of(config.test_config).align_corners == model.align_corners
    # It fits, nothing is doubtful any more, and it is no richer than it has to be.
    code, _, err = run(checkpoint, "--config", made, "--dry-run")
    assert code == 0 and "note:" not in err
    content = yaml.safe_load(made.read_text())
    assert "align_corners" not in content.get("test_config", {}) and "_base_" not in content
    assert {"train_dataset", "optimizer", "lr_scheduler", "loss", "batch_size", "iters"} < set(content)
    assert made.read_text().startswith("# checkpoint.pth: ") and "mask_h" not in content["model"]
    assert content["model"]["backbone"].get("pretrained") is None
    run_evaluation(str(made), str(target), device="cpu", opts=None, data_format="NCHW")


def test_steps_that_prepare_images(case, run, scenes):
    for name, expected in {
        "semseg psanet": ["ResizeByLong", "Normalize", "PadToSize"],
        "openseg isanet": ["ResizeByRatio", "Normalize", "PadToSize"],
        "mmseg psanet": ["ResizeByRatio", "Normalize"],
        "ssseg pspnet": ["ResizeByRatio", "Normalize"],
    }.items():
        checkpoint, wrong = case(name)
        made = scenes / f"{name}.yml"
        assert run(checkpoint, "--config", wrong, "--output", scenes / "w.pdparams", "--write_config", made)[0] == 0
        content = yaml.safe_load(made.read_text())
        steps = content["val_dataset"]["transforms"]
        assert [step["type"] for step in steps] == expected
        (normalize,) = [step for step in steps if step["type"] == "Normalize"]
        # Training feeds the same pixels.
        assert normalize in content["train_dataset"]["transforms"]
        if name == "openseg isanet":
            assert (normalize["channel_order"], normalize["scale"]) == ("BGR", 1.0)
            assert steps[0] == {
                "type": "ResizeByRatio",
                "base_size": [40, 40],
                "fit": "cover",
                "interpolation": "cubic",
            }
            assert steps[2] == {"type": "PadToSize", "size_divisor": 8}
        else:
            assert normalize == {"type": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
        if name in ("mmseg psanet", "ssseg pspnet"):
            assert steps[0] == {"type": "ResizeByRatio", "base_size": [2048, 512]}
        if name == "semseg psanet":
            assert steps[0]["long_size"] == 512 and steps[2]["target_size"] == [33, 33] and steps[2]["at_least"]


def test_what_fits_stays_as_it_is(case, run, scenes):
    """The protocol of a YAML of the same implementation is the user's own."""
    model, _, _ = CASES["ssseg pspnet"]
    checkpoint, _ = case("ssseg pspnet")
    near = describe(scenes, **{**model, "aux_channels": 32})
    content = yaml.safe_load(near.read_text())
    content["test_config"] = {"aug_eval": True, "scales": [1.0, 2.0]}
    for part in ("train_dataset", "val_dataset"):
        content[part]["transforms"][-1] = {"type": "Normalize", **IMAGENET_PIXELS}
    near.write_text(yaml.safe_dump(content))
    made = scenes / "right.yml"
    assert run(checkpoint, "--config", near, "--output", scenes / "w.pdparams", "--write_config", made)[0] == 0
    written = yaml.safe_load(made.read_text())
    assert written["test_config"] == content["test_config"] and written["model"]["aux_channels"] == 16
    assert written["val_dataset"] == content["val_dataset"]


FOREIGN = {
    "semseg": [
        {"type": "ResizeByLong", "long_size": 100},
        {"type": "Normalize"},
        {"type": "PadToSize", "target_size": [65, 65], "position": "center", "at_least": True},
    ],
    "openseg": [
        {"type": "ResizeByRatio", "base_size": [40, 40], "fit": "cover", "interpolation": "cubic"},
        {
            "type": "Normalize",
            "mean": [102.9801, 115.9465, 122.7717],
            "std": [1.0] * 3,
            "scale": 1,
            "channel_order": "BGR",
        },
        {"type": "PadToSize", "size_divisor": 8},
    ],
    "mmseg": [{"type": "ResizeByRatio", "base_size": [96, 64]}, {"type": "Normalize"}],
}


@pytest.mark.parametrize("foreign", FOREIGN)
def test_no_step_of_another_implementation_stays(foreign, case, run, scenes):
    """SSSegmentation resizes once, which no padding survives, and by its own rule."""
    checkpoint, wrong = case("ssseg pspnet")
    content = yaml.safe_load(wrong.read_text())
    content["val_dataset"]["transforms"] = FOREIGN[foreign]
    wrong.write_text(yaml.safe_dump(content))
    target, made = scenes / "w.pdparams", scenes / "right.yml"
    assert run(checkpoint, "--config", wrong, "--output", target, "--write_config", made)[0] == 0
    # Between the two that resize alike, the user's size is kept.
    size = [96, 64] if foreign == "mmseg" else [2048, 512]
    assert yaml.safe_load(made.read_text())["val_dataset"]["transforms"] == [
        {"type": "ResizeByRatio", "base_size": size},
        {"type": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    ]
    run_evaluation(str(made), str(target), device="cpu", opts=["val_dataset.transforms.0.base_size=[64,64]"],
                   data_format="NCHW")  # fmt: skip


def test_a_noted_size_is_put_where_there_is_none(case, run, scenes):
    _, beside, _ = CASES["mmseg psanet"]
    checkpoint, _ = case("mmseg psanet")
    noted = beside["meta"]["cfg"] + "test_pipeline = [dict(type='Resize', scale=(96, 64), keep_ratio=True)]\n"
    weights = their_weights(describe_clean(scenes, CASES["mmseg psanet"][0]), "mmseg")
    save_zip({"state_dict": {n: tensor(a) for n, a in weights.items()}, "meta": {"cfg": noted}}, checkpoint)
    right = describe_clean(scenes, {**CASES["mmseg psanet"][0], "align_corners": True})
    code, _, err = run(checkpoint, "--config", right, "--output", scenes / "w.pdparams")
    assert code == 1 and "ResizeByRatio: {base_size: [96, 64], fit: inside, interpolation: linear}  (now null)" in err
    made = scenes / "right.yml"
    assert run(checkpoint, "--config", right, "--output", scenes / "w.pdparams", "--write_config", made)[0] == 0
    steps = yaml.safe_load(made.read_text())["val_dataset"]["transforms"]
    assert [step["type"] for step in steps] == ["ResizeByRatio", "Normalize"] and steps[0]["base_size"] == [96, 64]


@pytest.mark.parametrize(
    "mask, factor, window",
    [([5, 5], 2, [33, 33]), ([5, 9], 2, [65, 33]), ([9, 9], 1, [33, 33]), ([6, 6], 2, [465, 465])],
)
def test_a_window_of_semseg_follows_from_mask_and_shrink_factor(mask, factor, window, run, scenes):
    model = {**CASES["semseg psanet"][0], "mask_size": mask, "shrink_factor": factor}
    weights = their_weights(describe_clean(scenes, model), "semseg")
    checkpoint, made = scenes / "checkpoint.pth", scenes / "right.yml"
    save_zip({"epoch": 3, "state_dict": {n: tensor(a) for n, a in weights.items()}}, checkpoint)
    wrong = describe_clean(scenes, {**model, "layout": "mmseg"})
    assert run(checkpoint, "--config", wrong, "--output", scenes / "w.pdparams", "--write_config", made)[0] == 0
    content = yaml.safe_load(made.read_text())
    assert content["test_config"]["crop_size"] == window
    assert content["val_dataset"]["transforms"][-1]["target_size"] == window


def test_what_the_weights_leave_open_has_to_be_said(case, run, scenes):
    model, _, _ = CASES["mmseg psanet"]
    checkpoint, _ = case("mmseg psanet")
    save_zip(
        {"state_dict": {n: tensor(a) for n, a in their_weights(describe_clean(scenes, model), "mmseg").items()}},
        checkpoint,
    )
    both = describe_clean(scenes, {**model, "psa_type": "bi-direction"})
    words = (checkpoint, "--config", both, "--output", scenes / "w.pdparams", "--write_config", scenes / "right.yml")
    code, _, err = run(*words)
    assert code == 1 and "leaves model.psa_type open (collect or distribute)" in err
    assert "--opts model.psa_type=collect" in err and not (scenes / "right.yml").exists()
    assert run(*words, "--opts", "model.psa_type=distribute")[0] == 0
    assert yaml.safe_load((scenes / "right.yml").read_text())["model"]["psa_type"] == "distribute"


def describe_clean(scenes, model):
    path = describe(scenes, **model)
    content = yaml.safe_load(path.read_text())
    content["model"] = {key: value for key, value in content["model"].items() if value is not None}
    path.write_text(yaml.safe_dump(content))
    return path


def test_nothing_is_written_over_and_nothing_half(case, run, scenes):
    checkpoint, wrong = case("ssseg pspnet")
    made, target = scenes / "right.yml", scenes / "w.pdparams"
    words = (checkpoint, "--config", wrong, "--output", target, "--write_config")
    made.write_text("mine")
    assert "exists; name a new file" in run(*words, made)[2] and made.read_text() == "mine"
    assert "a configuration ends in .yml" in run(*words, scenes / "right.txt")[2]
    assert "could not be written" in run(*words, "/proc/right.yml")[2]
    before = sorted(scenes.iterdir())
    # Other classes than the data sets have: no change of the model mends that.
    content = yaml.safe_load(wrong.read_text())
    for part in ("train_dataset", "val_dataset"):
        content[part]["num_classes"] = 5
    wrong.write_text(yaml.safe_dump(content))
    code, _, err = run(*words, scenes / "other.yml")
    assert code == 1 and "has 3 classes and the data sets of" in err and "have 5" in err
    # The weights do not fit, so the YAML is not kept either.
    save_zip({"model": {"backbone_net.x.weight": tensor(np.zeros(2, "float32"))}}, checkpoint)
    assert run(*words, scenes / "other.yml")[0] == 1
    assert sorted(scenes.iterdir()) == before
    assert "leave one out" in run(checkpoint, "--config", wrong, "--dry-run", "--write_config", "x.yml")[2]
