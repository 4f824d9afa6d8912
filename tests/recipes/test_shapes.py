"""One recipe of each shape from training to Paddle Inference: its YAML as it is, but for a thin network and sizes.

``tools/run_every_recipe.py`` takes all of them with their real networks.
"""

import json
import re
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from paddleseg_ext import cli
from paddleseg_ext.config.config import load_config
from paddleseg_ext.errors import UserError
from paddleseg_ext.zoo.table import config_path, published
from tools import run_every_recipe
from tools.run_every_recipe import STEPS, compare, shrunk, small_options, steps, write_data

# Every model, source, data set, stride, and the sliding windows of 769.
SHAPES = (
    "psanet_resnet50_os8_cityscapes_1024x512_80k",
    "psanet_resnet101_os8_cityscapes_769x769_40k_mmseg",
    "psanet_resnet50_os8_voc12aug_512x512_20k_mmseg",
    "pspnet_resnet50_os16_ade20k_512x512_130e_ssseg",
    "isanet_resnet50_os8_cityscapes_1024x512_220e_ssseg",
    # The authors' own.
    "pspnet_resnet50_os8_ade20k_473x473_100e_semseg",
    "isanet_resnet50_os8_ade20k_520x520_150k_openseg",
)
WIDTH = {"psanet": "feats_channels", "pspnet": "pp_out_channels", "isanet": "isa_channels"}


def thin(row: str) -> list:
    """``--opts`` that make the network of a row small."""
    model = row.split("_")[0]
    of_authors = row.endswith(("semseg", "openseg"))
    options = ["type=ResNet50_deepstem" if of_authors else "type=ResNet18_v1c", "base_channels=8"]
    return [f"model.backbone.{option}" for option in options] + [f"model.{WIDTH[model]}=16"]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("recipes") / "data"
    write_data(folder)
    return folder


@pytest.mark.parametrize("row", SHAPES)
def test_trains_evaluates_exports_and_infers(row, data, tmp_path, capsys):
    config = config_path(row)
    done = []
    for step, action in steps(config, data, tmp_path, [*small_options(config, data), *thin(row)]):
        action()
        done.append(step)
    assert tuple(done) == STEPS
    text = capsys.readouterr().out
    assert "iter: 1/1, loss: " in text
    assert len(re.findall(r"\[EVAL\] #Images: 1 mIoU: ", text)) == 2


def test_shapes_cover_what_recipes_differ_in():
    words = [set(row.split("_")) for row in published()]
    of_every_kind = {"os8", "os16", "cityscapes", "ade20k", "voc12aug", "769x769", "512x512", "1024x512", "mmseg"}
    assert of_every_kind <= set.union(*words)
    assert of_every_kind | set(WIDTH) | {"ssseg"} <= {word for row in SHAPES for word in row.split("_")}


def test_only_data_and_sizes_are_overruled(data):
    config = config_path("psanet_resnet101_os8_cityscapes_769x769_40k_mmseg")
    small = load_config(config, opts=small_options(config, data)).dic
    assert small["train_dataset"]["transforms"][0]["base_size"] == [257, 129]
    assert small["test_config"]["crop_size"] == [97, 97]
    assert small["test_config"]["stride"] == [65, 65]
    # Windows of 97 by steps of 65 over 257x129: more than one each way.
    published = load_config(config).dic

    def differences(one, other, place=""):
        for key in one.keys() | other.keys() if isinstance(one, dict) else range(len(one)):
            here = f"{place}.{key}" if place else str(key)
            a, b = one[key], other[key]
            if isinstance(a, dict) or (isinstance(a, list) and a and isinstance(a[0], dict)):
                yield from differences(a, b, here)
            elif a != b:
                yield here.rpartition(".")[2]

    changed = set(differences(published, small))
    assert changed == {"pretrained", "dataset_root", "base_size", "crop_size", "target_size", "stride"}


def test_sizes_stay_odd_where_they_are():
    assert [shrunk(size) for size in (512, 1024, 2048, 769, 513, 1025, 2049)] == [64, 128, 256, 97, 65, 129, 257]


def test_different_labels_are_a_failure(tmp_path):
    label = np.zeros((20, 60), np.uint8)
    for folder, value in (("one", 0), ("other", 1)):
        (tmp_path / folder).mkdir()
        label[0, 0] = value
        cv2.imwrite(str(tmp_path / folder / "a.png"), label)
    compare(tmp_path / "one", tmp_path / "other")
    label[:, 1] = 1
    cv2.imwrite(str(tmp_path / "other/a.png"), label)
    with pytest.raises(UserError, match=r"differ in 1\.75% of the pixels of a\.png"):
        compare(tmp_path / "one", tmp_path / "other")
    (tmp_path / "other/a.png").unlink()
    with pytest.raises(UserError, match="wrote different files"):
        compare(tmp_path / "one", tmp_path / "other")


def test_script_reports_failures_and_goes_on_where_it_was(tmp_path, capsys, monkeypatch):
    # Every row runs in a process of its own; this one only starts them.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    row, done = SHAPES[3], tmp_path / "new/done.jsonl"
    arguments = [row, "--done", str(done), "--opts", *thin(row)]
    assert cli.run(run_every_recipe.main, [*arguments, "loss.coef=[1]"]) == 1
    text = capsys.readouterr().out
    assert re.search(rf"^{row} .* FAILED in train: error: .*loss\.coef has 1", text, re.MULTILINE)
    (log,) = re.findall(r"\(log: (.*?)\)", text)
    assert "loss.coef has 1" in Path(log).read_text()

    assert cli.run(run_every_recipe.main, arguments) == 0
    text = capsys.readouterr().out
    assert re.search(rf"^{row} +\d+\.\d s +\d+ MB +ok$", text, re.MULTILINE)
    assert "1 of 1 recipes run (1 of them now)" in text
    results = [json.loads(line) for line in done.read_text().splitlines()]
    assert [result["ok"] for result in results] == [False, True]
    assert tuple(results[1]["steps"]) == STEPS
    assert [path.name for path in Path(log).parent.iterdir()] == [f"{row}.log"]


def test_what_is_done_is_left_out(tmp_path, capsys):
    done = tmp_path / "done.jsonl"
    done.write_text("".join(json.dumps({"row": row, "ok": True, "s": 2.0, "mb": 7}) + "\n" for row in published()))
    assert cli.run(run_every_recipe.main, ["--done", str(done)]) == 0
    assert f"{len(published())} of {len(published())} recipes run (0 of them now)" in capsys.readouterr().out
    assert cli.run(run_every_recipe.main, ["psanet_resnet34"]) == 1
    assert "there is no row psanet_resnet34" in capsys.readouterr().err
