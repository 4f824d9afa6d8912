"""mmsegmentation, a port of all three models to PyTorch; 0.x and 1.x name their weights alike."""

from paddleseg_ext.convert.implementation import IMAGENET_PIXELS, Case, Implementation, Known, Protocol
from paddleseg_ext.convert.implementations.mmseg_notes import NOTED, read_notes


def _protocol(case: Case) -> Protocol:
    test_config = {
        "absent_classes": "skip",
        "scales": [0.5, 0.75, 1.0, 1.25, 1.5, 1.75],
        "flip_horizontal": True,
        "aug_average": "softmax",
        "aug_rescale": "image",
    }
    return Protocol(test_config, before=[case.resize_by_ratio()])


MMSEG = Implementation(
    name="mmseg",
    title="mmsegmentation",
    address="https://github.com/open-mmlab/mmsegmentation",
    version="1.2.2",
    known_by=(
        Known("psanet", ("decode_head.attention.", "decode_head.proj.")),
        Known("pspnet", ("decode_head.psp_modules.",)),
        Known("isanet", ("decode_head.global_relation.",)),
    ),
    family="decode_head.",
    conv_bn=("conv", "bn"),
    backbone={"backbone": "backbone"},
    heads={
        "psanet": {
            "psa.reduce_layer": "decode_head.reduce",
            "psa.reduce_p": "decode_head.reduce_p",
            "psa.attention": "decode_head.attention",
            "psa.attention_p": "decode_head.attention_p",
            "psa.proj": "decode_head.proj",
            "head.conv_bn_relu": "decode_head.bottleneck",
            "head.conv": "decode_head.conv_seg",
            "aux_head.conv_bn_relu": "auxiliary_head.convs.0",
            "aux_head.conv": "auxiliary_head.conv_seg",
        },
        "pspnet": {
            "head.psp_module.stages": "decode_head.psp_modules",
            "head.psp_module.conv_bn_relu2": "decode_head.bottleneck",
            "head.conv": "decode_head.conv_seg",
            "head.auxlayer.conv_bn_relu": "auxiliary_head.convs.0",
            "head.auxlayer.conv": "auxiliary_head.conv_seg",
        },
        "isanet": {
            "head.in_conv": "decode_head.in_conv",
            "head.global_relation": "decode_head.global_relation",
            "head.local_relation": "decode_head.local_relation",
            "head.out_conv": "decode_head.out_conv",
            "head.cls.1": "decode_head.conv_seg",
            "head.aux.0": "auxiliary_head.convs.0",
            "head.aux.2": "auxiliary_head.conv_seg",
        },
    },
    # A list of auxiliary heads that has one.
    aliases=(("auxiliary_head.0.", "auxiliary_head."),),
    left_out={
        "meta": "mmsegmentation's notes",
        "message_hub": "mmengine's log",
        "param_schedulers": "mmengine's schedules",
        # EMAHook swaps the two before it saves.
        "ema_state_dict": "mmengine's weights without the moving average, which state_dict is (--entry takes them)",
    },
    left_out_weights={"steps": "count of mmengine's moving average"},
    settings={"Normalize": IMAGENET_PIXELS, "test_config.resize_once": False},
    noted=NOTED,
    read_notes=read_notes,
    protocol=_protocol,
)
