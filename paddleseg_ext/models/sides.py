"""Sides of maps, masks and groups, as a YAML writes them: one number, or a list of numbers."""

from collections.abc import Sequence
from typing import Optional, Union

from paddleseg_ext.errors import UserError


def whole_sides(name: str, value: Union[int, Sequence[int]], count: Optional[int] = None) -> tuple[int, ...]:
    """Return ``value`` as a tuple of whole numbers above 0.

    Args:
        name: The argument's name, for the message.
        value: One number, or a sequence of numbers.
        count: How many sides there must be; one number then stands for all. None: one or more.

    Raises:
        UserError: ``value`` is anything else.
    """
    if isinstance(value, int):
        sides: tuple[int, ...] = (value,) * (count or 1)
    else:
        sides = tuple(value) if isinstance(value, (list, tuple)) else ()
    right = all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in sides)
    if not sides or not right or count not in (None, len(sides)):
        kind = {None: "one or more positive whole numbers", 1: "a positive whole number"}.get(
            count, f"one or {count} positive whole numbers"
        )
        raise UserError(f"{name} must be {kind}, not {value}.")
    return sides
