"""One ``align_corners``: the model's decides that of the test protocol, and a file that says two things is refused."""

import numpy as np
import paddle
import pytest
import yaml

from paddleseg_ext.backbones import ResNet18_v1c
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.config.quiet import quietly
from paddleseg_ext.engine.evaluate import evaluate
from paddleseg_ext.errors import UserError
from paddleseg_ext.models import PSPNet
from paddleseg_ext.protocol.inference import protocol_of
from paddleseg_ext.zoo.table import CONFIGS

RECIPES = sorted(path.relative_to(CONFIGS).as_posix() for path in CONFIGS.glob("*/*.yml") if path.parent.name[0] != "_")


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_protocol_of_every_recipe_resizes_as_its_model(recipe):
    config = load_config(CONFIGS / recipe)
    with quietly(), paddle.LazyGuard():
        model = Builder(config, pretrained=False).build("model")
    assert protocol_of(config.test_config).align_corners == model.align_corners


@pytest.fixture
def load(scenes):
    """Load the YAML of the scenes with a model and a test protocol."""

    def load(model, test_config=None, *opts):
        content = yaml.safe_load((scenes / "config.yml").read_text())
        content["model"] = {"backbone": {"type": "ResNet18_v1c"}, **model}
        if test_config is not None:
            content["test_config"] = test_config
        (scenes / "config.yml").write_text(yaml.safe_dump(content, sort_keys=False))
        return load_config(scenes / "config.yml", opts=list(opts))

    return load


FORCED = [("PSPNet", "semseg"), ("PSANet", "semseg"), ("ISANet", "openseg")]
OPEN = [(kind, layout) for kind in ("PSPNet", "PSANet", "ISANet") for layout in ("ssseg", "mmseg")]
PADDLE = [("PSPNet", "paddleseg"), ("PSANet", "psanet_paddle"), ("ISANet", "paddleseg")]


@pytest.mark.parametrize("kind, layout", FORCED)
def test_a_layout_that_forces_it(kind, layout, load):
    model = {"type": kind, "layout": layout}
    assert protocol_of(load(model).test_config).align_corners is True
    assert protocol_of(load(model, {"resize_once": True}).test_config).align_corners is True
    assert protocol_of(load({**model, "align_corners": True}, {"align_corners": True}).test_config).align_corners
    with pytest.raises(UserError) as error:
        load(model, {"align_corners": False, "resize_once": True})
    assert (
        f"test_config.align_corners is false, and the model's align_corners with layout {layout} is true; leave it out "
        "of test_config" in str(error.value)
    )
    assert "config.yml line " in str(error.value)
    with pytest.raises(UserError, match=f"model.align_corners is false, and with layout {layout} it is true"):
        load({**model, "align_corners": False})


@pytest.mark.parametrize("kind, layout", OPEN)
@pytest.mark.parametrize("own", [False, True])
def test_a_layout_that_leaves_it_open(kind, layout, own, load):
    model = {"type": kind, "layout": layout, "align_corners": own}
    assert protocol_of(load(model).test_config).align_corners is own
    assert protocol_of(load(model, {"align_corners": own}).test_config).align_corners is own
    with pytest.raises(UserError, match="leave it out of test_config, where it follows the model"):
        load(model, {"align_corners": not own})
    with pytest.raises(UserError, match="leave it out of test_config"):
        load(model, {}, f"test_config.align_corners={not own}")


@pytest.mark.parametrize("kind, layout", PADDLE)
def test_paddlesegs_own_layouts_resize_to_the_original_size_as_paddleseg_does(kind, layout, load):
    """PaddleSeg's ``reverse_transform`` hands over no align_corners, whatever the model's is."""
    model = {"type": kind, "layout": layout, "align_corners": True}
    assert protocol_of(load(model).test_config).align_corners is False
    assert protocol_of(load(model, {"align_corners": True}).test_config).align_corners is True
    with pytest.raises(UserError, match=r"test_config\.align_corners is false"):
        load(model, {"align_corners": False})


def test_models_of_paddleseg(load):
    model = {"type": "FCN", "backbone": {"type": "HRNet_W18"}, "align_corners": True}
    assert "align_corners" not in load(model).test_config
    with pytest.raises(UserError, match=r"test_config\.align_corners is false"):
        load(model, {"align_corners": False})


@pytest.mark.parametrize("value", [1, 0, "false", "yes", None])
def test_a_value_that_is_none(value, load):
    """Text is true to Python, whatever it says."""
    with pytest.raises(UserError, match=r"model\.align_corners must be true or false"):
        load({"type": "PSPNet", "layout": "ssseg", "align_corners": value}, {"align_corners": False})


def test_a_layout_that_is_none(load):
    with pytest.raises(UserError, match="has no layout"):
        Builder(load({"type": "PSPNet", "layout": "none"}), pretrained=False).build("model")
    with pytest.raises(UserError):
        Builder(load({"type": "PSPNet", "layout": ["ssseg"]}), pretrained=False).build("model")


@pytest.mark.parametrize(
    "layout, own, after", [("semseg", True, True), ("ssseg", False, False), ("paddleseg", True, False)]
)
def test_evaluation_asks_the_model(layout, own, after, scenes):
    backbone = ResNet18_v1c(base_channels=8)
    model = PSPNet(3, backbone, layout=layout, pp_out_channels=16, align_corners=own and layout != "semseg")
    assert (model.align_corners, model.original_align_corners) == (own, after)
    dataset = Builder(load_config(scenes / "config.yml")).build("val_dataset")
    plain = evaluate(model, dataset, print_detail=False)
    np.testing.assert_array_equal(evaluate(model, dataset, print_detail=False, align_corners=own)[2], plain[2])
    with pytest.raises(UserError, match="is not the model's"):
        evaluate(model, dataset, print_detail=False, align_corners=not own)
