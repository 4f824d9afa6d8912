"""PaddleSeg's progress bar."""

import contextlib
import sys
from collections.abc import Iterator

from paddleseg.utils import progbar


@contextlib.contextmanager
def progress_bar(target: int, verbose: int = 1) -> Iterator[progbar.Progbar]:
    """Yield a progress bar on stderr whose line is ended even if the work is not.

    Args:
        target: How many steps there are; below 1: not known.
        verbose: 0: nothing is drawn; 1: a bar; 2: a line when all is done.
    """
    bar = progbar.Progbar(target=target if target > 0 else None, verbose=verbose)
    try:
        yield bar
    finally:
        # A full bar ends its line itself.
        if verbose == 1 and bar._seen_so_far != target:
            print(file=sys.stderr, flush=True)
