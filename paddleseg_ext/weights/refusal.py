"""Why a file cannot be read, as the user's one sentence."""

import contextlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Union

from paddleseg_ext.errors import UserError, one_line


class Refused(Exception):
    """The rest of a sentence that begins with the file's name, without its full stop."""


def shown(text: object, limit: int = 120) -> str:
    """``text`` from a file nobody vouches for, fit for one line of a message.

    Of anything but text, integers and errors just the type is told: what a file nests can take for ever to write out.
    """
    text = str(text) if isinstance(text, (str, int, Exception)) else f"a {type(text).__name__}"
    if not text.isprintable():
        text = ascii(text)
    return text if len(text) <= limit else text[:limit] + "..."


@contextlib.contextmanager
def naming(path: Union[str, Path]) -> Iterator[None]:
    """Turn what goes wrong while ``path`` is read into a ``UserError`` that names it.

    Besides ``Refused`` these are the errors by which Python says that bytes are not what they should be.
    """
    try:
        yield
    except Refused as refused:
        raise UserError(f"{path} {refused}.") from None
    except (LookupError, TypeError, ValueError, ArithmeticError, EOFError, struct.error, zlib.error) as error:
        reason = shown(one_line(error))
        raise UserError(f"{path} is damaged or cut short ({reason}); use another copy.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}); check the file.") from error
