"""Files that hold a backbone alone, trained on ImageNet, whoever published them.

OpenMMLab's v1c has our names. semseg's resnet50_v2 and openseg.pytorch's resinit name each layer of the stem.
"""

from paddleseg_ext.convert.implementation import STAGES, STEM, Implementation, Known

IMAGENET = Implementation(
    name="imagenet",
    title="an ImageNet backbone",
    address="https://download.openmmlab.com/pretrain/third_party",
    version=None,
    known_by=(
        Known("backbone", ("layer1.0.", "layer4.0.")),
        Known("backbone", ("layer1.0.", "layer4.0."), paddle_names=True),
        # PaddleSeg's ResNet*_vd.
        Known("backbone", ("conv1_1.", "bb_0_0."), paddle_names=True),
    ),
    backbone={name: name for name in ("stem", *STAGES)},
    heads={"backbone": {}},
    aliases=tuple((f"{above}{name}.", f"stem.{place}.") for above in ("", "resinit.") for place, name in STEM),
)
