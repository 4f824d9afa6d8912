"""Facts about what a YAML file builds; ``test_check.py`` changes one of every kind."""

import paddle

from paddleseg_ext.zoo.built import built_facts
from paddleseg_ext.zoo.table import config_path


def test_facts_come_from_what_is_built():
    """The YAML says nothing of the widths of a level, of the stem, or of the strides of the stages."""
    backbones = {}
    path = config_path("pspnet_resnet50_os8_voc12aug_512x512_60e_ssseg")
    facts = built_facts(path, backbones)
    assert (facts["model"], facts["crop"], facts["batch"], facts["output_stride"]) == ("PSPNet", [512, 512], 16, 8)
    assert facts["data"] == {"classes": 21, "set": "voc12aug", "train": "trainaug", "val": "val"}
    assert facts["backbone"]["stem"] == [32, 32, 64]
    assert facts["stages"]["strides"] == [1, 2, 1, 1]
    assert facts["head"]["level"] == {"bias": False, "in": 2048, "kernel": 1, "out": 512}
    assert facts["learning_rate"]["at"][0] == 0.01

    # The backbone is built once, and the facts do not depend on that.
    (backbone,) = backbones.values()
    assert built_facts(path, backbones) == facts
    assert list(backbones.values()) == [backbone]


def test_weights_are_drawn_again_afterwards():
    built_facts(config_path("pspnet_resnet50_os8_voc12aug_512x512_60e_ssseg"), {})
    assert float(paddle.nn.Conv2D(3, 8, 3).weight.std()) > 0
