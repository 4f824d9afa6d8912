"""The samples of a data set's folders, whole or with gaps, and what a label may hold."""

import pytest

from paddleseg_ext.datasets.layout import LAYOUTS, layout_of
from paddleseg_ext.errors import UserError
from tools.data.tiny import write_tiny


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_sample_of_every_split_is_a_pair_of_files(name, tmp_path):
    write_tiny(name, tmp_path / "root", train=3, val=2)
    for mode, count in zip(LAYOUTS[name].modes, (3, 2)):
        pairs = LAYOUTS[name].pairs(tmp_path / "root", mode)
        assert len(pairs) == len(set(pairs)) == count
        for image, label in pairs:
            assert image.is_file() and label.is_file()


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("kind", ["image", "label"])
def test_a_missing_file_leaves_its_sample(name, kind, tmp_path):
    write_tiny(name, tmp_path / "root", train=3, val=2)
    before = LAYOUTS[name].pairs(tmp_path / "root", "val")
    getattr(before[0], kind).unlink()
    assert LAYOUTS[name].pairs(tmp_path / "root", "val") == before


def test_a_missing_list_of_voc_is_named(tmp_path):
    with pytest.raises(UserError, match=r"train\.txt, the list of the samples of trainaug, does not exist"):
        LAYOUTS["voc12aug"].pairs(tmp_path, "trainaug")


@pytest.mark.parametrize(
    ("name", "valid", "invalid"),
    [("cityscapes", (0, 18, 255), (19, 254)), ("ade20k", (0, 1, 150), (151, 255)), ("voc12aug", (0, 20, 255), (21,))],
)
def test_values_of_a_label(name, valid, invalid):
    assert all(map(LAYOUTS[name].label_is_valid, valid))
    assert not any(map(LAYOUTS[name].label_is_valid, invalid))


def test_a_layout_is_found_by_paddlesegs_class():
    assert layout_of("ADE20K") is LAYOUTS["ade20k"]
    assert layout_of("COCOStuff") is None
