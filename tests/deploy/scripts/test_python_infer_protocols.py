"""The test protocol in deploy.yaml: the labels of deploy/python/infer.py are those of predict.py."""

import cv2
import numpy as np
import pytest

from paddleseg_ext import cli
from paddleseg_ext.commands import predict
from paddleseg_ext.deploy.deploy_yaml import read_deploy
from tests.deploy.conftest import files_below
from tests.deploy.protocols import PROTOCOLS


@pytest.mark.parametrize("case", PROTOCOLS)
def test_infer_gives_the_labels_of_predict(case, describe, export_of, project, infer, tmp_path):
    steps, test_config, output_op = PROTOCOLS[case]
    words = describe(steps, test_config)
    folder = export_of(case, words)
    assert read_deploy(folder).output_op == output_op
    photos = ["--image_path", str(project / "photos"), "--save_dir"]
    assert cli.run(predict.main, [*words, *photos, str(tmp_path / "predict"), "--device", "cpu"]) == 0
    more = ["--enable_mkldnn", "False", "--batch_size", "2"]
    assert cli.run(infer.main, ["--config", str(folder), *photos, str(tmp_path / "infer"), *more]) == 0
    written = files_below(tmp_path / "predict")
    assert len(written) == 9
    for name in written:
        predicted, inferred = (cv2.imread(str(tmp_path / way / name)) for way in ("predict", "infer"))
        np.testing.assert_array_equal(inferred, predicted, err_msg=name)
    assert len(np.unique(cv2.imread(str(tmp_path / "predict/label/a.png")))) > 1
