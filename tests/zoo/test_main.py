"""``python -m paddleseg_ext.zoo``: what it prints and how it exits."""

import json

import pytest

from paddleseg_ext import cli
from paddleseg_ext.zoo import check
from paddleseg_ext.zoo.__main__ import main
from paddleseg_ext.zoo.table import config_path, published

ROW = "isanet_resnet50_os8_ade20k_512x512_130e_ssseg"


@pytest.fixture
def zoo(capsys):
    """Run the command; returns exit code, stdout, stderr."""

    def run(*words):
        capsys.readouterr()
        code = cli.run(main, words)
        return (code, *capsys.readouterr())

    return run


def test_list_fits_a_terminal_and_has_every_row(zoo):
    code, out, _ = zoo("list")
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= 120
    for name, row in published().items():
        (line,) = [line for line in lines if line.endswith(f" {name}")]
        assert f" {row['miou']:.2f} " in line
        assert row["miou_ms_flip"] is None or f" {row['miou_ms_flip']:.2f} " in line
    assert "configs/pspnet/<row>.yml" in out


def test_list_as_json_with_filters(zoo):
    code, out, _ = zoo("list", "--json", "--model", "isanet", "--dataset", "ade20k")
    rows = json.loads(out)
    assert code == 0 and [row["miou"] for row in rows] == [42.6, 44.08]
    assert rows[0]["row"] == ROW and rows[0]["yaml"] == f"configs/isanet/{ROW}.yml"
    assert rows[0]["checkpoint"].endswith("/isanet_resnet50os8_ade20k.pth")


def test_show_by_the_publishers_name(zoo):
    code, out, _ = zoo("show", "isanet_resnet50os8_ade20k")
    assert code == 0 and f"row: {ROW}\n" in out and "miou: 42.6\n" in out and "--save_interval 12630" in out
    assert json.loads(zoo("show", "--json", ROW)[1])[0]["head"]["down_factor"] == [8, 8]


@pytest.mark.parametrize(
    "words, sentence",
    [
        (("show", "isanet_resnet50os8_ade2k"), "did you mean isanet_resnet50os8_ade20k"),
        (("show",), "show needs the name of a row"),
        (("list", ROW), "list takes no rows"),
        (("list", "--source", "segmentron"), "use one of mmseg, psanet_paddle, ssseg"),
        (("list", "--implementation", "segmentron"), "--implementation segmentron: no row has it"),
        (("lits",), "invalid choice: 'lits'"),
    ],
)
def test_mistakes_are_a_sentence(zoo, words, sentence):
    code, out, err = zoo(*words)
    assert code == 1 and out == "" and sentence in err and "Traceback" not in err


def test_check_counts_and_names(zoo, tmp_path, monkeypatch):
    assert zoo("check", ROW)[:2] == (0, "1 of 1\n")
    path = tmp_path / "wrong.yml"
    path.write_text(f"_base_: {config_path(ROW)}\ntotal_batch_size: 8\n")
    monkeypatch.setattr(check, "config_path", lambda name: path)
    code, out, err = zoo("check", ROW)
    assert (code, out) == (1, f"{ROW}: batch is 8, published is 16\n0 of 1\n")
    assert "differ from the published facts; correct them" in err
