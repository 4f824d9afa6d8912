"""What each parameter of our models is called in the published implementations, and back.

One table for each (implementation, model), from our prefix to theirs. A pair of prefixes names a convolution and the
batch normalisation after it apart; below a single prefix they are called as ``CONV_BN`` says.
"""

from functools import cache
from typing import Optional

# How a convolution with its batch normalisation is named below a common prefix.
CONV_BN = {"ssseg": ("0", "1"), "mmseg": ("conv", "bn"), "semseg": ("0", "1"), "openseg": ("0", "1.0")}
OUR_CONV_BN = ("_conv", "_batch_norm")
# Ours and torch's names of the statistics of batch normalisation; weight and bias are called alike.
LEAVES = {"_mean": "running_mean", "_variance": "running_var"}
_TORCH_LEAVES = {theirs: ours for ours, theirs in LEAVES.items()}

# A pyramid may have any number of levels; nobody has published one with more than four.
_LEVELS = range(10)

HEADS = {
    ("ssseg", "psanet"): {
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
    ("mmseg", "psanet"): {
        "psa.reduce_layer": "decode_head.reduce",
        "psa.reduce_p": "decode_head.reduce_p",
        "psa.attention.0": "decode_head.attention.0",
        "psa.attention.1": "decode_head.attention.1",
        "psa.attention_p.0": "decode_head.attention_p.0",
        "psa.attention_p.1": "decode_head.attention_p.1",
        "psa.proj": "decode_head.proj",
        "head.conv_bn_relu": "decode_head.bottleneck",
        "head.conv": "decode_head.conv_seg",
        "aux_head.conv_bn_relu": "auxiliary_head.convs.0",
        "aux_head.conv": "auxiliary_head.conv_seg",
    },
    ("semseg", "psanet"): {
        "psa.reduce_layer": "psa.reduce",
        "psa.reduce_p": "psa.reduce_p",
        "psa.attention.0": "psa.attention",
        "psa.attention.1": "psa.attention.3",
        "psa.attention_p.0": "psa.attention_p",
        "psa.attention_p.1": "psa.attention_p.3",
        "psa.proj": "psa.proj",
        "head.conv_bn_relu": "cls",
        "head.conv": "cls.4",
        "aux_head.conv_bn_relu": "aux",
        "aux_head.conv": "aux.4",
    },
    ("ssseg", "pspnet"): {
        **{f"head.psp_module.stages.{k}.1": (f"ppm_net.branches.{k}.1", f"ppm_net.branches.{k}.2") for k in _LEVELS},
        "head.psp_module.conv_bn_relu2": "ppm_net.bottleneck",
        "head.conv": "decoder.1",
        "head.auxlayer.conv_bn_relu": "auxiliary_decoder",
        "head.auxlayer.conv": "auxiliary_decoder.4",
    },
    ("mmseg", "pspnet"): {
        **{f"head.psp_module.stages.{k}.1": f"decode_head.psp_modules.{k}.1" for k in _LEVELS},
        "head.psp_module.conv_bn_relu2": "decode_head.bottleneck",
        "head.conv": "decode_head.conv_seg",
        "head.auxlayer.conv_bn_relu": "auxiliary_head.convs.0",
        "head.auxlayer.conv": "auxiliary_head.conv_seg",
    },
    ("semseg", "pspnet"): {
        **{f"head.psp_module.stages.{k}.1": (f"ppm.features.{k}.1", f"ppm.features.{k}.2") for k in _LEVELS},
        "head.psp_module.conv_bn_relu2": "cls",
        "head.conv": "cls.4",
        "head.auxlayer.conv_bn_relu": "aux",
        "head.auxlayer.conv": "aux.4",
    },
    ("ssseg", "isanet"): {
        "head.in_conv": "in_conv",
        "head.global_relation": "global_relation",
        "head.local_relation": "local_relation",
        "head.out_conv": "out_conv",
        "head.cls.1": "decoder.1",
        "head.aux.0": "auxiliary_decoder",
        "head.aux.2": "auxiliary_decoder.4",
    },
    ("mmseg", "isanet"): {
        "head.in_conv": "decode_head.in_conv",
        "head.global_relation": "decode_head.global_relation",
        "head.local_relation": "decode_head.local_relation",
        "head.out_conv": "decode_head.out_conv",
        "head.cls.1": "decode_head.conv_seg",
        "head.aux.0": "auxiliary_head.convs.0",
        "head.aux.2": "auxiliary_head.conv_seg",
    },
    ("openseg", "isanet"): {
        "head.in_conv": ("isa_head.0", "isa_head.1.0"),
        **{
            f"head.{ours}_relation.{project}": f"isa_head.2.stages.0.{theirs}_range_sa.{name}"
            for ours, theirs in (("global", "long"), ("local", "short"))
            for project, name in (("value_project", "f_value"), ("output_project", "W"))
        },
        **{
            f"head.{ours}_relation.{project}.{k}": tuple(
                f"isa_head.2.stages.0.{theirs}_range_sa.{name}.{leaf}" for leaf in (2 * k, f"{2 * k + 1}.0")
            )
            for ours, theirs in (("global", "long"), ("local", "short"))
            for project, name in (("key_project", "f_key"), ("query_project", "f_query"))
            for k in range(2)
        },
        "head.out_conv": "isa_head.2.conv_bn",
        "head.cls.1": "cls_head",
        "head.aux.0": "dsn_head",
        "head.aux.2": "dsn_head.3",
    },
}

_STEM = tuple(zip((0, 1, 3, 4, 6, 7), ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3")))
_STAGES = tuple(f"layer{k}" for k in range(1, 5))

# Of a whole model. Blocks are called alike everywhere.
BACKBONES = {
    "ssseg": {"backbone": "backbone_net"},
    "mmseg": {"backbone": "backbone"},
    "semseg": {"backbone.stem": "layer0", **{f"backbone.{stage}": stage for stage in _STAGES}},
    "openseg": {
        **{f"backbone.stem.{place}": f"backbone.resinit.{name}" for place, name in _STEM},
        **{f"backbone.{stage}": f"backbone.{stage}" for stage in _STAGES},
    },
}

# Of a file that holds ImageNet weights alone, from their prefix to ours: OpenMMLab's v1c calls the stem as we do,
# semseg's resnet50_v2 and openseg's resinit name its layers one by one.
IMAGENET = {
    **{name: name for name in ("stem", *_STAGES)},
    **{name: f"stem.{place}" for place, name in _STEM},
    **{f"resinit.{name}": f"stem.{place}" for place, name in _STEM},
}


def peer_name(ours: str, peer: str, model: str) -> str:
    """The peer's name of the parameter or statistic ``ours`` of our ``model`` ('pspnet', 'psanet' or 'isanet').

    Args:
        peer: 'ssseg', 'mmseg', 'semseg' or 'openseg'.
    """
    prefixes = {**BACKBONES[peer], **HEADS[peer, model]}
    prefix = max((p for p in prefixes if ours.startswith(f"{p}.")), key=len)
    *rest, leaf = ours[len(prefix) + 1 :].split(".")
    path = prefixes[prefix]
    if rest and rest[-1] in OUR_CONV_BN:
        which = OUR_CONV_BN.index(rest.pop())
        path = path[which] if isinstance(path, tuple) else ".".join([path, *rest, CONV_BN[peer][which]])
    else:
        path = ".".join([path, *rest])
    return f"{path}.{LEAVES.get(leaf, leaf)}"


def our_name(theirs: str, peer: str, model: str) -> Optional[str]:
    """The inverse of ``peer_name``; None for what our model has no counterpart of."""
    path, leaf = _leaf(theirs)
    ours = _below(path, _inverse_backbone(peer))
    if ours is None:
        ours = _in_head(path, peer, model)
    return None if ours is None else f"{ours}.{leaf}"


def our_backbone_name(theirs: str) -> Optional[str]:
    """Our name, within a ``ResNet``, of what a file of ImageNet weights calls ``theirs``; None for anything else."""
    path, leaf = _leaf(theirs)
    ours = _below(path, IMAGENET)
    return None if ours is None else f"{ours}.{leaf}"


def _leaf(theirs: str) -> tuple:
    """The path of a parameter and our name of what it is there."""
    path, _, leaf = theirs.rpartition(".")
    return path, _TORCH_LEAVES.get(leaf, leaf)


def _below(path: str, prefixes: dict) -> Optional[str]:
    """``path`` with the longest of ``prefixes`` that it starts with replaced."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        prefix = ".".join(parts[:end])
        if prefix in prefixes:
            return ".".join([prefixes[prefix], *parts[end:]])
    return None


def _in_head(path: str, peer: str, model: str) -> Optional[str]:
    exact, prefixes = _inverse_head(peer, model)
    if path in exact:
        return exact[path]
    # The normalisation first: openseg's 1.0 ends as its convolution's 0.
    for kind, ending in reversed(tuple(zip(OUR_CONV_BN, CONV_BN[peer]))):
        if path.endswith(f".{ending}"):
            ours = _below(path[: -len(ending) - 1], prefixes)
            return None if ours is None else f"{ours}.{kind}"
    return _below(path, prefixes)


@cache
def _inverse_backbone(peer: str) -> dict:
    return {theirs: ours for ours, theirs in BACKBONES[peer].items()}


@cache
def _inverse_head(peer: str, model: str) -> tuple:
    """What is called as it stands, and prefixes below which there is more."""
    exact, prefixes = {}, {}
    for ours, theirs in HEADS[peer, model].items():
        if isinstance(theirs, tuple):
            exact.update({name: f"{ours}.{kind}" for name, kind in zip(theirs, OUR_CONV_BN)})
        else:
            prefixes[theirs] = ours
    return {**exact, **prefixes}, prefixes
