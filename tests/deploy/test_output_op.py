"""The output that an export has, by its test protocol."""

import cv2

from paddleseg_ext import cli
from paddleseg_ext.commands import export
from tests.deploy.conftest import refused
from tests.deploy.protocols import NORMALIZE, RESIZE, WINDOWS


def test_an_output_that_cannot_follow_the_protocol_is_refused(describe, tmp_path, capfd):
    save = ["--save_dir", str(tmp_path / "e"), "--output_op"]
    assert "labels cannot be averaged" in refused(
        export.main, [*describe([NORMALIZE], WINDOWS), *save, "argmax"], capfd
    )
    assert "resize_once" in refused(export.main, [*describe([NORMALIZE], {}), *save, "features"], capfd)
    assert not (tmp_path / "e").exists()


def test_labels_of_a_resized_image_are_obeyed_with_a_warning(describe, project, infer, tmp_path, capfd):
    words = describe([RESIZE, NORMALIZE], {"resize_once": True})
    assert cli.run(export.main, [*words, "--save_dir", str(tmp_path / "e"), "--output_op", "argmax"]) == 0
    assert "some labels will differ from those of predict.py; features gives the same" in "".join(capfd.readouterr())
    photos = ["--image_path", str(project / "photos"), "--save_dir", str(tmp_path / "infer")]
    assert cli.run(infer.main, ["--config", str(tmp_path / "e"), *photos]) == 0
    assert cv2.imread(str(tmp_path / "infer/label/deep/er/c.png")).shape[:2] == (65, 49)
