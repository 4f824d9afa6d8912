"""What --image_path may name."""

import cv2
import numpy as np
import pytest
from PIL import Image

from paddleseg_ext.errors import UserError
from paddleseg_ext.pictures import image_list
from paddleseg_ext.pictures.image_list import find_images, read_image


@pytest.fixture
def photos(tmp_path):
    for name in ("a.png", "a.jpg", "deep/b.BMP", ".hidden/c.png", "notes.txt"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no image")
        else:
            Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(path)
    return tmp_path / "photos"


def test_one_image(photos):
    (image,) = find_images(photos / "deep" / "b.BMP")
    assert (image.path, image.name) == (photos / "deep" / "b.BMP", "b")


def test_a_folder_to_the_bottom_without_hidden_files(photos):
    # a.jpg and a.png keep their suffix, so that neither overwrites the other's results.
    assert sorted(image.name for image in find_images(photos)) == ["a.jpg", "a.png", "deep/b"]


@pytest.mark.parametrize("suffix", [".webp", ".tif", ".TIFF", ".jp2", ".ppm", ".pgm"])
def test_other_images_that_opencv_reads(suffix, tmp_path):
    pixels = np.full((64, 80) if suffix == ".pgm" else (64, 80, 3), 7, np.uint8)
    assert cv2.imwrite(str(tmp_path / f"a{suffix}"), pixels)
    (image,) = find_images(tmp_path)
    assert find_images(tmp_path / f"a{suffix}") == [image]
    assert read_image(image.path).shape == (64, 80, 3)


def test_images_of_a_folder_that_opencv_does_not_read_are_named(photos, monkeypatch, capfd):
    """OpenCV 4.5 reads no GIF, later ones do; nothing reads this HEIC."""
    monkeypatch.setattr(image_list, "_is_read", lambda path: path.suffix not in (".gif", ".heic"))
    names = sorted(image.name for image in find_images(photos))
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(photos / "deep" / "c.gif")
    (photos / "d.heic").write_bytes(b"no image")
    assert sorted(image.name for image in find_images(photos)) == names
    printed = "".join(capfd.readouterr())
    assert f"cannot read: {photos / 'd.heic'}, {photos / 'deep/c.gif'}; convert the files that" in printed
    for path in (photos / "d.heic", photos / "deep" / "c.gif"):
        with pytest.raises(UserError, match=rf"cannot read: {path}; convert it to PNG"):
            find_images(path)


def test_a_folder_of_images_that_opencv_does_not_read(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"holds no .*\.png.* only files that OpenCV .* cannot read: .*a\.heic"):
        find_images(tmp_path)


def test_a_list_file_is_relative_to_its_folder_and_its_first_word_counts(photos):
    (photos / "list.txt").write_text("a.png labels/a.png\n\ndeep/b.BMP\n")
    images = find_images(photos / "list.txt")
    assert [image.path for image in images] == [photos / "a.png", photos / "deep/b.BMP"]
    assert [image.name for image in images] == ["a", "deep/b"]


def test_results_of_images_elsewhere_stay_below_the_results_folder(photos):
    (photos / "deep" / "list.txt").write_text(f"../a.png\n{photos / 'a.jpg'}\n")
    for image in find_images(photos / "deep" / "list.txt"):
        assert ".." not in image.name
        assert not image.name.startswith("/")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.png", None, "does not exist"),
        ("list.txt", "", "is empty"),
        ("list.txt", "a.png\ngone.png\n", "list.txt line 2: the image .*gone.png does not exist"),
        ("broken.png", "not an image", "broken.png is not a readable image"),
        ("list.txt", "notes.txt\n", "notes.txt is not a readable image"),
    ],
)
def test_bad_input_is_one_sentence(photos, name, content, sentence):
    if content is not None:
        (photos / name).write_text(content)
    with pytest.raises(UserError, match=sentence):
        find_images(photos / name)


def test_a_binary_file_is_no_list(photos):
    (photos / "weights").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UserError, match="neither an image"):
        find_images(photos / "weights")


def test_an_empty_folder(tmp_path):
    with pytest.raises(UserError, match="holds no"):
        find_images(tmp_path)


def test_a_damaged_image_is_named(photos):
    data = (photos / "a.png").read_bytes()
    (photos / "a.png").write_bytes(data[:40])
    with pytest.raises(UserError, match=r"a\.png cannot be read"):
        read_image(photos / "a.png")
