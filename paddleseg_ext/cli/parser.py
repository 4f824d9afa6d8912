"""The parser of every command line: flags that may be shortened, errors that are one sentence, help with examples."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, Callable, Optional

from paddleseg_ext.errors import UserError, nearest

TRACEBACK = "--traceback"


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Shows every default, except where there is none to show; keeps the line breaks of the examples."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        shown = action.default not in (None, False, argparse.SUPPRESS) and "%(default)" not in text
        return text + " (default: %(default)s)" if shown and action.option_strings else text


class _Refuse(argparse.Action):
    """A flag that PaddleSeg has and this project, for a reason that ``--help`` gives, does not have."""

    def __init__(self, option_strings: list, dest: str, why: str, **unused) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs="*", default=argparse.SUPPRESS)
        self.help = f"not here: {why}."
        self.metavar = ""
        self.why = why

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        # Some of PaddleSeg's switches are written `--use_trt False`, which asks for nothing.
        if [value.lower() for value in values] == ["false"]:
            return
        raise UserError(f"{option_string} is a flag of PaddleSeg that {parser.prog} does not have: {self.why}.")


class _Obeyed(argparse.Action):
    """A flag that ``run`` obeys for every command, so that no command sees it."""

    def __init__(self, option_strings: list[str], dest: str, help: str) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        """Leave ``namespace`` as it is."""


class Parser(argparse.ArgumentParser):
    """An argparse parser whose errors are ``UserError`` sentences that name the nearest flag.

    Any beginning of a flag that no other flag shares stands for it, as in PaddleSeg's parsers. Between words ``-`` and
    ``_`` are alike.

    Args:
        description: What the command does, in a sentence or two.
        examples: Command lines to copy, shown at the end of ``--help``.
    """

    def __init__(self, description: str, examples: str) -> None:
        super().__init__(
            description=description,
            epilog="examples:\n" + "\n".join("  " + line.strip() for line in examples.strip().splitlines()),
            formatter_class=_Formatter,
            # Not argparse's own way, which differs between versions of Python and knows neither give_way nor a hint.
            allow_abbrev=False,
        )
        self._giving_way = {TRACEBACK}
        self.add_argument(
            TRACEBACK, action=_Obeyed, help="when something goes wrong, show where in the code it happened."
        )

    def parse_known_args(self, args: Optional[Sequence[str]] = None, namespace: Any = None) -> tuple:
        """As argparse; flags may be shortened, and a misspelt one is reported before what is missing because of it."""
        return super().parse_known_args(self._written_out(args), namespace)

    def parse_known_intermixed_args(self, args: Optional[Sequence[str]] = None, namespace: Any = None) -> tuple:
        """As ``parse_known_args``; words may stand between the flags."""
        return super().parse_known_intermixed_args(self._written_out(args), namespace)

    def give_way(self, *flags: str) -> None:
        """Note that PaddleSeg does not have ``flags``: a beginning that is one of its flags' stays that flag's."""
        self._giving_way.update(flags)

    def _written_out(self, args: Optional[Sequence[str]]) -> list:
        """The words of a command line with each flag in full."""
        words = list(sys.argv[1:] if args is None else args)
        end = words.index("--") if "--" in words else len(words)
        for index, word in enumerate(words[:end]):
            if word.startswith("--"):
                flag, *value = word.split("=", 1)
                words[index] = "=".join([self._full(flag), *value])
        return words

    def _full(self, flag: str) -> str:
        """The flag that ``flag`` is, or is the beginning of."""
        known = list(self._option_string_actions)
        if flag in known:
            return flag
        begun = [name for name in known if name.replace("-", "_").startswith(flag.replace("-", "_"))]
        found = [name for name in begun if name not in self._giving_way] or begun
        if len(found) > 1:
            raise UserError(f"{flag} may be {', '.join(begun[:-1])} or {begun[-1]}; write more of the one you mean.")
        if not found:
            near = nearest(flag, known)
            instead = f"did you mean {near}?" if near else "--help lists the flags."
            raise UserError(f"{self.prog} does not know {flag}; {instead}")
        return found[0]

    def error(self, message: str) -> None:
        """Raise the ``UserError`` for what argparse found wrong."""
        raise UserError(f"{message}; {self.prog} --help explains every flag.")

    def refuse(self, *flags: str, why: str) -> None:
        """Name PaddleSeg's ``flags`` in ``--help`` with the reason why they are missing; using one is an error."""
        self.add_argument(*flags, action=_Refuse, why=why)


def positive_int(text: str) -> int:
    """The whole number from 1 up that ``text`` says."""
    return _number(text, int, 1, "a whole number from 1 up")


def natural_int(text: str) -> int:
    """The whole number from 0 up that ``text`` says."""
    return _number(text, int, 0, "a whole number from 0 up")


def positive_float(text: str) -> float:
    """The number above 0 that ``text`` says."""
    value = _number(text, float, 0, "a number above 0")
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _number(text: str, kind: Callable, least: float, words: str):
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not value >= least:
        raise argparse.ArgumentTypeError(f"{text!r} is not {words}")
    return value
