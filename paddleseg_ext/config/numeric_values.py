"""Numbers of a configuration: ``5e-4``, which YAML reads as text, and values out of their range."""

import re
from typing import Any

from paddleseg_ext.config.places import Key, Places, dotted
from paddleseg_ext.errors import UserError

_NUMBER_AS_TEXT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")


def check_text_numbers(value: Any, places: Places, key: Key = ()) -> None:
    """Raise ``UserError`` if ``value``, or anything in it, is a number that YAML reads as text."""
    if isinstance(value, dict):
        for name, inner in value.items():
            check_text_numbers(inner, places, (*key, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            check_text_numbers(inner, places, (*key, index))
    elif isinstance(value, str) and _NUMBER_AS_TEXT.fullmatch(value):
        mantissa, exponent = value.lower().split("e")
        better = f"{mantissa if '.' in mantissa else mantissa + '.0'}e{int(exponent):+d}"
        raise UserError(
            f"{places(*key)}: {dotted(key)} is the text {value!r}, not a number, because YAML wants a dot "
            f"and a signed exponent; write {better}."
        )


def check_numbers(dic: dict, places: Places) -> None:
    """Raise ``UserError`` unless batch sizes, iterations and the learning rate, where they are given, are above 0."""
    for key in ("batch_size", "iters", "total_batch_size"):
        # PaddleSeg has asked for the first two where they are needed.
        if key not in dic:
            continue
        value = dic[key]
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UserError(f"{places(key)}: {key} must be a whole number from 1 up, not {value!r}.")
    rate = dic.get("lr_scheduler", {}).get("learning_rate")
    if rate is not None and (not isinstance(rate, (int, float)) or isinstance(rate, bool) or rate <= 0):
        rate_key = ("lr_scheduler", "learning_rate")
        raise UserError(f"{places(*rate_key)}: {dotted(rate_key)} must be a number above 0, not {rate!r}.")
