"""How the published implementations draw the first weights of their heads.

The backbones start from ImageNet weights everywhere, the heads from these.
"""

import math
from collections.abc import Iterable

from paddle import nn
from paddle.nn.initializer import Constant, Normal, Uniform
from paddleseg.models import layers


def initialise(heads: Iterable[nn.Layer], classifiers: Iterable[nn.Conv2D], scheme: str) -> None:
    """Draw the weights of all convolutions in ``heads`` anew, in place.

    Args:
        heads: Layers that hold the convolutions.
        classifiers: The convolutions among them that give the logits.
        scheme: 'paddle': leave Paddle's defaults. 'torch': torch's default for a convolution, as SSSegmentation and
            the authors' implementations use it: weight and bias uniform within 1 / sqrt(fan_in). 'mmseg':
            mmsegmentation's: Kaiming normal over fan_out before a batch normalisation, Normal(0, 0.01) with bias 0
            for classifiers, torch's default for any other.
    """
    if scheme == "paddle":
        return
    inner = [layer for head in heads for layer in head.sublayers(include_self=True)]
    classifying = {id(layer) for layer in classifiers}
    normalised = {id(layer._conv) for layer in inner if isinstance(layer, layers.ConvBNReLU)}
    for layer in inner:
        if not isinstance(layer, nn.Conv2D):
            continue
        fan_out, fan_in, height, width = layer.weight.shape
        if scheme == "mmseg" and id(layer) in classifying:
            Normal(0.0, 0.01)(layer.weight)
            Constant(0.0)(layer.bias)
        elif scheme == "mmseg" and id(layer) in normalised:
            Normal(0.0, math.sqrt(2 / (fan_out * height * width)))(layer.weight)
        else:
            bound = 1 / math.sqrt(fan_in * height * width)
            Uniform(-bound, bound)(layer.weight)
            if layer.bias is not None:
                Uniform(-bound, bound)(layer.bias)
