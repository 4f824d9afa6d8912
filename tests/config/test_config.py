"""A configuration with the values of the command line."""

import pytest
import yaml
from paddleseg.cvlibs import Config

from paddleseg_ext.config.config import load_config
from paddleseg_ext.errors import UserError
from tests.conftest import small_config


def test_the_command_line_overrules_the_file(scenes):
    path = scenes / "config.yml"
    config = load_config(path, learning_rate=0.5, iters=9, batch_size=3, opts=["iters=8", "model.dropout=0.0"])
    assert isinstance(config, Config)
    assert (config.iters, config.batch_size, config.lr_scheduler_cfg["learning_rate"]) == (8, 3, 0.5)
    assert config.model_cfg["dropout"] == 0.0
    # What the file says stays known.
    assert config.written == yaml.safe_load(path.read_text())


def test_the_place_of_a_key(scenes):
    path = scenes / "config.yml"
    config = load_config(path, opts=["model.dropout=0.0"])
    line = 1 + path.read_text().splitlines().index("  type: PSPNet")
    assert config.where("model", "type") == f"{path} line {line}"
    # An option is in no line; the mapping around it is.
    line = 1 + path.read_text().splitlines().index("model:")
    assert config.where("model", "dropout") == f"{path} line {line}"


def test_a_learning_rate_without_a_schedule(scenes):
    content = small_config(scenes)
    del content["lr_scheduler"]
    (scenes / "config.yml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match="--learning_rate needs an lr_scheduler in the file"):
        load_config(scenes / "config.yml", learning_rate=0.1)


def test_what_paddleseg_finds_is_one_sentence(scenes):
    content = small_config(scenes)
    content["val_dataset"]["num_classes"] = 4
    (scenes / "config.yml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"^\S+config.yml: .*`num_classes` is not consistent[^\n]*\.$"):
        load_config(scenes / "config.yml")
