"""``python -m paddleseg_ext.zoo convert``: the published file of a row, fetched or brought, becomes its weights."""

import hashlib
import json

import paddle
import pytest

from paddleseg_ext import cli
from paddleseg_ext.zoo import convert
from paddleseg_ext.zoo.__main__ import main
from paddleseg_ext.zoo.table import published
from tests.convert.narrow import describe, save, their_weights
from tests.weights.torch_writer import save_zip, tensor

ROW = "pspnet_resnet50_os8_voc12aug_512x512_60e_ssseg"
BAIDU = "psanet_resnet50_os8_cityscapes_1024x512_80k"


@pytest.fixture
def zoo(capsys):
    """Run the command; returns exit code, stdout, stderr."""

    def run(*words):
        capsys.readouterr()
        code = cli.run(main, ["convert", *map(str, words)])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def small(scenes, server, monkeypatch):
    """The row, as if it had been published of a narrow network and lay on the server: the published file."""
    config = describe(scenes)
    path = save(their_weights(config), scenes / "published.pth")
    monkeypatch.setattr(convert, "config_path", lambda name: config)
    monkeypatch.setitem(published()[ROW], "checkpoint", f"{server.url}/ssseg_pspnet/pspnet_train.pth")
    return path


def test_fetches_converts_and_says_what_to_expect(zoo, small, server, scenes):
    server.files["/ssseg_pspnet/pspnet_train.pth"] = small.read_bytes()
    folder = scenes / "made"
    for _ in range(2):
        code, out, _ = zoo(ROW, "--output", folder)
        assert code == 0
    # The second time, nothing is fetched.
    assert server.asked == ["/ssseg_pspnet/pspnet_train.pth"]
    assert "SSSegmentation's PSPNet" in out
    line = f"  python val.py --config configs/pspnet/{ROW}.yml --model_path {folder}/model.pdparams"
    assert line in out.splitlines()
    assert "mIoU 77.93 %" in out and "voc12aug val" in out and "--aug_eval" not in out
    digest = hashlib.sha256(small.read_bytes()).hexdigest()
    assert digest in out
    assert (
        len(paddle.load(str(folder / "model.pdparams")))
        == json.loads((folder / "model.pdparams.json").read_text())["tensors"]
    )
    record = json.loads((folder / "model.pdparams.json").read_text())
    assert (record["sha256"], record["row"]) == (digest, ROW)
    assert record["config"] == f"configs/pspnet/{ROW}.yml"
    assert record["published_at"] == published()[ROW]["checkpoint"]


def test_settings_that_were_not_compared_are_named(zoo, scenes, monkeypatch):
    config = describe(scenes, layout="mmseg")
    monkeypatch.setattr(convert, "config_path", lambda name: config)
    weights = {name: tensor(array) for name, array in their_weights(config, "mmseg").items()}
    text = "model = dict(decode_head=dict(type='PSPHead', strange=3))"
    save_zip({"state_dict": weights, "meta": {"cfg": text}}, scenes / "published.pth")
    code, out, _ = zoo(ROW, "--checkpoint", scenes / "published.pth", "--output", scenes / "made")
    assert code == 0
    assert "note: it notes settings that are unknown here and were not compared: decode_head.strange" in out


def test_the_name_of_the_later_tables(zoo, small, server, scenes):
    server.files["/ssseg_pspnet/pspnet.pth"] = small.read_bytes()
    assert zoo(ROW, "--output", scenes / "made")[0] == 0
    assert (scenes / "made" / "pspnet.pth").is_file()


def test_a_file_that_was_brought(zoo, small, server, scenes):
    code, out, _ = zoo(ROW, "--checkpoint", small, "--output", scenes / "made")
    assert code == 0 and not server.asked and str(small) in out


def test_the_publishers_name_and_several_scales(zoo, small, scenes, monkeypatch):
    monkeypatch.setitem(published()[ROW], "miou_ms_flip", 79.25)
    code, out, _ = zoo(published()[ROW]["config"], "--checkpoint", small, "--output", scenes / "made")
    assert code == 0 and "the same with --aug_eval (several scales and flip): 79.25 %" in out


@pytest.mark.parametrize("kept", [True, False])
def test_openmmlabs_names_have_digits_of_the_sha256(zoo, small, scenes, kept):
    digest = hashlib.sha256(small.read_bytes()).hexdigest()
    digits = digest[:8] if kept else "0123abcd"
    path = small.rename(scenes / f"pspnet_20200605-{digits}.pth")
    code, out, _ = zoo(ROW, "--checkpoint", path, "--output", scenes / "made")
    assert code == 0
    assert ("which agrees with its name" in out) == kept
    assert ("but by its name it is 0123abcd...; this is not the published file" in out) != kept


def test_without_a_network_says_what_to_fetch_and_where_to_put_it(zoo, small, scenes, monkeypatch):
    monkeypatch.setitem(published()[ROW], "checkpoint", "http://127.0.0.1:9/ssseg_pspnet/pspnet_train.pth")
    folder = scenes / "made"
    code, out, err = zoo(ROW, "--output", folder)
    assert code == 1 and out == "" and len(err.splitlines()) == 1
    assert "could not fetch http://127.0.0.1:9/ssseg_pspnet/pspnet_train.pth (" in err and "refused" in err
    assert f"put it at {folder / 'pspnet_train.pth'}, and run this again" in err
    # Doing so is enough.
    small.rename(folder / "pspnet_train.pth")
    assert zoo(ROW, "--output", folder)[0] == 0


def test_baidu_has_to_be_fetched_by_hand(zoo):
    code, out, err = zoo(BAIDU)
    assert code == 1 and out == "" and len(err.splitlines()) == 1
    assert "extraction code 2fbf" in err and published()[BAIDU]["checkpoint"] in err and "--checkpoint FILE" in err


def test_the_checkpoint_of_another_row(zoo, small, scenes, monkeypatch):
    other = describe(scenes, aux_channels=32)
    monkeypatch.setattr(convert, "config_path", lambda name: other)
    code, out, err = zoo(ROW, "--checkpoint", small, "--output", scenes / "made")
    assert code == 1 and out == "" and "model.aux_channels: 16" in err and not (scenes / "made").exists()


@pytest.mark.parametrize(
    "words, sentence",
    [
        ((), "convert needs the name of one row"),
        ((ROW, BAIDU), "convert needs the name of one row"),
        ((ROW, "--checkpoint", "nowhere.pth"), "nowhere.pth does not exist"),
    ],
)
def test_mistakes_are_a_sentence(zoo, words, sentence):
    code, out, err = zoo(*words)
    assert code == 1 and out == "" and sentence in err


def test_flags_of_convert_only(capsys):
    assert cli.run(main, ["list", "--output", "x"]) == 1
    assert "--checkpoint and --output are flags of convert, not of list" in capsys.readouterr().err
