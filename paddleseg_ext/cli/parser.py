"""The parser of every command line: short forms of flags, errors of one sentence, help with examples."""

import argparse
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, Callable, NoReturn, Optional, TypeVar

from paddleseg_ext.errors import UserError, nearest

TRACEBACK = "--traceback"
_N = TypeVar("_N", int, float)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Shows the default of every flag that has one, and keeps the line breaks of the examples."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        shown = action.default not in (None, False, argparse.SUPPRESS) and "%(default)" not in text
        return text + " (default: %(default)s)" if shown and action.option_strings else text


class _Refuse(argparse.Action):
    """A flag of PaddleSeg that this project does not have. ``--help`` gives the reason."""

    def __init__(self, option_strings: list[str], dest: str, why: str, **unused: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs="*", default=argparse.SUPPRESS)
        self.help = f"not supported: {why}."
        self.metavar = ""
        self.why = why

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        # PaddleSeg writes some switches `--use_trt False`. That asks for nothing.
        if [value.lower() for value in values] == ["false"]:
            return
        raise UserError(f"{option_string} is a flag of PaddleSeg that {parser.prog} does not have: {self.why}.")


class _Obeyed(argparse.Action):
    """A flag that ``run`` handles. Commands do not see it."""

    def __init__(self, option_strings: list[str], dest: str, help: str) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        """Leave ``namespace`` as it is."""


class Parser(argparse.ArgumentParser):
    """An argparse parser whose errors are ``UserError`` sentences that name the nearest flag.

    A flag may be shortened to any beginning that no other flag has, as in PaddleSeg's parsers. ``-`` and ``_`` between
    words mean the same.

    Args:
        description: One or two sentences: what the command does.
        examples: Command lines to copy. ``--help`` ends with them.
    """

    def __init__(self, description: str, examples: str) -> None:
        super().__init__(
            description=description,
            epilog="examples:\n" + textwrap.indent(examples.strip(), "  "),
            formatter_class=_Formatter,
            # argparse's own short forms differ between versions of Python, and know neither give_way nor a hint.
            allow_abbrev=False,
        )
        self._giving_way = {TRACEBACK}
        self.add_argument(TRACEBACK, action=_Obeyed, help="show where in the code an error arose.")

    def parse_known_args(  # type: ignore[override]
        self, args: Optional[Sequence[str]] = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse as argparse does, with short forms. A misspelled flag is reported before a missing one."""
        return super().parse_known_args(self._written_out(args), namespace)

    def parse_known_intermixed_args(  # type: ignore[override]
        self, args: Optional[Sequence[str]] = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse as ``parse_known_args`` does; words without a flag may stand between the flags."""
        return super().parse_known_intermixed_args(self._written_out(args), namespace)

    def give_way(self, *flags: str) -> None:
        """Mark ``flags`` as ours. A short form that fits one of PaddleSeg's flags and one of ours means PaddleSeg's."""
        self._giving_way.update(flags)

    def _written_out(self, args: Optional[Sequence[str]]) -> list[str]:
        """The words of a command line with each flag in full."""
        words = list(sys.argv[1:] if args is None else args)
        end = words.index("--") if "--" in words else len(words)
        for index, word in enumerate(words[:end]):
            if word.startswith("--"):
                flag, *value = word.split("=", 1)
                words[index] = "=".join([self._full(flag), *value])
        return words

    def _full(self, flag: str) -> str:
        """The full name of ``flag``, which may be shortened."""
        known = list(self._option_string_actions)
        if flag in known:
            return flag
        begun = [name for name in known if name.replace("-", "_").startswith(flag.replace("-", "_"))]
        found = [name for name in begun if name not in self._giving_way] or begun
        if len(found) > 1:
            raise UserError(f"{flag} can mean {', '.join(begun[:-1])} or {begun[-1]}; write more letters.")
        if not found:
            near = nearest(flag, known)
            instead = f"did you mean {near}?" if near else "--help lists the flags."
            raise UserError(f"{self.prog} does not know {flag}; {instead}")
        return found[0]

    def error(self, message: str) -> NoReturn:
        """Raise ``UserError`` with the message of argparse."""
        raise UserError(f"{message}; {self.prog} --help explains every flag.")

    def refuse(self, *flags: str, why: str) -> None:
        """Show PaddleSeg's ``flags`` in ``--help`` with the reason ``why`` they are missing. Using one is an error."""
        self.add_argument(*flags, action=_Refuse, why=why)


def positive_int(text: str) -> int:
    """``text`` as a whole number from 1 up."""
    return _number(text, int, 1, "a whole number from 1 up")


def natural_int(text: str) -> int:
    """``text`` as a whole number from 0 up."""
    return _number(text, int, 0, "a whole number from 0 up")


def positive_float(text: str) -> float:
    """``text`` as a finite number above 0."""
    value = _number(text, float, 0, "a number above 0")
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _number(text: str, kind: Callable[[str], _N], least: float, words: str) -> _N:
    try:
        value = kind(text)
    except ValueError:
        value = None
    # `not >=` also refuses nan.
    if value is None or not value >= least:
        raise argparse.ArgumentTypeError(f"{text!r} is not {words}")
    return value
