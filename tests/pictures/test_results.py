"""The files of a prediction."""

import cv2
import numpy as np
from PIL import Image

from paddleseg_ext.pictures import visualize
from paddleseg_ext.pictures.results import where_results_are, write_labels, write_results


def test_results_are_three_files_of_the_image_size(tmp_path):
    image = np.full((20, 30), 90, dtype=np.uint8)
    labels = np.tile(np.arange(3, dtype=np.uint8), (20, 10))
    write_results(tmp_path, "deep/er/x", image, labels, ["a", "b", "c"], visualize.palette(3))
    read = cv2.imread(str(tmp_path / "label/deep/er/x.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(read, labels)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "pseudo_color_prediction/deep/er/x.png")), labels)
    assert cv2.imread(str(tmp_path / "added_prediction/deep/er/x.png")).shape[0] > 20


def test_label_files_of_a_video_hold_the_indices_alone(tmp_path):
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    write_labels(tmp_path, "film/000001", labels)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")] == ["label/film/000001.png"]
    read = cv2.imread(str(tmp_path / "label/film/000001.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(read, labels)


def test_the_last_sentence_names_every_folder_that_is_written(tmp_path):
    image, labels = np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), np.uint8)
    write_results(tmp_path, "x", image, labels, ["a"], visualize.palette(1))
    sentence = where_results_are(tmp_path, 1)
    assert sentence.startswith(f"1 image predicted; see {tmp_path}: ")
    assert sorted(path.name for path in tmp_path.iterdir() if f"{path.name}/ (" in sentence) == sorted(
        path.name for path in tmp_path.iterdir()
    )
    assert where_results_are(tmp_path, 2).startswith("2 images predicted")
