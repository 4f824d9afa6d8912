"""The first weights of the heads, drawn as the published implementations do.

Backbones start from ImageNet weights everywhere. Heads start from the weights drawn here.
"""

import math
from collections.abc import Iterable

from paddle import nn
from paddle.nn.initializer import Constant, Normal, Uniform
from paddleseg.models import layers


def initialize(heads: Iterable[nn.Layer], classifiers: Iterable[nn.Conv2D], scheme: str) -> None:
    """Draw the weights of all convolutions in ``heads`` anew, in place.

    Args:
        heads: Layers that hold the convolutions.
        classifiers: The convolutions among them that give the logits.
        scheme: Whose distributions to draw from. 'paddle' keeps the weights that Paddle has drawn. 'torch' is torch's
            default for a convolution, which SSSegmentation and the authors use: weight and bias are uniform within
            1 / sqrt(fan_in). 'mmseg' is mmsegmentation's: Kaiming normal over fan_out before a batch normalization,
            Normal(0, 0.01) with bias 0 for a classifier, torch's default for any other convolution.
    """
    if scheme == "paddle":
        return
    inner = [layer for head in heads for layer in head.sublayers(include_self=True)]
    classifying = {id(layer) for layer in classifiers}
    normalized = {id(layer._conv) for layer in inner if isinstance(layer, layers.ConvBNReLU)}
    for layer in inner:
        if not isinstance(layer, nn.Conv2D):
            continue
        fan_out, fan_in, height, width = layer.weight.shape
        if scheme == "mmseg" and id(layer) in classifying:
            Normal(0.0, 0.01)(layer.weight)
            Constant(0.0)(layer.bias)
        elif scheme == "mmseg" and id(layer) in normalized:
            Normal(0.0, math.sqrt(2 / (fan_out * height * width)))(layer.weight)
        else:
            bound = 1 / math.sqrt(fan_in * height * width)
            Uniform(-bound, bound)(layer.weight)
            if layer.bias is not None:
                Uniform(-bound, bound)(layer.bias)
