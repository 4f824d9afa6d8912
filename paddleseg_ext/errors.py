"""The one exception that reaches the user, and the parts of its sentences."""

import difflib
from collections.abc import Iterable
from typing import Optional

# A list of names longer than this helps nobody.
_SHORT_LIST = 24
# A model has about a thousand names of up to a hundred letters.
_MOST_NAMES, _LONGEST_NAME = 3000, 200


class UserError(Exception):
    """A fault that the user can correct: a bad configuration, a missing file, a wrong shape.

    The message is one plain sentence. It says what is wrong, where, and what to do.
    The command lines print it and exit with code 1, without a traceback.
    """


def one_line(error: BaseException) -> str:
    """The message of an error on one line; the name of its class if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def paddle_sentence(error: BaseException) -> str:
    """The sentence of a Paddle error, ``(Unimplemented) ...``, without banner and C++ stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    for line in lines:
        if line.startswith("("):
            return line[:200]
    return (lines[-1] if lines else type(error).__name__)[:200]


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> Optional[str]:
    """The name in ``known`` that is most like ``word``; None if none is near.

    Args:
        cutoff: The smallest likeness that counts as near, from 0 to 1 (``difflib``'s ratio).
    """
    # Names may come from a file nobody vouches for, and comparing takes its time.
    known = sorted(name for name in known if len(name) <= _LONGEST_NAME)[:_MOST_NAMES]
    near = difflib.get_close_matches(word[:_LONGEST_NAME], known, n=1, cutoff=cutoff)
    if near:
        return near[0]
    return next((name for name in known if name.lower() == word.lower()), None)


def hint(word: str, known: Iterable[str], otherwise: str = "check the spelling.") -> str:
    """The end of a sentence about an unknown ``word``.

    It is ``did you mean X?`` if a name is near, and ``there are: X, Y.`` if the list is short.

    Args:
        otherwise: The end in all other cases.
    """
    known = sorted(known)
    near = nearest(word, known)
    if near:
        return f"did you mean {near}?"
    return f"there are: {', '.join(known)}." if 0 < len(known) <= _SHORT_LIST else otherwise
