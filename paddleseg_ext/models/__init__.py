"""Models registered with PaddleSeg's manager. PSPNet and ISANet replace PaddleSeg's classes there."""

from paddleseg.cvlibs import manager

from paddleseg_ext.models.isanet import ISANet
from paddleseg_ext.models.psanet import PSANet
from paddleseg_ext.models.pspnet import PSPNet

__all__ = ["ISANet", "PSANet", "PSPNet"]

for _model in (PSPNet, PSANet, ISANet):
    # add_component would warn about the two names that are replaced on purpose.
    manager.MODELS.components_dict[_model.__name__] = _model
