"""``--opts KEY=VALUE``: keys of the configuration that the command line overrules."""

from ast import literal_eval
from typing import Any

from paddleseg_ext.config.mask_spelling import keep_newer
from paddleseg_ext.errors import UserError, hint

_WORDS = {"null": None, "none": None, "~": None, "true": True, "false": False}


def apply_option(dic: dict, item: str) -> None:
    """Write the value of ``item`` into the configuration.

    Args:
        dic: The configuration; it changes in place.
        item: ``KEY=VALUE``. A dot in the key enters a mapping. A number takes an item of a list. The value is a
            Python literal, ``null``, ``true``, ``false``, or else text.

    Raises:
        UserError: There is no ``=``, or the key leads to nothing.
    """
    key, equals, text = item.partition("=")
    if not equals or not key:
        raise UserError(f"--opts {item}: write KEY=VALUE, e.g. --opts model.backbone.pretrained=null.")
    value = _value(text)
    *parents, last = key.split(".")
    inside: Any = dic
    seen: list[str] = []
    for name in parents:
        inside = _step(inside, name, item, seen)
        seen.append(name)
    if isinstance(inside, list):
        inside[_list_index(inside, last, item, seen)] = value
    elif isinstance(inside, dict):
        inside[last] = value
    else:
        raise UserError(f"--opts {item}: {'.'.join(seen)} is {inside!r} and has nothing inside; check the key.")
    if key.startswith("model."):
        keep_newer({key[len("model.") :]}, dic.get("model"))


def _value(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _step(inside: Any, name: str, item: str, seen: list[str]) -> Any:
    if isinstance(inside, list):
        return inside[_list_index(inside, name, item, seen)]
    if not isinstance(inside, dict) or name not in inside:
        here = ".".join(seen) or "the configuration"
        known = inside if isinstance(inside, dict) else ()
        raise UserError(f"--opts {item}: there is no {name} in {here}; {hint(name, map(str, known))}")
    return inside[name]


def _list_index(items: list, name: str, item: str, seen: list[str]) -> int:
    if not name.isdigit() or int(name) >= len(items):
        raise UserError(
            f"--opts {item}: {'.'.join(seen)} is a list of {len(items)}; name an item by its number, "
            f"0 to {len(items) - 1}."
        )
    return int(name)
