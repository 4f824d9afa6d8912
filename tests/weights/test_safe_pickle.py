"""A file of weights never runs code, whichever way it comes in."""

import base64
import os
import pickle

import numpy as np
import paddle
import pytest

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.engine import random_state
from paddleseg_ext.errors import UserError
from paddleseg_ext.weights import checkpoint
from paddleseg_ext.weights.safe_pickle import refuse_code


class _Payload:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


@pytest.fixture
def payload(tmp_path):
    mark = tmp_path / "ran"
    data = pickle.dumps({"weight": np.zeros(2, "float32"), "x": _Payload(mark)})
    (tmp_path / "model.pdparams").write_bytes(data)
    yield tmp_path / "model.pdparams"
    assert not mark.exists()


def test_paddle_itself_would_run_it(tmp_path):
    """Why the check is there. Should this fail one day, Paddle has learned to refuse by itself."""
    mark = tmp_path / "ran"
    (tmp_path / "model.pdparams").write_bytes(pickle.dumps({"x": _Payload(mark)}))
    paddle.load(str(tmp_path / "model.pdparams"))
    assert mark.exists()


def test_weights_with_code_are_refused(payload):
    with pytest.raises(UserError, match="system"):
        checkpoint.load_weights(paddle.nn.Linear(2, 2), payload)


def test_pretrained_weights_with_code_are_refused(payload, scenes):
    cfg = load_config(scenes / "config.yml", opts=[f"model.backbone.pretrained={payload}"])
    with pytest.raises(UserError, match="system"):
        Builder(cfg).build("model")


def test_random_state_with_code_is_refused(tmp_path):
    mark = tmp_path / "ran"
    text = base64.b64encode(pickle.dumps(_Payload(mark))).decode("ascii")
    with pytest.raises(UserError, match="system"):
        random_state.restore_of_paddle(text)
    assert not mark.exists()


def test_what_paddle_saves_passes(tmp_path):
    layer = paddle.nn.Sequential(paddle.nn.Conv2D(3, 4, 1), paddle.nn.BatchNorm2D(4))
    schedule = paddle.optimizer.lr.PolynomialDecay(np.float64(0.1), 10)
    optimizer = paddle.optimizer.AdamW(schedule, parameters=layer.parameters())
    layer(paddle.rand([1, 3, 4, 4])).sum().backward()
    optimizer.step()
    schedule.step()
    for name, state in (("a.pdparams", layer.state_dict()), ("a.pdopt", optimizer.state_dict())):
        for protocol in (2, 4):
            paddle.save(state, str(tmp_path / name), protocol=protocol)
            refuse_code(tmp_path / name)


def test_weights_in_bfloat16_pass(tmp_path):
    paddle.save({"w": paddle.ones([2]).astype("bfloat16")}, str(tmp_path / "a.pdparams"))
    refuse_code(tmp_path / "a.pdparams")


def test_truncated_file_is_one_sentence(tmp_path):
    path = tmp_path / "a.pdparams"
    paddle.save({"w": paddle.ones([200])}, str(path))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="truncated"):
        refuse_code(path)
