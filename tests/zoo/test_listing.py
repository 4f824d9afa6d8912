"""Rows as text: figures, backbones, and facts inside facts."""

import pytest

from paddleseg_ext.zoo import listing
from paddleseg_ext.zoo.table import published, select

ROW = "psanet_resnet50_os8_ade20k_512x512_80k_mmseg"


@pytest.mark.parametrize(("value", "text"), [(42.6, "42.60"), (0, "0.00"), (None, "-")])
def test_a_figure_has_two_digits_or_is_a_dash(value, text):
    assert listing.figure(value) == text


@pytest.mark.parametrize(("name", "text"), [("resnet50_v1c", "R50 os8"), ("resnet50_vd", "R50-vd os8")])
def test_the_kind_of_a_backbone_is_shown_if_it_is_not_v1c(name, text):
    assert listing.backbone({"backbone": {"name": name, "depth": 50}, "output_stride": 8}) == text


def test_each_model_has_its_heading():
    names = [*select("PSANet", implementation="ssseg"), *select("ISANet", implementation="ssseg")]
    lines = listing.list_rows(names).splitlines()
    assert [line for line in lines if line.endswith("<row>.yml")] == [
        "PSANet: configs/psanet/<row>.yml",
        "ISANet: configs/isanet/<row>.yml",
    ]
    assert sum(line.split()[-1] in published() for line in lines if line) == len(names)


def test_show_has_every_fact_and_the_command():
    text = listing.show_row(ROW)
    keys = {line.strip().split(":")[0] for line in text.splitlines()}
    assert set(published()[ROW]) <= keys
    assert f"train.py --config configs/psanet/{ROW}.yml" in text and "--gpus 0,1,2,3" in text


def test_facts_keep_their_order_and_lose_nothing():
    facts = listing.facts(ROW)
    assert list(facts)[:3] == ["row", "yaml", "peer"]
    assert {key: facts[key] for key in published()[ROW]} == published()[ROW]
