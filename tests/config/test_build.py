"""Parts built from a configuration; ``pretrained`` has its tests in tests/weights/test_pretrained.py."""

import pytest
from paddleseg.cvlibs import manager

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.errors import UserError


def test_each_part_is_built_once(scenes):
    builder = Builder(load_config(scenes / "config.yml"))
    model = builder.build("model")
    assert model is builder.build("model")
    assert builder.build("optimizer")._parameter_list[0] is model.parameters()[0]
    assert [len(builder.build(name)) for name in ("train_dataset", "val_dataset", "val_transforms")] == [8, 3, 1]


def test_the_first_failure_is_the_sentence(scenes, monkeypatch):
    def fails(**unused):
        raise ValueError("it is\n  Tuesday")

    monkeypatch.setitem(manager.BACKBONES._components_dict, "ResNet18_v1c", fails)
    path = scenes / "config.yml"
    builder = Builder(load_config(path, opts=["model.backbone={'type':'ResNet18_v1c'}"]))
    with pytest.raises(UserError) as error:
        builder.build("model")
    assert str(error.value) == f"{path}: fails cannot be built: it is Tuesday"
