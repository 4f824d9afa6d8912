"""What a training script noted beside its weights, in the words of our YAML.

The readers of these notes, ``implementations/``, take plain values from them and run nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from paddleseg_ext.weights.refusal import Refused, shown


@dataclass
class Notes:
    """What is noted.

    Attributes:
        settings: By the YAML's keys. ``Normalize``, ``ResizeByRatio`` and ``test_config.*`` say how a test prepares
            pictures and predicts, the others belong to the model.
        passed_over: Names of settings that are unknown here. They were compared with nothing.
        unread: Whether there is a configuration that could not be read.
        absent: Whether the configuration is missing although this implementation writes one.
        size_divisor: A test pads the sides of pictures to multiples of it; None: nothing is noted.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)
    unread: bool = False
    absent: bool = False
    size_divisor: Optional[int] = None


def require(key: str, value: Any, allowed: tuple) -> None:
    """Raise ``Refused`` unless ``value``, noted under ``key``, is one of ``allowed``."""
    if value not in allowed:
        words = " or ".join(str(one) for one in allowed)
        raise Refused(
            f"notes {key}={shown(str(value), 60)}, which no YAML here can say (only {words}); it would predict "
            "something else, so it cannot be converted"
        )


def mapping(value: Any) -> Optional[Mapping]:
    """``value`` if it is a mapping."""
    return value if isinstance(value, Mapping) else None


def listed(value: Any) -> Optional[list]:
    """A sequence as a list, a whole number as a list of one; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    return list(value) if isinstance(value, (list, tuple)) else None


def frozen(value: Any) -> Any:
    """A list as a tuple, which can be a key; anything else as it is."""
    return tuple(value) if isinstance(value, (list, tuple)) else value


def numbers(value: Any) -> list[Any]:
    """A sequence of finite numbers as a list, a whole number as a list of one; empty for anything else."""
    values = listed(value) or []
    kinds = (isinstance(one, (int, float)) and not isinstance(one, bool) and math.isfinite(one) for one in values)
    return values if all(kinds) else []
