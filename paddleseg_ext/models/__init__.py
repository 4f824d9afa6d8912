"""Models registered with PaddleSeg's manager. PSPNet and ISANet take the place of PaddleSeg's classes there."""

from paddleseg.cvlibs import manager

from paddleseg_ext.models.isanet import ISANet
from paddleseg_ext.models.psanet import PSANet
from paddleseg_ext.models.pspnet import PSPNet

__all__ = ["ISANet", "PSANet", "PSPNet"]

for _model in (PSPNet, PSANet, ISANet):
    # add_component would warn of the two names that are taken over on purpose.
    manager.MODELS.components_dict[_model.__name__] = _model
