"""PaddleSeg's YAML, read with every mistake reported before any work starts.

``load_config`` returns a ``paddleseg.cvlibs.Config`` (a subclass of it), so everything that takes one goes on
working. What PaddleSeg would find out deep inside a constructor, or never, is found here: a misspelt key, a
component that does not exist, an argument that its constructor does not have, ``5e-4`` which YAML reads as text.
"""

import contextlib
import copy
import inspect
import re
from ast import literal_eval
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import paddle
import yaml
from paddleseg.cvlibs import Config, manager

# Names, not contents: paddleseg.cvlibs re-exports the class Config over its module config.
from paddleseg.cvlibs.config import merge_config_dicts
from paddleseg.cvlibs.config_checker import ConfigChecker, DefaultPrimaryRule
from paddleseg.utils import logger

from paddleseg_ext.errors import UserError, hint, nearest, one_line
from paddleseg_ext.protocol.inference import protocol_of
from paddleseg_ext.protocol.settings import TEST_CONFIG_KEYS, check_setting

TOP_LEVEL_KEYS = (
    "batch_size",
    "total_batch_size",
    "iters",
    "train_dataset",
    "val_dataset",
    "test_dataset",
    "optimizer",
    "lr_scheduler",
    "loss",
    "distill_loss",
    "model",
    "test_config",
    "to_static_training",
    "export",
)
# What only training reads; a trained model can be evaluated, exported and used without.
TRAINING_KEYS = ("batch_size", "total_batch_size", "iters", "optimizer", "lr_scheduler", "loss", "distill_loss")
# How alike a key that holds an anchor has to be to one of the above to be taken for it, misspelt; from 0 to 1. Others
# have difflib's 0.6, where `dataset: &dataset` would be val_dataset.
_ALIKE = 0.8
# What PaddleSeg's Config fills in from the data set when the YAML leaves it out.
FILLED_IN = {"num_classes", "in_channels", "ignore_index"}
_NUMBER_AS_TEXT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")
_WORDS = {"null": None, "none": None, "~": None, "true": True, "false": False}


class ValidatedConfig(Config):
    """``paddleseg.cvlibs.Config`` whose faults are ``UserError`` sentences that name file, line and key.

    Args:
        path: The YAML file.
        training: Whether the file has to say how to train. If not, what is only for training is not looked at.
        learning_rate, batch_size, iters: Overrule the file when not None.
        opts: ``key=value`` strings; dots go into mappings, whole numbers into lists.

    Attributes:
        written: The merged content of the file and its bases, without the command line's changes.
    """

    def __init__(self, path: Union[str, Path], training: bool = True, **changes: Any) -> None:
        path = str(path)
        self.path = path
        self._training = training
        self._places = {}
        _require_yaml(path, "--config")
        try:
            super().__init__(path, **changes)
        except (RuntimeError, AssertionError, ValueError) as error:
            # PaddleSeg's own checks: the last line of their message is the sentence that says what is wrong.
            raise UserError(f"{path}: {str(error).strip().splitlines()[-1].rstrip('.')}.") from error
        _check_numbers(self)
        _check_components(self)
        _settle_align_corners(self)

    def _parse_from_yaml(self, path: str) -> dict:
        dic, self._places = _read(Path(path), ())
        _check_keys(self, dic)
        return dic

    def _build_default_checker(self) -> ConfigChecker:
        """PaddleSeg's rules; without training, not the one that asks for everything that training needs."""
        checker = super()._build_default_checker()
        if not self._training:
            checker.rule_list = [rule for rule in checker.rule_list if not isinstance(rule, DefaultPrimaryRule)]
        return checker

    def update_config_dict(
        self,
        dic: dict,
        learning_rate: Optional[float] = None,
        batch_size: Optional[int] = None,
        iters: Optional[int] = None,
        opts: Optional[Sequence[str]] = None,
    ) -> dict:
        """Apply the command line's values to ``dic`` and return it."""
        self.written = copy.deepcopy(dic)
        if learning_rate is not None:
            if not isinstance(dic.get("lr_scheduler"), dict):
                raise UserError(f"{self.path}: --learning_rate needs an lr_scheduler in the file; add one.")
            dic["lr_scheduler"]["learning_rate"] = learning_rate
        if batch_size is not None:
            dic["batch_size"] = batch_size
        if iters is not None:
            dic["iters"] = iters
        for item in opts or ():
            _apply_option(dic, item)
            if item.startswith("model."):
                _one_spelling({item.partition("=")[0][len("model.") :]}, dic.get("model"))
        _check_keys(self, dic)
        _move_decay(dic, self.written)
        if not self._training:
            dic = _without_training(self.path, dic)
        _check_text_numbers(self, dic, ())
        return dic

    def where(self, *key: Union[str, int]) -> str:
        """``file line N`` of a key (its nearest known ancestor if an option added it)."""
        for end in range(len(key), 0, -1):
            if key[:end] in self._places:
                file, line = self._places[key[:end]]
                return f"{file} line {line}"
        return self.path


