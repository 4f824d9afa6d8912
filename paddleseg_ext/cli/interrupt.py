"""Stopping on Ctrl-C or SIGTERM at a moment when nothing is lost."""

import signal
import threading
from types import FrameType
from typing import Optional


class Interrupted(KeyboardInterrupt):
    """Work that stopped in good order because a signal asked for it.

    Args:
        message: One sentence: what was saved and how to go on.
        signum: The signal; the exit code is 128 more, as shells count.
    """

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signum


class StopRequest:
    """While this context is open, SIGINT and SIGTERM are noted instead of obeyed.

    The loop inside asks ``received`` between two steps. A second SIGINT gives up waiting and raises
    ``KeyboardInterrupt`` at once. Outside the main thread, where Python has no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.received: Optional[int] = None
        self._before = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM):
                self._before[signum] = signal.signal(signum, self._note)
        return self

    def __exit__(self, *unused) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def _note(self, signum: int, frame: Optional[FrameType]) -> None:
        if self.received is not None and signum == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = signum
