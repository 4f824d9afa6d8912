"""The list of what shapes do not show is complete, true, and the one in the documents."""

import inspect
from pathlib import Path

import paddle
import pytest
from paddleseg.cvlibs import manager

from paddleseg_ext.config.quiet import quietly
from paddleseg_ext.convert.implementations import IMPLEMENTATIONS
from paddleseg_ext.convert.target import MODELS, shapes_of
from paddleseg_ext.convert.unshown import UNSHOWN, table
from tests.convert.test_notes import NEW, openseg, text_of

# Another value for every argument that a model or a backbone has.
OTHERS = {
    "align_corners": True,
    "aux_channels": 24,
    "backbone_indices": [1, 3],
    "base_channels": 8,
    "bin_sizes": [1, 2, 3, 5],
    "ceil_mode": True,
    "compact": True,
    "contract_dilation": False,
    "down_factor": [4, 4],
    "dropout": 0.3,
    "enable_auxiliary_loss": False,
    "feats_channels": 24,
    "in_channels": 1,
    "isa_channels": 24,
    "layout": "mmseg",
    "mask_size": [3, 9],
    "normalization_factor": 2.0,
    "output_stride": 16,
    "pp_out_channels": 24,
    "psa_softmax": False,
    "psa_type": "collect",
    "shrink_factor": 1,
    "use_psa": False,
}
# Two ways to write another argument, weights, and what is not of the network.
NOT_VARIED = {"backbone", "num_classes", "pretrained", "mask_h", "mask_w"}
# Where the default says nothing: a base from which the other value is a change of this alone.
BASES = {"layout": "ssseg", "psa_type": "distribute", "mask_size": [9, 3], "contract_dilation": True}


def shapes(kind, backbone, **arguments):
    with quietly(), paddle.LazyGuard():
        network = manager.BACKBONES["ResNet50_deepstem"](**{"base_channels": 4, **backbone})
        # All features have as many channels, so that which of them is read does not show.
        network.feat_channels = [64] * 4
        given = {"num_classes": 3, "layout": "ssseg", "aux_channels": 16, **arguments}
        if kind == "PSANet":
            given = {"feats_channels": 8, "mask_size": [9, 3], **given}
        return shapes_of(manager.MODELS[kind](backbone=network, **given))


def test_every_argument_that_does_not_show_is_listed():
    found = set()
    for kind in MODELS:
        for name in set(inspect.signature(manager.MODELS[kind]).parameters) - NOT_VARIED:
            base = {name: BASES[name]} if name in BASES else {}
            if shapes(kind, {}, **base) == shapes(kind, {}, **{name: OTHERS[name]}):
                found.add(f"model.{name}")
        for name in set(inspect.signature(manager.BACKBONES["ResNet50_deepstem"]).parameters) - NOT_VARIED:
            base = {name: BASES[name]} if name in BASES else {}
            if shapes(kind, base) == shapes(kind, {**base, name: OTHERS[name]}):
                found.add(f"model.backbone.{name}")
    # Of layouts some show: mmsegmentation's ISANet has a bias, SSSegmentation's has another kernel.
    assert found == {key for key in UNSHOWN if key.startswith("model.")}


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_what_is_noted_is_what_the_implementation_says(name):
    slide = "test_cfg=dict(mode='slide', crop_size=(512, 769), stride=(341, 513))"
    pipeline = "test_pipeline = [dict(type='Resize', scale=(2049, 1025), keep_ratio=True)]"
    resize = {"trans_seq": ["resize"], "resize": {"min_side_length": 520}}
    found = set()
    for model in IMPLEMENTATIONS[name].models:
        text = text_of(model, network=slide, rest=NEW + pipeline)
        checkpoint = {"meta": {"cfg": text}, "config_dict": openseg(val_trans=resize)}
        found |= set(IMPLEMENTATIONS[name].read_notes(checkpoint, model).settings)
    # Sizes stand for the switch that they go with.
    assert found - {"test_config.crop_size", "test_config.stride"} == IMPLEMENTATIONS[name].noted


def test_the_documents_hold_the_table():
    document = Path(__file__).resolve().parents[2] / "docs" / "converting.md"
    assert "\n".join(table()) in document.read_text(encoding="utf-8")
