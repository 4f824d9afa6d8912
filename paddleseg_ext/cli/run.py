"""How a command ends: its exit code, and the sentence on stderr.

A command line is ``main(arguments) -> None`` and ``sys.exit(cli.run(main))``. A wrong flag or a ``UserError`` is one
sentence on stderr and exit code 1. ``--traceback`` shows where the error came from.
"""

import sys
import traceback
from collections.abc import Sequence
from typing import Callable, Optional

from paddleseg_ext.cli.interrupt import Interrupted
from paddleseg_ext.cli.parser import TRACEBACK
from paddleseg_ext.errors import UserError


def run(main: Callable[[Sequence[str]], None], arguments: Optional[Sequence[str]] = None) -> int:
    """Call ``main`` with the words of the command line and return the exit code.

    0 is success, 1 something the user can put right (or a fault of ours, named as such), 130 or 143 a stop by
    Ctrl-C or SIGTERM. Every one of them is a sentence on stderr, and with ``--traceback`` a traceback before it.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        main(arguments)
        return 0
    except (Exception, KeyboardInterrupt) as error:
        code, sentence = _ending(error)
        # Asked of the words, as what went wrong may be one of them. Shortened to what is another flag's as well, it is
        # an error by itself, which may come with a traceback.
        if any(len(word) > 2 and TRACEBACK.startswith(word) for word in arguments):
            traceback.print_exc()
        elif not isinstance(error, (UserError, KeyboardInterrupt)):
            sentence += "\nThis looks like a fault of the program; run again with --traceback and report what it shows."
        print(sentence, file=sys.stderr, flush=True)
        return code


def _ending(error: BaseException) -> tuple[int, str]:
    """Exit code and sentence for what ended a command."""
    if isinstance(error, UserError):
        return 1, f"error: {error}"
    if isinstance(error, Interrupted):
        return error.exit_code, f"stopped: {error}"
    if isinstance(error, KeyboardInterrupt):
        return 130, "stopped: interrupted before there was anything to save."
    # Not the user's doing: say what it is and never pretend otherwise.
    return 1, f"error: unexpected {type(error).__name__}: {error}"
