"""The keys at the top of a configuration: which ones are read, and what happens to the others."""

from typing import Any, Optional

import yaml
from paddleseg.utils import logger

from paddleseg_ext.config.places import Places
from paddleseg_ext.errors import UserError, hint, nearest

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
_MAPPINGS = ("model", "optimizer", "lr_scheduler", "loss", "train_dataset", "val_dataset", "test_config")
# From this likeness on, 0 to 1, a key that holds an anchor counts as a misspelled key. The default of `nearest` would
# take `dataset: &dataset` for val_dataset.
_ALIKE = 0.8


def known_keys(dic: dict[str, Any], places: Places, text: str) -> dict[str, Any]:
    """The keys of one file that are read. PaddleSeg ignores all others; here a misspelled one is an error.

    A key is for the file itself if it begins with ``_`` or ``x-``, or if it holds an anchor. Any other key that is not
    like a known one is left out with a warning.

    Args:
        dic: The content of the file.
        places: Where its keys stand.
        text: The same content as text.

    Raises:
        UserError: A key is like one that is read.
    """
    anchor_holders = _anchor_holders(text)
    known = {}
    for key, value in dic.items():
        name = str(key)
        if key in TOP_LEVEL_KEYS or key == "_inherited_":
            known[key] = value
        elif not name.startswith(("_", "x-")):
            is_anchor = name in anchor_holders
            near = nearest(name.lower(), TOP_LEVEL_KEYS, cutoff=_ALIKE if is_anchor else 0.6)
            if near:
                way_out = f", or begin it with _ if it only holds the anchor: _{name}" if is_anchor else ""
                raise UserError(f"{places(name)}: unknown key {key!r}; did you mean {near}?{way_out}")
            if not is_anchor:
                logger.warning(f"{places(name)}: the key {key!r} is ignored, as PaddleSeg ignores it.")
    return known


def check_keys(dic: dict, places: Places) -> None:
    """Raise ``UserError`` for an unknown key, and for a value that must be a mapping and is not."""
    for key in dic:
        if key not in TOP_LEVEL_KEYS:
            raise UserError(f"{places(key)}: unknown key {key!r}; {hint(str(key), TOP_LEVEL_KEYS)}")
    for key in _MAPPINGS:
        if key in dic and not isinstance(dic[key], dict):
            raise UserError(f"{places(key)}: {key} must be a mapping, not {dic[key]!r}; indent its keys below it.")


def _anchor_holders(text: str) -> set[str]:
    """The top-level keys of a YAML file whose values carry an anchor, ``mean: &mean [0.5]``, at any depth."""
    holders: set[str] = set()
    depth = 0
    key: Optional[str] = None
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            if depth == 1:
                key = None
        elif isinstance(event, yaml.NodeEvent):
            if depth == 1 and key is None:
                key = getattr(event, "value", "")
                continue
            if event.anchor and key is not None and not isinstance(event, yaml.AliasEvent):
                holders.add(key)
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif depth == 1:
                key = None
    return holders
