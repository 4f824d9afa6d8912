"""The end of a command: its exit code and the sentence on stderr.

A script has ``main(arguments) -> None`` and calls ``sys.exit(cli.run(main))``. A wrong flag or another ``UserError``
becomes one sentence on stderr and exit code 1. ``--traceback`` shows where in the code the error arose.
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

    The exit code is 0 for success, 1 for an error, 130 for a stop by Ctrl-C, and 143 for a stop by SIGTERM. All but
    success print one sentence to stderr. ``--traceback`` prints a traceback before it.

    Args:
        main: The command. It raises ``UserError`` for what the user can correct.
        arguments: The words of the command line, without the program; None takes those of the process.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        main(arguments)
        return 0
    except (Exception, KeyboardInterrupt) as error:
        code, sentence = _ending(error)
        # The words are searched, not the parsed flags, because the error may come from the parser. `--t` counts too: if
        # it could be another flag, that is an error of its own, and a traceback does no harm.
        if any(len(word) > 2 and TRACEBACK.startswith(word) for word in arguments):
            traceback.print_exc()
        elif not isinstance(error, (UserError, KeyboardInterrupt)):
            sentence += "\nThis looks like a fault of the program; run again with --traceback and report what it shows."
        print(sentence, file=sys.stderr, flush=True)
        return code


def _ending(error: BaseException) -> tuple[int, str]:
    """Exit code and sentence for the error that ended a command."""
    if isinstance(error, UserError):
        return 1, f"error: {error}"
    if isinstance(error, Interrupted):
        return error.exit_code, f"stopped: {error}"
    if isinstance(error, KeyboardInterrupt):
        return 130, "stopped: interrupted before there was anything to save."
    # A fault of the program. The sentence says so.
    return 1, f"error: unexpected {type(error).__name__}: {error}"
