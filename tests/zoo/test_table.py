"""The table of published rows: complete, consistent in itself, and found under every name."""

from collections import Counter

import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.zoo.table import CONFIGS, authors, config_path, find_row, published, select


def test_the_rows_that_were_published():
    rows = published().values()
    assert Counter(row["peer"] for row in rows) == {"SSSegmentation": 30, "mmsegmentation": 16, "PSANet_paddle": 1}
    assert Counter(row["model"] for row in rows) == {"PSANet": 29, "PSPNet": 12, "ISANet": 6}
    assert len({row["checkpoint"] for row in rows}) == len({row["config"] for row in rows}) == 47
    assert all(40 < row["miou"] < 82 for row in rows)
    assert all(row["miou"] < row["miou_ms_flip"] for row in rows if row["source"] == "mmseg")


@pytest.mark.parametrize("name", published())
def test_facts_of_a_row_agree_with_one_another(name):
    row = published()[name]
    plan, data = row["schedule"], row["data"]
    parts = (
        row["model"].lower(),
        f"resnet{row['backbone']['depth']}",
        f"os{row['output_stride']}",
        data["set"],
        "x".join(map(str, row["crop"])),
        plan["name"],
    )
    assert name == "_".join(parts) + ("" if row["source"] == "psanet_paddle" else f"_{row['source']}")
    if "epochs" in plan:
        assert plan["iterations"] == plan["epochs"] * plan["epoch_iterations"]
        # The last batch of an epoch is dropped on each card: at most one more than over all of them.
        assert plan["epoch_iterations"] - data["train_images"] // row["batch"] in (0, 1)
    assert plan["iterations"] - plan["decay_steps"] == (row["source"] == "mmseg")
    assert plan["iterations"] >= 10 * plan["evaluate_every"] or "epochs" in plan
    head = row["head"]
    if row["model"] == "PSANet":
        assert head["attention"]["out"] == head["mask_size"][0] * head["mask_size"][1]
    crops = [step["size"] for step in row["train"] if "size" in step]
    assert crops and all(crop == row["crop"] for crop in crops)
    assert row["align_corners"] == row["test"]["align_corners"]


def test_every_row_has_a_file_and_every_file_a_row():
    files = {path for model in ("psanet", "pspnet", "isanet") for path in (CONFIGS / model).glob("*.yml")}
    assert files == {config_path(name) for name in (*published(), *authors())}


@pytest.mark.parametrize("name", authors())
def test_facts_of_an_authors_configuration_agree_with_one_another(name):
    row = authors()[name]
    crop = row["crop"]
    assert f"resnet{row['backbone']['depth']}_os{row['output_stride']}_" in name and name.endswith(row["source"])
    assert "x".join(map(str, crop)) in name and name.startswith(row["model"].lower())
    assert row["align_corners"] == row["test"]["align_corners"]
    if row["source"] == "semseg":
        # Its train.py asks for sides of 8k + 1, and of 16k + 1 where PSANet halves the map of features.
        side = crop[0]
        assert crop == row["test"]["window"] == row["test"]["pad"]["at_least"] == [side, side]
        assert (side - 1) % (16 if row["model"] == "PSANet" else 8) == 0
        assert row["test"]["stride"] == [-(-side * 2 // 3)] * 2
        if row["model"] == "PSANet":
            assert row["head"]["mask_size"] == [2 * ((side - 1) // 16 + 1) - 1] * 2
    else:
        assert row["test"]["channel_order"] == "BGR" and row["test"]["std"] == [1.0] * 3


@pytest.mark.parametrize(
    "wanted",
    [
        "psanet_resnet101_os8_ade20k_512x512_160k_mmseg",
        "configs/psanet/psanet_resnet101_os8_ade20k_512x512_160k_mmseg.yml",
        "psanet_r101-d8_4xb4-160k_ade20k-512x512",
        "psanet_r101-d8_4xb4-160k_ade20k-512x512.py",
    ],
)
def test_a_row_is_found_by_its_names(wanted):
    assert find_row(wanted) == "psanet_resnet101_os8_ade20k_512x512_160k_mmseg"


def test_an_authors_configuration_is_found_where_it_is_asked_for():
    name = "pspnet_resnet50_os8_ade20k_473x473_100e_semseg"
    assert find_row(f"configs/pspnet/{name}.yml", among_authors=True) == name
    with pytest.raises(UserError, match=f"not a published row; .*--config configs/pspnet/{name}.yml"):
        find_row(name)


def test_a_wrong_name_gets_the_nearest():
    with pytest.raises(UserError, match=r"no row isanet_resnet50os8_vocs; did you mean isanet_resnet50os8_voc\?"):
        find_row("isanet_resnet50os8_vocs")
    with pytest.raises(UserError, match="zoo list"):
        find_row("deeplab")


def test_filters():
    assert len(select()) == 47
    assert len(select(model="psanet", dataset="Cityscapes", implementation="mmseg")) == 8
    assert select(implementation="psanet_paddle") == ["psanet_resnet50_os8_cityscapes_1024x512_80k"]
    with pytest.raises(UserError, match=r"--dataset voc: no row has it; use one of ade20k, cityscapes, voc12aug"):
        select(dataset="voc")
