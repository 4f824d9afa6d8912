"""Pictures of validation samples: which samples, which size, which colors."""

import cv2
import numpy as np
import paddle
import pytest
import yaml

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.engine.sample_pictures import sample_pictures
from paddleseg_ext.errors import UserError
from paddleseg_ext.pictures.visualize import palette

GAP = 4


class Always(paddle.nn.Layer):
    """Predicts one class everywhere."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, images):
        logits = paddle.zeros([images.shape[0], 3, *images.shape[2:]])
        logits[:, self.index] = 1
        return [logits]


@pytest.fixture
def dataset(scenes):
    """Eight samples without transforms that draw."""
    config = yaml.safe_load((scenes / "config.yml").read_text())
    config["val_dataset"]["val_path"] = str(scenes / "train.txt")
    (scenes / "config.yml").write_text(yaml.safe_dump(config))
    return Builder(load_config(scenes / "config.yml")).build("val_dataset")


def test_three_samples_spread_over_the_set(dataset):
    pictures = list(sample_pictures(Always(1), dataset))
    assert len(pictures) == 3
    colors = palette(3, dataset)
    for index, picture in zip((0, 3, 7), pictures):
        assert picture.dtype == np.uint8 and picture.shape[2] == 3
        image, label = dataset.file_list[index]
        # Red green blue, as VisualDL wants it; the legend stands below.
        row = picture[:48, : 3 * 48 + 2 * GAP]
        np.testing.assert_array_equal(row[:, :48], cv2.imread(image)[..., ::-1])
        label = cv2.imread(label, cv2.IMREAD_GRAYSCALE)
        counted = label != 255
        np.testing.assert_array_equal(row[:, 48 + GAP : 96 + GAP][counted], colors[label[counted]])
        assert (row[:, 96 + 2 * GAP :] == colors[1]).all()


def test_fewer_samples_than_pictures(dataset):
    dataset.file_list = dataset.file_list[:2]
    assert len(list(sample_pictures(Always(0), dataset))) == 2
    dataset.file_list = dataset.file_list[:1]
    assert len(list(sample_pictures(Always(0), dataset))) == 1


def test_settings_of_an_evaluation_average_nothing(dataset):
    settings = {"num_workers": 2, "precision": "fp16", "amp_level": "O1", "aug_eval": True, "scales": [0.5, 2.0]}
    plain = list(sample_pictures(Always(2), dataset))
    for one, other in zip(plain, sample_pictures(Always(2), dataset, **settings)):
        np.testing.assert_array_equal(one, other)


def test_a_large_sample_is_drawn_small(dataset):
    dataset.file_list = dataset.file_list[:1]
    image, label = dataset.file_list[0]
    assert cv2.imwrite(image, np.full((600, 1200, 3), 90, np.uint8))
    assert cv2.imwrite(label, np.zeros((600, 1200), np.uint8))
    (picture,) = sample_pictures(Always(0), dataset)
    assert picture.shape[1] == 3 * 1024 + 2 * GAP
    assert (picture[:512, 1024 + GAP : 2048 + GAP] == palette(3, dataset)[0]).all()
    assert picture.shape[0] < 1024


def test_a_data_set_without_files_shows_the_networks_input():
    class Plain(paddle.io.Dataset):
        num_classes, ignore_index = 3, 255

        def __len__(self):
            return 1

        def __getitem__(self, index):
            ramp = np.linspace(-1, 1, 8, dtype="float32")
            return {"img": np.tile(ramp, (3, 6, 1)), "label": np.zeros((1, 6, 8), "uint8"), "trans_info": []}

    (picture,) = sample_pictures(Always(0), Plain())
    image = picture[:6, :8]
    assert image.min() == 0 and image.max() == 255
    assert (np.diff(image[0, :, 0].astype(int)) > 0).all()


def test_a_sample_that_cannot_be_read_is_named(dataset):
    path = dataset.file_list[3][0]
    with open(path, "wb") as file:
        file.write(b"not a picture")
    with pytest.raises(UserError, match=rf"{path} cannot be read as an image"):
        list(sample_pictures(Always(0), dataset))
