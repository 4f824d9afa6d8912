"""Which implementation of psamask runs."""

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import Optional

from paddleseg.utils import logger

from paddleseg_ext.errors import UserError
from paddleseg_ext.ops import library

VARIABLE = "PADDLESEG_EXT_OPS"


@functools.cache
def selected_backend() -> str:
    """The backend that runs when none is asked for: ``'compiled'`` or ``'native'``. Logged once.

    The environment variable ``PADDLESEG_EXT_OPS`` decides: ``auto`` (the default: compiled where it can be had),
    ``compiled`` (nothing else will do) or ``native``.

    Raises:
        UserError: The variable has another value, or it says ``compiled`` and there is no such library.
    """
    wish = os.environ.get(VARIABLE, "auto")
    if wish not in ("auto", "compiled", "native"):
        raise UserError(f"{VARIABLE} must be auto, compiled or native, not {wish!r}.")
    if wish == "native":
        logger.info(f"psamask: native backend, by {VARIABLE}.")
        return "native"
    path = library.load()
    if path:
        logger.info(f"psamask: compiled backend, {path}.")
        return "compiled"
    if wish == "compiled":
        raise UserError(f"{VARIABLE} is compiled, but there is no compiled operator: {library.why_not()}")
    logger.warning(f"psamask: native backend (slower), because there is no compiled one: {library.why_not()}")
    return "native"


@contextlib.contextmanager
def wished(wish: Optional[str]) -> Iterator[None]:
    """For a while, let ``wish`` decide in the place of ``PADDLESEG_EXT_OPS``; None changes nothing."""
    if wish is None:
        yield
        return
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = wish
    selected_backend.cache_clear()
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
        selected_backend.cache_clear()


def require(backend: str) -> None:
    """Check that ``backend`` can run, loading the library if it needs one.

    Raises:
        UserError: It cannot, or its name is unknown.
    """
    if backend not in ("compiled", "native"):
        raise UserError(f"backend must be 'compiled' or 'native', not {backend!r}.")
    if backend == "compiled" and not library.load():
        raise UserError(f"There is no compiled psamask operator: {library.why_not()}")
