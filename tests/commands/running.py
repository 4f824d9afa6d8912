"""Commands run in this process, and the figures that they print."""

import re

from paddleseg_ext import cli


def call(main, *arguments) -> int:
    """The exit code of a command."""
    return cli.run(main, [str(word) for word in arguments])


def figures(text: str) -> list:
    """mIoU, accuracy, kappa and Dice of each evaluation in a log, as text."""
    return re.findall(r"\[EVAL\] #Images: \d+ mIoU: ([\d.]+) Acc: ([\d.]+) Kappa: ([-\d.]+) Dice: ([\d.]+)", text)
