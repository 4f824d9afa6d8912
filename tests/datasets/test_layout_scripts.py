"""From the official archives to what PaddleSeg reads, on archives with a few tiny pictures."""

import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import paddleseg.datasets as paddleseg_datasets
import pytest
from PIL import Image

from paddleseg_ext import cli
from paddleseg_ext.errors import UserError
from tests.datasets import downloads
from tools.data import ade20k, cityscapes, tiny, voc12aug

SCRIPTS = {"cityscapes": cityscapes, "ade20k": ade20k, "voc12aug": voc12aug}


@pytest.fixture(params=SCRIPTS)
def name(request) -> str:
    return request.param


@pytest.fixture
def packed(name, tmp_path) -> tuple:
    """The folder with the archives of a data set, and the data set as it has to come out."""
    return tmp_path / "downloads", getattr(downloads, name)(tmp_path / "downloads", tmp_path / "expected")


def lay_out(name: str, *arguments) -> int:
    return cli.run(SCRIPTS[name].main, [str(word) for word in arguments])


def files(root: Path) -> dict:
    return {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if path.is_file()}


def sentence(capsys) -> str:
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith("error: ")
    return line


def require_same(root: Path, expected: Path) -> None:
    """The same images, labels and lists, but for what the archives have and segmentation does not need."""
    have, want = files(root), files(expected)
    # SBD's labels of images that VOC labels itself are converted, and in no list.
    extra = {path for path in have if path not in want}
    assert extra <= {"VOC2012/SegmentationClassAug/2001_000000.png", "VOC2012/SegmentationClassAug/2002_000000.png"}
    assert set(want) <= set(have)
    for path, file in want.items():
        if file.suffix == ".png":
            np.testing.assert_array_equal(np.asarray(Image.open(have[path])), np.asarray(Image.open(file)), path)
        else:
            assert have[path].read_bytes() == file.read_bytes(), path


def test_from_the_archives(name, packed, tmp_path, capsys):
    root = tmp_path / "root"
    assert lay_out(name, packed[0], "--root", root) == 0
    require_same(root, packed[1])
    assert "2 of" in capsys.readouterr().out
    # Again: nothing is done and nothing is touched.
    before = {path: os.stat(file).st_mtime_ns for path, file in files(root).items()}
    assert lay_out(name, packed[0], "--root", root) == 0
    assert {path: os.stat(file).st_mtime_ns for path, file in files(root).items()} == before
    assert "0 files were put below" in capsys.readouterr().out


def test_paddleseg_reads_it(name, packed, tmp_path):
    root = tmp_path / "root"
    assert lay_out(name, packed[0], "--root", root) == 0
    component = {"cityscapes": "Cityscapes", "ade20k": "ADE20K", "voc12aug": "PascalVOC"}[name]
    component = getattr(paddleseg_datasets, component)
    samples = component([], dataset_root=str(root), mode="trainaug" if name == "voc12aug" else "train")
    assert len(samples) == {"cityscapes": 3, "ade20k": 3, "voc12aug": 6}[name]
    for index in range(len(samples)):
        label = samples[index]["label"]
        assert set(np.unique(label)) <= {*range(component.NUM_CLASSES), 255}
        assert len(np.unique(label)) > 3


def test_from_unpacked_folders_and_archives_by_name(name, packed, tmp_path):
    unpacked = tmp_path / "unpacked"
    archives = sorted(packed[0].iterdir())
    for archive in archives:
        shutil.unpack_archive(archive, unpacked)
    root = tmp_path / "root"
    assert lay_out(name, unpacked, "--root", root) == 0
    require_same(root, packed[1])
    picture = next(path for path in files(root).values() if path.suffix == ".jpg" or "leftImg8bit" in path.name)
    assert picture.stat().st_nlink == 2
    assert lay_out(name, *archives, "--root", tmp_path / "other") == 0
    require_same(tmp_path / "other", packed[1])


def test_goes_on_where_it_was(name, packed, tmp_path, capsys):
    root = tmp_path / "root"
    assert lay_out(name, packed[0], "--root", root) == 0
    capsys.readouterr()
    half = [path for path in files(root).values() if path.suffix in (".jpg", ".png")]
    # Another program's half a file; one that is not there; a label whose end is lost.
    half[0].write_bytes(half[0].read_bytes()[:50])
    half[1].unlink()
    half[-1].write_bytes(half[-1].read_bytes()[:-5])
    assert lay_out(name, packed[0], "--root", root) == 0
    assert "0 files were put below" not in capsys.readouterr().out
    require_same(root, packed[1])


