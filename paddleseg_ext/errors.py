"""The one exception that the command lines turn into a sentence."""


class UserError(Exception):
    """Something the user can put right: bad configuration, missing file, wrong shape.

    The message is one plain sentence that says what is wrong, where, and what to do.
    The command lines print it and exit with code 1, without a traceback.
    """
