"""Export a trained model for Paddle Inference or as ONNX; `python export.py --help` explains every flag."""

import sys

from paddleseg_ext import cli
from paddleseg_ext.commands.export import main

if __name__ == "__main__":
    sys.exit(cli.run(main))
