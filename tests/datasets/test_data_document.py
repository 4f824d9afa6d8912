"""Every command of docs/data.md, on archives with a few tiny pictures."""

import importlib
import os
import re
import shlex
from pathlib import Path

import pytest

from paddleseg_ext import cli
from paddleseg_ext.datasets.layout import LAYOUTS
from tests.datasets import downloads

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/data.md"


def commands() -> list:
    """(module, arguments) of every line in the document's code blocks."""
    found = []
    for block in re.findall(r"```bash\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            python, *words = shlex.split(line)
            assert python == "python", line
            if words[0] == "-m":
                found.append((words[1], words[2:]))
            else:
                assert (DOCUMENT.parents[1] / words[0]).is_file(), line
                found.append((words[0][:-3].replace("/", "."), words[1:]))
    return found


def test_every_command_works(tmp_path, monkeypatch, capsys):
    for name in LAYOUTS:
        getattr(downloads, name)(tmp_path / "home/Downloads", tmp_path / "expected" / name)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, count in {"cityscapes": 3, "ade20k": 3, "voc12aug": 6}.items():
        modes = LAYOUTS[name].modes
        for mode, tiny in zip(list(modes), (count, 2)):
            monkeypatch.setitem(modes, mode, tiny)
    ran = commands()
    assert len(ran) == 8
    for module, arguments in ran:
        main = importlib.import_module(module).main
        assert cli.run(main, [os.path.expanduser(word) for word in arguments]) == 0, (module, capsys.readouterr().err)
    text = capsys.readouterr().out
    assert text.count("The data set is complete.") == 3
    assert {path.name for path in Path("data").iterdir()} == {"cityscapes", "ADEChallengeData2016", "VOCdevkit"}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_document_has_the_facts_of_the_layouts(name):
    layout = LAYOUTS[name]
    text = DOCUMENT.read_text(encoding="utf-8")
    train, val = layout.modes.values()
    assert re.search(rf"^\| .* \| {train} \| {val} \| {layout.num_classes} \|", text, re.MULTILINE)
    assert f"`{layout.root}` |" in text
    assert layout.script in text
