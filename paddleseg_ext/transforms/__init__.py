"""Transforms registered with PaddleSeg's manager: what the published recipes do to images and PaddleSeg cannot."""

from paddleseg.cvlibs import manager

from paddleseg_ext.transforms.normalize import Normalize
from paddleseg_ext.transforms.pad_to_size import PadToSize
from paddleseg_ext.transforms.photometric_distortion import PhotoMetricDistortion
from paddleseg_ext.transforms.random_class_ratio_crop import RandomClassRatioCrop
from paddleseg_ext.transforms.reading import keep_eight_bit
from paddleseg_ext.transforms.resize_by_ratio import ResizeByRatio

__all__ = ["Normalize", "PadToSize", "PhotoMetricDistortion", "RandomClassRatioCrop", "ResizeByRatio"]

# Takes the place of PaddleSeg's; add_component() would warn of it.
manager.TRANSFORMS.components_dict["Normalize"] = Normalize
keep_eight_bit()
