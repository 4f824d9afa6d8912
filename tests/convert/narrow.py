"""A network small enough to evaluate in a second, and its weights as a published implementation would save them."""

from pathlib import Path

import numpy as np
import yaml

from paddleseg_ext.config.config import load_config
from paddleseg_ext.convert.implementations import IMPLEMENTATIONS
from paddleseg_ext.convert.names import their_name
from paddleseg_ext.convert.target import target_of_config
from tests.weights.torch_writer import save_zip, tensor

MODEL = {
    "type": "PSPNet",
    "layout": "ssseg",
    "backbone": {"type": "ResNet18_v1c", "output_stride": 8, "base_channels": 8},
    "pp_out_channels": 16,
    "aux_channels": 16,
}


def describe(scenes: Path, **changes) -> Path:
    """The YAML of the network on the data of ``scenes``, with other settings."""
    config = yaml.safe_load((scenes / "config.yml").read_text())
    config["model"] = {**MODEL, **changes}
    path = scenes / "narrow.yml"
    path.write_text(yaml.safe_dump(config))
    return path


def their_weights(config: Path, implementation: str = "ssseg") -> dict:
    """Random weights of the network of ``config`` under an implementation's names, with its counts of batches."""
    random = np.random.default_rng(5)
    state = {}
    target = target_of_config(load_config(config))
    for name, shape in target.shapes.items():
        theirs = their_name(name, IMPLEMENTATIONS[implementation], target.model)
        array = random.standard_normal(shape).astype("float32")
        state[theirs] = np.abs(array) if theirs.endswith("running_var") else array
        if theirs.endswith("running_var"):
            state[theirs.replace("running_var", "num_batches_tracked")] = np.array(7, "int64")
    return state


def save(state: dict, path: Path) -> Path:
    """As SSSegmentation's training saves them."""
    optimizer = {"state": {0: {"momentum_buffer": tensor(np.zeros(3, "float32"))}}, "param_groups": [{"lr": 0.01}]}
    weights = {name: tensor(array) for name, array in state.items()}
    save_zip({"cur_epoch": 1, "cur_iter": 3, "optimizer": optimizer, "model": weights}, path)
    return path
