"""Models for PaddleSeg's YAML. ``takeover`` gives PSPNet and ISANet the names of PaddleSeg's classes."""

from paddleseg_ext.models.isanet import ISANet
from paddleseg_ext.models.psanet import PSANet
from paddleseg_ext.models.pspnet import PSPNet

__all__ = ["ISANet", "PSANet", "PSPNet"]
