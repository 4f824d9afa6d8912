"""predict.py from the command line to the pictures that it writes, or its one sentence."""

import pytest

from paddleseg_ext import cli
from paddleseg_ext.commands import predict
from tests.deploy.conftest import files_below, predict_words


def test_predict_with_flips_scales_and_windows(project, tmp_path):
    augmented = predict_words(project, tmp_path / "aug", "--aug_pred", "--scales", "0.75", "1", "--flip_horizontal")
    assert cli.run(predict.main, augmented) == 0
    window = ["--is_slide", "--crop_size", "48", "40", "--stride", "32", "24", "--custom_color", "9", "9", "9"]
    slid = predict_words(project, tmp_path / "slide", *window)
    assert cli.run(predict.main, slid) == 0
    assert len(files_below(tmp_path / "aug")) == len(files_below(tmp_path / "slide")) == 9


BAD_PREDICT = {
    "no image": (["--image_path", "{tmp}/none.png"], "does not exist"),
    "empty list": (["--image_path", "{tmp}/empty.txt"], "is empty"),
    "no image at all": (["--image_path", "{tmp}/empty"], "holds no"),
    "window without size": (["--is_slide"], "--is_slide needs --crop_size"),
    "half a color": (["--custom_color", "1", "2"], "--custom_color"),
    "no weights": (["--model_path", "{tmp}/none.pdparams"], "none.pdparams"),
    "no configuration": (["--config", "{tmp}/none.yml"], "none.yml"),
    "wrong flag": (["--image_pth", "x"], "did you mean --image_path?"),
    "multi-label": (["--use_multilabel"], "one label per pixel"),
    "card on a CPU": (["--device_id", "1"], "--device_id 1"),
}


@pytest.mark.parametrize("case", BAD_PREDICT)
def test_bad_input_to_predict_is_one_sentence(case, project, tmp_path, capfd):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "empty").mkdir()
    more, sentence = BAD_PREDICT[case]
    words = predict_words(project, tmp_path / "out", *(word.format(tmp=tmp_path) for word in more))
    assert cli.run(predict.main, words) == 1
    message = capfd.readouterr().err.splitlines()[-1]
    assert message.startswith("error: ")
    assert sentence in message
    assert not (tmp_path / "out").exists()


def test_an_image_that_cannot_be_decoded_is_named(project, tmp_path, capfd):
    photos = tmp_path / "photos"
    photos.mkdir()
    data = (project / "photos/a.png").read_bytes()
    (photos / "half.png").write_bytes(data[:60])
    words = predict_words(project, tmp_path / "out", "--image_path", str(photos))
    assert cli.run(predict.main, words) == 1
    assert "half.png cannot be read as an image" in capfd.readouterr().err.splitlines()[-1]
