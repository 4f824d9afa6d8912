"""Each format of ``export.py`` has a program below ``deploy/`` that runs it, and a README beside the program."""

import re
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest
from paddleseg.utils import logger

from paddleseg_ext import cli
from paddleseg_ext.commands import export, predict
from tests.deploy.conftest import predict_words

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", export.FORMATS)
def test_a_program_runs_it_with_the_labels_of_predict(name, project, request, tmp_path, monkeypatch):
    """The program is the one that ``export.py`` advises at its end."""
    if name == "onnx":
        request.getfixturevalue("onnx_packages")
    said = []
    monkeypatch.setattr(logger, "info", said.append)
    weights = ["--config", str(project / "config.yml"), "--model_path", str(project)]
    words = [*weights, "--save_dir", str(tmp_path / "export"), "--format", name, "--output_op", "none"]
    assert cli.run(export.main, words) == 0
    advice = re.fullmatch(r"Exported to .*; try: python (\S+) (--\w+) (\S+) --image_path IMAGE", said[-1])
    assert advice, f"{name}: export.py must say which program of deploy/ runs it (run_export, last line)."
    program, flag, model = ROOT / advice[1], advice[2], advice[3]
    assert program.parent.parent == ROOT / "deploy" and program.is_file()
    assert f"--format {name}" in (program.parent / "README.md").read_text() or name == export.FORMATS[0]

    photo = ["--image_path", str(project / "photos" / "a.png"), "--save_dir"]
    assert cli.run(runpy.run_path(str(program))["main"], [flag, model, *photo, str(tmp_path / "run")]) == 0
    assert cli.run(predict.main, predict_words(project, tmp_path / "predict")) == 0
    ours, theirs = (cv2.imread(str(tmp_path / each / "label" / "a.png"), -1) for each in ("run", "predict"))
    assert len(np.unique(theirs)) > 1
    np.testing.assert_array_equal(ours, theirs)
