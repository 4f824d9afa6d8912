"""Transforms of val_dataset on their way through export.py and deploy.yaml to infer.py, against predict.py."""

import runpy
from pathlib import Path

import cv2
import numpy as np
import paddle
import paddleseg.transforms as T
import pytest
import yaml
from paddleseg.cvlibs import manager

from paddleseg_ext import cli
from paddleseg_ext.commands import export, predict
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.deploy.deploy_yaml import read_deploy

ROOT = Path(__file__).resolve().parents[2]
RESIZE = {"type": "ResizeByRatio", "base_size": [96, 48]}
NORMALIZE = {"type": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
PAD = {"type": "PadToSize", "target_size": [96, 88]}


class StrongestColor(paddle.nn.Layer):
    """A network whose label is the channel with the largest value, and that sees a few pixels around."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.convolution = paddle.nn.Conv2D(3, num_classes, 3, padding=1, bias_attr=False)
        weight = np.full((num_classes, 3, 3, 3), 0.01, "float32") + np.eye(3, dtype="float32")[:, :, None, None] / 9
        self.convolution.weight.set_value(weight)

    def forward(self, x: paddle.Tensor) -> list:
        return [self.convolution(x)]


@pytest.mark.parametrize("steps", [[RESIZE, NORMALIZE, PAD], [RESIZE, PAD, NORMALIZE]], ids=["pad last", "pad raw"])
def test_infer_writes_what_predict_writes(steps, scenes, picture, monkeypatch):
    monkeypatch.setitem(manager.MODELS.components_dict, "StrongestColor", StrongestColor)
    config = yaml.safe_load((scenes / "config.yml").read_text())
    config["val_dataset"]["transforms"] = steps
    config.update(model={"type": "StrongestColor"}, loss={"types": [{"type": "CrossEntropyLoss"}], "coef": [1]})
    (scenes / "config.yml").write_text(yaml.safe_dump(config))
    model = Builder(load_config(scenes / "config.yml")).build("model")
    paddle.save(model.state_dict(), str(scenes / "model.pdparams"))
    for index, size in enumerate([(61, 83), (90, 50)]):
        (scenes / "photos").mkdir(exist_ok=True)
        assert cv2.imwrite(str(scenes / "photos" / f"{index}.png"), picture(*size, index)[0])
    weights = ["--config", str(scenes / "config.yml"), "--model_path", str(scenes / "model.pdparams")]
    photos = ["--image_path", str(scenes / "photos"), "--save_dir"]

    assert cli.run(predict.main, [*weights, *photos, str(scenes / "predicted"), "--device", "cpu"]) == 0
    export_words = [*weights, "--save_dir", str(scenes / "exported"), "--output_op", "none"]
    assert cli.run(export.main, export_words) == 0
    infer = runpy.run_path(str(ROOT / "deploy" / "python" / "infer.py"))["main"]
    infer_words = ["--config", str(scenes / "exported"), *photos, str(scenes / "inferred"), "--enable_mkldnn", "False"]
    assert cli.run(infer, infer_words) == 0

    for index, size in enumerate([(61, 83), (90, 50)]):
        written = [scenes / folder / "label" / f"{index}.png" for folder in ("predicted", "inferred")]
        predicted, inferred = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in written)
        assert predicted.shape == size and len(np.unique(predicted)) > 1
        np.testing.assert_array_equal(inferred, predicted)

    # The pixels of a picture in memory, float32 as infer.py hands them over, are those of the file.
    deployed = read_deploy(scenes / "exported").preprocess()
    path = str(scenes / "photos" / "0.png")
    from_file = T.Compose(deployed.transforms)({"img": path})["img"]
    np.testing.assert_array_equal(deployed({"img": cv2.imread(path).astype("float32")})["img"], from_file)
    assert from_file.shape == (3, 88, 96)
