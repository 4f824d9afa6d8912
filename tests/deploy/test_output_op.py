"""The output that an export has, by its test protocol."""

import cv2
import paddleseg.transforms as T
import pytest

from paddleseg_ext import cli
from paddleseg_ext.commands import export
from paddleseg_ext.deploy.output_op import choose_output
from paddleseg_ext.protocol.inference import InferenceProtocol
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


class Net:
    """What ``choose_output`` asks of a network."""

    align_corners, align_mode = False, 0
    feature_logits = None


PLAIN, RESIZES, ONLY_LARGE = [], [T.Resize((64, 64))], [T.LimitLong(max_long=1000)]
AVERAGES = {"aug_eval": True, "flip_horizontal": True}
SLIDES = {"is_slide": True, "crop_size": (8, 8), "stride": (4, 4)}


@pytest.mark.parametrize(
    ("steps", "settings", "output_op"),
    [
        (PLAIN, {}, "argmax"),
        ([T.Padding((3000, 3000))], {}, "argmax"),
        (RESIZES, {}, "none"),
        (ONLY_LARGE, {}, "none"),
        (PLAIN, AVERAGES, "none"),
        (PLAIN, SLIDES, "none"),
        (PLAIN, {"resize_once": True}, "argmax"),
        (RESIZES, {"resize_once": True}, "features"),
        (PLAIN, {"resize_once": True, **AVERAGES}, "features"),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_auto_is_the_smallest_output_that_will_do(steps, settings, output_op, channels):
    transforms = T.Compose(steps, to_rgb=False, img_channels=channels)
    chosen, protocol = choose_output("auto", InferenceProtocol(**settings), transforms, Net())
    assert chosen == output_op
    # What resizes once needs the logits of the features.
    assert protocol == InferenceProtocol(**{**settings, "resize_once": output_op == "features"})


def test_a_wish_that_keeps_the_labels_is_no_warning_and_another_is(capfd):
    choose_output("softmax", InferenceProtocol(), T.Compose(PLAIN), Net())
    assert "differ" not in "".join(capfd.readouterr())
    choose_output("argmax", InferenceProtocol(), T.Compose(RESIZES), Net())
    assert "With --output_op argmax some labels will differ" in "".join(capfd.readouterr())


def test_a_resize_of_the_model_that_is_not_the_protocols_is_not_used():
    class Older(Net):
        align_mode = 1

    chosen, _ = choose_output("auto", InferenceProtocol(resize_once=True), T.Compose(PLAIN), Older())
    assert chosen == "features"
