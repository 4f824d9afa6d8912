"""Videos through deploy/python/infer.py."""

import cv2
import numpy as np
import pytest

from paddleseg_ext import cli
from paddleseg_ext.commands import predict

FRAMES = 12


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A film of moving blocks: Motion JPEG in .avi, whose header counts the frames."""
    path = tmp_path_factory.mktemp("film") / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (96, 64))
    scene = np.random.RandomState(0).randint(0, 256, (8, 12 + FRAMES, 3)).astype(np.uint8)
    for number in range(FRAMES):
        frame = scene[:, number : number + 12]
        writer.write(cv2.resize(frame, (96, 64), interpolation=cv2.INTER_NEAREST))
    writer.release()
    return path


def frames_of(path) -> list:
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        there, frame = capture.read()
        if not there:
            return frames
        frames.append(frame)


def test_frames_get_the_labels_of_pictures(video, project, exported, infer, tmp_path):
    words = ["--config", str(exported), "--image_path", str(video), "--save_dir", str(tmp_path / "v")]
    assert cli.run(infer.main, [*words, "--enable_mkldnn", "False", "--batch_size", "5"]) == 0
    frames = frames_of(video)
    assert len(frames) == FRAMES
    for number, frame in enumerate(frames, 1):
        (tmp_path / "frames").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / f"frames/{number:06d}.png"), frame)
    weights = ["--config", str(project / "config.yml"), "--model_path", str(project / "model.pdparams")]
    pictures = ["--image_path", str(tmp_path / "frames"), "--save_dir", str(tmp_path / "p"), "--device", "cpu"]
    assert cli.run(predict.main, [*weights, *pictures]) == 0
    labels = sorted((tmp_path / "v/label/film").iterdir())
    assert [path.name for path in labels] == [f"{number:06d}.png" for number in range(1, FRAMES + 1)]
    for path in labels:
        assert path.read_bytes() == (tmp_path / "p/label" / path.name).read_bytes()
    written = tmp_path / "v/added_prediction/film.mp4"
    overlays = frames_of(written)
    assert len(overlays) == FRAMES
    assert cv2.VideoCapture(str(written)).get(cv2.CAP_PROP_FPS) == 10
    drawn = cv2.imread(str(tmp_path / "p/added_prediction/000007.png"))
    # MPEG-4 is lossy, and a picture has a legend below it.
    assert overlays[6].shape == (64, 96, 3)
    assert np.abs(overlays[6].astype(int) - drawn[:64, :96]).mean() < 12
    assert not list((tmp_path / "v").rglob(".*"))


def test_a_video_that_ends_early_is_one_sentence_and_keeps_what_was_read(video, exported, infer, tmp_path, capfd):
    cut = tmp_path / "cut.avi"
    cut.write_bytes(video.read_bytes()[: video.stat().st_size * 6 // 10])
    (tmp_path / "v/added_prediction").mkdir(parents=True)
    (tmp_path / "v/added_prediction/cut.mp4").write_text("mine")
    words = ["--config", str(exported), "--image_path", str(cut), "--save_dir", str(tmp_path / "v")]
    assert cli.run(infer.main, [*words, "--batch_size", "4"]) == 1
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    kept = len(list((tmp_path / "v/label/cut").iterdir()))
    assert 0 < kept < FRAMES
    assert f"ends after frame {kept} of {FRAMES}" in line
    assert (tmp_path / "v/added_prediction/cut.mp4").read_text() == "mine"
    assert [path.name for path in (tmp_path / "v/added_prediction").iterdir()] == ["cut.mp4"]


@pytest.mark.parametrize("content", [None, b"", b"no film at all" * 100])
def test_what_is_no_video_is_one_sentence(content, exported, infer, tmp_path, capfd):
    path = tmp_path / "film.mp4"
    if content is not None:
        path.write_bytes(content)
    words = ["--config", str(exported), "--image_path", str(path), "--save_dir", str(tmp_path / "v")]
    assert cli.run(infer.main, words) == 1
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert ("does not exist" if content is None else "cannot be read as a video") in line
    assert not (tmp_path / "v").exists()
