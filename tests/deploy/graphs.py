"""The layouts whose exported graphs differ, from the table of layouts."""

import dataclasses

from paddleseg_ext.models import ISANet, PSANet, PSPNet

# Attributes of a layout that an exported graph does not show: they are about training, or about the width of a head,
# which the tests set, or about what deploy.yaml says.
NOT_IN_A_GRAPH = {
    "aux_channels",
    "auxiliary_always",
    "auxiliary_in_eval",
    "channel_dropout",
    "dropout",
    "head_channels",
    "initialization",
    "original_align_corners",
    "trains_on_one_image",
    "unbiased_variance",
}


def graphs(model_class: type) -> list[tuple[type, str]]:
    """``(model_class, layout)``: each layout, but one of those that differ only in ``NOT_IN_A_GRAPH``."""
    first = {}
    for name, row in model_class.layouts.items():
        shown = {key: value for key, value in dataclasses.asdict(row).items() if key not in NOT_IN_A_GRAPH}
        first.setdefault(repr(shown), name)
    return [(model_class, name) for name in first.values()]


GRAPHS = {model_class: graphs(model_class) for model_class in (PSPNet, ISANet, PSANet)}
