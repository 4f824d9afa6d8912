"""Replacing expressions inside a function of another package."""

import inspect
import linecache
import textwrap
import warnings
from types import FunctionType


def amend(function: FunctionType, *changes: tuple[str, str]) -> None:
    """Replace expressions in ``function``, in place.

    The function stays the same object with the same globals, defaults and closure. So ``super()`` works, and a program
    that imported the function earlier gets the repair too. ``inspect.getsource`` returns the new source, which
    ``paddle.jit.to_static`` needs.

    Args:
        function: The function to change. It stays unchanged if it was amended before, or if its source does not hold
            every old text: then it is not the function of paddleseg 2.8.0.
        changes: Pairs of an old and a new text. Every occurrence of the old text is replaced, in a source whose ``def``
            begins in column 0.

    Raises:
        OSError: Python finds no source for the function.
    """
    filename = f"<paddleseg_ext.compat: {function.__module__}.{function.__qualname__}>"
    source = textwrap.dedent(inspect.getsource(function))
    if function.__code__.co_filename == filename or not all(old in source for old, _ in changes):
        return
    for old, new in changes:
        source = source.replace(old, new)
    # The function's free variables become parameters of a function around it, so that its code refers to them as cells.
    free = function.__code__.co_freevars
    source = f"def around({', '.join(free)}):\n{textwrap.indent(source, '    ')}\n    return {function.__name__}\n"
    scope: dict = {}
    with warnings.catch_warnings():
        # Python 3.12 warns of escapes in PaddleSeg's docstrings. The user did not write them.
        warnings.simplefilter("ignore")
        code = compile(source, filename, "exec")
    exec(code, function.__globals__, scope)
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    function.__code__ = scope["around"](*free).__code__
