"""prepare.sh: pictures from a folder, from the network, made up; what each mode gets; weights for inference."""

import importlib.util
import shutil
import tarfile

import numpy as np
import pytest

from paddleseg_ext import cli
from tests.tipc.conftest import TIPC
from tools.data.tiny import write_tiny

NOWHERE = "http://127.0.0.1:9/cityscapes_20imgs.tar"


def load(name):
    spec = importlib.util.spec_from_file_location(name, TIPC / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LITE = load("cityscapes_lite")


@pytest.fixture
def prepare(tmp_path):
    """Run cityscapes_lite.py; returns the exit code."""

    def run(mode="lite_train_lite_infer", address=NOWHERE, **flags):
        flags = {"mode": mode, "address": address, "data": tmp_path / "data", **flags}
        return cli.run(LITE.main, [word for name, value in flags.items() for word in (f"--{name}", str(value))])

    return run


def counts(tmp_path):
    data = tmp_path / "data" / "cityscapes"
    for split in ("train", "val"):
        images, labels = (len(list((data / folder / split).rglob("*.png"))) for folder in ("leftImg8bit", "gtFine"))
        assert images == labels
        yield images


def test_made_up_without_a_network(prepare, tmp_path, capsys):
    assert prepare() == 0
    out = capsys.readouterr().out
    assert "MADE-UP" in out and f"{NOWHERE} is out of reach" in out and "16 training and 4 validation pictures" in out
    assert tuple(counts(tmp_path)) == (16, 4)
    listed = (tmp_path / "data" / "cityscapes" / "val.list").read_text().splitlines()
    assert len(listed) == 4 and all((tmp_path / "data" / "cityscapes" / name).is_file() for name in listed)
    assert (tmp_path / "data" / "prepared_for").read_text() == "lite_train_lite_infer\n"


def test_the_list_that_other_projects_name(prepare, tmp_path):
    """PaddleSeg's archive holds cityscapes_val_5.list."""
    listed = {}
    for mode in ("lite_train_lite_infer", "whole_infer"):
        assert prepare(mode) == 0
        folder = tmp_path / "data" / "cityscapes"
        listed[mode] = (folder / "cityscapes_val_5.list").read_text().splitlines()
        assert listed[mode] == (folder / "val.list").read_text().splitlines()[:5]
        assert all((folder / name).is_file() for name in listed[mode])
    assert [len(names) for names in listed.values()] == [4, 5]


@pytest.mark.parametrize(
    ("mode", "expected"),
    (
        ("lite_train_whole_infer", (16, 6)),
        ("whole_train_whole_infer", (24, 6)),
        ("whole_infer", (16, 6)),
        ("paddle2onnx_infer", (16, 6)),
        ("benchmark_train", (16, 4)),
    ),
)
def test_lite_is_few_and_whole_is_all(prepare, tmp_path, mode, expected):
    assert prepare() == prepare(mode) == 0
    assert tuple(counts(tmp_path)) == expected


def test_the_archive_is_fetched_once(prepare, tmp_path, capsys):
    write_tiny("cityscapes", tmp_path / "cityscapes_20imgs", train=3, val=2, size=(16, 32))
    with tarfile.open(tmp_path / "cityscapes_20imgs.tar", "w") as archive:
        archive.add(tmp_path / "cityscapes_20imgs", "cityscapes_20imgs")
    shutil.rmtree(tmp_path / "cityscapes_20imgs")
    assert prepare(address=(tmp_path / "cityscapes_20imgs.tar").as_uri()) == 0
    assert "MADE-UP" not in capsys.readouterr().out
    assert tuple(counts(tmp_path)) == (3, 2)
    assert prepare(address=NOWHERE) == 0
    assert "MADE-UP" not in capsys.readouterr().out


def test_a_folder_is_only_linked_to(prepare, tmp_path, capsys):
    write_tiny("cityscapes", tmp_path / "mine", train=20, val=2, size=(16, 32))
    before = sorted(tmp_path.joinpath("mine").rglob("*"))
    assert prepare(folder=tmp_path / "mine") == 0
    assert f"the pictures of {tmp_path / 'mine'}" in capsys.readouterr().out
    assert tuple(counts(tmp_path)) == (16, 2)
    assert prepare("whole_train_whole_infer", folder=tmp_path / "mine") == 0
    assert tuple(counts(tmp_path)) == (20, 2)
    assert sorted(tmp_path.joinpath("mine").rglob("*")) == before


def test_a_bad_folder_changes_nothing(prepare, tmp_path, capsys):
    assert prepare() == 0
    (tmp_path / "empty").mkdir()
    assert prepare(folder=tmp_path / "empty") == 1
    assert "empty is not a usable Cityscapes" in capsys.readouterr().err
    write_tiny("cityscapes", tmp_path / "half", size=(16, 32))
    next((tmp_path / "half" / "gtFine").rglob("*_labelTrainIds.png")).unlink()
    assert prepare(folder=tmp_path / "half") == 1
    assert "1 without a label" in capsys.readouterr().err
    assert tuple(counts(tmp_path)) == (16, 4)
    # But a chain would take the pictures for prepared.
    assert not (tmp_path / "data" / "prepared_for").exists()


def test_a_folder_of_the_user_is_not_replaced(prepare, tmp_path, capsys):
    write_tiny("cityscapes", tmp_path / "data" / "cityscapes", size=(16, 32))
    before = sorted(tmp_path.rglob("*.png"))
    assert prepare() == 1
    assert "move it away, or use it: prepare.sh FILE MODE" in capsys.readouterr().err
    assert set(before) <= set(tmp_path.rglob("*.png"))


def test_a_missing_folder(chain):
    assert "the folder nowhere does not exist" in chain.refused("prepare.sh", chain.write(), "whole_infer", "nowhere")


def test_stand_in_weights_depend_on_their_names_alone():
    stand_in = load("stand_in_weights").stand_in
    weight = stand_in("backbone.conv1.weight", [64, 32, 3, 3])
    np.testing.assert_array_equal(weight, stand_in("backbone.conv1.weight", [64, 32, 3, 3]))
    # NumPy keeps the stream of RandomState for good, so this holds everywhere.
    np.testing.assert_allclose(stand_in("a", [1, 2]).ravel(), [0.0364624, -1.6887709], rtol=1e-5)
    assert abs(weight.std() / np.sqrt(2 / (32 * 9)) - 1) < 0.01
    assert abs(weight - stand_in("backbone.conv2.weight", [64, 32, 3, 3])).max() > 0.1
    values = {"bn._variance": 1.0, "bn._mean": 0.0, "bn.weight": 0.5, "bn.bias": 0.0}
    for name, value in values.items():
        np.testing.assert_array_equal(stand_in(name, [4]), np.full(4, value, np.float32))
