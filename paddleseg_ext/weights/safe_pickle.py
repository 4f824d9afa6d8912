"""Paddle's files are pickles, and a pickle may call any function while it is read; these calls are refused.

``paddle.load`` itself checks nothing, so every file passes ``refuse_code`` before it.
"""

import io
import pickle
from pathlib import Path
from typing import Any

from paddleseg_ext.errors import UserError

# What arrays, their containers and generator states are rebuilt from; numpy 2 writes numpy._core.
_ALLOWED = {
    ("builtins", "tuple"),
    ("collections", "OrderedDict"),
    ("_codecs", "encode"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("paddle.base.libpaddle", "GeneratorState"),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        # Python 2's names, in weights saved long ago.
        module = {"__builtin__": "builtins"}.get(module, module)
        if (module, name) not in _ALLOWED:
            raise UserError(f"it asks to run {module}.{name}, which no file of weights needs")
        return super().find_class(module, name)


def refuse_code(path: Path) -> None:
    """Read the pickle ``path`` to its end without running anything it asks for.

    Raises:
        UserError: It asks for a function or class other than those of arrays, or it is no whole pickle.
    """
    try:
        with open(path, "rb") as file:
            # As paddle.load reads: Python 2 strings are latin1.
            _Unpickler(file, encoding="latin1").load()
    except UserError as error:
        raise UserError(f"{path} is refused: {error}; use a copy from a source you trust.") from None
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path} is truncated or no Paddle file ({reason}); use another copy.") from error


def loads(data: bytes) -> Any:
    """``pickle.loads`` with the same refusal."""
    return _Unpickler(io.BytesIO(data)).load()
