"""The implementations in Paddle, PSANet_paddle and PaddleSeg. Their names are ours, and nothing else is noted."""

from paddleseg_ext.convert.implementation import Implementation, Known

_SETTINGS = {"test_config.resize_once": False}

PSANET_PADDLE = Implementation(
    name="psanet_paddle",
    title="PSANet_paddle",
    address="https://github.com/justld/PSANet_paddle",
    version="5bed1cf",
    known_by=(Known("psanet", ("psa.",), paddle_names=True),),
    settings=_SETTINGS,
)
PADDLESEG = Implementation(
    name="paddleseg",
    title="PaddleSeg",
    address="https://github.com/PaddlePaddle/PaddleSeg",
    version="2.8.0",
    known_by=(
        Known("pspnet", ("head.psp_module.",), paddle_names=True),
        Known("isanet", ("head.global_relation.",), paddle_names=True),
    ),
    left_out={"StructuredToParameterName@@": "Paddle's names of the tensors"},
    settings=_SETTINGS,
)
