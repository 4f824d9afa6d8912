"""SSSegmentation, a port of all three models to PyTorch. Its checkpoints note nothing about their configuration."""

from paddleseg_ext.convert.implementation import IMAGENET_PIXELS, LEVELS, Implementation, Known, Protocol

SSSEG = Implementation(
    name="ssseg",
    title="SSSegmentation",
    address="https://github.com/SegmentationBLWX/sssegmentation",
    version="1.7.0",
    known_by=(
        Known("psanet", ("backbone_net.", "attention.")),
        Known("pspnet", ("backbone_net.", "ppm_net.")),
        Known("isanet", ("backbone_net.", "global_relation.")),
    ),
    family="backbone_net.",
    backbone={"backbone": "backbone_net"},
    heads={
        "psanet": {
            "psa.reduce_layer": "reduce",
            "psa.reduce_p": "reduce_p",
            "psa.attention.0": "attention",
            "psa.attention.1": "attention.3",
            "psa.attention_p.0": "attention_p",
            "psa.attention_p.1": "attention_p.3",
            "psa.proj": "proj",
            "head.conv_bn_relu": "decoder",
            "head.conv": "decoder.4",
            "aux_head.conv_bn_relu": "auxiliary_decoder",
            "aux_head.conv": "auxiliary_decoder.4",
        },
        "pspnet": {
            **{f"head.psp_module.stages.{k}.1": (f"ppm_net.branches.{k}.1", f"ppm_net.branches.{k}.2") for k in LEVELS},
            "head.psp_module.conv_bn_relu2": "ppm_net.bottleneck",
            "head.conv": "decoder.1",
            "head.auxlayer.conv_bn_relu": "auxiliary_decoder",
            "head.auxlayer.conv": "auxiliary_decoder.4",
        },
        "isanet": {
            "head.in_conv": "in_conv",
            "head.global_relation": "global_relation",
            "head.local_relation": "local_relation",
            "head.out_conv": "out_conv",
            "head.cls.1": "decoder.1",
            "head.aux.0": "auxiliary_decoder",
            "head.aux.2": "auxiliary_decoder.4",
        },
    },
    # An earlier version's pyramid.
    aliases=(("ppm_net.fuse_layer.", "ppm_net.bottleneck."),),
    entry="model",
    left_out={
        "model_ema": "SSSegmentation's moving average of the weights (--entry model_ema takes it)",
        "cur_epoch": "SSSegmentation's progress",
        "cur_iter": "SSSegmentation's progress",
        "epoch": "progress of an earlier SSSegmentation",
    },
    # All its configurations have the same pixels.
    settings={"Normalize": IMAGENET_PIXELS},
    protocol=lambda case: Protocol({"resize_once": True, "absent_classes": "skip"}, [case.resize_by_ratio()]),
)
