"""Train a model that a YAML file describes; `python train.py --help` explains every flag."""

import sys

from paddleseg_ext import cli
from paddleseg_ext.commands.train import main

if __name__ == "__main__":
    sys.exit(cli.run(main))
