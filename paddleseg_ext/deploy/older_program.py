"""Programs in Paddle 2's format (``model.pdmodel``), which Paddle 3 writes under ``FLAGS_enable_pir_api=0``.

Each release of Paddle 3 moves more functions, such as ``matmul`` and ``floor``, to C++. The C++ functions take tensors
and values of the newer programs only, so a network that calls one of them cannot be traced into an older program
(``must be Value, but got Variable``). The operators of the functions still exist. While a network is traced, this
module lets such a function append its operator to the program.
"""

import contextlib
import functools
import re
from collections.abc import Iterator
from typing import Any, Callable, Optional

import paddle
import paddle.nn.functional as F
from paddle.base import core
from paddle.base.layer_helper import LayerHelper

_REFUSAL = re.compile(r"(\w+)\(\): argument .* must be Value, but got (?:Variable|None)")


def refusing_function(error: Exception) -> Optional[str]:
    """Return the name of Paddle's function that refused a variable of an older program; None for other errors."""
    found = _REFUSAL.search(str(error))
    return found[1] if found else None


@contextlib.contextmanager
def older_functions() -> Iterator[None]:
    """Within this context, Paddle's C++ functions append their operators to an older program."""
    modules = (paddle, F)
    owned = [
        (module, name, getattr(module, name)) for module in modules for name in OLDER_FORMS if hasattr(module, name)
    ]
    for module, name, own in owned:
        setattr(module, name, _with_older_form(own, OLDER_FORMS[name]))
    try:
        yield
    finally:
        for module, name, own in owned:
            setattr(module, name, own)


def _with_older_form(own: Any, older: Callable[..., paddle.Tensor]) -> Callable[..., paddle.Tensor]:
    """Return a function that calls ``own``, and ``older`` if ``own`` refuses its arguments: that differs by release."""

    @paddle.jit.not_to_static
    @functools.wraps(own)
    def function(*arguments: Any, **keywords: Any) -> paddle.Tensor:
        try:
            return own(*arguments, **keywords)
        except TypeError as error:
            if refusing_function(error) is None:
                raise
        return older(*arguments, **keywords)

    return function


def _append(kind: str, inputs: dict, gives: Optional[str] = None, **attributes: Any) -> paddle.Tensor:
    """Append an operator to the program; return its output, with the dtype ``gives`` or that of the input."""
    helper = LayerHelper(kind)
    out = helper.create_variable_for_type_inference(dtype=gives or inputs["X"].dtype)
    helper.append_op(type=kind, inputs=inputs, outputs={"Out": out}, attrs=attributes)
    return out


def _of_one(kind: str, gives: Optional[str] = None) -> Callable[..., paddle.Tensor]:
    return lambda x, name=None: _append(kind, {"X": x}, gives)


def _of_two(kind: str, gives: Optional[str] = None, **attributes: Any) -> Callable[..., paddle.Tensor]:
    return lambda x, y, name=None: _append(kind, {"X": x, "Y": y}, gives, **attributes)


def _matmul(
    x: paddle.Tensor, y: paddle.Tensor, transpose_x: bool = False, transpose_y: bool = False, name: Any = None
) -> paddle.Tensor:
    return _append("matmul_v2", {"X": x, "Y": y}, trans_x=transpose_x, trans_y=transpose_y)


def _argmax(
    x: paddle.Tensor, axis: Optional[int] = None, keepdim: bool = False, dtype: Any = "int64", name: Any = None
) -> paddle.Tensor:
    gives = "int32" if str(dtype).endswith("int32") else "int64"
    code = {"int32": core.VarDesc.VarType.INT32, "int64": core.VarDesc.VarType.INT64}[gives]
    whole = axis is None
    return _append("arg_max", {"X": x}, gives, axis=0 if whole else axis, keepdims=keepdim, flatten=whole, dtype=code)


def _gelu(x: paddle.Tensor, approximate: bool = False, name: Any = None) -> paddle.Tensor:
    return _append("gelu", {"X": x}, approximate=bool(approximate))


_ACTIVATIONS = (
    *("abs", "ceil", "cos", "exp", "floor", "log", "log1p", "log2", "log10", "round", "rsqrt", "sigmoid", "sign"),
    *("sin", "sqrt", "tanh"),
)
# {name of the function in `paddle` and `paddle.nn.functional`: its older form}.
OLDER_FORMS: dict[str, Callable[..., paddle.Tensor]] = {
    **{name: _of_one(name) for name in _ACTIVATIONS},
    **{name: _of_two(name, "bool") for name in ("logical_and", "logical_or", "logical_xor")},
    "logical_not": _of_one("logical_not", "bool"),
    "greater_than": _of_two("greater_than", "bool", axis=-1),
    "maximum": _of_two("elementwise_max", axis=-1),
    "minimum": _of_two("elementwise_min", axis=-1),
    "multiply": _of_two("elementwise_mul", axis=-1),
    "bmm": _of_two("bmm"),
    "matmul": _matmul,
    "argmax": _argmax,
    "gelu": _gelu,
}