def test_cut_off_archive(name, packed, tmp_path, capsys):
    for archive in packed[0].iterdir():
        content = archive.read_bytes()
        archive.write_bytes(content[: len(content) * 2 // 3])
        assert lay_out(name, packed[0], "--root", tmp_path / "root") == 1
        assert f"{archive} is damaged, cut off, or no .zip or .tar archive" in sentence(capsys)
        assert not [path for path in (tmp_path / "root").rglob(".*") if path.is_file()], "a temporary file is left"
        archive.write_bytes(content)


def test_missing_archive(name, packed, tmp_path, capsys):
    for archive in packed[0].iterdir():
        archive.rename(tmp_path / "away")
        assert lay_out(name, packed[0], "--root", tmp_path / "root") == 1
        said = sentence(capsys)
        assert f"{archive.name} is missing" in said
        assert "http" in said
        (tmp_path / "away").rename(archive)
    assert lay_out(name, tmp_path / "nowhere") == 1
    assert "nowhere does not exist" in sentence(capsys)


def test_another_download_under_the_name(name, packed, tmp_path, capsys):
    for archive in packed[0].iterdir():
        with zipfile.ZipFile(archive, "w") as other:
            other.writestr("holidays/beach.jpg", b"")
    assert lay_out(name, packed[0], "--root", tmp_path / "root") == 1
    assert "holds no file of this data set" in sentence(capsys)


def test_paths_that_lead_outside_are_refused(tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "leftImg8bit_trainvaltest.zip", "w") as archive:
        archive.writestr("leftImg8bit/train/../a_leftImg8bit.png", b"evil")
    (tmp_path / "gtFine").mkdir()
    assert lay_out("cityscapes", tmp_path, "--root", tmp_path / "root") == 1
    assert "leads outside its folder" in sentence(capsys)
    assert not (tmp_path / "root").exists()


def test_files_that_cannot_be_written_are_named(tmp_path, capsys):
    downloads.ade20k(tmp_path / "downloads", tmp_path / "expected")
    (tmp_path / "root").write_text("a file, not a folder")
    assert lay_out("ade20k", tmp_path / "downloads", "--root", tmp_path / "root") == 1
    assert "cannot be written: " in sentence(capsys)


# The ids of the benchmark's label definition that are easily mixed up.
@pytest.mark.parametrize(
    ("label_id", "train_id"),
    [(0, 255), (6, 255), (7, 0), (8, 1), (9, 255), (11, 2), (13, 4), (14, 255), (17, 5), (18, 255), (19, 6), (24, 11)]
    + [(26, 13), (28, 15), (29, 255), (30, 255), (31, 16), (33, 18), (255, 255)],
)
def test_train_ids(label_id, train_id):
    table = cityscapes.train_ids()
    assert table[label_id] == train_id
    assert sorted(set(table.tolist())) == [*range(19), 255]


def test_a_picture_in_the_place_of_a_label_is_named(tmp_path, capsys):
    tiny.write_tiny("cityscapes", tmp_path / "root", train=1)
    label = next((tmp_path / "root").glob("gtFine/train/*/*labelIds.png"))
    next((tmp_path / "root").glob("gtFine/train/*/*labelTrainIds.png")).unlink()
    Image.fromarray(np.full((4, 4), 99, np.uint8)).save(label)
    assert lay_out("cityscapes", "--root", tmp_path / "root") == 1
    assert f"{label} is not a label image of Cityscapes" in sentence(capsys)
    label.write_bytes(label.read_bytes()[:40])
    assert lay_out("cityscapes", "--root", tmp_path / "root") == 1
    assert f"{label} cannot be converted" in sentence(capsys)


def test_a_mat_file_of_something_else_is_named(tmp_path, capsys):
    downloads.voc12aug(tmp_path / "downloads", tmp_path / "expected")
    for content, words in (
        (b"no mat", "is not a label of SBD"),
        (downloads.mat(np.full((3, 3), 77, np.uint8)), "is not an image of the classes"),
    ):
        with tarfile.open(tmp_path / "downloads/benchmark.tgz", "w:gz") as archive:
            downloads._add(archive, "benchmark_RELEASE/dataset/cls/2000_000000.mat", content)
        assert lay_out("voc12aug", tmp_path / "downloads", "--root", tmp_path / "root") == 1
        assert f"dataset/cls/2000_000000.mat {words}" in sentence(capsys)


def test_no_validation_image_is_trained_on(tmp_path):
    downloads.voc12aug(tmp_path / "downloads", tmp_path / "expected")
    assert lay_out("voc12aug", tmp_path / "downloads", "--root", tmp_path / "root") == 0
    sets = tmp_path / "root/VOC2012/ImageSets/Segmentation"
    aug, train, val = (set((sets / f"{split}.txt").read_text().split()) for split in ("aug", "train", "val"))
    assert len(aug) == 3
    assert not aug & (train | val)


def test_a_mat_file_that_a_list_names_is_missing(tmp_path, capsys):
    downloads.voc12aug(tmp_path / "downloads", tmp_path / "expected")
    with tarfile.open(tmp_path / "downloads/benchmark.tgz", "w:gz") as archive:
        downloads._add(archive, "benchmark_RELEASE/dataset/train.txt", b"2000_000000\n")
    assert lay_out("voc12aug", tmp_path / "downloads", "--root", tmp_path / "root") == 1
    assert "lacks dataset/cls/2000_000000.mat" in sentence(capsys)
    assert not (tmp_path / "root/VOC2012/ImageSets/Segmentation/aug.txt").exists()


def test_stand_ins_do_not_mix_with_real_data(tmp_path):
    tiny.write_tiny("ade20k", tmp_path / "a")
    with pytest.raises(UserError, match="is not empty"):
        tiny.write_tiny("ade20k", tmp_path / "a")


@pytest.mark.parametrize("script", [*SCRIPTS.values(), tiny])
def test_help_teaches(script, capsys):
    with pytest.raises(SystemExit) as end:
        script.main(["--help"])
    assert end.value.code == 0
    assert "examples:\n  python tools/data/" in capsys.readouterr().out
