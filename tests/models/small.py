"""Models small enough to run in milliseconds."""

import zlib

import numpy as np
import paddle
from paddle import nn

from paddleseg_ext import models
from paddleseg_ext.backbones import ResNet18_v1c

NUM_CLASSES = 4
# The arguments that make a model small. A new model adds a line.
SMALL = {
    "PSPNet": {"pp_out_channels": 16, "aux_channels": 8},
    "PSANet": {"feats_channels": 16, "aux_channels": 8, "mask_size": (7, 9)},
    "ISANet": {"isa_channels": 8, "aux_channels": 8, "down_factor": (3, 4)},
}
LAYOUTS = [(name, layout) for name in SMALL for layout in sorted(getattr(models, name).layouts)]


class TwoConvolutions(nn.Layer):
    """A backbone of two convolutions whose features have the sizes of a ResNet's at output stride 8."""

    def __init__(self, channels=(16, 24)):
        super().__init__()
        auxiliary, main = channels
        self.feat_channels = [auxiliary, auxiliary, auxiliary, main]
        self.conv = nn.Conv2D(3, auxiliary, 3, stride=8, padding=1)
        self.norm = nn.BatchNorm2D(auxiliary)
        self.last = nn.Conv2D(auxiliary, main, 1)

    def forward(self, x):
        x = nn.functional.relu(self.norm(self.conv(x)))
        return [x, x, x, self.last(x)]


def small(name, layout, backbone=None, **arguments):
    """The model ``name`` after seed 0, on a thin ResNet-18 if no backbone is given."""
    paddle.seed(0)
    backbone = backbone or ResNet18_v1c(base_channels=8)
    arguments = {"num_classes": NUM_CLASSES, **SMALL[name], **arguments}
    return getattr(models, name)(backbone=backbone, layout=layout, **arguments)


def draw_weights(model):
    """Set every weight and statistic to numbers that depend on its name and shape alone."""
    for name, tensor in model.state_dict().items():
        random = np.random.default_rng(zlib.crc32(name.encode()))
        low, high = (0.5, 1.5) if name.endswith("_variance") else (-0.3, 0.3)
        tensor.set_value(random.uniform(low, high, tensor.shape).astype("float32"))
    return model
