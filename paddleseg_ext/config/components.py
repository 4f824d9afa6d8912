"""The components that a configuration names: does each exist, and does it take the arguments it is given?"""

import inspect
from typing import Any, Optional

from paddleseg.cvlibs import manager

from paddleseg_ext.config.places import Key, Places, dotted
from paddleseg_ext.errors import UserError, hint

# Arguments that PaddleSeg's Config takes from the data set when the YAML leaves them out.
_FILLED_IN = {"num_classes", "in_channels", "ignore_index"}


def check_components(dic: dict, places: Places) -> None:
    """Check model, data sets, losses and optimizer, each with the components inside it.

    Raises:
        UserError: A component does not exist, has no argument of a given name, or misses an argument.
    """
    _check_component(places, dic["model"], ("model",), manager.MODELS)
    # val_dataset first: it may stand in for train_dataset, and then a fault is reported where it is written.
    for key in ("val_dataset", "train_dataset", "test_dataset"):
        if dic.get(key):
            _check_component(places, dic[key], (key,), manager.DATASETS)
    for key in ("loss", "distill_loss"):
        for index, item in enumerate(dic.get(key, {}).get("types", ())):
            _check_component(places, item, (key, "types", index), manager.LOSSES)
    if "optimizer" in dic:
        _check_optimizer(places, dic["optimizer"])


def check_arguments(places: Places, cfg: dict, key: Key, component: Any, kind: str) -> None:
    """Check the arguments of one component against the signature of its constructor.

    Args:
        cfg: The component as the YAML describes it: ``type`` and arguments.
        key: Where it stands in the configuration.
        component: Its class or function.
        kind: Its name.

    Raises:
        UserError: The constructor does not have an argument, or needs one that is missing.
    """
    parameters = list(inspect.signature(component).parameters.values())
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    open_ended = any(p.kind == p.VAR_KEYWORD for p in parameters)
    for name in cfg:
        if name != "type" and name not in names and not open_ended:
            near = hint(str(name), names | {"type"})
            raise UserError(f"{places(*key, name)}: {kind} has no argument {name!r}; {near}")
    for p in parameters:
        needed = p.default is p.empty and p.name in names and p.name not in cfg
        if needed and p.name not in _FILLED_IN:
            raise UserError(f"{places(*key)}: {kind} needs {p.name!r}; add it below {dotted(key)}.")


def _check_optimizer(places: Places, cfg: dict) -> None:
    # PaddleSeg accepts these two old spellings, and SGD with a momentum for Momentum.
    cfg = dict(cfg)
    cfg["type"] = {"sgd": "SGD", "adam": "Adam"}.get(str(cfg.get("type")), cfg.get("type"))
    if cfg["type"] == "SGD" and "momentum" in cfg:
        cfg["type"] = "Momentum"
    _check_component(places, cfg, ("optimizer",), manager.OPTIMIZERS)


def _check_component(places: Places, cfg: Any, key: Key, known: Optional[manager.ComponentManager]) -> None:
    if not isinstance(cfg, dict) or "type" not in cfg:
        raise UserError(f"{places(*key)}: {dotted(key)} needs a `type`, the name of the component.")
    everything = (
        [known] if known else [manager.MODELS, manager.BACKBONES, manager.DATASETS, manager.TRANSFORMS, manager.LOSSES]
    )
    components = {name: part for each in everything for name, part in each.components_dict.items()}
    kind = cfg["type"]
    if kind not in components:
        what = f"not one of the {known.name}" if known else "not a component"
        raise UserError(f"{places(*key, 'type')}: {dotted(key)}.type {kind!r} is {what}; {hint(str(kind), components)}")
    check_arguments(places, cfg, key, components[kind], kind)
    for name, value in cfg.items():
        if isinstance(value, dict) and "type" in value:
            _check_component(places, value, (*key, name), _expected((*key, name)))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict) and ("type" in item or name == "transforms"):
                    _check_component(places, item, (*key, name, index), _expected((*key, name, index)))


def _expected(key: Key) -> Optional[manager.ComponentManager]:
    """The manager that a nested component comes from, by the key it stands under."""
    names = [name for name in key if isinstance(name, str)]
    return {"backbone": manager.BACKBONES, "transforms": manager.TRANSFORMS, "losses": manager.LOSSES}.get(names[-1])
