"""PaddleSeg's progress bar."""

import contextlib
import sys
from collections.abc import Iterator

from paddleseg.utils import progbar


@contextlib.contextmanager
def progress_bar(target: int, verbose: int = 1) -> Iterator[progbar.Progbar]:
    """Yield a progress bar on stderr. Its line ends even when the work fails.

    Args:
        target: Number of steps; below 1 it is unknown.
        verbose: 0 shows nothing, 1 a bar, 2 one line at the end.
    """
    bar = progbar.Progbar(target=target if target > 0 else None, verbose=verbose)
    try:
        yield bar
    finally:
        # A full bar ends its line itself.
        if verbose == 1 and bar._seen_so_far != target:
            print(file=sys.stderr, flush=True)
