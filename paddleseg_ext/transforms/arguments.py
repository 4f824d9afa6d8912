"""Checks of the arguments that a YAML gives to a transform."""

from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

from paddleseg_ext.errors import UserError


def size(owner: str, name: str, value: Any) -> tuple[int, int]:
    """(width, height) in pixels from ``value``, which PaddleSeg writes as ``[width, height]``.

    Raises:
        UserError: ``value`` is not a pair of whole numbers above 0.
    """
    pair = tuple(value) if _is_list(value) else ()
    if len(pair) != 2 or not all(_is(Integral, side) and side > 0 for side in pair):
        raise UserError(f"{owner}: {name} is {value!r} and must be [width, height] in pixels, such as [1024, 512].")
    return pair


def number(owner: str, name: str, value: Any, low: float, high: float = float("inf"), whole: bool = False) -> Any:
    """``value`` itself, if it is a number from ``low`` to ``high``.

    Args:
        whole: Only whole numbers are allowed.

    Raises:
        UserError: ``value`` is not such a number.
    """
    if not _is(Integral if whole else Real, value) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        limits = f"from {low} to {high}" if high < float("inf") else f"of at least {low}"
        raise UserError(f"{owner}: {name} is {value!r} and must be {kind} {limits}.")
    return value


def limits(owner: str, name: str, value: Any) -> tuple[float, float]:
    """(lowest, highest) from ``value``.

    Raises:
        UserError: ``value`` is not a pair of ascending numbers from 0 up.
    """
    pair = tuple(value) if _is_list(value) else ()
    if len(pair) != 2 or not all(_is(Real, end) and 0 <= end < float("inf") for end in pair) or pair[0] > pair[1]:
        raise UserError(f"{owner}: {name} is {value!r} and must be [lowest, highest], such as [0.5, 1.5].")
    return pair


def word(owner: str, name: str, value: Any, words: Iterable[str]) -> str:
    """``value`` itself, if it is one of ``words``.

    Raises:
        UserError: ``value`` is none of them.
    """
    if value not in tuple(words):
        raise UserError(f"{owner}: {name} is {value!r} and must be one of {', '.join(words)}.")
    return value


def flag(owner: str, name: str, value: Any) -> bool:
    """``value`` itself, if it is true or false.

    Raises:
        UserError: ``value`` is anything else.
    """
    if not isinstance(value, bool):
        raise UserError(f"{owner}: {name} is {value!r} and must be true or false.")
    return value


def _is(kind: type, value: Any) -> bool:
    # Python takes true and false of a YAML for integers.
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