def load_config(
    path: Union[str, Path],
    learning_rate: Optional[float] = None,
    iters: Optional[int] = None,
    batch_size: Optional[int] = None,
    opts: Optional[Sequence[str]] = None,
    training: bool = True,
) -> Config:
    """Read and check a YAML file in PaddleSeg's format.

    Args:
        path: The file; ``_base_`` names the files it builds upon, relative to itself.
        learning_rate, iters, batch_size: Overrule the file.
        opts: ``key=value`` strings, e.g. ``["model.backbone.pretrained=null"]``.
        training: Whether the file has to say how to train. If not, ``TRAINING_KEYS`` and ``train_dataset`` may be left
            out, and are not read.

    Raises:
        UserError: Missing file, YAML syntax, misspelt key, unknown component or argument, wrong type of value.
    """
    return ValidatedConfig(
        path, training=training, learning_rate=learning_rate, iters=iters, batch_size=batch_size, opts=opts
    )


def use_nhwc(config: Config) -> None:
    """``--data_format NHWC``: images as height, width, channels, for the one model of PaddleSeg that reads them so.

    Raises:
        UserError: The model is another one.
    """
    kind = config.dic["model"]["type"]
    if kind != "DeepLabV3P":
        raise UserError(f"--data_format NHWC: {kind} reads images as NCHW only; leave the flag out.")
    losses = config.dic.get("loss", {}).get("types", ())
    for part in (config.dic["model"], config.dic["model"]["backbone"], *losses):
        part["data_format"] = "NHWC"


def _require_yaml(path: str, named_by: str) -> None:
    if not Path(path).is_file():
        raise UserError(f"{named_by}: the file {path} does not exist; check the path.")
    if not path.endswith((".yml", ".yaml")):
        raise UserError(f"{named_by}: {path} is not a .yml or .yaml file; give the YAML file of the model.")


class _Loader(yaml.SafeLoader):
    """Also reads the tuples that PaddleSeg's Config, written by ``yaml.dump``, has."""


_Loader.add_constructor("tag:yaml.org,2002:python/tuple", lambda loader, node: tuple(loader.construct_sequence(node)))


