"""Checks of what a YAML gives to a transform."""

from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

from paddleseg_ext.errors import UserError


def size(owner: str, name: str, value: Any) -> tuple:
    """(width, height) from ``value``, PaddleSeg's ``[width, height]``.

    Raises:
        UserError: It is no pair of whole numbers above 0.
    """
    pair = tuple(value) if _is_list(value) else ()
    if len(pair) != 2 or not all(_is(Integral, side) and side > 0 for side in pair):
        raise UserError(f"{owner}: {name} is {value!r} and must be [width, height] in pixels, such as [1024, 512].")
    return pair


def number(owner: str, name: str, value: Any, low: float, high: float = float("inf"), whole: bool = False) -> Any:
    """``value`` itself.

    Raises:
        UserError: It is no number (no whole one, with ``whole``) from ``low`` to ``high``.
    """
    if not _is(Integral if whole else Real, value) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        limits = f"from {low} to {high}" if high < float("inf") else f"of at least {low}"
        raise UserError(f"{owner}: {name} is {value!r} and must be {kind} {limits}.")
    return value


def limits(owner: str, name: str, value: Any) -> tuple:
    """(lowest, highest) from ``value``.

    Raises:
        UserError: It is no pair of numbers of at least 0 in ascending order.
    """
    pair = tuple(value) if _is_list(value) else ()
    if len(pair) != 2 or not all(_is(Real, end) and 0 <= end < float("inf") for end in pair) or pair[0] > pair[1]:
        raise UserError(f"{owner}: {name} is {value!r} and must be [lowest, highest], such as [0.5, 1.5].")
    return pair


def word(owner: str, name: str, value: Any, words: Iterable[str]) -> str:
    """``value`` itself.

    Raises:
        UserError: It is none of ``words``.
    """
    if value not in tuple(words):
        raise UserError(f"{owner}: {name} is {value!r} and must be one of {', '.join(words)}.")
    return value


def _is(kind: type, value: Any) -> bool:
    # A YAML's true and false are integers to Python.
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
