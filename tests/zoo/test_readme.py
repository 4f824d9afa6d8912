"""The tables of configs/*/README.md are those that the command writes."""

import re

import pytest

from paddleseg_ext.zoo import readme
from paddleseg_ext.zoo.table import authors, published


@pytest.mark.parametrize("model", ["PSANet", "PSPNet", "ISANet"])
def test_is_current(model):
    path = readme.path_of(model)
    assert path.read_text(encoding="utf-8") == readme.text(model), "run `python -m paddleseg_ext.zoo readme`"


@pytest.mark.parametrize("model", ["PSANet", "PSPNet", "ISANet"])
def test_links_files_that_are_there_and_figures_that_were_published(model):
    path = readme.path_of(model)
    text = path.read_text(encoding="utf-8")
    text, _, of_authors = text.partition("## The authors' own configurations")
    linked = re.findall(r"\| \[(\w+)\]\((\S+\.yml)\)", text)
    assert [name for name, _ in linked if published()[name]["model"] == model]
    assert all((path.parent / target).is_file() and target == f"{name}.yml" for name, target in linked)
    assert {name for name, _ in linked} == {name for name, row in published().items() if row["model"] == model}
    linked_there = re.findall(r"\| \[(\w+)\]\((\S+\.yml)\) \| `(\S+)`", of_authors)
    assert all((path.parent / target).is_file() and target == f"{name}.yml" for name, target, _ in linked_there)
    assert {name: written for name, _, written in linked_there} == {
        name: row["config"] for name, row in authors().items() if row["model"] == model
    }
    for name, _ in linked:
        (line,) = [line for line in text.splitlines() if line.startswith(f"| [{name}]")]
        assert f" {published()[name]['miou']:.2f}" in line and published()[name]["checkpoint"] in line
