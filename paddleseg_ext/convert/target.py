"""The names and shapes that the weights have to come to, of a model that is never given memory."""

import copy
import inspect
from dataclasses import dataclass
from typing import Optional

import paddle
from paddleseg.cvlibs import Config, manager

from paddleseg_ext.engine.build import Builder, quietly
from paddleseg_ext.errors import UserError

MODELS = {"PSPNet": "pspnet", "PSANet": "psanet", "ISANet": "isanet"}
# What the backbones take where a YAML says nothing.
_BACKBONE_DEFAULTS = {"output_stride": 8, "contract_dilation": False, "ceil_mode": False}


@dataclass(frozen=True)
class Target:
    """What is to be filled.

    Attributes:
        described_by: The YAML file or the class, for messages.
        model: 'pspnet', 'psanet', 'isanet' or 'backbone'.
        shapes: Shape by name.
        settings: What the YAML says that shapes do not show, by its keys; empty where there is no YAML.
    """

    described_by: str
    model: str
    shapes: dict
    settings: dict


def target_of_config(config: Config, backbone: bool = False, layout: Optional[str] = None) -> Target:
    """The target that a YAML describes.

    Args:
        config: From ``load_config``.
        backbone: Its backbone alone.
        layout: Instead of its own.

    Raises:
        UserError: It describes none of the three models, or one that cannot be built.
    """
    # Building fills in what the file leaves out.
    config = copy.deepcopy(config)
    written = config.dic["model"]
    kind = written["type"]
    if not backbone and kind not in MODELS:
        raise UserError(f"{config.path}: model.type {kind} is none of {', '.join(MODELS)}, which can be converted to.")
    settings = {}
    if not backbone:
        default = inspect.signature(manager.MODELS[kind]).parameters["layout"].default
        settings["model.layout"] = written.get("layout", default)
        settings["model.align_corners"] = written.get("align_corners", False)
        if "mask_size" in written:
            sides = written["mask_size"]
            settings["model.mask_size"] = [sides, sides] if isinstance(sides, int) else list(sides)
    for name, value in _BACKBONE_DEFAULTS.items():
        settings[f"model.backbone.{name}"] = written["backbone"].get(name, value)
    if layout is not None:
        written["layout"] = layout
    with quietly(), paddle.LazyGuard():
        built = Builder(config, pretrained=False).build("model")
    layer = built.backbone if backbone else built
    return Target(config.path, "backbone" if backbone else MODELS[kind], shapes_of(layer), settings)


def target_of_model(model: paddle.nn.Layer) -> Target:
    """The target that a model, or a ResNet, is."""
    kind = type(model).__name__
    return Target(f"this {kind}", MODELS.get(kind, "backbone"), shapes_of(model), {})


def shapes_of(model: paddle.nn.Layer) -> dict:
    """Shape of each parameter and statistic of ``model`` by its name."""
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}
