"""The training and evaluation loops. ``takeover`` gives them the names of PaddleSeg's in ``paddleseg.core``."""

from paddleseg_ext.engine.evaluate import evaluate
from paddleseg_ext.engine.train import train

__all__ = ["evaluate", "train"]
