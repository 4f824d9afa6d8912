"""An exported model in Paddle Inference: oneDNN where it is right, operators where they are needed."""

import dataclasses

import numpy as np
import paddle
import pytest

from paddleseg_ext.deploy import predictor
from paddleseg_ext.deploy.deploy_yaml import read_deploy
from paddleseg_ext.errors import UserError
from paddleseg_ext.ops import library


def test_onednn_that_differs_is_left_out(project, exported, monkeypatch, capfd):
    class Wrong(predictor.Predictor):
        def __init__(self, deploy, *arguments, onednn=False, **settings):
            super().__init__(deploy, *arguments, onednn=False, **settings)
            self.wrong = onednn

        def __call__(self, batch):
            return super().__call__(batch[..., ::-1] if self.wrong else batch)

    monkeypatch.setattr(predictor, "Predictor", Wrong)
    chosen = predictor.open_predictor(read_deploy(exported))
    assert not chosen.wrong
    assert "oneDNN is off: " in "".join(capfd.readouterr())


def test_onednn_that_raises_is_left_out(project, exported, monkeypatch, capfd):
    class Raising(predictor.Predictor):
        def __init__(self, deploy, *arguments, onednn=False, **settings):
            if onednn:
                raise RuntimeError("\n---\nError Message Summary:\n(Unimplemented) not this one.\n (at x.cc:1)")
            super().__init__(deploy, *arguments, onednn=False, **settings)

    monkeypatch.setattr(predictor, "Predictor", Raising)
    assert predictor.open_predictor(read_deploy(exported))(np.zeros((1, 3, 64, 64), "float32")).shape == (1, 64, 64)
    assert "cannot run this model with it ((Unimplemented) not this one.)" in "".join(capfd.readouterr())


def test_a_program_of_paddle_3_is_refused_by_paddle_2(exported, monkeypatch):
    if hasattr(paddle.base.core, "deserialize_pir_program"):
        monkeypatch.delattr(paddle.base.core, "deserialize_pir_program")
    deploy = dataclasses.replace(read_deploy(exported), model="model.json")
    with pytest.raises(UserError, match="was exported with Paddle 3, but"):
        predictor.Predictor(deploy)


def test_an_operator_that_cannot_be_had_is_one_sentence(exported, monkeypatch):
    deploy = read_deploy(exported)
    with pytest.raises(UserError, match="needs the operator 'other', which this package does not have; export it"):
        predictor.Predictor(dataclasses.replace(deploy, custom_ops=("other",)))
    monkeypatch.setattr(library, "load", lambda: None)
    monkeypatch.setattr(library, "why_not", lambda: "No compiler was found.")
    with pytest.raises(UserError, match=r"psamask, which is not available: No compiler was found\. Or export again"):
        predictor.Predictor(dataclasses.replace(deploy, custom_ops=("psamask",)))


def test_a_sample_fills_what_a_shape_leaves_open():
    assert predictor.sample_input((-1, 3, -1, -1), (40, 56), batch=2).shape == (2, 3, 40, 56)
    assert predictor.sample_input((4, 1, 32, 48), (40, 56), batch=2).shape == (4, 1, 32, 48)
    sample = predictor.sample_input((-1, 3, -1, -1), (40, 56))
    assert sample.dtype == np.float32
    np.testing.assert_array_equal(sample, predictor.sample_input((-1, 3, -1, -1), (40, 56)))
    # Regions, not noise: neighbors are alike.
    assert np.abs(np.diff(sample, axis=3)).mean() < 0.5 * sample.std()
