"""Parts built from a configuration; ``pretrained`` has its tests in tests/weights/test_pretrained.py."""

import pytest
import yaml
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


LISTS = (
    {"model": {"bin_sizes": [{"type": "MobileNetV2_x1_0", "pretrained": "sent.pdparams"}]}},
    {"loss": {"types": [{"type": "CrossEntropyLoss", "weight": {"type": "STDC1", "pretrained": "sent.pdparams"}}]}},
)


@pytest.mark.parametrize("changes", LISTS, ids=["model", "loss"])
def test_weights_of_a_component_anywhere_in_the_yaml_are_read_without_running_them(changes, scenes, monkeypatch):
    """PaddleSeg opens ``pretrained`` of whatever it builds, in lists and outside of the model too."""
    monkeypatch.chdir(scenes)
    content = yaml.safe_load((scenes / "config.yml").read_text())
    for part, values in changes.items():
        content[part].update(values)
    (scenes / "config.yml").write_text(yaml.safe_dump(content))
    (scenes / "sent.pdparams").write_bytes(b"\x80\x02cposix\nsystem\n" + b"X\x09\x00\x00\x00touch ran\x85R.")
    with pytest.raises(UserError, match=r"asks for posix\.system"):
        builder = Builder(load_config(scenes / "config.yml"))
        builder.build("loss")
        builder.build("model")
    assert not (scenes / "ran").exists()
