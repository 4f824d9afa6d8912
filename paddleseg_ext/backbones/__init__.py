"""Backbones registered with PaddleSeg's manager."""

from paddleseg_ext.backbones.resnet import (
    ResNet,
    ResNet18_v1c,
    ResNet50_deepstem,
    ResNet50_v1c,
    ResNet101_deepstem,
    ResNet101_v1c,
)

__all__ = [
    "ResNet",
    "ResNet18_v1c",
    "ResNet50_deepstem",
    "ResNet50_v1c",
    "ResNet101_deepstem",
    "ResNet101_v1c",
]
