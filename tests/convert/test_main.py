"""``python -m paddleseg_ext.convert``: what it writes, and that it writes nothing when something is wrong."""

import hashlib
import json
import pickle
import sys

import numpy as np
import paddle
import pytest
from paddleseg.utils import utils

from paddleseg_ext import cli
from paddleseg_ext.commands.val import run_evaluation
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.convert import output
from paddleseg_ext.convert.__main__ import main
from paddleseg_ext.convert.implementations.ssseg import SSSEG
from paddleseg_ext.convert.names import their_name
from tests.convert.narrow import describe, save, their_weights


@pytest.fixture
def convert(capsys):
    """Run the command; returns exit code, stdout, stderr."""

    def run(*words):
        capsys.readouterr()
        code = cli.run(main, [str(word) for word in words])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def narrow(scenes):
    """The YAML, the weights under SSSegmentation's names, and the file that holds them."""
    config = describe(scenes)
    state = their_weights(config)
    return config, state, save(state, scenes / "epoch_1.pth")


def test_converts_and_evaluates(narrow, convert, scenes, monkeypatch):
    config, state, checkpoint = narrow
    # Whoever imports torch now fails.
    monkeypatch.setitem(sys.modules, "torch", None)
    target = scenes / "made" / "narrow.pdparams"
    code, out, err = convert(checkpoint, "--config", config, "--output", target)
    assert code == 0 and err == ""
    assert f"wrote {target}: SSSegmentation's PSPNet" in out and "state of the optimizer" in out
    assert sorted(path.name for path in target.parent.iterdir()) == ["narrow.pdparams", "narrow.pdparams.json"]

    weights = paddle.load(str(target))
    expected = {name for name in state if not name.endswith("num_batches_tracked")}
    assert {their_name(name, SSSEG, "pspnet") for name in weights} == expected
    for name, value in weights.items():
        np.testing.assert_array_equal(np.asarray(value), state[their_name(name, SSSEG, "pspnet")])

    record = json.loads((scenes / "made" / "narrow.pdparams.json").read_text())
    assert record["sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert (record["checkpoint"], record["config"]) == ("epoch_1.pth", str(config))
    assert (record["source"], record["model"], record["entry"]) == ("SSSegmentation", "pspnet", "model")
    assert record["tensors"] == len(weights) and record["converted_by"].startswith("paddleseg_ext ")
    assert record["left_out"]["optimizer"] == 1
    assert record["left_out"]["num_batches_tracked"] == len([n for n in state if n.endswith("num_batches_tracked")])

    run_evaluation(str(config), str(target), device="cpu", opts=None, data_format="NCHW")


def test_paddleseg_itself_loads_the_result(narrow, convert, scenes, monkeypatch):
    config, state, checkpoint = narrow
    assert convert(checkpoint, "--config", config, "--output", scenes / "w.pdparams")[0] == 0
    model = Builder(load_config(config)).build("model")
    warned = []
    monkeypatch.setattr(utils.logger, "warning", warned.append)
    utils.load_entire_model(model, str(scenes / "w.pdparams"))
    assert not warned
    np.testing.assert_array_equal(model.head.conv.weight.numpy(), state["decoder.1.weight"])


def test_dry_run_prints_every_name_and_writes_nothing(narrow, convert, scenes):
    config, state, checkpoint = narrow
    before = sorted(scenes.iterdir())
    code, out, _ = convert(checkpoint, "--config", config, "--dry-run")
    lines = [line.split() for line in out.splitlines()]
    assert code == 0 and sorted(scenes.iterdir()) == before
    assert ["decoder.1.weight", "head.conv.weight", "[3,", "16,", "1,", "1]"] in lines
    assert ["ppm_net.bottleneck.1.num_batches_tracked", "left", "out"] in lines
    assert {line[0] for line in lines if line} >= set(state) and "nothing was written" in out


def test_weights_that_paddle_saved(convert, scenes):
    config = describe(scenes, layout="paddleseg")
    state = Builder(load_config(config)).build("model").state_dict()
    paddle.save(state, str(scenes / "theirs.pdparams"))
    code, out, _ = convert(scenes / "theirs.pdparams", "--config", config, "--output", scenes / "w.pdparams")
    assert code == 0 and "PaddleSeg's PSPNet" in out
    for name, value in paddle.load(str(scenes / "w.pdparams")).items():
        np.testing.assert_array_equal(np.asarray(value), state[name].numpy())
    code, _, err = convert(scenes / "theirs.pdparams", "--config", describe(scenes), "--dry-run")
    assert code == 1 and "model.layout: paddleseg  (now ssseg)" in err


def test_opts_overrule_the_yaml(narrow, convert, scenes):
    other = describe(scenes, aux_channels=32)
    words = (narrow[2], "--config", other, "--output", scenes / "w.pdparams")
    code, _, err = convert(*words)
    assert code == 1 and "model.aux_channels: 16" in err
    assert convert(*words, "--opts", "model.aux_channels=16")[0] == 0


def test_nothing_is_written_over_when_it_does_not_fit(narrow, convert, scenes):
    config, state, _ = narrow
    target = scenes / "w.pdparams"
    target.write_bytes(b"earlier weights")
    del state["decoder.1.bias"]
    bad = save(state, scenes / "epoch_1.pth")
    (scenes / "text.pth").write_text("no checkpoint")
    (scenes / "cut.pth").write_bytes(bad.read_bytes()[:2000])
    (scenes / "list.pth").write_bytes(pickle.dumps([1, 2]))
    before = sorted(scenes.iterdir())
    for name, sentence in (
        ("epoch_1.pth", "1 missing, 0 left over"),
        ("text.pth", "text.pth"),
        ("cut.pth", "cut.pth"),
        ("list.pth", "list.pth"),
        ("none.pth", "none.pth does not exist"),
    ):
        code, out, err = convert(scenes / name, "--config", config, "--output", target)
        assert code == 1 and out == "" and sentence in err
        assert "Traceback" not in err and "fault of the program" not in err
    assert target.read_bytes() == b"earlier weights"
    assert sorted(scenes.iterdir()) == before


def test_weights_and_record_are_written_both_or_neither(narrow, convert, scenes, monkeypatch):
    config, _, checkpoint = narrow

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    before = sorted(scenes.iterdir())
    monkeypatch.setattr(output.json, "dumps", full)
    code, _, err = convert(checkpoint, "--config", config, "--output", scenes / "w.pdparams")
    assert code == 1 and "No space left on device" in err and "fault of the program" not in err
    assert sorted(scenes.iterdir()) == before


@pytest.mark.parametrize(
    "words, sentence",
    [
        ((), "--output names the file to write; --dry-run writes none"),
        (("--output", "weights.pth"), "--output weights.pth: Paddle's weights end in .pdparams"),
        (("--output", "w.pdparams", "--source", "keras"), "invalid choice: 'keras'"),
        (("--output", "w.pdparams", "--implementation", "mmseg"), "not those of mmsegmentation"),
        (("--output", "w.pdparams", "--entry", "ema"), "has no entry ema"),
        (("--output", "w.pdparams", "--dryrun"), "did you mean --dry-run?"),
    ],
)
def test_mistakes_are_a_sentence(words, sentence, narrow, convert):
    config, _, checkpoint = narrow
    code, out, err = convert(checkpoint, "--config", config, *words)
    assert code == 1 and out == "" and sentence in err


def test_a_folder_in_the_place_of_the_output(narrow, convert, scenes):
    (scenes / "w.pdparams").mkdir()
    code, _, err = convert(narrow[2], "--config", narrow[0], "--output", scenes / "w.pdparams")
    assert code == 1 and "is a folder" in err
