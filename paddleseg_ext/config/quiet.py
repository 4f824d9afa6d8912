"""Building without PaddleSeg's log lines about every component."""

import contextlib
from collections.abc import Iterator

from paddleseg.utils import logger


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """While this context is open, PaddleSeg logs errors only."""
    level, logger.log_level = logger.log_level, 0
    try:
        yield
    finally:
        logger.log_level = level
