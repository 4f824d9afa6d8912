"""The keys of ``test_config``: which there are, what values they take, and how flags of a command line change them."""

import numbers
from collections.abc import Sequence
from typing import Any, Callable, Optional

from paddleseg_ext.errors import UserError


def overruled(test_config: dict[str, Any], flags: dict[str, Any]) -> dict[str, Any]:
    """Return ``test_config`` of a YAML with the flags of a command line in it.

    Args:
        test_config: The section of the YAML. It is not changed.
        flags: {key of ``test_config``: value of the flag}. None and False mean that the flag was not given.

    Raises:
        UserError: A flag needs ``aug_eval``, and neither the YAML nor the command line sets it.
    """
    given = {key: value for key, value in flags.items() if value not in (None, False)}
    settings = {**test_config, **given}
    for key in ("scales", "flip_horizontal", "flip_vertical"):
        if key in given and not settings.get("aug_eval"):
            raise UserError(f"--{key} only counts together with --aug_eval (predict.py: --aug_pred); add it.")
    return settings


def check_setting(key: str, value: Any) -> None:
    """Raise ``UserError`` if ``key`` of ``test_config`` does not take ``value``. Unknown keys pass."""
    if key in _KINDS:
        words, right = _KINDS[key]
        if not right(value):
            raise UserError(f"{key} must be {words}, not {value!r}.")


def check_window(crop_size: Optional[Sequence[int]], stride: Optional[Sequence[int]]) -> None:
    """Raise ``UserError`` if a sliding window has no size, or if its steps leave pixels out.

    Args:
        crop_size, stride: (width, height).
    """
    if crop_size is None or stride is None:
        raise UserError("--is_slide needs --crop_size W H and --stride W H, e.g. --crop_size 512 512 --stride 341 341.")
    if stride[0] > crop_size[0] or stride[1] > crop_size[1]:
        raise UserError(
            f"--stride {stride[0]} {stride[1]} is larger than --crop_size {crop_size[0]} {crop_size[1]}, "
            "so no window contains the pixels between two windows; make the stride smaller."
        )


def _is_list(value: Any, right: Callable[[Any], bool]) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(right(item) for item in value)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_ratio(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and 0 < float(value) < float("inf")


# The words of the sentence, and whether a value is right.
_Kind = tuple[str, Callable[[Any], bool]]
_FLAG: _Kind = ("true or false", lambda value: isinstance(value, bool))
_PAIR: _Kind = (
    "two whole numbers from 1 up, width and height",
    lambda value: value is None or (_is_list(value, _is_size) and len(value) == 2),
)


def _one_of(*words: str) -> _Kind:
    return f"{', '.join(words[:-1])} or {words[-1]}", lambda value: value in words


# The fields of InferenceProtocol, and a key of the evaluation.
_KINDS: dict[str, _Kind] = {
    "aug_eval": _FLAG,
    "scales": ("a number above 0 or a list of them", lambda value: _is_ratio(value) or _is_list(value, _is_ratio)),
    "flip_horizontal": _FLAG,
    "flip_vertical": _FLAG,
    "is_slide": _FLAG,
    "stride": _PAIR,
    "crop_size": _PAIR,
    "slide_batch_size": ("a whole number from 1 up", _is_size),
    "align_corners": _FLAG,
    "resize_once": _FLAG,
    "aug_average": _one_of("logits", "softmax", "window"),
    "aug_rescale": _one_of("tensor", "image", "base"),
    "interpolation": _one_of("linear", "cubic"),
    "absent_classes": _one_of("zero", "skip"),
}
# All keys of test_config: how an image becomes labels, and how ``engine.evaluate`` counts and shows them.
TEST_CONFIG_KEYS = frozenset({*_KINDS, "auc_roc", "print_detail"})
