"""What evaluation, prediction and export need of a configuration."""

import pytest
import yaml

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.errors import UserError
from tests.conftest import small_config

TRAINING = ("batch_size", "iters", "optimizer", "lr_scheduler", "loss")


@pytest.mark.parametrize("missing", (*((key,) for key in TRAINING), (*TRAINING, "train_dataset")))
def test_what_only_training_needs(scenes, missing):
    content = small_config(scenes)
    for key in missing:
        del content[key]
    path = scenes / "config.yml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=f"No ({'|'.join(missing)}) specified"):
        load_config(path)
    config = load_config(path, training=False)
    assert not set(TRAINING) & set(config.dic)
    # Three classes: those of the data set that is there.
    assert Builder(config, pretrained=False).build("model")
    assert config.dic["model"]["num_classes"] == 3


def test_what_only_training_needs_is_not_looked_at(scenes):
    content = small_config(scenes)
    content["train_dataset"]["transforms"] = [{"type": "NotHere"}]
    content["optimizer"] = {"type": "NotHere"}
    content["lr_scheduler"] = {"type": "NotHere", "learning_rate": "5e-4"}
    content["loss"] = {"types": [{"type": "NotHere"}]}
    content.update(batch_size=0, iters=None)
    path = scenes / "config.yml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError):
        load_config(path)
    assert load_config(path, training=False).val_dataset_cfg == content["val_dataset"]


def test_a_fault_of_the_data_set_that_stands_in_is_reported_where_it_is(scenes):
    content = small_config(scenes)
    del content["train_dataset"]
    content["val_dataset"]["moed"] = "val"
    path = scenes / "config.yml"
    path.write_text(yaml.safe_dump(content))
    line = 1 + path.read_text().splitlines().index("  moed: val")
    with pytest.raises(UserError, match=f"config.yml line {line}: Dataset has no argument 'moed'; did you mean mode"):
        load_config(path, training=False)


@pytest.mark.parametrize(
    ("missing", "sentence"),
    (
        (("model",), "has no model; add one"),
        (("train_dataset", "val_dataset"), "has no val_dataset, which names the classes"),
    ),
)
def test_what_is_always_needed(scenes, missing, sentence):
    content = small_config(scenes)
    for key in missing:
        del content[key]
    path = scenes / "config.yml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=sentence):
        load_config(path, training=False)
