"""Transforms for PaddleSeg's YAML that the published recipes need and PaddleSeg does not have.

``takeover`` gives ``Normalize`` the name of PaddleSeg's class.
"""

from paddleseg_ext.transforms.normalize import Normalize
from paddleseg_ext.transforms.pad_to_size import PadToSize
from paddleseg_ext.transforms.photometric_distortion import PhotoMetricDistortion
from paddleseg_ext.transforms.random_class_ratio_crop import RandomClassRatioCrop
from paddleseg_ext.transforms.resize_by_ratio import ResizeByRatio

__all__ = ["Normalize", "PadToSize", "PhotoMetricDistortion", "RandomClassRatioCrop", "ResizeByRatio"]
