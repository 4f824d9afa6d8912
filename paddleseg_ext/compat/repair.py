"""The decorator of a repair, and the list of all repairs."""

from collections.abc import Callable
from dataclasses import dataclass

# PaddleSeg raises nothing and continues with a wrong result. The test of the repair finds it, by an assertion.
WRONG_RESULT = AssertionError


@dataclass(frozen=True)
class Repair:
    """One fault of paddleseg 2.8.0, and the function that removes it."""

    apply: Callable[[], None]
    """Repairs paddleseg in memory. Calling it again changes nothing."""
    fault: str
    """What paddleseg does wrong."""
    shows: dict[str, type[BaseException]]
    """The Paddle releases with the fault. Each has the error that a program meets there, or ``WRONG_RESULT``."""

    @property
    def name(self) -> str:
        """The name of the function; ``tests/compat`` has a test ``test_NAME`` that meets the fault."""
        return self.apply.__name__


REPAIRS: list[Repair] = []


def repair(*, fault: str, shows: dict[str, type[BaseException]]) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Add the decorated function to ``REPAIRS``. The arguments are those of ``Repair``."""

    def add(function: Callable[[], None]) -> Callable[[], None]:
        REPAIRS.append(Repair(function, fault, shows))
        return function

    return add
