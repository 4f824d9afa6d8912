"""Videos, read and written frame by frame."""

import numpy as np
import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.pictures.video import Video, write_video


def frames(count: int, size: tuple = (48, 64)) -> list:
    return [np.full((*size, 3), 20 * number, np.uint8) for number in range(count)]


def test_what_is_written_is_read_again(tmp_path):
    with write_video(tmp_path / "deep/film.mp4", 12.5) as add:
        for frame in frames(6):
            add(frame)
    video = Video(tmp_path / "deep/film.mp4")
    read = list(video.frames())
    assert (video.frame_count, video.frames_per_second, video.frames_read) == (6, 12.5, 6)
    # MPEG-4 is lossy.
    np.testing.assert_allclose(read, frames(6), atol=8)
    video.require_whole()


@pytest.mark.parametrize(("read", "whole"), [(9, True), (8, True), (7, False)])
def test_one_frame_less_than_announced_is_rounding_and_two_are_damage(read, whole, tmp_path):
    with write_video(tmp_path / "film.mp4", 25) as add:
        add(frames(1)[0])
    video = Video(tmp_path / "film.mp4")
    video.frame_count, video.frames_read = 9, read
    if whole:
        video.require_whole()
    else:
        with pytest.raises(UserError, match=r"film\.mp4 ends after frame 7 of 9; it is damaged"):
            video.require_whole()


@pytest.mark.parametrize("content", [None, b"", b"no film at all" * 100])
def test_what_is_no_video_is_one_sentence(content, tmp_path):
    if content is not None:
        (tmp_path / "film.mp4").write_bytes(content)
    with pytest.raises(UserError, match="does not exist" if content is None else "cannot be read as a video"):
        Video(tmp_path / "film.mp4")


def test_a_frame_of_another_size_leaves_the_earlier_file(tmp_path):
    (tmp_path / "film.mp4").write_text("mine")
    with pytest.raises(ValueError, match="a frame of"), write_video(tmp_path / "film.mp4", 25) as add:
        add(frames(1)[0])
        add(frames(1, (64, 48))[0])
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
    assert (tmp_path / "film.mp4").read_text() == "mine"
