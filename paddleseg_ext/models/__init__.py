"""Models registered with PaddleSeg's manager."""

from paddleseg_ext.models.psanet import PSANet

__all__ = ["PSANet"]
