"""export.py up to the export itself, and its one sentence when something is wrong."""

from pathlib import Path

import paddle
import pytest
import yaml

from paddleseg_ext import cli
from paddleseg_ext.commands import export
from tests.deploy.conftest import files_below, small_config


def test_an_export_knows_how_to_prepare_images(project, tmp_path, capfd, monkeypatch):
    exported = []

    def note(model, folder, steps, *unused, **settings):
        exported.append(steps)
        return Path(folder) / "deploy.yaml"

    monkeypatch.setattr(export, "export", note)
    content = small_config()
    del content["val_dataset"]
    (tmp_path / "config.yml").write_text(yaml.safe_dump(content))
    words = ["--config", str(tmp_path / "config.yml"), "--model_path", str(project / "model.pdparams")]
    assert cli.run(export.main, [*words, "--save_dir", str(tmp_path / "e")]) == 1
    assert not exported
    assert "has no val_dataset, and an exported model needs its transforms" in capfd.readouterr().err
    (tmp_path / "config.yml").write_text(yaml.safe_dump({**content, "export": {"transforms": [{"type": "Normalize"}]}}))
    export.main([*words, "--save_dir", str(tmp_path / "e")])
    assert exported == [[{"type": "Normalize"}]]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--input_shape", "1", "3", "64"], "--input_shape"),
        (["--output_op", "labels"], "--output_op"),
        (["--model_path", "{tmp}/other.pdparams"], "another model"),
        (["--save_dir", "{tmp}/other.pdparams"], "is a file"),
    ],
)
def test_bad_input_to_export_is_one_sentence_and_harms_nothing(more, sentence, project, tmp_path, capfd):
    paddle.save({"weight": paddle.ones([2])}, str(tmp_path / "other.pdparams"))
    before = files_below(tmp_path)
    words = ["--config", str(project / "config.yml"), "--model_path", str(project / "model.pdparams")]
    words += ["--save_dir", str(tmp_path / "out"), *(word.format(tmp=tmp_path) for word in more)]
    assert cli.run(export.main, words) == 1
    message = capfd.readouterr().err.splitlines()[-1]
    assert message.startswith("error: ")
    assert sentence in message
    assert files_below(tmp_path) == before
