"""Prediction where the model does not cooperate."""

import cv2
import numpy as np
import paddle
import paddleseg.transforms as T
import pytest

from paddleseg_ext.engine.predict import predict
from paddleseg_ext.errors import UserError
from paddleseg_ext.pictures.image_list import find_images
from paddleseg_ext.pictures.visualize import palette
from paddleseg_ext.protocol.inference import InferenceProtocol


class Greedy(paddle.nn.Layer):
    def forward(self, x):
        return [paddle.zeros([2**40, 8])]


def test_a_picture_that_memory_does_not_suffice_for_is_named_with_the_flags_that_help(tmp_path):
    assert cv2.imwrite(str(tmp_path / "photo.png"), np.zeros((4, 6, 3), np.uint8))
    transforms = T.Compose([T.Normalize()])
    with pytest.raises(
        UserError, match=r"photo\.png: the memory .* 6x4 pixels .*\(ResourceExhausted.*--is_slide --crop"
    ):
        predict(Greedy(), transforms, find_images(tmp_path), tmp_path / "out", ["a"], palette(1), InferenceProtocol())
    assert not (tmp_path / "out").exists()
