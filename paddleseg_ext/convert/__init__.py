"""Weights that were published for other frameworks and projects, as this project's ``.pdparams``.

``python -m paddleseg_ext.convert --help`` explains the command. ``files.py`` reads a checkpoint, ``sources.py`` tells
whose it is, ``names.py`` what each weight is called here, ``settings.py`` what its shapes say about the YAML, and
``conversion.py`` holds the two together. ``backbones.py`` is what a YAML calls ``zoo://NAME``.
"""

from paddleseg_ext.convert import backbones  # noqa: F401  makes zoo:// known to the engine
from paddleseg_ext.convert.conversion import Conversion, convert_weights

__all__ = ["Conversion", "convert_weights"]
