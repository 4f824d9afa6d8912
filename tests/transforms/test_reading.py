"""``Compose`` with transforms that take 8 bits, and with others."""

import cv2
import numpy as np
import paddleseg.transforms as T
import pytest


class Note:
    """Remembers what it was given."""

    def __call__(self, data: dict) -> dict:
        self.image = data["img"]
        return data


class NoteEightBit(Note):
    takes_eight_bit = True


@pytest.fixture
def path(picture, tmp_path) -> str:
    image, _ = picture(20, 30)
    assert cv2.imwrite(f"{tmp_path}/image.png", image[..., ::-1])
    return f"{tmp_path}/image.png"


@pytest.mark.parametrize("channels", [1, 3])
def test_first_transform_decides(path, channels):
    for first, dtype in ((Note(), np.float32), (NoteEightBit(), np.uint8)):
        result = T.Compose([first, Note()], img_channels=channels)({"img": path})["img"]
        assert first.image.dtype == dtype
        assert result.dtype == np.float32
        expected = T.Compose([], img_channels=channels)({"img": path})["img"]
        np.testing.assert_array_equal(result, expected)
        assert expected.dtype == np.float32 and expected.shape == (channels, 20, 30)


def test_second_transform_does_not(path):
    first = Note()
    T.Compose([first, NoteEightBit()])({"img": path})
    assert first.image.dtype == np.float32


def test_arrays_are_taken_as_they_come(picture):
    first = NoteEightBit()
    T.Compose([first])({"img": picture(20, 30)[0].astype("float32")})
    assert first.image.dtype == np.float32


def test_what_cannot_be_read(tmp_path):
    (tmp_path / "image.png").write_bytes(b"no image")
    for transforms in ([Note()], [NoteEightBit()]):
        with pytest.raises(AttributeError):
            T.Compose(transforms)({"img": f"{tmp_path}/image.png"})


def test_the_transforms_of_the_recipes_take_eight_bit(build):
    for name, settings in (
        ("ResizeByRatio", {"base_size": [8, 8]}),
        ("RandomClassRatioCrop", {"crop_size": [8, 8]}),
        ("PhotoMetricDistortion", {}),
        ("Normalize", {}),
    ):
        assert build(name, **settings).takes_eight_bit
