"""PSANet's mask, written as PSANet_paddle does and as ``mask_size``."""

import copy

import pytest
import yaml

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.errors import UserError
from tests.conftest import small_config

# As PSANet_paddle's file writes its model, on a thinner backbone.
PSANET_PADDLE = {
    "type": "PSANet",
    "backbone": {"type": "ResNet18_vd", "output_stride": 8, "pretrained": None},
    "enable_auxiliary_loss": True,
    "align_corners": False,
    "use_psa": True,
    "psa_type": 2,
    "shrink_factor": 2,
    "normalization_factor": 1.0,
    "psa_softmax": True,
    "mask_h": 5,
    "mask_w": 7,
}


def test_psanet_paddles_own_model(scenes):
    path = scenes / "config.yml"
    path.write_text(yaml.safe_dump({**small_config(scenes), "model": PSANET_PADDLE}))
    model = Builder(load_config(path)).build("model")
    assert model.psa.mask_size == (5, 7)
    assert model.psa.attention[1].weight.shape[0] == 35


@pytest.mark.parametrize(
    ("changes", "drop", "sentence"),
    (
        ({}, "mask_w", "mask_h and mask_w go together, and mask_w is missing"),
        ({}, "mask_h", "mask_h and mask_w go together, and mask_h is missing"),
        ({"mask_size": [5, 7]}, None, "mask_h and mask_w are another way to write mask_size"),
        ({"mask_size": 5}, "mask_h", "mask_h and mask_w go together, and mask_h is missing"),
        ({"mask_h": 0}, None, "mask_h must be a positive whole number, not 0"),
        ({"mask_w": "7"}, None, "mask_w must be a positive whole number, not 7"),
    ),
)
def test_masks_that_contradict_each_other(scenes, changes, drop, sentence):
    model = {**copy.deepcopy(PSANET_PADDLE), **changes}
    model.pop(drop, None)
    path = scenes / "config.yml"
    path.write_text(yaml.safe_dump({**small_config(scenes), "model": model}))
    with pytest.raises(UserError, match=sentence):
        Builder(load_config(path)).build("model")


@pytest.mark.parametrize(
    ("below", "above", "opts", "sides"),
    (
        ({"mask_size": [9, 9]}, {"mask_h": 5, "mask_w": 7}, (), (5, 7)),
        ({"mask_h": 5, "mask_w": 7}, {"mask_size": 9}, (), (9, 9)),
        ({"mask_h": 5, "mask_w": 7}, {}, ("model.mask_size=[3,9]",), (3, 9)),
        ({"mask_size": [9, 9]}, {}, ("model.mask_h=5", "model.mask_w=7"), (5, 7)),
        ({}, {"mask_h": 5, "mask_w": 7}, ("model.mask_h=3",), (3, 7)),
    ),
)
def test_a_mask_that_is_written_in_the_other_way_later(scenes, below, above, opts, sides):
    """A file overrules its base and the command line the file, whichever way they write it."""
    model = {key: value for key, value in PSANET_PADDLE.items() if not key.startswith("mask_")}
    (scenes / "base.yml").write_text(yaml.safe_dump({**small_config(scenes), "model": {**model, **below}}))
    (scenes / "config.yml").write_text(yaml.safe_dump({"_base_": "base.yml", "model": above}))
    config = load_config(scenes / "config.yml", opts=list(opts))
    assert Builder(config).build("model").psa.mask_size == sides
