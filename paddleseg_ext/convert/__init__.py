"""Weights that were published for other frameworks and projects, as this project's ``.pdparams``.

``python -m paddleseg_ext.convert --help`` explains the command. ``implementations/`` has a file for each published
implementation. ``files.py`` reads a checkpoint, ``checkpoint.py`` finds its weights and whose they are, ``names.py``
gives them our names, ``settings.py`` reads their shapes, and ``conversion.py`` compares all of it with a YAML.
``backbones.py`` is what a YAML calls ``zoo://NAME``.
"""

from paddleseg_ext.convert import backbones  # noqa: F401  makes zoo:// known to the engine
from paddleseg_ext.convert.conversion import Conversion, convert_weights

__all__ = ["Conversion", "convert_weights"]