def _read(path: Path, chain: tuple) -> tuple:
    """The merged mapping of a file and its bases, and for every key path (file, line)."""
    if path.resolve() in chain:
        raise UserError(f"{path}: _base_ leads back to this file; break the circle.")
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        dic = yaml.load(text, Loader=_Loader)
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f" line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{line} is not valid YAML: {error.problem}; check indentation and colons.") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {one_line(error)}.") from error
    if not isinstance(dic, dict):
        raise UserError(f"{path} holds no keys; a configuration is a mapping such as `batch_size: 2`.")
    places = dict(_lines(node, path, ()))
    bases = dic.pop("_base_", [])
    dic = _known_keys(path, dic, places, _anchor_holders(text))
    if not isinstance(bases, (str, list)):
        raise UserError(f"{path}: _base_ must be a file name or a list of them, not {bases!r}.")
    for base in [bases] if isinstance(bases, str) else bases:
        base_path = path.parent / str(base)
        _require_yaml(str(base_path), f"{places[('_base_',)][0]} line {places[('_base_',)][1]}, _base_")
        base_dic, base_places = _read(base_path, chain + (path.resolve(),))
        _check_mergeable(path, dic, base_dic, places, ())
        if isinstance(dic.get("model"), dict):
            _one_spelling(set(dic["model"]), base_dic.get("model"))
        dic = merge_config_dicts(dic, base_dic)
        places = {**base_places, **places}
    dic.pop("_inherited_", None)
    return dic, places


def _anchor_holders(text: str) -> set:
    """The top-level keys of a YAML file whose values carry an anchor, ``mean: &mean [0.5]``, at any depth."""
    holders, depth, key = set(), 0, None
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            if depth == 1:
                key = None
        elif isinstance(event, yaml.NodeEvent):
            if depth == 1 and key is None:
                key = getattr(event, "value", "")
                continue
            if event.anchor and not isinstance(event, yaml.AliasEvent):
                holders.add(key)
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif depth == 1:
                key = None
    return holders


def _known_keys(path: Path, dic: dict, places: dict, anchor_holders: set) -> dict:
    """The keys of one file that somebody reads. PaddleSeg ignores all others; here a misspelt one is an error.

    A key that begins with ``_`` or ``x-``, or that holds an anchor, is meant for the file itself. Any other that
    resembles no known key is left out with a warning.

    Raises:
        UserError: A key resembles one that is read.
    """
    known = {}
    for key, value in dic.items():
        name = str(key)
        if key in TOP_LEVEL_KEYS or key == "_inherited_":
            known[key] = value
        elif not name.startswith(("_", "x-")):
            where = "{} line {}".format(*places.get((name,), (path, 1)))
            is_anchor = name in anchor_holders
            near = nearest(name.lower(), TOP_LEVEL_KEYS, cutoff=_ALIKE if is_anchor else 0.6)
            if near:
                way_out = f", or begin it with _ if it only holds the anchor: _{name}" if is_anchor else ""
                raise UserError(f"{where}: unknown key {key!r}; did you mean {near}?{way_out}")
            if not is_anchor:
                logger.warning(f"{where}: nobody reads the key {key!r}; it is left out, as PaddleSeg does.")
    return known


def _without_training(path: str, dic: dict) -> dict:
    """What evaluation, prediction and export read of a configuration.

    Raises:
        UserError: It describes no model, or no data set.
    """
    if "model" not in dic:
        raise UserError(f"{path} has no model; add one.")
    if not dic.get("train_dataset") and not dic.get("val_dataset"):
        raise UserError(f"{path} has no val_dataset, which says what the classes are; add one.")
    dic = {key: value for key, value in dic.items() if key not in TRAINING_KEYS}
    # PaddleSeg asks the training set, whatever its pictures go through, for the classes.
    dic["train_dataset"] = {**(dic.get("train_dataset") or dic["val_dataset"]), "transforms": []}
    return dic


