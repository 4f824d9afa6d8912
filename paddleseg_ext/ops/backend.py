"""The choice between the compiled and the native psamask."""

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import Optional

from paddleseg.utils import logger

from paddleseg_ext.errors import UserError
from paddleseg_ext.ops import library

VARIABLE = "PADDLESEG_EXT_OPS"
_wish: Optional[str] = None  # comes before VARIABLE; see wished()


@functools.cache
def selected_backend() -> str:
    """The backend that runs if a call names none: ``'compiled'`` or ``'native'``. It is logged once.

    The environment variable ``PADDLESEG_EXT_OPS`` decides. ``auto`` is the default: compiled if the library can be
    loaded, else native. ``compiled`` allows no other backend. ``native`` never looks for the library.

    Raises:
        UserError: The variable has another value, or it is ``compiled`` and the library cannot be loaded.
    """
    wish = _wish or os.environ.get(VARIABLE, "auto")
    if wish not in ("auto", "compiled", "native"):
        raise UserError(f"{VARIABLE} must be auto, compiled or native, not {wish!r}.")
    if wish == "native":
        logger.info(f"psamask: native backend, as --ops or {VARIABLE} demands.")
        return "native"
    path = library.load()
    if path:
        logger.info(f"psamask: compiled backend, {path}.")
        return "compiled"
    if wish == "compiled":
        raise UserError(f"--ops or {VARIABLE} demands the compiled psamask, but it cannot be used: {library.why_not()}")
    logger.warning(f"psamask: native backend (slower), because the compiled one cannot be used: {library.why_not()}")
    return "native"


@contextlib.contextmanager
def wished(wish: Optional[str]) -> Iterator[None]:
    """Let ``wish`` decide instead of ``PADDLESEG_EXT_OPS`` while the block runs; None changes nothing."""
    global _wish
    if wish is None:
        yield
        return
    before, _wish = _wish, wish
    selected_backend.cache_clear()
    try:
        yield
    finally:
        _wish = before
        selected_backend.cache_clear()


def require(backend: str) -> None:
    """Check that ``backend`` can run; the library is loaded if ``backend`` needs it.

    Raises:
        UserError: The backend cannot run, or its name is unknown.
    """
    if backend not in ("compiled", "native"):
        raise UserError(f"backend must be 'compiled' or 'native', not {backend!r}.")
    if backend == "compiled" and not library.load():
        raise UserError(f"The compiled psamask operator cannot be used: {library.why_not()}")
