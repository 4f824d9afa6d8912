"""Evaluate a trained model on the validation set of a YAML file; `python val.py --help` explains every flag."""

import sys

from paddleseg_ext import cli
from paddleseg_ext.commands.val import main

if __name__ == "__main__":
    sys.exit(cli.run(main))
