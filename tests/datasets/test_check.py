"""``python -m paddleseg_ext.datasets.check`` reports what is missing or wrong; training does so before it starts."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paddleseg_ext import cli
from paddleseg_ext.commands import train
from paddleseg_ext.datasets import check
from paddleseg_ext.datasets.layout import LAYOUTS
from paddleseg_ext.zoo.table import config_path
from tools.data.tiny import write_tiny


@pytest.fixture(params=LAYOUTS)
def layout(request):
    return LAYOUTS[request.param]


@pytest.fixture
def root(layout, tmp_path) -> Path:
    write_tiny(layout.name, tmp_path / "root", train=6, val=2)
    return tmp_path / "root"


@pytest.fixture
def reported(layout, root, capsys):
    """Run the check; returns its exit code and everything it says."""

    def run(*arguments):
        code = cli.run(check.main, [layout.name, "--root", str(root), *arguments])
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return run


def first_pair(layout, root, number=0):
    return layout.pairs(root, next(iter(layout.modes)))[number]


def test_a_part_is_not_the_whole(layout, reported):
    code, text = reported()
    assert code == 1
    for (mode, expected), count in zip(layout.modes.items(), (6, 2)):
        assert f"  {mode}: {count} of {expected} images with labels" in text
    assert f"python {layout.script} DOWNLOADS` (docs/data.md" in text
    code, text = reported("--subset")
    assert code == 0
    assert "cannot be compared with the published ones" in text


def test_published_counts(layout, reported, monkeypatch):
    assert {name: list(one.modes.values()) for name, one in LAYOUTS.items()} == {
        "cityscapes": [2975, 500],
        "ade20k": [20210, 2000],
        "voc12aug": [10582, 1449],
    }
    monkeypatch.setitem(layout.modes, next(iter(layout.modes)), 6)
    monkeypatch.setitem(layout.modes, "val", 2)
    code, text = reported()
    assert code == 0
    assert "The data set is complete." in text


def test_missing_label(layout, root, reported):
    label = first_pair(layout, root, 3).label
    label.unlink()
    code, text = reported("--subset")
    assert code == 1
    assert f"1 without a label; the first missing file is {label}" in text
    assert ": 5 of" in text


def test_missing_image(layout, root, reported):
    image = first_pair(layout, root).image
    image.unlink()
    code, text = reported("--subset")
    assert code == 1
    assert f"1 without an image; the first missing file is {image}" in text


def test_sizes(layout, root, reported):
    image, label = first_pair(layout, root)
    Image.new("RGB", (10, 12)).save(image)
    code, text = reported("--subset")
    assert code == 1
    assert f"{image} and {label} have different sizes, 10x12 and 96x64 pixels" in text
    # Not looked at, not found.
    assert reported("--subset", "--samples", "0")[0] == 0


def test_values(layout, root, reported):
    label = first_pair(layout, root).label
    most = layout.num_classes - 1 + layout.first_class
    Image.fromarray(np.full((64, 96), most, np.uint8)).save(label)
    assert reported("--subset")[0] == 0
    Image.fromarray(np.full((64, 96), most + 1, np.uint8)).save(label)
    code, text = reported("--subset")
    assert code == 1
    assert f"{label} holds the value {most + 1}, but {layout.title} has {layout.first_class} to {most}" in text
    Image.new("RGB", (96, 64)).save(label)
    assert f"{label} has 3 channels" in reported("--subset")[1]


def test_damaged_image(layout, root, reported):
    image = first_pair(layout, root).image
    image.write_bytes(image.read_bytes()[:200])
    code, text = reported("--subset")
    assert code == 1
    assert f"{image} cannot be read" in text


def test_nothing_there(layout, tmp_path, capsys):
    assert cli.run(check.main, [layout.name, "--root", str(tmp_path / "nowhere")]) == 1
    assert "nowhere does not exist" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    assert cli.run(check.main, [layout.name, "--root", str(tmp_path / "empty"), "--subset"]) == 1
    assert f": 0 of {layout.modes['val']} images" in capsys.readouterr().out


def test_voc_without_its_lists(tmp_path, capsys):
    write_tiny("voc12aug", tmp_path / "root")
    listing = tmp_path / "root/VOC2012/ImageSets/Segmentation/aug.txt"
    listing.unlink()
    assert cli.run(check.main, ["voc12aug", "--root", str(tmp_path / "root"), "--subset"]) == 1
    assert f"{listing}, the list of the samples of trainaug, does not exist" in capsys.readouterr().out


RECIPE = {
    "cityscapes": "pspnet_resnet50_os8_cityscapes_1024x512_220e_ssseg",
    "ade20k": "pspnet_resnet50_os8_ade20k_512x512_130e_ssseg",
    "voc12aug": "pspnet_resnet50_os8_voc12aug_512x512_60e_ssseg",
}


@pytest.fixture
def refused(layout, tmp_path, capsys):
    """Start the training of a published recipe that cannot start; returns its sentence."""

    def run(root):
        options = [f"train_dataset.dataset_root={root}", "model.backbone.pretrained=null"]
        words = [
            "--config",
            str(config_path(RECIPE[layout.name])),
            "--save_dir",
            str(tmp_path / "out"),
            "--opts",
            *options,
        ]
        assert cli.run(train.main, words) == 1
        (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        return line

    return run


def test_training_without_the_data_names_the_script(layout, refused, tmp_path):
    # PaddleSeg would start to download ADE20K and VOC by itself, VOC without what trainaug needs.
    said = refused(tmp_path / "nowhere")
    assert "nowhere (train_dataset.dataset_root) does not exist; lay the data out with" in said
    assert f"`python {layout.script} DOWNLOADS` (docs/data.md" in said
    assert not (tmp_path / "nowhere").exists()


def test_training_without_a_label_names_both(layout, root, refused):
    pair = first_pair(layout, root, 2)
    pair.label.unlink()
    said = refused(root)
    assert f"{pair.image} has no label {pair.label.relative_to(root)} (1 of 6 images)" in said
    assert f"python -m paddleseg_ext.datasets.check {layout.name}" in said


def test_training_on_an_empty_folder(layout, refused, tmp_path):
    (tmp_path / "empty").mkdir()
    said = refused(tmp_path / "empty")
    assert "does not exist; lay the data out" in said if layout.name == "voc12aug" else "holds no images of" in said
