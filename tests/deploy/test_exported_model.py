"""An exported model instead of a live one."""

from pathlib import Path

import cv2
import numpy as np
import paddle
import pytest

from paddleseg_ext.commands import val
from paddleseg_ext.deploy.deploy_yaml import Deploy
from paddleseg_ext.deploy.exported_model import ExportedModel
from paddleseg_ext.errors import UserError
from paddleseg_ext.models.resize import resize
from paddleseg_ext.pictures.visualize import palette
from tests.deploy.conftest import refused
from tests.deploy.protocols import NORMALIZE, PROTOCOLS


@pytest.mark.parametrize("case", ["whole", "resized once", "resized windows"])
def test_val_measures_the_export_as_the_live_model(case, describe, export_of, project):
    for name in ("a", "b"):
        (project / "labels").mkdir(exist_ok=True)
        label = np.random.RandomState(len(name)).randint(0, 5, (8, 12)).astype(np.uint8)
        cv2.imwrite(str(project / f"labels/{name}.png"), np.kron(label, np.ones((8, 8), np.uint8)))
    (project / "val.txt").write_text("photos/a.png labels/a.png\nphotos/b.jpg labels/b.png\n")
    words = describe(*PROTOCOLS[case][:2])
    folder = export_of(case, words)
    live = val.run_evaluation(**vars(val.parse([*words, "--device", "cpu"])))
    exported = val.run_evaluation(**vars(val.parse([*words[:2], "--exported", str(folder), "--device", "cpu"])))
    assert 0 < live[0] < 1
    assert exported[0] == pytest.approx(live[0], abs=1e-4)
    np.testing.assert_allclose(exported[2], live[2], atol=1e-3)


def test_bad_input_to_val_of_an_export(describe, project, exported, tmp_path, capfd):
    config = describe([NORMALIZE], {})[:2]
    (project / "val.txt").write_text("photos/a.png photos/a.png\n")
    assert "not allowed with argument" in refused(val.main, [*config, "--exported", "x", "--model_path", "y"], capfd)
    assert "one of the arguments --model_path --exported is required" in refused(val.main, config, capfd)
    assert "does not exist" in refused(val.main, [*config, "--exported", str(tmp_path / "none")], capfd)
    words = [*config, "--exported", str(exported), "--device", "cpu"]
    assert "labels cannot be averaged over windows" in refused(val.main, [*words, "--aug_eval"], capfd)
    assert "--precision fp16 needs --model_path" in refused(val.main, [*words, "--precision", "fp16"], capfd)
    more = ["--opts", "val_dataset.num_classes=4", "train_dataset.num_classes=4"]
    assert "are 5 (class 0, class 1, class 2 ...), and those of" in refused(val.main, [*words, *more], capfd)


OUTPUTS = {
    "argmax": lambda batch: batch.argmax(axis=1).astype(np.int32),
    "none": lambda batch: batch,
    "features": lambda batch: batch,
}


def exported_model(output_op, input_shape=(-1, 3, -1, -1), names=("a", "b", "c"), **test_config):
    """A model whose logits are the channels of the image; with it, the batches that it is called with."""
    batches = []

    def run(batch):
        batches.append(batch)
        return OUTPUTS[output_op](batch)

    deploy = Deploy(
        folder=Path("folder"),
        model="model.json",
        params="model.pdiparams",
        transforms=[],
        img_channels=3,
        input_shape=input_shape,
        output_op=output_op,
        output_dtype="int32",
        custom_ops=(),
        class_names=list(names),
        palette=palette(3),
        paddle_version="",
        test_config=test_config,
    )
    return ExportedModel(run, deploy), batches


def images(count=2, size=(6, 8)):
    return np.random.RandomState(0).randn(count, 3, *size).astype(np.float32)


def test_labels_become_scores_whose_largest_is_the_label():
    model, _ = exported_model("argmax")
    (scores,) = model(paddle.to_tensor(images()))
    np.testing.assert_array_equal(scores.numpy().sum(axis=1), 1)
    np.testing.assert_array_equal(scores.numpy().argmax(axis=1), images().argmax(axis=1))
    (scores,) = exported_model("none")[0](paddle.to_tensor(images()))
    np.testing.assert_array_equal(scores.numpy(), images())


@pytest.mark.parametrize("output_op", ["argmax", "none"])
@pytest.mark.parametrize("kind", ["padding", "inset"])
def test_a_padding_is_taken_off(output_op, kind):
    model, _ = exported_model(output_op)
    corner = (1, 2) if kind == "inset" else ()
    top, left = corner or (0, 0)
    labels = model.labels(images(), [(kind, (4, 5, *corner))])
    np.testing.assert_array_equal(labels, images().argmax(axis=1)[:, top : top + 4, left : left + 5])
    assert labels.dtype == np.uint8


def test_a_fixed_batch_is_filled_up_and_a_larger_one_is_split():
    model, batches = exported_model("none", (2, 3, 6, 8))
    labels = model.labels(images(3), [])
    assert [len(batch) for batch in batches] == [2, 2]
    np.testing.assert_array_equal(batches[1][0], batches[1][1])
    np.testing.assert_array_equal(labels, images(3).argmax(axis=1))
    assert model.seconds > 0


def test_another_size_and_other_classes_are_one_sentence():
    with pytest.raises(UserError, match=r"is 3x6x8 \(C, H, W\) .* but the model was exported for 3x64x96; export it"):
        exported_model("none", (1, 3, 64, 96))[0].labels(images(), [])
    for output_op, names in (("argmax", "ab"), ("none", "ab"), ("none", "abcd")):
        with pytest.raises(UserError, match=rf"names {len(names)} classes, but the model beside it has 3: the two"):
            exported_model(output_op, names=names)[0].labels(images(), [])


def test_a_model_of_features_has_nothing_else_to_resize():
    model, _ = exported_model("features", resize_once=True)
    labels = model.labels(images(1), [("resize", (12, 16))])
    expected = resize(paddle.to_tensor(images(1)), (12, 16), align_corners=False).numpy().argmax(axis=1)
    np.testing.assert_array_equal(labels, expected)
