"""The names and shapes that converted weights must have. The model that shows them gets no memory."""

import copy
import dataclasses
import inspect
from dataclasses import dataclass
from typing import Any, Optional

import paddle
from paddleseg.cvlibs import Config, manager

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.quiet import quietly
from paddleseg_ext.errors import UserError
from paddleseg_ext.models.psanet import PSA_TYPES, mask_sides
from paddleseg_ext.models.sides import whole_sides
from paddleseg_ext.protocol.inference import protocol_of

MODELS = {"PSPNet": "pspnet", "PSANet": "psanet", "ISANet": "isanet"}


@dataclass(frozen=True)
class Target:
    """The model or backbone to fill.

    Attributes:
        described_by: The YAML file or the class, for messages.
        model: 'pspnet', 'psanet', 'isanet' or 'backbone'.
        shapes: {name: shape}.
        settings: {key of the YAML: value}, defaults included: arguments of model and backbone, ``test_config.*``, and
            the steps ``Normalize`` and ``ResizeByRatio``. Empty without a YAML.
    """

    described_by: str
    model: str
    shapes: dict[str, tuple[int, ...]]
    settings: dict[str, Any]


def target_of_config(config: Config, backbone: bool = False, layout: Optional[str] = None) -> Target:
    """The target that a YAML describes.

    Args:
        config: From ``load_config``.
        backbone: Its backbone alone.
        layout: Instead of its own.

    Raises:
        UserError: It describes another model than these three, or one that cannot be built.
    """
    # Building fills in what the file leaves out.
    config = copy.deepcopy(config)
    written = config.dic["model"]
    kind = written["type"]
    if not backbone and kind not in MODELS:
        raise UserError(f"{config.path}: model.type {kind} cannot be converted to; use one of {', '.join(MODELS)}.")
    settings = declared_settings(config, backbone)
    if layout is not None:
        written["layout"] = layout
    with quietly(), paddle.LazyGuard():
        built = Builder(config, pretrained=False).build("model")
    layer = built.backbone if backbone else built
    return Target(config.path, "backbone" if backbone else MODELS[kind], shapes_of(layer), settings)


def declared_settings(
    config: Config, backbone: bool = False, backbone_type: Optional[str] = None, layout: Optional[str] = None
) -> dict[str, Any]:
    """Return the settings of a YAML, defaults included; see ``Target``.

    Args:
        backbone: Only the backbone counts.
        backbone_type, layout: The backbone and the layout whose defaults are taken; None: the YAML's.
    """
    model = config.dic["model"]
    of_backbone = {**model["backbone"], **({} if backbone_type is None else {"type": backbone_type})}
    # A backbone without these arguments behaves as with false.
    settings: dict[str, Any] = {"model.backbone.contract_dilation": False, "model.backbone.ceil_mode": False}
    settings.update(_arguments(manager.BACKBONES, of_backbone, "model.backbone."))
    if not backbone:
        settings.update(_arguments(manager.MODELS, model, "model."))
        protocol = protocol_of(config.test_config)
        settings.update({f"test_config.{f.name}": getattr(protocol, f.name) for f in dataclasses.fields(protocol)})
        _settle(settings, manager.MODELS[model["type"]].layouts.get(layout or settings["model.layout"]))
    if config.dic.get("val_dataset"):
        steps = {step.get("type"): step for step in config.val_dataset_cfg.get("transforms") or ()}
        settings["Normalize"] = None
        if "Normalize" in steps:
            settings["Normalize"] = {
                "mean": [0.5],
                "std": [0.5],
                "scale": 255,
                "channel_order": "RGB",
                **{key: value for key, value in steps["Normalize"].items() if key != "type"},
            }
        settings["ResizeByRatio"] = None
        if "ResizeByRatio" in steps:
            given = {key: value for key, value in steps["ResizeByRatio"].items() if key != "type"}
            settings["ResizeByRatio"] = {"fit": "inside", "interpolation": "linear", **given}
    return settings


def _arguments(known: manager.ComponentManager, written: dict, prefix: str) -> dict[str, Any]:
    """The arguments of a component by the YAML's keys."""
    parameters = inspect.signature(known[written["type"]]).parameters.values()
    found = {p.name: written.get(p.name, p.default) for p in parameters if p.default is not p.empty}
    found.pop("pretrained", None)
    return {f"{prefix}{name}": value for name, value in found.items()}


def _settle(settings: dict, row: Any) -> None:
    """Bring each setting of a model to one form; a YAML has several ways to write some.

    Args:
        row: Its layout, or None where there is no such layout.
    """
    if "model.mask_size" in settings:
        sides = (settings.pop(f"model.{name}") for name in ("mask_size", "mask_h", "mask_w"))
        settings["model.mask_size"] = list(mask_sides(*sides))
    for key, count in (("model.bin_sizes", None), ("model.down_factor", 2)):
        if key in settings:
            settings[key] = list(whole_sides(key, settings[key], count))
    if "model.psa_type" in settings:
        settings["model.psa_type"] = PSA_TYPES.get(settings["model.psa_type"], settings["model.psa_type"])
    settings["model.backbone_indices"] = [index % 4 for index in settings["model.backbone_indices"]]
    if row is not None:
        if row.align_corners is not None:
            settings["model.align_corners"] = row.align_corners
        if settings.get("model.dropout") is None:
            settings["model.dropout"] = row.dropout


def target_of_model(model: paddle.nn.Layer) -> Target:
    """A model or a ResNet as the target."""
    kind = type(model).__name__
    return Target(f"this {kind}", MODELS.get(kind, "backbone"), shapes_of(model), {})


def shapes_of(model: paddle.nn.Layer) -> dict[str, tuple[int, ...]]:
    """Shape of each parameter and statistic of ``model`` by its name."""
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}
