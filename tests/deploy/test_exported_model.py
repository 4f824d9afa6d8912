"""An exported model instead of a live one."""

import cv2
import numpy as np
import pytest

from paddleseg_ext.commands import val
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
    assert "which cannot be averaged" in refused(val.main, [*words, "--aug_eval"], capfd)
    assert "--precision fp16 is for weights" in refused(val.main, [*words, "--precision", "fp16"], capfd)
    more = ["--opts", "val_dataset.num_classes=4", "train_dataset.num_classes=4"]
    assert "is of a model with the classes 5 (class 0, class 1, class 2 ...)" in refused(
        val.main, [*words, *more], capfd
    )
