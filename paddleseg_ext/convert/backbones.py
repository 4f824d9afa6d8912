"""ImageNet weights that were published for PyTorch, as one of our backbones loads them."""

from pathlib import Path
from typing import Union

import paddle
from paddleseg.cvlibs import manager

from paddleseg_ext.convert.output import convert_file
from paddleseg_ext.engine.build import quietly


def convert_backbone(checkpoint: Union[str, Path], backbone: str, output: Union[str, Path]) -> None:
    """Write the weights of ``checkpoint`` for the backbone ``backbone`` to ``output``, with a record beside them.

    Args:
        checkpoint: The published file.
        backbone: A class of PaddleSeg's manager, such as 'ResNet50_v1c'.
        output: The ``.pdparams`` file.

    Raises:
        UserError: The file cannot be read, or does not hold every weight of that backbone and nothing else but an
            ImageNet classifier.
    """
    with quietly(), paddle.LazyGuard():
        model = manager.BACKBONES[backbone]()
    convert_file(checkpoint, output, {"backbone": backbone}, model=model, source="imagenet")
