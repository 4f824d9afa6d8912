"""The published implementations' own state dicts, by names and shapes alone, and the YAML that describes each.

``keys.json.gz`` holds the names and shapes of 25 of them, read off the implementations themselves: SSSegmentation
1.7.0, mmsegmentation 1.2.2, hszhao/semseg and openseg.pytorch.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from paddleseg_ext.convert import convert_weights
from paddleseg_ext.errors import UserError
from tests.conftest import small_config

PSANET = "ssseg_psanet_50_os8"
KEYS = json.loads(gzip.decompress((Path(__file__).parent / "keys.json.gz").read_bytes()))


def state_dict(name: str) -> dict:
    """The state dict ``name`` of ``KEYS``; each tensor is full of a number of its own and takes no memory."""
    return {key: np.broadcast_to(np.float32(i), shape) for i, (key, shape) in enumerate(KEYS[name])}


def write_yaml(folder: Path, model: dict, classes: int = 19) -> Path:
    """A YAML file that describes ``model``; its data sets need not be there."""
    config = small_config(folder)
    config["model"] = model
    for part in ("train_dataset", "val_dataset"):
        config[part]["num_classes"] = classes
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(config))
    return path


def model_of(name: str) -> dict:
    """What a YAML says of the model ``name`` of ``KEYS``."""
    peer, model, depth, stride = name.split("_")
    backbone = {"type": f"ResNet{depth}_v1c", "output_stride": int(stride[2:])}
    if peer in ("semseg", "openseg"):
        backbone["type"] = f"ResNet{depth}_deepstem"
    if peer == "openseg":
        backbone.update(contract_dilation=True, ceil_mode=True)
    settings = {"type": f"{model[:3].upper()}Net", "layout": peer, "backbone": backbone}
    if model == "psanet":
        settings["mask_size"] = [13, 15] if peer == "semseg" else [97, 97]
    if depth == "18":
        settings["aux_channels"] = 64
        width = {"psanet": ("feats_channels", 128), "pspnet": ("pp_out_channels", 128), "isanet": ("isa_channels", 64)}
        settings.update([width[model]])
    return settings


def refusal(*arguments, **settings):
    """The message of the error."""
    with pytest.raises(UserError) as caught:
        convert_weights(*arguments, **settings)
    return str(caught.value)
