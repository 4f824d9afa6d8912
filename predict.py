"""Segment images with a trained model; `python predict.py --help` explains every flag."""

import sys

from paddleseg_ext import cli
from paddleseg_ext.commands.predict import main

if __name__ == "__main__":
    sys.exit(cli.run(main))
