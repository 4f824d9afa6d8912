"""Names and colors of classes: the data set's own first, then the tables."""

import pytest
from paddleseg.datasets import ADE20K, Cityscapes, PascalVOC

from paddleseg_ext.datasets.class_names import class_colors, class_names


class Own:
    CLASS_NAMES = ("cat", "", "dog")
    PALETTE = ((1, 2, 3), (4, 5, 6))


@pytest.mark.parametrize("dataset", [Own, Own()], ids=["class", "instance"])
def test_the_data_sets_own_come_first(dataset):
    assert class_names(dataset, 4) == ["cat", "class 1", "dog", "class 3"]
    assert class_colors(dataset) == ((1, 2, 3), (4, 5, 6))


@pytest.mark.parametrize("dataset", [Cityscapes, ADE20K, PascalVOC])
def test_the_tables_name_every_class_once(dataset):
    names = class_names(dataset, dataset.NUM_CLASSES)
    assert len(set(names)) == dataset.NUM_CLASSES
    assert not any(name.startswith("class ") for name in names)
    assert class_names(dataset, dataset.NUM_CLASSES + 1)[-1] == f"class {dataset.NUM_CLASSES}"


def test_a_table_has_a_color_for_each_name():
    assert class_names(Cityscapes, 19)[:2] == ["road", "sidewalk"]
    assert class_colors(Cityscapes)[:2] == ((128, 64, 128), (244, 35, 232))
    assert len(set(class_colors(Cityscapes))) == Cityscapes.NUM_CLASSES


def test_an_unknown_data_set_has_numbers_and_no_colors():
    assert class_names(object(), 2) == ["class 0", "class 1"]
    assert class_colors(object()) is None