def _lines(node: Any, path: Path, key: tuple) -> Iterator:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            here = key + (name.value,)
            yield here, (str(path), name.start_mark.line + 1)
            yield from _lines(value, path, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = key + (index,)
            yield here, (str(path), value.start_mark.line + 1)
            yield from _lines(value, path, here)


def _check_mergeable(path: Path, dic: dict, base: dict, places: dict, key: tuple) -> None:
    for name, value in dic.items():
        if not isinstance(value, dict) or name not in base or not value.get("_inherited_", True):
            continue
        here = key + (name,)
        if not isinstance(base[name], dict):
            file, line = places.get(here, (str(path), 0))
            raise UserError(
                f"{file} line {line}: {_dotted(here)} is a mapping here and {base[name]!r} in the file of _base_; "
                "add `_inherited_: False` to replace it."
            )
        _check_mergeable(path, value, base[name], places, here)


# Two ways to say one thing; PSANet_paddle writes the former.
_SPELLINGS = ({"mask_h", "mask_w"}, {"mask_size"})


def _one_spelling(newer: set, older: Any) -> None:
    """Take out of ``older`` what ``newer`` says in another way: a file overrules its base, an option the file."""
    for said, other in (_SPELLINGS, _SPELLINGS[::-1]):
        if said & newer and not other & newer and isinstance(older, dict):
            for key in other:
                older.pop(key, None)


def _apply_option(dic: dict, item: str) -> None:
    key, equals, text = item.partition("=")
    if not equals or not key:
        raise UserError(f"--opts {item}: write KEY=VALUE, e.g. --opts model.backbone.pretrained=null.")
    value = _option_value(text)
    *parents, last = key.split(".")
    place, seen = dic, []
    for name in parents:
        place = _step(place, name, item, seen)
        seen.append(name)
    if isinstance(place, list):
        place[_list_index(place, last, item, seen)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise UserError(f"--opts {item}: {'.'.join(seen)} is {place!r} and has nothing inside; check the key.")


def _option_value(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _step(place: Any, name: str, item: str, seen: list) -> Any:
    if isinstance(place, list):
        return place[_list_index(place, name, item, seen)]
    if not isinstance(place, dict) or name not in place:
        inside = ".".join(seen) or "the configuration"
        known = place if isinstance(place, dict) else ()
        raise UserError(f"--opts {item}: there is no {name} in {inside}; {hint(name, map(str, known))}")
    return place[name]


def _list_index(place: list, name: str, item: str, seen: list) -> int:
    if not name.isdigit() or int(name) >= len(place):
        raise UserError(
            f"--opts {item}: {'.'.join(seen)} is a list of {len(place)}; name an item by its number, "
            f"0 to {len(place) - 1}."
        )
    return int(name)


def _move_decay(dic: dict, written: dict) -> None:
    """Let a decay that ends one step before the training, as mmengine's does, still do so when ``iters`` is another.

    Any other ``decay_steps`` is left as it is, which is what PaddleSeg does.

    Args:
        dic: The configuration with the command line's values.
        written: The same without them.
    """
    before, after = written.get("iters"), dic.get("iters")
    steps = [part.get("lr_scheduler", {}).get("decay_steps") for part in (written, dic)]
    if all(isinstance(number, int) for number in (before, after, *steps)) and steps == [before - 1] * 2:
        dic["lr_scheduler"]["decay_steps"] = max(1, after - 1)


def _dotted(key: Iterable) -> str:
    return ".".join(map(str, key))


def _check_keys(config: ValidatedConfig, dic: dict) -> None:
    for key in dic:
        if key not in TOP_LEVEL_KEYS:
            raise UserError(f"{config.where(key)}: unknown key {key!r}; {hint(str(key), TOP_LEVEL_KEYS)}")
    for key in ("model", "optimizer", "lr_scheduler", "loss", "train_dataset", "val_dataset", "test_config"):
        if key in dic and not isinstance(dic[key], dict):
            where = config.where(key)
            raise UserError(f"{where}: {key} must be a mapping, not {dic[key]!r}; indent its keys below it.")


def _check_text_numbers(config: ValidatedConfig, value: Any, key: tuple) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_text_numbers(config, inner, key + (name,))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check_text_numbers(config, inner, key + (index,))
    elif isinstance(value, str) and _NUMBER_AS_TEXT.fullmatch(value):
        mantissa, exponent = value.lower().split("e")
        better = f"{mantissa if '.' in mantissa else mantissa + '.0'}e{int(exponent):+d}"
        raise UserError(
            f"{config.where(*key)}: {_dotted(key)} is the text {value!r}, not a number, because YAML wants a dot "
            f"and a signed exponent; write {better}."
        )


def _check_numbers(config: ValidatedConfig) -> None:
    for key in ("batch_size", "iters", "total_batch_size"):
        # PaddleSeg has asked for the first two where they are needed.
        if key not in config.dic:
            continue
        value = config.dic[key]
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UserError(f"{config.where(key)}: {key} must be a whole number from 1 up, not {value!r}.")
    rate = config.lr_scheduler_cfg.get("learning_rate")
    if rate is not None and (not isinstance(rate, (int, float)) or isinstance(rate, bool) or rate <= 0):
        key = ("lr_scheduler", "learning_rate")
        raise UserError(f"{config.where(*key)}: {_dotted(key)} must be a number above 0, not {rate!r}.")


def _check_components(config: ValidatedConfig) -> None:
    dic = config.dic
    _check_component(config, dic["model"], ("model",), manager.MODELS)
    # val_dataset first, as it may stand in for the other.
    for key in ("val_dataset", "train_dataset", "test_dataset"):
        if dic.get(key):
            _check_component(config, dic[key], (key,), manager.DATASETS)
    for key in ("loss", "distill_loss"):
        for index, item in enumerate(dic.get(key, {}).get("types", ())):
            _check_component(config, item, (key, "types", index), manager.LOSSES)
    if "optimizer" in dic:
        _check_optimizer(config)
    if "lr_scheduler" in dic:
        _check_scheduler(config)
    _check_test_config(config)


def _check_optimizer(config: ValidatedConfig) -> None:
    # PaddleSeg takes these two old spellings, and SGD with a momentum, for what they mean.
    optimizer = dict(config.dic["optimizer"])
    optimizer["type"] = {"sgd": "SGD", "adam": "Adam"}.get(optimizer.get("type"), optimizer.get("type"))
    if optimizer["type"] == "SGD" and "momentum" in optimizer:
        optimizer["type"] = "Momentum"
    _check_component(config, optimizer, ("optimizer",), manager.OPTIMIZERS)


def _expected(key: tuple) -> Optional[manager.ComponentManager]:
    """Which manager a nested component comes from, by the key it stands under."""
    names = [name for name in key if isinstance(name, str)]
    return {"backbone": manager.BACKBONES, "transforms": manager.TRANSFORMS, "losses": manager.LOSSES}.get(names[-1])


def _check_component(config: ValidatedConfig, cfg: Any, key: tuple, known: Optional[manager.ComponentManager]) -> None:
    if not isinstance(cfg, dict) or "type" not in cfg:
        raise UserError(f"{config.where(*key)}: {_dotted(key)} needs a `type`, the name of the component.")
    everything = (
        [known] if known else [manager.MODELS, manager.BACKBONES, manager.DATASETS, manager.TRANSFORMS, manager.LOSSES]
    )
    components = {name: part for each in everything for name, part in each.components_dict.items()}
    kind = cfg["type"]
    if kind not in components:
        what = f"none of the {known.name}" if known else "no component"
        raise UserError(
            f"{config.where(*key, 'type')}: {_dotted(key)}.type {kind!r} is {what}; {hint(str(kind), components)}"
        )
    _check_arguments(config, cfg, key, components[kind], kind)
    for name, value in cfg.items():
        if isinstance(value, dict) and "type" in value:
            _check_component(config, value, key + (name,), _expected(key + (name,)))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict) and ("type" in item or name == "transforms"):
                    _check_component(config, item, key + (name, index), _expected(key + (name, index)))


def _check_arguments(config: ValidatedConfig, cfg: dict, key: tuple, component: Any, kind: str) -> None:
    parameters = list(inspect.signature(component).parameters.values())
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    open_ended = any(p.kind == p.VAR_KEYWORD for p in parameters)
    for name in cfg:
        if name != "type" and name not in names and not open_ended:
            near = hint(str(name), names | {"type"})
            raise UserError(f"{config.where(*key, name)}: {kind} has no argument {name!r}; {near}")
    for p in parameters:
        needed = p.default is p.empty and p.name in names and p.name not in cfg
        if needed and p.name not in FILLED_IN:
            raise UserError(f"{config.where(*key)}: {kind} needs {p.name!r}; add it below {_dotted(key)}.")


def _check_scheduler(config: ValidatedConfig) -> None:
    cfg = dict(config.dic["lr_scheduler"])
    base = paddle.optimizer.lr.LRScheduler
    known = {
        name: part
        for name, part in vars(paddle.optimizer.lr).items()
        if inspect.isclass(part) and issubclass(part, base) and part is not base
    }
    kind = cfg.get("type")
    if kind not in known:
        where = config.where("lr_scheduler", "type")
        raise UserError(f"{where}: lr_scheduler.type {kind!r} is no schedule of Paddle; {hint(str(kind), known)}")
    warmup = {"warmup_iters", "warmup_start_lr"}
    if len(warmup & set(cfg)) == 1:
        where = config.where("lr_scheduler")
        missing = (warmup - set(cfg)).pop()
        raise UserError(f"{where}: a warmup needs warmup_iters and warmup_start_lr in lr_scheduler; add {missing}.")
    for name in warmup:
        cfg.pop(name, None)
    if kind == "PolynomialDecay":
        cfg.setdefault("decay_steps", config.iters)
    _check_arguments(config, cfg, ("lr_scheduler",), known[kind], kind)


def _check_test_config(config: ValidatedConfig) -> None:
    for name in config.test_config:
        if name not in TEST_CONFIG_KEYS:
            where = config.where("test_config", name)
            raise UserError(f"{where}: unknown key test_config.{name}; {hint(str(name), TEST_CONFIG_KEYS)}")
        with _located(config.where("test_config", name), "test_config."):
            check_setting(name, config.test_config[name])


def _settle_align_corners(config: ValidatedConfig) -> None:
    """Let the model's ``align_corners`` decide that of ``test_config``, and refuse a file that says otherwise."""
    model, component = config.dic["model"], manager.MODELS[config.dic["model"]["type"]]
    defaults = {name: p.default for name, p in inspect.signature(component).parameters.items()}
    own, after, because = model.get("align_corners", defaults.get("align_corners")), False, ""
    if not isinstance(model.get("align_corners", False), bool):
        where = config.where("model", "align_corners")
        raise UserError(f"{where}: model.align_corners must be true or false, not {model['align_corners']!r}.")
    layout = model.get("layout", defaults.get("layout"))
    row = getattr(component, "layouts", {}).get(layout) if isinstance(layout, str) else None
    if row is not None:
        if row.align_corners is not None:
            because = f" with layout {layout}"
            if "align_corners" in model and own != row.align_corners:
                where = config.where("model", "align_corners")
                raise UserError(
                    f"{where}: model.align_corners is {_yaml(own)}, and{because} it is {_yaml(row.align_corners)}; "
                    "leave it out."
                )
            own = row.align_corners
        after = own if row.original_align_corners is None else row.original_align_corners
    said = config.test_config.get("align_corners")
    if said is None:
        if after:
            config.dic["test_config"] = {**config.test_config, "align_corners": True}
    elif isinstance(own, bool) and said != own:
        where = config.where("test_config", "align_corners")
        raise UserError(
            f"{where}: test_config.align_corners is {_yaml(said)}, and the model's align_corners{because} is "
            f"{_yaml(own)}; leave it out of test_config, where it follows the model."
        )
    with _located(config.where("test_config"), "test_config: "):
        protocol_of(config.test_config).check_model(component)


def _yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@contextlib.contextmanager
def _located(where: str, key: str) -> Iterator[None]:
    """Put the place in front of a ``UserError``."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{where}: {key}{error}") from None
