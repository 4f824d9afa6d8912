"""Files of ImageNet weights: whose backbone they fill, and whose they do not."""

import numpy as np
import paddle
import pytest
import yaml
from paddleseg.models.backbones import ResNet50_vd

from paddleseg_ext.backbones import ResNet18_v1c, ResNet50_deepstem, ResNet50_v1c
from paddleseg_ext.convert import convert_weights
from paddleseg_ext.convert.__main__ import _summary
from paddleseg_ext.errors import UserError
from tests.convert.state_dicts import state_dict, write_yaml

STEM = dict(zip(("0", "1", "3", "4", "6", "7"), ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3")))


def published(name):
    """A file of ImageNet weights as it was published, made of the backbone of a whole model's state dict."""
    whole, prefix = {
        "resnet18_v1c": ("ssseg_psanet_18_os8", "backbone_net."),
        "resnet50_v1c": ("mmseg_pspnet_50_os8", "backbone."),
        "resnet50_v2": ("semseg_psanet_50_os8", ""),
        "openseg": ("openseg_isanet_50_os8", "backbone."),
    }[name]
    state = {
        key[len(prefix) :]: value
        for key, value in state_dict(whole).items()
        if key.startswith((f"{prefix}layer", f"{prefix}stem.", f"{prefix}resinit."))
    }
    if name == "resnet50_v2":
        for place, layer in STEM.items():
            state = {key.replace(f"layer0.{place}.", f"{layer}."): value for key, value in state.items()}
    state.update({"fc.weight": np.zeros((1000, 8), np.float32), "fc.bias": np.zeros(1000, np.float32)})
    return state


def lazily(build, **settings):
    with paddle.LazyGuard():
        return build(**settings)


@pytest.mark.parametrize(
    "name, build",
    [
        ("resnet18_v1c", ResNet18_v1c),
        ("resnet50_v1c", ResNet50_v1c),
        ("resnet50_v2", ResNet50_deepstem),
        ("openseg", ResNet50_deepstem),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_published_files(name, build, wrapped):
    state = published(name)
    model = lazily(build)
    conversion = convert_weights({"state_dict": state} if wrapped else state, model=model)
    assert {n: array.shape for n, array in conversion.weights.items()} == {
        n: tuple(value.shape) for n, value in model.state_dict().items()
    }
    for ours, array in conversion.weights.items():
        theirs = ours.replace("._mean", ".running_mean").replace("._variance", ".running_var")
        if name in ("resnet50_v2", "openseg") and theirs.startswith("stem."):
            _, place, leaf = theirs.split(".")
            theirs = f"{'resinit.' if name == 'openseg' else ''}{STEM[place]}.{leaf}"
        assert conversion.origins[ours] == theirs and array.flat[0] == state[theirs].flat[0]
    assert {"fc.weight", "fc.bias"} < set(conversion.found.left_out)
    assert "ImageNet classifier" in _summary(conversion)


def test_the_backbone_of_a_yaml_is_filled(tmp_path):
    model = {
        "type": "PSPNet",
        "layout": "mmseg",
        "backbone": {"type": "ResNet50_v1c", "pretrained": "zoo://resnet50_v1c"},
    }
    weights = convert_weights(published("resnet50_v1c"), write_yaml(tmp_path, model)).weights
    assert "stem.0.weight" in weights and not any(name.startswith(("backbone", "head")) for name in weights)
    with pytest.raises(UserError, match=r"model\.backbone\.type: ResNet50_deepstem +\(now ResNet50_v1c\)"):
        convert_weights(published("resnet50_v2"), write_yaml(tmp_path, model))
    model["backbone"]["type"] = "ResNet101_v1c"
    with pytest.raises(UserError, match=r"model\.backbone\.type: ResNet50_v1c +\(now ResNet101_v1c\)"):
        convert_weights(published("resnet50_v1c"), write_yaml(tmp_path, model))


@pytest.mark.parametrize("renamed", [True, False])
def test_pixels_go_with_the_backbone_of_openseg(renamed, tmp_path):
    """Trained on BGR minus a mean. Its file has semseg's names, unless its program has renamed the stem."""
    state = published("openseg")
    if not renamed:
        state = {key.removeprefix("resinit."): value for key, value in state.items()}
    model = {"type": "ISANet", "layout": "openseg", "backbone": {"type": "ResNet50_deepstem"}}
    path = write_yaml(tmp_path, model)
    conversion = convert_weights(state, path, implementation=None if renamed else "openseg")
    assert (conversion.found.implementation.name, conversion.found.model) == ("openseg", "backbone")
    (remark,) = conversion.remarks
    assert remark.startswith("an ImageNet backbone of openseg.pytorch needs Normalize: {mean: [102.9801, ")
    content = yaml.safe_load(path.read_text())
    content["val_dataset"]["transforms"] = [
        {
            "type": "Normalize",
            "mean": [102.9801, 115.9465, 122.7717],
            "std": [1.0] * 3,
            "scale": 1,
            "channel_order": "BGR",
        }
    ]
    path.write_text(yaml.safe_dump(content))
    assert convert_weights(state, path, implementation="openseg").remarks == ()
    # Nobody's word for it: semseg's, whose pixels are the usual ones.
    assert convert_weights(published("resnet50_v2"), path).remarks == ()


def test_torchvisions_stem_does_not_fit():
    state = {key: value for key, value in published("resnet50_v1c").items() if not key.startswith("stem.")}
    state["conv1.weight"] = np.zeros((64, 3, 7, 7), np.float32)
    with pytest.raises(UserError, match=r"begins with one 7x7 convolution.*v1c, deep stem"):
        convert_weights(state, model=lazily(ResNet50_v1c))


def test_a_part_is_an_error():
    state = {key: value for key, value in published("resnet18_v1c").items() if not key.startswith("layer4.1")}
    with pytest.raises(UserError, match="10 missing, 0 left over"):
        convert_weights(state, model=lazily(ResNet18_v1c))
    with pytest.raises(UserError, match=r"165 missing, 0 left over, 23 of another shape"):
        convert_weights(published("resnet18_v1c"), model=lazily(ResNet50_v1c))


def test_paddleseg_files_with_a_classifier(tmp_path):
    model = {"type": "PSANet", "backbone": {"type": "ResNet50_vd"}}
    layer = lazily(ResNet50_vd)
    state = {n: np.broadcast_to(np.float32(1), value.shape) for n, value in layer.state_dict().items()}
    state.update({"out.weight": np.zeros((8, 1000), np.float32), "out.bias": np.zeros(1000, np.float32)})
    conversion = convert_weights(state, write_yaml(tmp_path, model))
    assert set(conversion.weights) == set(layer.state_dict())
