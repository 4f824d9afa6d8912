"""Stopping on Ctrl-C or SIGTERM at a moment when nothing is lost."""

import signal
import threading
from types import FrameType
from typing import Any, Optional


class Interrupted(KeyboardInterrupt):
    """A signal asked the work to stop, and the work saved what it had.

    Args:
        message: One sentence that says what was saved and how to continue.
        signum: The signal. The exit code is 128 more, as in a shell.
    """

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signum


class StopRequest:
    """While this context is open, SIGINT and SIGTERM do not stop the program. ``received`` holds the signal.

    The loop inside looks at ``received`` between two steps. A second SIGINT raises ``KeyboardInterrupt`` at once.
    Outside the main thread Python delivers no signals, and ``received`` stays None.
    """

    def __init__(self) -> None:
        self.received: Optional[int] = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM):
                self._before[signum] = signal.signal(signum, self._note)
        return self

    def __exit__(self, *unused: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def _note(self, signum: int, frame: Optional[FrameType]) -> None:
        if self.received is not None and signum == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = signum
