"""The decorator of a provocation: a test that fails in a paddleseg which nobody repaired, and passes in a repaired one.

A file of provocations must not import ``paddleseg_ext``: ``unrepaired.py`` runs the same functions without it.
"""

import faulthandler
import functools
import json
import os
import random
import signal
from typing import Callable, Optional

import numpy as np
import paddle

# The key is the name of the repair.
PROVOCATIONS: dict[str, Callable[[], None]] = {}


def provocation(test: Callable[[], None]) -> Callable[[], None]:
    """Make ``test_NAME`` the provocation of the repair ``NAME``. It runs on the CPU, always with the same draws."""

    @functools.wraps(test)
    def provoke() -> None:
        paddle.set_device("cpu")
        paddle.seed(0)
        random.seed(0)
        np.random.seed(0)
        test()

    PROVOCATIONS[test.__name__.removeprefix("test_")] = provoke
    return provoke


def met_alone(provoke: Callable[[], None]) -> Optional[str]:
    """What a provocation met in a forked process: the error, or the signal of which the process died."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        faulthandler.enable()
        try:
            provoke()
            happened = None
        except (Exception, SystemExit) as error:
            happened = f"{type(error).__name__}: {error}"[:300]
        os.write(writer, json.dumps(happened).encode())
        os._exit(0)  # Paddle's own way out is skipped: what happens there says nothing about the repair
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        written = pipe.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return json.loads(written)
