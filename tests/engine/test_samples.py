"""Samples that cannot be used are named, wherever they are read."""

import cv2
import numpy as np
import paddle
import pytest
from PIL import Image

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.engine.samples import GuardedDataset, check_dataset, checked, collate
from paddleseg_ext.errors import UserError


@pytest.fixture
def dataset(scenes):
    return Builder(load_config(scenes / "config.yml")).build("train_dataset")


def read_all(dataset, num_workers=0):
    guarded = GuardedDataset(dataset)
    loader = paddle.io.DataLoader(guarded, batch_size=2, collate_fn=collate, num_workers=num_workers, return_list=True)
    return list(checked(loader))


@pytest.mark.parametrize("num_workers", [0, 1])
def test_wrong_label_value_while_reading(dataset, num_workers):
    path = dataset.file_list[5][1]
    cv2.imwrite(path, np.full((48, 48), 7, np.uint8))
    with pytest.raises(UserError, match=rf"label {path} holds the value 7, but the classes are 0 to 2"):
        read_all(dataset, num_workers)


def test_wrong_label_value_before_the_start(dataset):
    path = dataset.file_list[7][1]
    cv2.imwrite(path, np.full((48, 48), 3, np.uint8))
    with pytest.raises(UserError, match=rf"label {path} holds the value 3"):
        check_dataset(dataset, "train_dataset")


@pytest.mark.parametrize("read", [read_all, lambda d: check_dataset(d, "train_dataset")])
def test_label_of_another_size(dataset, read):
    image, label = dataset.file_list[2]
    cv2.imwrite(label, np.zeros((40, 48), np.uint8))
    with pytest.raises(UserError, match=rf"{image} is 48x48 pixels and its label {label} 48x40; they must have"):
        read(dataset)


@pytest.mark.parametrize("read", [read_all, lambda d: check_dataset(d, "train_dataset")])
def test_image_that_is_no_image(dataset, read):
    path = dataset.file_list[3][0]
    with open(path, "wb") as file:
        file.write(b"not a picture")
    with pytest.raises(UserError, match=rf"{path} cannot be read as an image"):
        read(dataset)


def test_truncated_image_before_the_start(dataset):
    path = dataset.file_list[0][0]
    with open(path, "rb") as file:
        whole = file.read()
    with open(path, "wb") as file:
        file.write(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=rf"{path} cannot be read as an image"):
        check_dataset(dataset, "train_dataset")


def test_missing_file(dataset):
    dataset.file_list[4][0] += "x"
    with pytest.raises(UserError, match=r"train_dataset: the file .*04.jpgx does not exist"):
        check_dataset(dataset, "train_dataset")


def test_color_label(dataset):
    path = dataset.file_list[0][1]
    cv2.imwrite(path, np.zeros((48, 48, 3), np.uint8))
    with pytest.raises(UserError, match=r"has 3 channels; a label is a one-channel image"):
        check_dataset(dataset, "train_dataset")


def test_turned_photograph_has_the_size_that_is_read(dataset):
    # OpenCV turns an image the way its EXIF tag says; 6 is a quarter turn.
    image, label = dataset.file_list[0]
    turned = Image.new("RGB", (40, 48))
    tag = turned.getexif()
    tag[0x0112] = 6
    turned.save(image, exif=tag)
    assert cv2.imread(image).shape[:2] == (40, 48)
    cv2.imwrite(label, np.zeros((40, 48), np.uint8))
    check_dataset(dataset, "train_dataset")


def test_batch_of_different_sizes(dataset):
    dataset.transforms.transforms = []
    image, label = dataset.file_list[1]
    cv2.imwrite(image, np.zeros((40, 48, 3), np.uint8))
    cv2.imwrite(label, np.zeros((40, 48), np.uint8))
    with pytest.raises(UserError, match=r"of one batch have different sizes \(48x40 and 48x48 pixels\)"):
        read_all(dataset)


def test_failing_transform_names_the_image(dataset):
    def broken(data):
        raise ValueError("no such thing")

    dataset.transforms.transforms.append(broken)
    with pytest.raises(UserError, match=r"00.jpg cannot be used: ValueError: no such thing"):
        read_all(dataset)


def test_reading_processes_draw_differently_and_repeatably(dataset):
    # PaddleSeg's workers start from one state: two of them crop and flip alike.
    def images(epoch):
        guarded = GuardedDataset(dataset, repeats=2, seed=4)
        guarded.epoch = epoch
        loader = paddle.io.DataLoader(guarded, batch_size=1, collate_fn=collate, num_workers=2, return_list=True)
        return [data["img"].numpy() for data in checked(loader)]

    one, again, later = images(0), images(0), images(1)
    for first, second in zip(one, again):
        np.testing.assert_array_equal(first, second)
    assert any((first != second).any() for first, second in zip(one, later))
    # Sample 0 and its repeat.
    assert any((one[index] != one[index + 8]).any() for index in range(8))
