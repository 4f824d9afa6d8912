"""The folder that the generator writes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paddleseg_ext import cli
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.datasets import quickstart, street
from paddleseg_ext.errors import UserError
from tests.datasets.conftest import TINY

CONFIG = Path(__file__).parents[2] / "configs" / "quickstart" / "psanet_resnet18_quickstart.yml"


def _contents(root: Path) -> dict:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_same_seed_same_bytes(scenes, tmp_path):
    quickstart.generate(tmp_path / "again", seed=7, **TINY)
    assert _contents(tmp_path / "again") == _contents(scenes)
    quickstart.generate(tmp_path / "other", seed=8, **TINY)
    other = _contents(tmp_path / "other")
    images = [name for name in other if name.startswith("images/")]
    assert len(images) == 6
    assert all(other[name] != _contents(scenes)[name] for name in images)


@pytest.mark.parametrize("split", ["train", "val"])
def test_lists_name_every_picture_and_its_label(scenes, split):
    pairs = [line.split(" ") for line in (scenes / f"{split}.txt").read_text().splitlines()]
    assert len(pairs) == TINY[split]
    for kind, column in (("images", 0), ("labels", 1)):
        assert [pair[column] for pair in pairs] == [
            str(path.relative_to(scenes)) for path in sorted((scenes / kind / split).iterdir())
        ]
    for image, label in pairs:
        assert np.asarray(Image.open(scenes / image)).shape == (*TINY["size"], 3)
        assert np.asarray(Image.open(scenes / label)).shape == TINY["size"]


@pytest.mark.parametrize("split", ["train", "val"])
def test_half_of_a_split_are_canals(scenes, split):
    labels = [np.asarray(Image.open(path)) for path in (scenes / "labels" / split).iterdir()]
    assert sum((label == street.CANAL).any() for label in labels) == TINY[split] // 2
    assert sum((label == street.ROAD).any() for label in labels) == TINY[split] // 2


def test_class_names_are_written(scenes):
    assert (scenes / "classes.txt").read_text().split() == list(street.CLASS_NAMES)


def test_the_same_data_set_is_kept(scenes):
    before = {path: path.stat().st_mtime_ns for path in scenes.rglob("*")}
    assert not quickstart.generate(scenes, seed=7, **TINY)
    assert {path: path.stat().st_mtime_ns for path in scenes.rglob("*")} == before


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "empty").mkdir()
    assert quickstart.generate(tmp_path / "empty", **TINY)
    assert (tmp_path / "empty" / "train.txt").is_file()


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({**TINY, "seed": 8}, "other arguments"),
        ({**TINY, "seed": 7, "val": 3}, "other arguments"),
        ({**TINY, "seed": 7, "size": (64, 32)}, "other arguments"),
    ],
)
def test_another_data_set_is_refused(scenes, arguments, words):
    before = _contents(scenes)
    with pytest.raises(UserError, match=words):
        quickstart.generate(scenes, **arguments)
    assert _contents(scenes) == before


@pytest.mark.parametrize("name", ["notes.txt", "quickstart.json"])
def test_a_foreign_folder_is_refused(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match="is not a quickstart data set"):
        quickstart.generate(tmp_path, **TINY)
    assert _contents(tmp_path) == {name: b"mine"}


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="is not a quickstart data set"):
        quickstart.generate(tmp_path / "file", **TINY)
    assert (tmp_path / "file").read_text() == "mine"


def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch):
    drawn = []

    def draw(*arguments, **settings):
        drawn.append(1)
        if len(drawn) == 3:
            raise KeyboardInterrupt
        return street.draw_scene(*arguments, **settings)

    monkeypatch.setattr(quickstart, "draw_scene", draw)
    with pytest.raises(KeyboardInterrupt):
        quickstart.generate(tmp_path / "scenes", **TINY)
    assert list(tmp_path.iterdir()) == []


def test_of_two_processes_at_once_the_quicker_one_wins(tmp_path, monkeypatch):
    write_split = quickstart._write_split

    def slow(root, split, *arguments):
        write_split(root, split, *arguments)
        if split == "val":
            monkeypatch.setattr(quickstart, "_write_split", write_split)
            assert quickstart.generate(tmp_path / "scenes", **TINY)

    monkeypatch.setattr(quickstart, "_write_split", slow)
    assert not quickstart.generate(tmp_path / "scenes", **TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["scenes"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"seed": -1}, "seed"),
        ({"train": 0}, "training"),
        ({"val": 0}, "validation"),
        ({"size": (31, 64)}, "31x64 pixels"),
    ],
)
def test_arguments_out_of_range(tmp_path, arguments, words):
    with pytest.raises(UserError, match=words):
        quickstart.generate(tmp_path / "scenes", **{**TINY, **arguments})
    assert list(tmp_path.iterdir()) == []


def test_command_line(tmp_path, capsys):
    words = ["--output", str(tmp_path / "scenes"), "--train", "2", "--val", "1", "--size", "32", "64"]
    assert cli.run(quickstart.main, words) == 0
    assert f"2 training and 1 validation pictures are in {tmp_path / 'scenes'}.\n" in capsys.readouterr().out
    assert cli.run(quickstart.main, words) == 0
    assert "already" in capsys.readouterr().out
    assert cli.run(quickstart.main, [*words, "--seed", "1"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "remove it" in error and error.count("\n") == 1


def test_configuration_builds_and_its_attention_reaches_from_corner_to_corner(scenes):
    roots = [f"{part}.dataset_root={scenes}" for part in ("train_dataset", "val_dataset")]
    builder = Builder(load_config(str(CONFIG), opts=roots))
    psa = builder.build("model").psa
    for what in ("train_dataset", "val_dataset", "optimizer", "loss"):
        builder.build(what)
    shrunk, _ = psa._shrunk_size((128 // 8, 256 // 8))
    assert psa.mask_size == tuple(2 * side - 1 for side in shrunk)
