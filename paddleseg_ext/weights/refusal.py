"""The reason why a file cannot be read, as one sentence for the user."""

import contextlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Union

from paddleseg_ext.errors import UserError, one_line


class Refused(Exception):
    """A file is refused. The message is the rest of a sentence that begins with its name, without the full stop."""


def shown(text: object, limit: int = 120) -> str:
    """Return ``text``, which comes from a file that may be hostile, in a form that fits into one line of a message.

    Only text, integers and errors are written out. Of other objects only the type is named, because writing out
    nested objects can take forever.
    """
    text = str(text) if isinstance(text, (str, int, Exception)) else f"a {type(text).__name__}"
    if not text.isprintable():
        text = ascii(text)
    return text if len(text) <= limit else text[:limit] + "..."


@contextlib.contextmanager
def naming(path: Union[str, Path]) -> Iterator[None]:
    """Turn errors while ``path`` is read into a ``UserError`` that names it.

    These are ``Refused``, and the errors that Python raises for bytes that are not what they should be.
    """
    try:
        yield
    except Refused as refused:
        raise UserError(f"{path} {refused}.") from None
    except (LookupError, TypeError, ValueError, ArithmeticError, EOFError, struct.error, zlib.error) as error:
        reason = shown(one_line(error))
        raise UserError(f"{path} is damaged or cut short ({reason}); use another copy.") from error
    except MemoryError as error:
        raise UserError(f"{path} needs more memory than there is; use another copy, or a larger machine.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}); check the file.") from error
