"""Notes of a training script beside its weights, translated to the keys of our YAML.

The readers of these notes, ``implementations/``, take plain values from them and run nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from paddleseg_ext.weights.refusal import Refused, shown


@dataclass
class Notes:
    """The notes of one checkpoint.

    Attributes:
        settings: {key of the YAML: value}. ``Normalize``, ``ResizeByRatio`` and ``test_config.*`` say how a test
            prepares pictures and predicts. The other keys belong to the model.
        passed_over: Names of settings that are unknown here. They were not compared.
        unread: Whether there is a configuration that could not be read.
        absent: Whether the configuration is missing although this implementation writes one.
        size_divisor: A test pads the sides of pictures to multiples of this number; None: it is not noted.
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
            f"notes {key}={shown(str(value), 60)}, which no YAML here can express (only {words}); it would "
            "predict something else, so it cannot be converted"
        )


def mapping(value: Any) -> Optional[Mapping]:
    """Return ``value`` if it is a mapping, else None."""
    return value if isinstance(value, Mapping) else None


def listed(value: Any) -> Optional[list]:
    """Return a sequence as a list, a whole number as a list of one; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    return list(value) if isinstance(value, (list, tuple)) else None


def frozen(value: Any) -> Any:
    """Return a list as a tuple, which can be a key; return anything else unchanged."""
    return tuple(value) if isinstance(value, (list, tuple)) else value


def numbers(value: Any) -> list[Any]:
    """Return a sequence of finite numbers as a list, a whole number as a list of one; empty for anything else."""
    values = listed(value) or []
    kinds = (isinstance(one, (int, float)) and not isinstance(one, bool) and math.isfinite(one) for one in values)
    return values if all(kinds) else []
